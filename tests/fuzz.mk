# SPDX-License-Identifier: ISC
# libFuzzer (clang) on everything that strangers and administrators may write. Seeds are in
# tests/fuzz/seeds/NAME. Failing inputs are saved in tests/fuzz/found/NAME. make check replays both.
FUZZERS       := token tiers config records reader when forms args entry report head feed
FUZZ_PACKAGES := clang libclang-rt-14-dev
FUZZ_OUT      := build/fuzz
FUZZ_SECONDS   = $${ESPT_FUZZ_SECONDS:-60}
FUZZ_LIBS     := libsodium inih
FUZZ_LIBS_forms := lmdb smartcols jansson libbsd libutf8proc
FUZZ_LIBS_args  := $(FUZZ_LIBS_forms)
FUZZ_SANITIZE := address,undefined -fno-sanitize-recover=all
FUZZ_FLAGS     = -std=c17 -g -O1 -DESPT_FUZZ -Itests -Iplugins -MMD -MP $(ALL_CPPFLAGS)
# The objects that all fuzzers use, and those that only the fuzzers of command lines use; each
# source is compiled once.
fuzz_objects   = $(patsubst %.c,$(FUZZ_OUT)/%.o,$(1))
FUZZ_OBJECTS  := $(call fuzz_objects,$(wildcard src/common/*.c src/reader/*.c))
FUZZ_CLI      := $(patsubst $(OUT)/%,$(FUZZ_OUT)/%,$(filter-out $(OUT)/src/cli/main.o,$(CLI) $(FLEET) $(STORE)))
FUZZ_OPTIONS_reader := -max_len=2048
FUZZ_OPTIONS_token  := -max_len=160
FUZZ_OPTIONS_records := -max_len=512
FUZZ_OPTIONS_when    := -max_len=64
FUZZ_OPTIONS_forms   := -max_len=256
FUZZ_OPTIONS_args    := -max_len=512
FUZZ_LIBS_entry      := libsodium
FUZZ_OPTIONS_entry   := -max_len=2048
FUZZ_LIBS_report     := libsodium
FUZZ_OPTIONS_report  := -max_len=512
FUZZ_LIBS_head       := libsodium
FUZZ_OPTIONS_head    := -max_len=512
FUZZ_OPTIONS_feed    := -max_len=1024
# the other fuzzers need no libraries and no options
$(foreach name,$(FUZZERS),$(eval FUZZ_LIBS_$(name) ?=)$(eval FUZZ_OPTIONS_$(name) ?=))

$(FUZZ_OUT)/%.o: %.c | $(OUT)/src/build_config.h
	@mkdir -p $(@D)
	$(call SAY,FUZZ  $<)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -c $< -o $@
$(FUZZ_OUT)/shipped.o: $(OUT)/shipped.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -c $< -o $@

$(FUZZ_OUT)/fuzz_forms: $(FUZZ_CLI)
$(FUZZ_OUT)/fuzz_entry: $(call fuzz_objects,$(wildcard src/fleet/entry.c src/fleet/ops*.c src/fleet/signature.c))
$(FUZZ_OUT)/fuzz_report $(FUZZ_OUT)/fuzz_head: $(FUZZ_OUT)/fuzz_%: $(FUZZ_OUT)/src/fleet/%.o \
  $(call fuzz_objects,src/fleet/entry.c src/fleet/signature.c)
# the list of the journal http, without its requests
FEED_HEAD := plugins/journal/http/head.c
$(OUT)/tests/fuzz/fuzz_feed.o: MORE_CPPFLAGS += -Iplugins $(call PC_CFLAGS,libcurl)
$(FUZZ_OUT)/fuzz_feed: $(call fuzz_objects,$(FEED_HEAD))
# verify looks for the validator beside the program
ARGS_PARTS := tests/fuzz/place.c tests/fuzz/ctl.c tests/fuzz/invariants.c
$(FUZZ_OUT)/fuzz_args: $(FUZZ_CLI) $(call fuzz_objects,$(ARGS_PARTS)) | $(FUZZ_OUT)/esp_validator.so
$(FUZZ_OUT)/esp_validator.so $(OUT)/tests/fuzz/esp_validator.so: $(OUT)/esp_validator.so
	@mkdir -p $(@D)
	$(Q)ln -sf $(abspath $<) $@
$(FUZZ_OUT)/fuzz_%: $(FUZZ_OUT)/tests/fuzz/fuzz_%.o $(FUZZ_OBJECTS)
	$(call SAY,LINK  $@)
	$(Q)clang -g -fsanitize=fuzzer,$(FUZZ_SANITIZE) $^ -o $@ $(call PC,$(FUZZ_LIBS) $(FUZZ_LIBS_$*))

fuzz-deps:
	@tools/deps.sh $(FUZZ_PACKAGES)

$(FUZZERS:%=fuzz-%): fuzz-%: fuzz-deps
	@$(MAKE) $(PARALLEL) --no-print-directory $(FUZZ_OUT)/fuzz_$*
	@mkdir -p $(FUZZ_OUT)/corpus/$* tests/fuzz/found/$*
	$(FUZZ_OUT)/fuzz_$* -max_total_time=$(FUZZ_SECONDS) $(FUZZ_OPTIONS_$*) -timeout=10 -print_final_stats=1 \
	  -verbosity=0 -artifact_prefix=$(CURDIR)/tests/fuzz/found/$*/ $(CURDIR)/$(FUZZ_OUT)/corpus/$* tests/fuzz/seeds/$*

fuzz: deps ## fuzz each parser and the reader for ESPT_FUZZ_SECONDS (60); fuzz-NAME for one
	@for name in $(FUZZERS); do $(MAKE) --no-print-directory fuzz-$$name || exit 1; done

.PHONY: fuzz fuzz-deps $(FUZZERS:%=fuzz-%)

$(OUT)/tests/fuzz/test_replay: $(FUZZERS:%=$(OUT)/tests/fuzz/fuzz_%.o) $(filter-out $(OUT)/src/cli/main.o,$(CLI)) \
  $(ARGS_PARTS:%.c=$(OUT)/%.o) $(FEED_HEAD:%.c=$(OUT)/%.o) | $(OUT)/tests/fuzz/esp_validator.so
$(OUT)/tests/fuzz/test_replay: TEST_LIBS += $(call PC,libbsd)
