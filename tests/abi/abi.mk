# SPDX-License-Identifier: ISC
# test_clock replaces the clock, for the plugin as well
$(OUT)/tests/abi/test_clock: TEST_LIBS += -rdynamic
