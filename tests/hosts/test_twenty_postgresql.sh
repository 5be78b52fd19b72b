#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in PostgreSQL, and which roles can log in: psql sends a token as the
# password of the role with the name of its entity. The test has its own cluster on loopback. Each backend loads the
# module again.
# shellcheck disable=SC2034,SC2086
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves esp-token
undecided=no longest=900 verdicts=$work/postgres.log
service esp-asn 'auth required @' 'account required @ metric=asn.traffic'
programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
port=$(free_port)
mkdir "$work/pg" "$work/pass"
chmod 700 "$work/pg" "$work/pass"
[ -z "$plain" ] || chown nobody "$work/pg"

$plain "$programs/initdb" -D "$work/pg/data" -U admin -A trust --no-sync --no-instructions >"$work/initdb.log" 2>&1
cat >"$work/pg_hba.conf" <<END
local all   admin              trust
host  asn   all   127.0.0.1/32 pam pamservice=esp-asn
host  all   all   127.0.0.1/32 pam pamservice=esp-token
END
serve postgres.log $plain $wrapped "$programs/postgres" -D "$work/pg/data" -p "$port" -c "hba_file=$work/pg_hba.conf" \
    -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$work/pg" -c fsync=off
until_true 30 "$programs/pg_isready" -q -h "$work/pg" -p "$port"
admin() {
    "$programs/psql" -qX -h "$work/pg" -p "$port" -U admin -d postgres -v ON_ERROR_STOP=1 -c "$1" >"$work/admin.log" 2>&1
}
admin 'CREATE ROLE north LOGIN'
admin 'CREATE ROLE acme LOGIN'
admin 'CREATE DATABASE asn'

# enters ROLE TOKEN DATABASE: the token is in a password file
enters() {
    (umask 077 && sed "s/.*/127.0.0.1:$port:*:$1:&/" "$work/$2.token" >"$work/pass/file")
    code=0
    PGPASSFILE=$work/pass/file "$programs/psql" -X -w -h 127.0.0.1 -p "$port" -U "$1" -d "$3" -Atc 'SELECT current_user' \
        >"$work/out.log" 2>&1 || code=$?
    case $code:$(cat "$work/out.log") in
    "0:$1") echo yes ;;
    2:*"PAM authentication failed"* | 2:*"no password supplied"*) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}
log_in() {
    enters "$1" "$2" postgres
}

twenty
same "another role" no "$(enters north web postgres)"
same "a role that does not exist" no "$(enters nobody_such web postgres)"
exits "without a password" 2 "$programs/psql" -X -w -h 127.0.0.1 -p "$port" -U acme -d postgres -c 'SELECT 1'
same "a database of a metric that the tier shows" yes "$(enters north north asn)"
same "a database of a metric that it does not show" no "$(enters acme web asn)"
finished
