# SPDX-License-Identifier: ISC
check-targets: deps-hosts ## run each target that no other test runs, in short forms, in a clean copy
	@tools/deps.sh $(BENCH_PACKAGES) $(FUZZ_PACKAGES) $(LINT_PACKAGES)
	@tests/build/run_targets.sh
.PHONY: check-targets
