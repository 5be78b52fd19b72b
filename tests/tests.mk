# Every tests/*/test_NAME.c is one Check program over the modules; it drives the products by $(OUT).
# Those of tests/hosts need the hosts' own libraries: hosts.mk runs them.
TEST_SOURCES := $(filter-out tests/hosts/%,$(wildcard tests/*/test_*.c))
TESTS        := $(TEST_SOURCES:%.c=$(OUT)/%)
SUPPORT      := $(call sources,tests/support)
PRODUCTS     := $(OUT)/esp-tokenctl $(OUT)/esp_validator.so

$(OUT)/tests/support/%.o: CPPFLAGS += -Itests -DOUT='"$(abspath $(OUT))"'
$(OUT)/tests/%.o: CPPFLAGS += -Itests -DOUT='"$(abspath $(OUT))"'

$(OUT)/tests/%: $(OUT)/tests/%.o $(SUPPORT) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $(filter %.o,$^) -o $@ $(call PC,lmdb libsodium inih check smartcols jansson) $(TEST_LIBS) -ldl

.PHONY: run-tests
run-tests: $(PRODUCTS) $(TESTS)
	@tests/run.sh $(TESTS)

check: deps ## install what is missing, build, and run every test
	$(MAKE) run-tests

asan: deps ## the same tests under AddressSanitizer and UBSan
	$(MAKE) VARIANT=asan run-tests

tsan: deps ## the same tests under ThreadSanitizer
	$(MAKE) VARIANT=tsan run-tests
