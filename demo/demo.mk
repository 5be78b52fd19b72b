# SPDX-License-Identifier: ISC
$(OUT)/demo/metrics_host: $(OUT)/demo/metrics_host.o
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(call PC,libmicrohttpd jansson) -ldl

run-demo: all $(OUT)/demo/metrics_host
	@demo/run.sh $(OUT)

demo: deps ## install what is missing, build, and show the main job on real input
	@$(MAKE) $(PARALLEL) run-demo

run-demo-fleet: all
	@demo/fleet.sh $(OUT)

demo-fleet: deps ## show a fleet: PostgreSQL and nginx on loopback, two sites, two edges, and a database that is cut off
	@$(MAKE) $(PARALLEL) run-demo-fleet
.PHONY: run-demo run-demo-fleet
