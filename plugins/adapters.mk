# SPDX-License-Identifier: ISC
# The adapters: what each host program loads. They use include/espt/validator.h alone. A host adds its own
# in plugins/HOST/HOST.mk:
#
#   $(eval $(call adapter,HOST,TEST,PACKAGES,FILE,FOLDER,MODE))
#
# TEST is a shell command that succeeds if FILE can be built. PACKAGES are the Debian packages that TEST
# needs to succeed. FILE is a path below $(OUT), and HOST.mk has the rule for it. FOLDER is where
# make install-adapters puts FILE, with MODE; write a variable that runs a program as $$(NAME).
# `HOST_PACKAGES += …` adds packages that only the host's tests need.
HAS_HEADER     = echo '\#include <$(1)>' | $(CC) -E -x c - >/dev/null 2>&1

define adapter
ADAPTERS += $(1)
ADAPTER_FILES += $(OUT)/$(4)
ADAPTER_PACKAGES += $(3)
$(OUT)/plugins/$(1)/%.o: BASE_CPPFLAGS = $(ADAPTER_CPPFLAGS)
$(OUT)/plugins/$(1)/%.o: plugins/$(1)/%.c | $(OUT)/plugins/paths.h
	@mkdir -p $$(@D)
	$$(call SAY,CC    $$<)
	$$(Q)$$(COMPILE)
.PHONY: adapter-$(1) install-$(1) uninstall-$(1)
adapter-$(1):
	@if $(2); then $$(MAKE) --no-print-directory $(OUT)/$(4); \
	else echo '  $(1): not built, because $(3) is missing; run "make deps-hosts"'; fi
install-$(1): adapter-$(1)
	@[ ! -e $(OUT)/$(4) ] || { echo '  INSTALL $(DESTDIR)$(5)/$(notdir $(4))' && \
	  umask 022 && install -D -m $(6) '$(OUT)/$(4)' '$(DESTDIR)$(5)/$(notdir $(4))'; }
uninstall-$(1):
	$$(call REMOVE,$(5)/$(notdir $(4)))
endef

# Adapters can include the public header, load.h and paths.h, and nothing from src/.
ADAPTER_CPPFLAGS := -D_GNU_SOURCE -Iinclude -Iplugins -I$(OUT)/plugins

# The file changes, and the adapters are built again, only if VALIDATOR_PATH or VERSION has changed.
$(OUT)/plugins/paths.h: FORCE
	@mkdir -p $(@D)
	@printf '#define ESPT_%s "%s"\n' VALIDATOR_PATH '$(VALIDATOR_PATH)' RELEASE '$(VERSION)' $(REWRITE)

include $(wildcard plugins/*/*.mk)

.PHONY: adapters install-adapters uninstall-adapters deps-hosts
adapters: $(addprefix adapter-,$(ADAPTERS)) ## build the adapter of each host whose headers are there; says what is missing
install-adapters: $(addprefix install-,$(ADAPTERS)) ## install the adapters that can be built (DESTDIR=, PREFIX=, PAMDIR= …)
uninstall-adapters: $(addprefix uninstall-,$(ADAPTERS)) ## remove what install-adapters made
deps-hosts: deps ## install what the adapters and their tests need: PAM, nginx, PostgreSQL, Mosquitto …
	@tools/deps.sh $(sort $(ADAPTER_PACKAGES) $(HOST_PACKAGES))
