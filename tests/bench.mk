# SPDX-License-Identifier: ISC
# The bench is a host and an administrator in one: it loads the plugin by dlopen and writes the
# store with src/store.
BENCH_PACKAGES := redis-server libhiredis-dev libsqlite3-dev gnuplot-nox libpam0g-dev

$(OUT)/tests/bench/%.o: MORE_CPPFLAGS += -DOUT='"$(abspath $(OUT))"' -DBENCH_SOURCE='"$(abspath tests/bench)"'

$(OUT)/tests/bench/bench: $(BENCH) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(call PC,lmdb libsodium inih jansson libutf8proc sqlite3 hiredis) -lpam -ldl -lpthread -lm

bench: deps ## measure validation against liblmdb, SQLite and Redis: a table, JSON and a chart
	@tools/deps.sh $(BENCH_PACKAGES)
	$(MAKE) $(PARALLEL) run-bench

bench-large: deps ## draw the cost of a look-up against the size of the store, up to ten million tokens
	@tools/deps.sh $(BENCH_PACKAGES)
	$(MAKE) $(PARALLEL) run-bench BENCH_OPTIONS='$(BENCH_LARGE)' BENCH_OUT=$(OUT)/bench-large

BENCH_OPTIONS ?=
# used by bench-large if BENCH_OPTIONS is empty
BENCH_LARGE   = $(or $(BENCH_OPTIONS),--large --tokens 10000000)
BENCH_OUT ?= $(OUT)/bench
run-bench: $(PRODUCTS) $(OUT)/plugins/pam/pam_esp_token.so $(OUT)/tests/bench/bench
	@$(OUT)/tests/bench/bench $(BENCH_OPTIONS) $(BENCH_OUT)
.PHONY: bench bench-large run-bench
