# The tests of tests/torture and the stress test run in a short form with all others. Their long form
# is this: ESPT_TORTURE_SECONDS (600) of the reader beside its writers; ESPT_TORTURE_ROUNDS (1000)
# times 1,000 changes of rights, 10 cycles of a host, and one damaged store of each kind; from 1000
# rounds on every single bit of the stores. About half an hour, 2 GB of memory and 600 MB of disk.
TORTURE_TESTS := $(filter $(OUT)/tests/torture/% $(OUT)/tests/stress/test_stress,$(TESTS))
torture: deps ## the long forms (ESPT_TORTURE_SECONDS=600 ESPT_TORTURE_ROUNDS=1000; half an hour)
	$(MAKE) $(PRODUCTS) $(TORTURE_TESTS)
	@export ESPT_TORTURE_SECONDS=$${ESPT_TORTURE_SECONDS:-600} ESPT_TORTURE_ROUNDS=$${ESPT_TORTURE_ROUNDS:-1000}; \
	for test in $(TORTURE_TESTS); do echo "== $${test##*/}"; $$test || failed=1; done; [ -z "$$failed" ]
.PHONY: torture

# A host without libraries, and libraries that collide with the plugin's own: every function that
# libsodium and inih export, and every one within the plugin, each of which ends the process, or lies.
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
# these replace functions of libc for the plugin, too
$(TORTURE)/test_mounts $(TORTURE)/test_locale: TEST_LIBS += -rdynamic
