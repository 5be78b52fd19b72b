# SPDX-License-Identifier: ISC
# make check runs tests/torture and the stress test in a short form. This is their long form:
# - the reader beside its writers for ESPT_TORTURE_SECONDS (600);
# - ESPT_TORTURE_ROUNDS (1000) times: 1,000 changes of rights, 10 cycles of a host, one damaged
# store of each kind, and 10 stores with one fault, each checked, read and written to;
# - from 1000 rounds on, every single bit of the stores.
# It takes about three quarters of an hour, 2 GB of memory and 600 MB of disk. ONLY='stress gate'
# runs only the tests named.
ONLY  ?=
picked = $(if $(ONLY),$(filter $(addprefix %/test_,$(ONLY)),$(1)),$(1))
TORTURE_TESTS := $(filter $(OUT)/tests/torture/% $(OUT)/tests/stress/test_stress,$(TESTS))
torture: deps ## run the long tests (ESPT_TORTURE_SECONDS=600 ESPT_TORTURE_ROUNDS=1000; 45 minutes)
	$(MAKE) $(PARALLEL) $(PRODUCTS) $(call picked,$(TORTURE_TESTS))
	@export ESPT_TORTURE_SECONDS=$${ESPT_TORTURE_SECONDS:-600} ESPT_TORTURE_ROUNDS=$${ESPT_TORTURE_ROUNDS:-1000}; \
	for test in $(call picked,$(TORTURE_TESTS)); do echo "== $${test##*/}"; $$test || failed=1; done; [ -z "$$failed" ]
.PHONY: torture

# A host without libraries, and libraries that define the plugin's names: every function that
# libsodium and inih export, and every function within the plugin. Each of them aborts (fake_abort)
# or returns a wrong result (fake_lie).
TORTURE    := $(OUT)/tests/torture
COLLIDING   = $(shell $(PKG_CONFIG) --variable=libdir $(1))/lib$(2).so
FAKES      := $(TORTURE)/fake_abort.so $(TORTURE)/fake_lie.so

$(TORTURE)/plain_host: $(TORTURE)/plain_host.o
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie -rdynamic $^ -o $@ -ldl

$(TORTURE)/fakes.txt: $(PLUGIN) $(READER) $(COMMON)
	@mkdir -p $(@D)
	$(Q){ nm -D --defined-only $(call COLLIDING,libsodium,sodium) $(call COLLIDING,inih,inih); \
	  nm -g --defined-only $^; } | \
	  awk '$$2 ~ /^[TW]$$/ && $$3 !~ /^_|espt_validator_get/ { sub(/@.*/, "", $$3); print $$3 }' | sort -u > $@

$(TORTURE)/fake_abort.so: FAKE = { abort(); }
$(TORTURE)/fake_lie.so: FAKE = { return 0; }
$(TORTURE)/fake_%.so: $(TORTURE)/fakes.txt
	$(Q){ echo '#include <stdlib.h>'; sed 's/.*/long &(void) $(FAKE)/' $<; } | \
	  $(CC) -w -fno-builtin -shared -fPIC -x c - -o $@

$(TORTURE)/test_strangers: $(TORTURE)/plain_host $(FAKES)
$(TORTURE)/test_calls: $(TORTURE)/plain_host
# these tests replace functions of libc, for the plugin as well
$(TORTURE)/test_mounts $(TORTURE)/test_locale: TEST_LIBS += -rdynamic
