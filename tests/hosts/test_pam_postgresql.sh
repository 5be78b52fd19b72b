#!/bin/sh
# pam_esp_token.so in PostgreSQL: psql logs in with a token as the password of the role that is named as
# its entity, and is refused after the token was switched off. A cluster of the test's own, on loopback;
# each backend loads the module anew.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
. tests/hosts/pam.sh
service esp-token 'auth required @' 'account required @'
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

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
echo "none" >"$work/wrong.token"

# log_in STATUS ROLE TOKEN-NAME [DATABASE]: 0 lets in, 2 does not; the token goes by a password file
log_in() {
    (umask 077 && sed "s/.*/127.0.0.1:$port:*:$2:&/" "$work/$3.token" >"$work/pass/file")
    PGPASSFILE=$work/pass/file exits "$2 logs in with $3" "$1" \
        "$programs/psql" -X -w -h 127.0.0.1 -p "$port" -U "$2" -d "${4:-postgres}" -Atc 'SELECT current_user'
    [ "$1" -ne 0 ] || same "the role" "$2" "$(cat "$work/out.log")"
}

log_in 0 acme acme
log_in 2 acme wrong
says "$work/out.log" 'PAM authentication failed for user "acme"'
log_in 2 north acme
log_in 2 acme north
log_in 2 nobody_such acme
exits "without a password" 2 "$programs/psql" -X -w -h 127.0.0.1 -p "$port" -U acme -d postgres -c 'SELECT 1'
log_in 0 north north asn
log_in 2 acme acme asn

ctl edit acme/default --status inactive >/dev/null
log_in 2 acme acme
says "$work/out.log" 'PAM authentication failed for user "acme"'
log_in 0 north north
ctl edit acme/default --status active >/dev/null
log_in 0 acme acme
ctl entity edit north --status inactive >/dev/null
log_in 2 acme acme
ctl entity edit north --status active >/dev/null
log_in 0 acme acme
says "$work/postgres.log" "token $(token_id acme): allow"
says "$work/postgres.log" "token $(token_id acme): inactive"
finished
