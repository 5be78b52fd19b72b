# libFuzzer (clang) over what strangers and administrators may write. Seeds are in
# tests/fuzz/seeds/NAME; what fails is put in tests/fuzz/found/NAME, and both replay in make check.
FUZZERS       := token tiers config records reader when forms args
FUZZ_OUT      := build/fuzz
FUZZ_SECONDS   = $${ESPT_FUZZ_SECONDS:-60}
FUZZ_SOURCES  := $(wildcard src/common/*.c src/reader/*.c)
FUZZ_LIBS     := libsodium inih
# over these as well
FUZZ_CLI      := $(wildcard src/store/*.c) $(filter-out src/cli/main.c,$(wildcard src/cli/*.c)) $(OUT)/shipped.c
FUZZ_LIBS_forms := lmdb smartcols jansson libbsd
FUZZ_LIBS_args  := $(FUZZ_LIBS_forms)
FUZZ_FLAGS    := -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DESPT_FUZZ -Itests
FUZZ_OPTIONS_reader := -max_len=2048
FUZZ_OPTIONS_token  := -max_len=160
FUZZ_OPTIONS_records := -max_len=512
FUZZ_OPTIONS_when    := -max_len=64
FUZZ_OPTIONS_forms   := -max_len=256
FUZZ_OPTIONS_args    := -max_len=512

$(FUZZ_OUT)/fuzz_forms: $(FUZZ_CLI)
# verify finds the validator beside the program
ARGS_PARTS := tests/fuzz/place.c tests/fuzz/ctl.c tests/fuzz/judge.c
$(FUZZ_OUT)/fuzz_args: $(FUZZ_CLI) $(ARGS_PARTS) src/cli/main.c | $(FUZZ_OUT)/esp_validator.so
$(FUZZ_OUT)/esp_validator.so $(OUT)/tests/fuzz/esp_validator.so: $(OUT)/esp_validator.so
	@mkdir -p $(@D)
	$(Q)ln -sf $(abspath $<) $@
$(FUZZ_OUT)/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) $(FUZZ_SOURCES) | $(OUT)/src/places.h
	@mkdir -p $(@D)
	$(call SAY,FUZZ  $@)
	$(Q)clang $(CPPFLAGS) $(FUZZ_FLAGS) $(filter-out src/cli/main.c,$(filter %.c,$^)) -o $@ $(call PC,$(FUZZ_LIBS) $(FUZZ_LIBS_$*))

fuzz-deps:
	@tools/deps.sh clang libclang-rt-14-dev

$(FUZZERS:%=fuzz-%): fuzz-%: fuzz-deps
	@$(MAKE) --no-print-directory $(FUZZ_OUT)/fuzz_$*
	@mkdir -p $(FUZZ_OUT)/corpus/$* tests/fuzz/found/$*
	$(FUZZ_OUT)/fuzz_$* -max_total_time=$(FUZZ_SECONDS) $(FUZZ_OPTIONS_$*) -timeout=10 -print_final_stats=1 \
	  -verbosity=0 -artifact_prefix=$(CURDIR)/tests/fuzz/found/$*/ $(CURDIR)/$(FUZZ_OUT)/corpus/$* tests/fuzz/seeds/$*

fuzz: deps ## fuzz each parser and the reader for ESPT_FUZZ_SECONDS (60); fuzz-NAME for one
	@for name in $(FUZZERS); do $(MAKE) --no-print-directory fuzz-$$name || exit 1; done

.PHONY: fuzz fuzz-deps $(FUZZERS:%=fuzz-%)

$(OUT)/tests/fuzz/test_replay: $(FUZZERS:%=$(OUT)/tests/fuzz/fuzz_%.o) $(filter-out $(OUT)/src/cli/main.o,$(CLI)) \
  $(ARGS_PARTS:%.c=$(OUT)/%.o) | $(OUT)/tests/fuzz/esp_validator.so
$(OUT)/tests/fuzz/test_replay: TEST_LIBS += $(call PC,libbsd)
