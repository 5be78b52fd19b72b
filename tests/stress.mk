# SPDX-License-Identifier: ISC
# The stress test's own copies of the reader: one with delays, and two faulty ones as controls.
$(OUT)/tests/stress/test_stress: $(OUT)/tests/stress/reader_delayed.o $(OUT)/tests/stress/reader_control.o \
  $(OUT)/tests/stress/reader_by_id.o
# A copy of the reader that lets pages change at each step.
$(OUT)/tests/stress/test_moving_pages: $(OUT)/tests/stress/reader_moved.o
