# SPDX-License-Identifier: ISC
# it replaces the clock, for the plugin as well
$(OUT)/tests/abi/test_clock: TEST_LIBS += -rdynamic
