# SPDX-License-Identifier: ISC
# A program that gateways ask by HTTP, with its units and its configuration.
AUTHD := $(OUT)/plugins/authd/esp-token-authd
HOST_PACKAGES += nginx caddy haproxy systemd wrk curl python3

$(eval $(call adapter,authd,$(call HAS_HEADER,microhttpd.h) && $(call HAS_HEADER,sodium.h),libmicrohttpd-dev libsodium-dev,plugins/authd/$(notdir $(AUTHD)),$(BINDIR),0755))

$(AUTHD): $(call sources,plugins/authd)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(call PC,libmicrohttpd libsodium) -lpthread -ldl

AUTHD_UNITS := esp-token-authd.service esp-token-authd.socket
.PHONY: install-authd-files install-authd-units uninstall-authd-files
install-authd-files: adapter-authd
	@[ ! -e $(AUTHD) ] || $(MAKE) --no-print-directory install-authd-units
install-authd-units:
	$(foreach unit,$(AUTHD_UNITS),$(call INSTALL_FILLED,0644,$(wildcard plugins/authd/$(unit) plugins/authd/$(unit).in),$(UNITDIR)/$(unit))$(NEWLINE))
	$(call INSTALL_ONCE,0644,plugins/authd/authd.conf,$(PLACE_ETC)/authd.conf)
install-authd: install-authd-files

uninstall-authd-files:
	$(foreach unit,$(AUTHD_UNITS),$(call REMOVE,$(UNITDIR)/$(unit))$(NEWLINE))
uninstall-authd: uninstall-authd-files
