# What the fault tests share, beside tests/support.
FAULT_TESTS := $(filter $(OUT)/tests/fault/test_%,$(TESTS))
$(FAULT_TESTS): $(OUT)/tests/fault/trace.o $(OUT)/tests/fault/world.o
