# SPDX-License-Identifier: ISC
# PAMDIR: where the system's PAM looks for a module that is named without a folder.
PAMDIR ?= $(or $(patsubst %/pam_permit.so,%,$(firstword $(wildcard $(addsuffix /security/pam_permit.so,\
  /lib/$(MULTIARCH) /lib64 /lib /usr/lib)))),/lib/security)
PAM    := $(call sources,plugins/pam)
$(eval $(call adapter,pam,$(call HAS_HEADER,security/pam_modules.h),libpam0g-dev,plugins/pam/pam_esp_token.so,$$(PAMDIR),0644))

$(OUT)/plugins/pam/pam_esp_token.so: $(PAM) plugins/pam/export.map
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -shared $(PAM) -o $@ -Wl,--version-script=plugins/pam/export.map $(NO_UNDEFINED) -lpam -ldl

PAM_TESTS := $(addprefix $(OUT)/tests/hosts/,test_pam test_pam_care)
$(PAM_TESTS:%=%.o): MORE_CPPFLAGS += -DOUT='"$(abspath $(OUT))"'
$(PAM_TESTS): TEST_LIBS := -lpam
HOST_PACKAGES += pamtester libpam-wrapper nginx libnginx-mod-http-auth-pam curl postgresql-15
