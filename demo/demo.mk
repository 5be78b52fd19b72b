$(OUT)/demo/metrics_host: $(OUT)/demo/metrics_host.o
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(call PC,libmicrohttpd jansson) -ldl

run-demo: all $(OUT)/demo/metrics_host
	@demo/run.sh $(OUT)

demo: deps ## install what is missing, build, and show the main job on real input
	@$(MAKE) run-demo
.PHONY: run-demo
