# SPDX-License-Identifier: ISC
# The test of fleet commands links the helpers for members from tests/fleet.
$(OUT)/tests/cli/test_fleet_words: $(OUT)/tests/fleet/members.o | $(OUT)/esp_journal_bad.so $(OUT)/esp_journal_dir.so
