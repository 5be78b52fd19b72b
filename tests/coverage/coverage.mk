# SPDX-License-Identifier: ISC
# Counts which lines of src/ and plugins/ the tests run, including the adapters in their real hosts
# and the portal over HTTP, with gcc's counters and gcovr. tests/coverage/unrun.md lists the lines that
# no test runs, with the reason. The counter files are created before the tests and are writable for
# everyone, because hosts run as other users.
# make check lets only some allocations fail, and which ones depends on every call before them. Here
# every allocation fails once, and every call on links and sessions. This took an hour on 2 cores with
# other load (37 minutes for the tests, the hosts and the portal, 23 for every call), so .ci/run does
# not include it.
COUNTED       = find $(OUT)/src $(OUT)/plugins -name '*.gcno'
EVERY_CALL    = $(addprefix $(OUT)/tests/fault/test_,memory fleet_memory portal_calls)
COVERAGE_LOG := $(abspath $(OUT))/coverage.log

coverage: deps-hosts ## run every test, and report which lines of src/ and plugins/ ran
	@tools/deps.sh gcovr
	$(MAKE) $(PARALLEL) VARIANT=coverage run-coverage

# Test programs are not counted, nor is a source of src/ that a test program includes.
ifeq ($(VARIANT),coverage)
$(OUT)/tests/%.o: OPT_coverage := $(filter-out --coverage,$(OPT_coverage))
$(OUT)/src/portal/sandbox.o: MORE_CFLAGS += -include $(abspath tests/coverage/sandbox.h)
endif

# Runs all kinds of tests, even if some fail. Each recipe line is one command, so that make -n runs
# none.
.PHONY: coverage run-coverage count-coverage
COVERAGE_FAILED := $(OUT)/coverage.failed
run-coverage: export GCOV_ERROR_FILE = $(COVERAGE_LOG)
run-coverage:
	@$(MAKE) --no-print-directory all $(TESTS) $(HOST_PROGRAMS) $(ADAPTER_FILES)
	@find $(OUT) -name '*.gcda' -delete; : >$(COVERAGE_LOG); chmod a+rw $(COVERAGE_LOG); rm -f $(COVERAGE_FAILED)
	@$(COUNTED) | sed 's/gcno$$/gcda/' | while read -r file; do : >"$$file"; chmod a+rw "$$file"; done
	@$(MAKE) --no-print-directory run-tests || : >$(COVERAGE_FAILED)
	@$(MAKE) --no-print-directory run-host-tests || : >$(COVERAGE_FAILED)
	@$(MAKE) --no-print-directory run-portal-tests || : >$(COVERAGE_FAILED)
	@FAULT_STEP=1 TEST_LIMIT=7200 tests/run.sh $(EVERY_CALL) || : >$(COVERAGE_FAILED)
	@$(MAKE) --no-print-directory count-coverage
	@[ ! -e $(COVERAGE_FAILED) ] || { echo 'tests failed; their output is above' >&2; exit 1; }

count-coverage:
	@! grep -q 'overwriting\|mismatch' $(COVERAGE_LOG) || { cat $(COVERAGE_LOG); exit 1; }
	@gcovr --root . --object-directory $(OUT) --filter src/ --filter plugins/ --json $(OUT)/coverage.json \
	  --html-details $(OUT)/coverage.html
	@tests/coverage/report.py $(OUT)/coverage.json tests/coverage/unrun.md
