# SPDX-License-Identifier: ISC
# Tests of the adapters in the real programs. tests/hosts/test_NAME.sh is a script, run from the repository's
# root with OUT set to the build folder; the scripts share lib.sh. tests/hosts/test_NAME.c is a Check
# program that may link the host's own library (TEST_LIBS).
HOST_PACKAGES += python3 curl util-linux apache2-bin libapache2-mod-authnz-pam lighttpd lighttpd-mod-authn-pam squid dovecot-core \
  dovecot-imapd sasl2-bin vsftpd openssh-server openssh-client sshpass sudo pgbouncer gunicorn python3-gevent \
  uwsgi-core uwsgi-plugin-python3 libapache2-mod-wsgi-py3 uvicorn

.PHONY: run-host-tests check-hosts
run-host-tests: all examples $(ADAPTER_FILES) $(HOST_FILES) $(HOST_PROGRAMS)
	@mkdir -p $(OUT)/tests/hosts
	@LOGS=$(OUT)/tests/hosts OUT=$(OUT) tests/run.sh $(HOST_PROGRAMS) $(HOST_SCRIPTS)

check-hosts: deps-hosts ## install nginx, PostgreSQL, Mosquitto …, build the adapters, and try each in its host
	$(MAKE) $(PARALLEL) run-host-tests
