# The adapters against the real programs. tests/hosts/test_NAME.sh is a script, run from the repository's
# root with OUT set to the build's folder (lib.sh is what they share); tests/hosts/test_NAME.c is a Check
# program that may link the host's own library (TEST_LIBS).
HOST_PROGRAMS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/hosts/test_*.c))
HOST_SCRIPTS  := $(wildcard tests/hosts/test_*.sh)
HOST_PACKAGES += python3

.PHONY: run-host-tests check-hosts
run-host-tests: all examples $(ADAPTER_FILES) $(HOST_PROGRAMS)
	@mkdir -p $(OUT)/tests/hosts
	@LOGS=$(OUT)/tests/hosts OUT=$(OUT) tests/run.sh $(HOST_PROGRAMS) $(HOST_SCRIPTS)

check-hosts: deps-hosts ## install nginx, PostgreSQL, Mosquitto …, build the adapters, and try each in its host
	$(MAKE) run-host-tests
