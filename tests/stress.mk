# The stress test's own copies of the reader: one that waits, and a control of it that is wrong.
$(OUT)/tests/stress/test_stress: $(OUT)/tests/stress/reader_delayed.o $(OUT)/tests/stress/reader_control.o
