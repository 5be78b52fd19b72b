# SPDX-License-Identifier: ISC
# Tests of the portal. The programs in C are part of make check; make check-portal runs the scripts that
# test the real program over HTTP.
PORTAL_OBJECTS := $(filter-out $(OUT)/src/portal/main.o,$(PORTAL))
PORTAL_TESTS   := $(patsubst %.c,$(OUT)/%,$(wildcard tests/portal/test_*.c))
PORTAL_SCRIPTS := $(sort $(wildcard tests/portal/test_*.py))
$(PORTAL_TESTS): $(PORTAL_OBJECTS)
$(PORTAL_TESTS): TEST_LIBS = $(call PC,libmicrohttpd libseccomp gnutls)

.PHONY: check-portal check-portal-api run-portal-tests $(PORTAL_SCRIPTS:%=run-%) bench-portal
check-portal: check-portal-api ## test the portal: its API, rights, processes and pages
check-portal-api: deps
	$(MAKE) $(PARALLEL) --no-print-directory $(PRODUCTS) $(OUT)/esp_journal_bad.so
	$(MAKE) $(PARALLEL) --no-print-directory run-portal-tests

run-portal-tests: $(PORTAL_SCRIPTS:%=run-%)
$(PORTAL_SCRIPTS:%=run-%): run-%:
	@OUT=$(OUT) PYTHONDONTWRITEBYTECODE=1 python3 $* 2>&1 | sed 's|^|$(*F): |'; exit $${PIPESTATUS[0]}
$(PORTAL_SCRIPTS:%=run-%): SHELL := /bin/bash

bench-portal: ## measure the portal: requests a second, a page of a million tokens, memory
	$(MAKE) $(PARALLEL) --no-print-directory $(PRODUCTS)
	@OUT=$(OUT) PYTHONDONTWRITEBYTECODE=1 python3 tests/portal/bench.py
