# SPDX-License-Identifier: ISC
# test_ids replaces the function that draws ids
$(OUT)/tests/unit/test_ids: TEST_LIBS += -Wl,--wrap=mint_id
