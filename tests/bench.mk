# The bench is a host and an administrator in one: the plugin by dlopen, the store by src/store.
BENCH          := $(call sources,tests/bench)
BENCH_PACKAGES := redis-server libhiredis-dev libsqlite3-dev gnuplot-nox libpam0g-dev

$(OUT)/tests/bench/%.o: CPPFLAGS += -DOUT='"$(abspath $(OUT))"' -DBENCH_SOURCE='"$(abspath tests/bench)"'

$(OUT)/tests/bench/bench: $(BENCH) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(call PC,lmdb libsodium inih jansson sqlite3 hiredis) -lpam -ldl -lpthread -lm

bench: deps ## measure validation against liblmdb, SQLite and Redis: a table, JSON and a chart
	@tools/deps.sh $(BENCH_PACKAGES)
	$(MAKE) run-bench

bench-large: deps ## draw the cost of a look-up against the size of the store, up to ten million
	@tools/deps.sh $(BENCH_PACKAGES)
	$(MAKE) run-bench BENCH_OPTIONS='--large --tokens 10000000' BENCH_OUT=$(OUT)/bench-large

BENCH_OUT ?= $(OUT)/bench
run-bench: $(PRODUCTS) $(OUT)/plugins/pam/pam_esp_token.so $(OUT)/tests/bench/bench
	@$(OUT)/tests/bench/bench $(BENCH_OPTIONS) $(BENCH_OUT)
.PHONY: bench bench-large run-bench
