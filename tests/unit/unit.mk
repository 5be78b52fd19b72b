# SPDX-License-Identifier: ISC
# it draws the ids in the store's place
$(OUT)/tests/unit/test_ids: TEST_LIBS += -Wl,--wrap=mint_id
