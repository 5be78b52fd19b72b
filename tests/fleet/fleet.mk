# SPDX-License-Identifier: ISC
# A journal that fails on demand (tests/fleet/bad_journal.c); esp-tokenctl finds it beside itself.
$(OUT)/tests/fleet/bad_journal.o: MORE_CPPFLAGS += -DDIR_JOURNAL='"$(abspath $(OUT))/esp_journal_dir.so"'
$(OUT)/esp_journal_bad.so: $(OUT)/tests/fleet/bad_journal.o plugins/journal/dir/export.map
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -shared $< -o $@ -Wl,--version-script=plugins/journal/dir/export.map $(NO_UNDEFINED) -ldl
FLEET_SITES := $(addprefix $(OUT)/tests/fleet/,test_sites test_outcomes test_hostile test_torture_pg test_edges test_fresh)
FLEET_SITES += $(addprefix $(OUT)/tests/fleet/,test_fleet_restore test_fleet_keys test_refill test_fleet_figures test_uses test_forms)
FLEET_SITES += $(addprefix $(OUT)/tests/fleet/,test_edge_snapshot test_publish test_publish_full test_feed_reports test_feed_forms test_site_full test_model test_local test_seen)
FLEET_SITES += $(addprefix $(OUT)/tests/fleet/,test_trim test_trim_kills test_trim_forged test_trim_pg test_snapshot_child test_first_snapshot test_feed_begin test_edge_damage)
FLEET_SITES += $(addprefix $(OUT)/tests/fleet/,test_follow test_follow_feed test_follow_full test_follow_pg)
$(FLEET_SITES): $(OUT)/tests/fleet/members.o
FLEET_TRIM := $(addprefix $(OUT)/tests/fleet/,test_trim test_trim_kills test_trim_forged test_trim_pg test_snapshot_child test_first_snapshot)
$(FLEET_TRIM): $(OUT)/tests/fleet/trimmed.o
# these tests open a site in their own process
FLEET_HERE := $(addprefix $(OUT)/tests/fleet/,test_edge_snapshot test_trim_forged test_first_snapshot test_feed_begin)
$(FLEET_HERE): $(OUT)/tests/fleet/site_here.o
FLEET_EDGES := $(FLEET_TRIM) $(addprefix $(OUT)/tests/fleet/,test_edges test_edge_damage test_feed_reports test_fresh test_follow test_follow_feed test_follow_full test_follow_pg)
$(FLEET_EDGES): $(OUT)/tests/fleet/edge_records.o $(OUT)/tests/support/raw_store.o
FLEET_PG := $(addprefix $(OUT)/tests/fleet/,test_controls_pg test_journal_pg test_network_pg test_reading_pg \
  test_roles_pg test_sites_pg test_torture_pg test_follow_pg test_messages_pg test_crash_pg test_frozen_pg test_standby_pg test_trim_pg)
FLEET_FOLLOW := $(FLEET_TRIM) $(addprefix $(OUT)/tests/fleet/,test_hostile test_feed_reports test_follow test_follow_feed test_follow_full test_follow_pg)
$(FLEET_FOLLOW): $(OUT)/tests/fleet/daemon.o
$(addprefix $(OUT)/tests/fleet/,test_follow_full test_publish_full test_site_full test_trim_kills): $(OUT)/tests/fault/space.o
$(FLEET_PG): $(OUT)/tests/fleet/postgres.o
$(FLEET_PG): TEST_LIBS += $(call PC,libpq)
$(OUT)/tests/fleet/postgres.o: MORE_CPPFLAGS += $(call PC_CFLAGS,libpq)
FLEET_PG_SITES := $(addprefix $(OUT)/tests/fleet/,test_sites_pg test_messages_pg test_crash_pg test_frozen_pg test_standby_pg)
$(FLEET_PG_SITES): $(addprefix $(OUT)/tests/fleet/,members.o pg_fleet.o)
$(addprefix $(OUT)/tests/fleet/,test_controls_pg test_journal_pg test_messages_pg test_crash_pg test_frozen_pg): $(OUT)/tests/fleet/line.o
$(OUT)/tests/fleet/test_model: $(OUT)/tests/fleet/journal_model.o
# test_local preloads the shim to change the clock of a site
$(OUT)/tests/fleet/test_local.o: MORE_CPPFLAGS += -DSHIM='"$(abspath $(FAULT_SHIM))"'
$(OUT)/tests/fleet/test_local: | $(FAULT_SHIM)
# test_journal_dir replaces a function of libc, for the plugin as well
$(OUT)/tests/fleet/test_journal_dir: TEST_LIBS += -rdynamic
FLEET_HTTP := $(addprefix $(OUT)/tests/fleet/,test_journal_http test_http_servers test_http_caches test_http_settings test_http_tls)
$(FLEET_HTTP): $(addprefix $(OUT)/tests/fleet/,members.o http_feed.o)
$(addprefix $(OUT)/tests/fleet/,test_http_tls test_network_pg): $(OUT)/tests/fleet/certificates.o
FLEET_FEED := $(FLEET_TRIM) $(addprefix $(OUT)/tests/fleet/,test_publish test_publish_full test_follow_feed test_feed_reports test_feed_forms) $(FLEET_HTTP)
$(FLEET_FEED): $(addprefix $(OUT)/tests/fleet/,publisher.o feed_edge.o feed_member.o web.o)
TORTURE_DAEMONS := $(addprefix $(OUT)/tests/fleet/,torture_daemons.o publisher.o feed_edge.o feed_member.o web.o daemon.o edge_records.o)
$(OUT)/tests/fleet/test_torture_pg: $(TORTURE_DAEMONS) $(OUT)/tests/support/raw_store.o
FLEET_TESTS := $(filter $(OUT)/tests/fleet/%,$(TESTS))
$(FLEET_TESTS): | $(OUT)/esp_journal_bad.so $(JOURNALS) $(OUT)/esp-tokenctl

.PHONY: check-fleet run-fleet-tests
run-fleet-tests: $(PRODUCTS) $(FLEET_TESTS)
	$(call RUN_TESTS,$(FLEET_TESTS))

# they try every fault at every message, and kill processes for ESPT_TORTURE_SECONDS
TORTURE_FLEET := $(addprefix $(OUT)/tests/fleet/,test_journal_pg test_messages_pg test_crash_pg test_torture_pg)
.PHONY: torture-fleet
torture-fleet: deps ## run the long tests of the fleet, and an hour of kills (ESPT_TORTURE_SECONDS=3600)
	$(MAKE) $(PARALLEL) $(PRODUCTS) $(TORTURE_FLEET)
	@export ESPT_TORTURE_SECONDS=$${ESPT_TORTURE_SECONDS:-3600}; \
	for test in $(TORTURE_FLEET); do echo "== $${test##*/}"; $$test || failed=1; done; [ -z "$$failed" ]

check-fleet: deps ## run the tests of the fleet: journals, entries, sites
	$(MAKE) $(PARALLEL) run-fleet-tests

# The bench of fleets uses the helpers of the tests, and the report and the corpus of make bench.
BENCH_FLEET := $(filter-out %/bench_fleet.o,$(patsubst %.c,$(OUT)/%.o,$(wildcard tests/fleet/bench_*.c)))
BENCH_FLEET += $(addprefix $(OUT)/tests/fleet/,members.o postgres.o daemon.o publisher.o feed_edge.o feed_member.o web.o)
BENCH_FLEET += $(addprefix $(OUT)/tests/bench/,measure.o report.o corpus.o plugin.o)
$(OUT)/tests/fleet/bench_fleet: $(BENCH_FLEET)
$(OUT)/tests/fleet/bench_fleet: TEST_LIBS += -lm $(call PC,libpq)
# the program looks for the journals in its own folder
$(OUT)/tests/fleet/bench_fleet: | $(OUT)/tests/fleet/esp_journal_pg.so
$(OUT)/tests/fleet/esp_journal_%.so: $(OUT)/esp_journal_%.so
	$(Q)ln -sf ../../$(<F) $@

# the tokens of the largest edge; and the only part to run: join, instructions, create, revoke, edges or bulk
BENCH_FLEET_TOKENS ?= 1000000
BENCH_FLEET_ONLY ?=
.PHONY: bench-fleet run-bench-fleet
bench-fleet: deps ## measure a fleet: writing, following, revoking, 1,000 edges, joining (BENCH_FLEET_TOKENS=1000000)
	@tools/deps.sh valgrind
	$(MAKE) $(PARALLEL) run-bench-fleet
run-bench-fleet: $(PRODUCTS) $(OUT)/tests/fleet/bench_fleet
	@$(OUT)/tests/fleet/bench_fleet $(OUT)/bench-fleet $(BENCH_FLEET_TOKENS) $(BENCH_FLEET_ONLY)

# The simulation computes for long, so it is optimized.
SIMULATE := $(addprefix $(OUT)/tests/fleet/simulate_,feed.o edges.o sizes.o drawing.o)
$(OUT)/tests/fleet/simulate_%.o: OPT_release := -O2
$(OUT)/tests/fleet/simulate_fleet: $(SIMULATE) $(addprefix $(OUT)/tests/fleet/,members.o publisher.o web.o)
.PHONY: simulate-fleet run-simulate-fleet
simulate-fleet: deps ## simulate 100,000 edges behind caches: a table, and a drawing (docs/fleet-scale.md)
	$(MAKE) $(PARALLEL) run-simulate-fleet
run-simulate-fleet: $(PRODUCTS) $(OUT)/esp_journal_bad.so $(OUT)/tests/fleet/simulate_fleet
	@$(OUT)/tests/fleet/simulate_fleet $(OUT)/fleet-scale.svg
	@echo "drawn as $(OUT)/fleet-scale.svg"
