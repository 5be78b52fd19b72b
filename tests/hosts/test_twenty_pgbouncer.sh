#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in pgbouncer. Logins go to its console, so no server is needed.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves pgbouncer
undecided=no longest=900 verdicts=$work/pgbouncer.log
port=$(free_port)
mkdir "$work/pass"
chmod 700 "$work/pass"
cat >"$work/pgbouncer.ini" <<END
$(block plugins/pam/README.md '[pgbouncer]')
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
stats_users = acme
END
serve pgbouncer.log $plain $wrapped pgbouncer "$work/pgbouncer.ini"
until_true 10 pg_isready -q -h 127.0.0.1 -p "$port"

log_in() {
    (umask 077 && sed "s/.*/127.0.0.1:$port:*:$1:&/" "$work/$2.token" >"$work/pass/file")
    code=0
    PGPASSFILE=$work/pass/file psql -X -w -h 127.0.0.1 -p "$port" -U "$1" -d pgbouncer -Atc 'SHOW VERSION' >"$work/out.log" 2>&1 || code=$?
    case $code:$(cat "$work/out.log") in
    0:*) echo yes ;;
    2:*"PAM authentication failed"* | 2:*"no password supplied"*) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}

twenty
finished
