# SPDX-License-Identifier: ISC
# The validator for hosts whose libc is musl, as in Alpine images. Debian has musl-gcc, but its static libraries are
# for glibc. Their object files can be linked for musl if musl has every symbol that they need, which -z defs checks.
# Two symbols have other names in glibc: explicit_bzero, which is called with one more argument, and fopen.
MUSL     := $(OUT)/musl
MUSL_LIB := $(MUSL)/lib
MUSL_PACKAGES := musl-tools binutils libsodium-dev libinih-dev pkg-config
HOST_PACKAGES += $(MUSL_PACKAGES)
HOST_FILES    += $(MUSL)/esp_validator.so

.PHONY: musl
musl: ## build build/release/musl/esp_validator.so, for hosts whose libc is musl
	@tools/deps.sh $(MUSL_PACKAGES)
	$(MAKE) $(PARALLEL) $(MUSL)/esp_validator.so

$(MUSL_LIB)/lib%.a: plugins/validator/musl.mk
	@mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)objcopy --redefine-sym __explicit_bzero_chk=explicit_bzero --redefine-sym fopen64=fopen \
	  "$$($(CC) -print-file-name=$(@F))" $@

# musl-gcc does not search /usr/include.
$(MUSL)/include/sodium.h: plugins/validator/musl.mk
	@mkdir -p $(@D)
	$(Q)cp -r $(addprefix $(or $(shell $(PKG_CONFIG) --variable=includedir libsodium 2>/dev/null),/usr/include)/,sodium \
	  sodium.h ini.h) $(@D)

$(MUSL)/esp_validator.so: $(MUSL_LIB)/libsodium.a $(MUSL_LIB)/libinih.a $(MUSL)/include/sodium.h FORCE
	@+$(MAKE) --no-print-directory VARIANT=release OUT=$(MUSL) CC=musl-gcc \
	  CPPFLAGS='$(CPPFLAGS) -isystem $(MUSL)/include' LDFLAGS='$(LDFLAGS) -L$(MUSL_LIB)' $@
