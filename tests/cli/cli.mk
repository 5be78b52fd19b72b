# SPDX-License-Identifier: ISC
# A test of commands in a fleet has the members of tests/fleet.
$(OUT)/tests/cli/test_fleet_words: $(OUT)/tests/fleet/members.o | $(OUT)/esp_journal_bad.so $(OUT)/esp_journal_dir.so
