# The lines of src/ and plugins/ that the tests run, adapters in their real hosts included: gcc's
# counters, read by gcovr. What no test runs is named with its reason in tests/coverage/unrun.md. The
# counters' files stand there before the tests begin, for everyone to write: hosts run as others do.
# Which allocations a step of make check meets changes with every call: here all of them fail, one by
# one. Some 12 minutes on 2 cores, and so no part of .ci/run.
COUNTED       = find $(OUT)/src $(OUT)/plugins -name '*.gcno'
COVERAGE_LOG := $(abspath $(OUT))/coverage.log

coverage: deps-hosts ## run every test and count: which lines of src/ and plugins/ did they run?
	@tools/deps.sh gcovr
	$(MAKE) VARIANT=coverage run-coverage

# Tests that need nothing of src/ within count nothing of their own.
ifeq ($(VARIANT),coverage)
$(OUT)/tests/%.o: OPT_coverage := $(filter-out --coverage,$(OPT_coverage))
endif

.PHONY: coverage run-coverage count-coverage
run-coverage:
	@$(MAKE) --no-print-directory all $(TESTS) $(HOST_PROGRAMS) $(ADAPTER_FILES)
	@find $(OUT) -name '*.gcda' -delete; : >$(COVERAGE_LOG); chmod a+rw $(COVERAGE_LOG)
	@$(COUNTED) | sed 's/gcno$$/gcda/' | while read -r file; do : >"$$file"; chmod a+rw "$$file"; done
	@export GCOV_ERROR_FILE=$(COVERAGE_LOG); failed=0; for tests in run-tests run-host-tests; do \
	  $(MAKE) --no-print-directory $$tests || failed=1; done; \
	FAULT_STEP=1 tests/run.sh $(OUT)/tests/fault/test_memory || failed=1; \
	$(MAKE) --no-print-directory count-coverage && [ $$failed = 0 ]

count-coverage:
	@! grep -q 'overwriting\|mismatch' $(COVERAGE_LOG) || { cat $(COVERAGE_LOG); exit 1; }
	@gcovr --root . --object-directory $(OUT) --filter src/ --filter plugins/ --json $(OUT)/coverage.json \
	  --html-details $(OUT)/coverage.html
	@tests/coverage/report.py $(OUT)/coverage.json tests/coverage/unrun.md
