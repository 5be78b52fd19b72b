# What the fault tests share, beside tests/support: the tracer, the store that is harmed, and what is
# loaded before a command to make its calls fail.
FAULT_TESTS := $(filter $(OUT)/tests/fault/test_%,$(TESTS))
FAULT_SHIM  := $(OUT)/tests/fault/shim.so
FAULT_LOCKS := $(OUT)/tests/fault/locks.so
# One call in so many is tried in make check; make torture tries every one (FAULT_STEP=1).
FAULT_STEP_DEFAULT := $(if $(filter asan tsan,$(VARIANT)),97,9)
$(OUT)/tests/fault/%.o: CPPFLAGS += -DSHIM='"$(abspath $(FAULT_SHIM))"' -DLOCKS='"$(abspath $(FAULT_LOCKS))"' -DFAULT_STEP_DEFAULT=$(FAULT_STEP_DEFAULT)
$(OUT)/tests/fault/test_interrupt: TEST_LIBS += -lutil
$(FAULT_TESTS): $(OUT)/tests/fault/trace.o $(OUT)/tests/fault/world.o $(OUT)/tests/fault/space.o | $(FAULT_SHIM) $(FAULT_LOCKS)

# The copy for readers, made wrong on purpose.
$(OUT)/tests/fault/test_aside: $(OUT)/tests/fault/aside_control.o
$(OUT)/tests/fault/aside_control.o: src/store/aside.c

# Without a sanitizer or counters of their own: they stand before theirs.
$(FAULT_SHIM) $(FAULT_LOCKS): $(OUT)/%.so: %.c
	@mkdir -p $(@D)
	$(call SAY,LINK  $@)
	$(Q)$(CC) $(CPPFLAGS) -std=c17 $(CFLAGS) -O1 $(WARNINGS) -fPIC -fvisibility=hidden -shared $< -o $@ -ldl

torture: torture-faults
# Leaks on the way out of an error are AddressSanitizer's to find: one call in FAULT_LEAK_STEP (7).
torture-faults: ## every call of every command killed and failing, and FAULT_KILLS (10000) kills at random
	$(MAKE) $(PRODUCTS) $(FAULT_TESTS)
	$(MAKE) VARIANT=asan build/asan/esp-tokenctl build/asan/esp_validator.so build/asan/tests/fault/test_memory
	@export FAULT_STEP=1 FAULT_KILLS=$${FAULT_KILLS:-10000}; \
	for test in $(FAULT_TESTS); do echo "== $${test##*/}"; nice -n 15 $$test || failed=1; done; \
	export FAULT_STEP=$${FAULT_LEAK_STEP:-7}; echo "== test_memory, for leaks"; \
	nice -n 15 build/asan/tests/fault/test_memory || failed=1; [ -z "$$failed" ]
.PHONY: torture-faults
