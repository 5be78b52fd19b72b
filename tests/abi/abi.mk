# it replaces the clock for the plugin, too
$(OUT)/tests/abi/test_clock: TEST_LIBS += -rdynamic
