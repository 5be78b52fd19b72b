# SPDX-License-Identifier: ISC
# Shared by the fault tests, besides tests/support: the tracer, the small store, and the libraries
# that are loaded before a command, to make its calls fail or to watch its locks.
FAULT_SHIM  := $(OUT)/tests/fault/shim.so
FAULT_LOCKS := $(OUT)/tests/fault/locks.so
# make check tries one call in FAULT_STEP_DEFAULT; make torture tries every call (FAULT_STEP=1).
FAULT_STEP_DEFAULT := $(if $(filter asan tsan,$(VARIANT)),97,29)
$(OUT)/tests/fault/%.o: MORE_CPPFLAGS += -DSHIM='"$(abspath $(FAULT_SHIM))"' -DLOCKS='"$(abspath $(FAULT_LOCKS))"' -DFAULT_STEP_DEFAULT=$(FAULT_STEP_DEFAULT)
$(OUT)/tests/fault/test_interrupt: TEST_LIBS += -lutil
$(OUT)/tests/fault/test_named $(OUT)/tests/fault/test_clock: | $(OUT)/tests/torture/plain_host
$(FAULT_TESTS): $(addprefix $(OUT)/tests/fault/,trace.o world.o space.o failing.o) | $(FAULT_SHIM) $(FAULT_LOCKS)

$(OUT)/tests/fault/test_fleet_memory: $(OUT)/tests/fleet/members.o | $(OUT)/esp_journal_bad.so $(OUT)/esp_journal_dir.so

# A faulty private copy, as a control.
$(OUT)/tests/fault/test_private_copy: $(OUT)/tests/fault/private_copy_control.o
$(OUT)/tests/fault/private_copy_control.o: src/store/db/private_copy.c

$(FAULT_SHIM) $(FAULT_LOCKS): $(OUT)/%.so: %.c
	$(LINK_PRELOADED)

torture: torture-faults
# AddressSanitizer finds leaks on error paths; with it, one call in FAULT_LEAK_STEP (7) is tried.
torture-faults: deps ## kill every command at each call, fail each call, and kill FAULT_KILLS (10000) times at random
	$(MAKE) $(PARALLEL) $(PRODUCTS) $(call picked,$(FAULT_TESTS))
	$(MAKE) $(PARALLEL) VARIANT=asan build/asan/esp-tokenctl build/asan/esp_validator.so build/asan/tests/fault/test_memory
	@export FAULT_STEP=$${FAULT_STEP:-1} FAULT_KILLS=$${FAULT_KILLS:-10000}; \
	for test in $(call picked,$(FAULT_TESTS)); do echo "== $${test##*/}"; nice -n 15 $$test || failed=1; done; \
	export FAULT_STEP=$${FAULT_LEAK_STEP:-7}; echo "== test_memory under AddressSanitizer"; \
	nice -n 15 build/asan/tests/fault/test_memory || failed=1; [ -z "$$failed" ]
.PHONY: torture-faults
