# SPDX-License-Identifier: ISC
# Every list of files that rules of more than one makefile use. Make expands a rule's prerequisites
# where it reads the rule, so a list must be complete before the first rule that names it. Therefore
# this file is read before all rules. tests/build/test_targets.sh checks that every list is complete
# in time.

# the object files of folders; none for a folder that does not exist
sources   = $(patsubst %.c,$(OUT)/%.o,$(wildcard $(addsuffix /*.c,$(1))))

# --- the products ---
COMMON   := $(call sources,src/common)
READER   := $(call sources,src/reader)
STORE    := $(call sources,src/store src/store/*)
SHAPES   := $(call sources,src/shapes)
CLI      := $(call sources,src/cli src/cli/*) $(SHAPES) $(OUT)/shipped.o $(addprefix $(OUT)/src/portal/,passes.o passes_file.o watch.o follow.o notify.o)
FLEET    := $(call sources,src/fleet)
PORTAL   := $(call sources,src/portal) $(SHAPES)
PAGES    := $(wildcard src/portal/pages/*.*)
PLUGIN   := $(call sources,plugins/validator)
# the journals of a fleet: plugins/journal/KIND is esp_journal_KIND.so
JOURNALS := $(patsubst plugins/journal/%/export.map,$(OUT)/esp_journal_%.so,$(wildcard plugins/journal/*/export.map))
PRODUCTS := $(OUT)/esp-tokenctl $(OUT)/esp_validator.so $(OUT)/esp-token-portal $(OUT)/portal/openapi.json $(JOURNALS)

# The code of a validation is compiled with link-time optimization, because calls between its files
# would cost as much as their work. The tuning suits any x86-64; the default tuning copies short
# texts with the slow `rep movs`.
WHOLE_release  = -flto=auto $(if $(filter x86_64%,$(MACHINE)),-mtune=haswell)
HOT      := $(PLUGIN) $(READER) $(COMMON)
HOT      := $(if $(filter release,$(VARIANT)),$(HOT:$(OUT)/%=$(OUT)/whole/%),$(HOT))

# --- systemd units and man pages ---
UNITS     := $(sort $(patsubst %.in,%,$(notdir $(wildcard etc/systemd/*))))
MAN_PAGES := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))

# --- tests ---
# Every tests/KIND/test_NAME.c is a Check program, every tests/KIND/test_NAME.sh a script. Several tests run
# at a time, so the longest begin first, and the slowest kinds follow. `make check KINDS='unit cli'`
# runs only tests of these kinds. The tests in tests/hosts need the hosts' own libraries, so
# tests/hosts/hosts.mk runs them.
KINDS        := stress fault torture unit cli abi fuzz
KINDS        += $(filter-out $(KINDS) hosts,$(sort $(patsubst tests/%/,%,$(dir $(wildcard tests/*/test_*.c)))))
TEST_SOURCES := $(foreach kind,$(KINDS),$(wildcard tests/$(kind)/test_*.c))
LONGEST      := $(addprefix $(OUT)/tests/,fault/test_calls fleet/test_snapshot_child fault/test_gate fuzz/test_replay fault/test_private_copy \
  fleet/test_trim_kills fleet/test_messages_pg fleet/test_publish fleet/test_follow_pg torture/test_faults fault/test_memory \
  fleet/test_journal_pg fleet/test_trim_pg fleet/test_feed_reports fault/test_replaced fault/test_disk fault/test_wait \
  fault/test_gate_stopped cli/test_clipboard fault/test_disk_limits fault/test_interrupt fleet/test_follow_feed torture/test_damage)
LONGEST      := $(filter $(KINDS:%=$(OUT)/tests/%/%),$(LONGEST))
TESTS        := $(LONGEST) $(filter-out $(LONGEST),$(TEST_SOURCES:%.c=$(OUT)/%))
# The scripts check sources and makefiles, so running them for one variant is enough.
TEST_SCRIPTS := $(if $(filter release,$(VARIANT)),$(filter-out tests/hosts/%,$(wildcard tests/*/test_*.sh)))
SUPPORT      := $(call sources,tests/support)
# Deriving a key from a passphrase takes long, on purpose.
QUICK_TESTS  := $(filter-out %/test_key %/test_keys_kept,$(filter $(addprefix $(OUT)/tests/,unit/% abi/% cli/%),$(TESTS)))
FAULT_TESTS  := $(filter $(OUT)/tests/fault/%,$(TESTS))
HOST_PROGRAMS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/hosts/test_*.c))
HOST_SCRIPTS  := $(wildcard tests/hosts/test_*.sh)
BENCH         := $(call sources,tests/bench)

# --- every C source, for formatting and compile_commands.json ---
C_FOLDERS = demo examples include plugins src tests tools
C_SOURCES = $(sort $(shell find $(C_FOLDERS) -name '*.[ch]' -o -name '*.cc'))
