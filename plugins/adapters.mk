# The adapters: what each host program loads, over include/espt/validator.h alone. A host adds its own
# in plugins/HOST/HOST.mk:
#
#   $(eval $(call adapter,HOST,TEST,PACKAGES,FILE,FOLDER))
#
# TEST is a shell command that is true where FILE can be built; PACKAGES are Debian's, and bring what
# TEST looks for; FILE lies below $(OUT) and has a rule beside the call; FOLDER is where
# make install-adapters puts it. `HOST_PACKAGES += …` names what the host's tests need besides.
HAS_HEADER     = echo '\#include <$(1)>' | $(CC) -E -x c - >/dev/null 2>&1
VALIDATOR_PATH = $(PREFIX)/lib/esp-token/esp_validator.so

define adapter
ADAPTERS += $(1)
ADAPTER_FILES += $(OUT)/$(4)
ADAPTER_PACKAGES += $(3)
$(OUT)/plugins/$(1)/%.o: CPPFLAGS := $(ADAPTER_CPPFLAGS)
$(OUT)/plugins/$(1)/%.o: plugins/$(1)/%.c | $(OUT)/plugins/paths.h
	@mkdir -p $$(@D)
	$$(call SAY,CC    $$<)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(ALL_CFLAGS) -c $$< -o $$@
.PHONY: adapter-$(1) install-$(1) uninstall-$(1)
adapter-$(1):
	@if $(2); then $$(MAKE) --no-print-directory $(OUT)/$(4); \
	else echo '  $(1): not built, since $(3) is missing; get it by: make deps-hosts'; fi
install-$(1): adapter-$(1)
	@[ ! -e $(OUT)/$(4) ] || { set -x; $(PUT) -d '$(DESTDIR)$(5)' && \
	  $(PUT) -m 0644 '$(OUT)/$(4)' '$(DESTDIR)$(5)/$(notdir $(4))'; }
uninstall-$(1):
	rm -f '$(DESTDIR)$(5)/$(notdir $(4))'
endef

# An adapter sees the public header, load.h and paths.h, and nothing of src/.
ADAPTER_CPPFLAGS := $(filter-out -Isrc -I$(OUT)/src,$(CPPFLAGS)) -Iplugins -I$(OUT)/plugins

# Rewritten when PREFIX is another than last time, so that what was built for it is built again.
$(OUT)/plugins/paths.h: FORCE
	@mkdir -p $(@D)
	@echo '#define ESPT_VALIDATOR_PATH "$(VALIDATOR_PATH)"' $(REWRITE)
FORCE:

include $(wildcard plugins/*/*.mk)

.PHONY: FORCE adapters install-adapters uninstall-adapters deps-hosts
adapters: $(addprefix adapter-,$(ADAPTERS)) ## build the adapter of each host whose headers are there; says what is missing
install-adapters: $(addprefix install-,$(ADAPTERS)) ## install the adapters that can be built (DESTDIR=, PREFIX=, PAMDIR= …)
uninstall-adapters: $(addprefix uninstall-,$(ADAPTERS)) ## remove what install-adapters made
deps-hosts: deps ## install what the adapters and their tests need: PAM, nginx, PostgreSQL, Mosquitto …
	@tools/deps.sh $(sort $(ADAPTER_PACKAGES) $(HOST_PACKAGES))
