# SPDX-License-Identifier: ISC
# The test programs use the products in $(TEST_OUT) and link the modules; lists.mk lists the programs.
TEST_OUT     ?= $(OUT)
$(OUT)/tests/%.o: MORE_CPPFLAGS += -Itests -DOUT='"$(abspath $(TEST_OUT))"'

# Optimizing the tests would take longer than running them. The tests that make millions of look-ups are
# optimized, as is the code that all of them test.
$(OUT)/tests/%.o: OPT_release := -O0
$(OUT)/tests/stress/%.o $(OUT)/tests/fuzz/%.o $(OUT)/tests/bench/%.o: OPT_release := $(OPT_release)

# An archive, so that a program links only the modules that it uses.
$(OUT)/tests/modules.a: $(FLEET) $(STORE) $(READER) $(COMMON)
	@mkdir -p $(@D)
	$(call SAY,AR    $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/tests/%: $(OUT)/tests/%.o $(SUPPORT) $(OUT)/tests/modules.a
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $(filter %.o,$^) $(filter %.a,$^) -o $@ $(call PC,lmdb libsodium inih check smartcols jansson libutf8proc) $(TEST_LIBS) -ldl
TEST_LIBS :=

# Libraries that processes load before all others. They are built without sanitizer and coverage
# flags, because they are loaded before those run-time libraries.
define LINK_PRELOADED
	@mkdir -p $(@D)
	$(call SAY,LINK  $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -std=c17 $(WARNINGS) -fPIC -fvisibility=hidden -shared $(CFLAGS) -O1 $< -o $@ -ldl
endef
CHEAP_CRYPTO := $(OUT)/tests/preload/cheap_crypto.so
$(OUT)/tests/support/support.o: MORE_CPPFLAGS += -DCHEAP_CRYPTO='"$(abspath $(CHEAP_CRYPTO))"'
$(TESTS): | $(CHEAP_CRYPTO)
$(CHEAP_CRYPTO): $(OUT)/%.so: %.c
	$(LINK_PRELOADED)

# $(call RUN_TESTS,PROGRAMS AND SCRIPTS); scripts get the build folder in OUT.
RUN_TESTS = @LOGS=$(OUT)/tests OUT=$(OUT) tests/run.sh $(1)

.PHONY: check check-quick check-fast asan tsan run-tests run-quick-tests
run-tests: $(PRODUCTS) $(TESTS) $(MAN_PAGES)
	$(call RUN_TESTS,$(TEST_SCRIPTS) $(TESTS))

run-quick-tests: $(PRODUCTS) $(QUICK_TESTS)
	$(call RUN_TESTS,$(QUICK_TESTS))

check: deps ## install what is missing, build, and run every test
	$(MAKE) $(PARALLEL) run-tests

check-quick: deps ## run the quick tests (unit, ABI, esp-tokenctl without passphrases), while editing
	$(MAKE) $(PARALLEL) run-quick-tests

# a second name for the same target
check-fast: check-quick

asan: deps ## run the tests of make check under AddressSanitizer and UBSan
	$(MAKE) $(PARALLEL) VARIANT=asan run-tests

tsan: deps ## run the tests of make check under ThreadSanitizer
	$(MAKE) $(PARALLEL) VARIANT=tsan run-tests

picture: deps ## draw docs/terminal.svg from docs/terminal.txt
	@$(MAKE) --no-print-directory all
	@tools/terminal_picture.py $(OUT) docs/terminal.txt >build/terminal.svg
	@mv build/terminal.svg docs/terminal.svg
.PHONY: picture
