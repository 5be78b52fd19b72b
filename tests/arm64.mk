# SPDX-License-Identifier: ISC
# The validator and esp-tokenctl for arm64: built by a cross compiler, tested under qemu. Their libraries are unpacked
# below build/arm64-root. Programs that a test starts must run under qemu, too. So instead of the programs the tests
# find scripts in build/arm64-run, which start qemu.
ARM64          := build/arm64
ARM64_ROOT     := build/arm64-root
ARM64_PACKAGES := gcc-aarch64-linux-gnu qemu-user-static pkg-config
ARM64_LIBS     := libc6-dev libgcc-s1 liblmdb-dev libsodium-dev libinih-dev libsmartcols-dev libjansson-dev libbsd-dev libutf8proc-dev check
# test_limits needs RLIMIT_AS, which qemu cannot set for its guest alone.
ARM64_TESTS     = $(filter-out %/test_limits $(ARM64_SKIP),$(filter $(OUT)/tests/unit/% $(OUT)/tests/abi/% %/test_stress,$(TESTS)))
# Tests that take long under qemu; check-arm64-quick leaves them out.
ARM64_LONG     := %/test_prove %/test_snapshot_cache %/test_threads %/abi/test_usage
ARM64_SKIP     :=
ARM64_RUN       = $(ARM64_TESTS:$(OUT)/%=$(OUT)-run/%)
# The programs contain the paths of these folders. With qemu's option -L they would see the folders in place of /.
ARM64_LDFLAGS   = -Wl,--dynamic-linker=$(abspath $(ARM64_ROOT))/lib/ld-linux-aarch64.so.1 -Wl,--disable-new-dtags \
  -Wl,-rpath,$(abspath $(ARM64_ROOT))/lib/aarch64-linux-gnu:$(abspath $(ARM64_ROOT))/usr/lib/aarch64-linux-gnu

.PHONY: check-arm64 check-arm64-quick run-arm64-tests
check-arm64-quick: ## the same without the tests that take longest under qemu
	$(MAKE) check-arm64 ARM64_SKIP='$(ARM64_LONG)'

check-arm64: ## build the validator and esp-tokenctl for arm64, and test them under qemu
	@tools/deps.sh $(ARM64_PACKAGES)
	@tools/foreign_root.sh arm64 $(ARM64_ROOT) $(ARM64_LIBS)
	$(MAKE) $(PARALLEL) OUT=$(ARM64) TEST_OUT=$(ARM64)-run LDFLAGS='$(ARM64_LDFLAGS)' CC='aarch64-linux-gnu-gcc --sysroot=$(abspath $(ARM64_ROOT))' \
	  PKG_CONFIG='env PKG_CONFIG_SYSROOT_DIR=$(abspath $(ARM64_ROOT)) \
	  PKG_CONFIG_LIBDIR=$(abspath $(ARM64_ROOT))/usr/lib/aarch64-linux-gnu/pkgconfig:$(abspath $(ARM64_ROOT))/usr/share/pkgconfig pkg-config' \
	  run-arm64-tests

run-arm64-tests: $(OUT)-run/esp_validator.so $(OUT)-run/esp-tokenctl $(ARM64_RUN)
	@ESPT_EMULATED=1 LOGS=$(OUT)/tests OUT=$(OUT)-run tests/run.sh $(ARM64_RUN)

$(OUT)-run/esp_validator.so: $(OUT)/esp_validator.so
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@
$(OUT)-run/%: $(OUT)/%
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec qemu-aarch64-static $(abspath $<) "$$@"\n' >$@ && chmod 755 $@
