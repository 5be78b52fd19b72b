#!/bin/sh
# SPDX-License-Identifier: ISC
# Shows a fleet: PostgreSQL on loopback, two sites and two edges in folders of their own. A token that one site creates
# is denied at an edge a moment after the other site has revoked it. The database is cut off: edges go on until max_age,
# then deny, and heal by themselves. Every answer is checked; a wrong one ends the demo and prints what was expected.
#   demo/fleet.sh FOLDER-OF-THE-BUILD
set -eu
ctl=$1/esp-tokenctl
roles=plugins/journal/pg/roles.sql
work=$(mktemp -d)
server='' follower=''
finish() {
    status=$?
    trap - EXIT
    for process in $follower; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    stop_database
    rm -rf "$work"
    [ "$status" -eq 0 ] || echo "the demo failed" >&2
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n' "$*"; }
show() { sed 's/^/  /'; }
fail() {
    echo "$*" >&2
    exit 1
}
at() { # MEMBER COMMAND...
    member=$1
    shift
    "$ctl" -c "$work/$member/esp-token.conf" "$@"
}

# --- PostgreSQL, as an ordinary user, on a free port of loopback ---
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$programs" ] || fail "PostgreSQL is missing: run make deps"
plain=''
[ "$(id -u)" -ne 0 ] || plain='setpriv --reuid nobody --regid nogroup --clear-groups'
db=$work/db
mkdir -m 0700 "$db"
chmod 0711 "$work"
[ -z "$plain" ] || chown nobody:nogroup "$db"
stop_database() {
    [ -z "$server" ] || { kill -INT "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; }
    server=''
}
# Tries ports from $port on. A server that ends at once had a port that is taken.
start_database() {
    while [ "$port" -lt 15532 ]; do
        (cd / && exec $plain "$programs/postgres" -D "$db/data" -p "$port" -c listen_addresses=127.0.0.1 \
            -c unix_socket_directories="$db" >>"$db/log" 2>&1) &
        server=$!
        while kill -0 "$server" 2>/dev/null; do
            "$programs/pg_isready" -q -h "$db" -p "$port" && kill -0 "$server" && return
            sleep 0.1
        done
        wait "$server" || true
        server=''
        port=$((port + 1))
    done
    fail "PostgreSQL does not start: $(tail -n 3 "$db/log")"
}
sql() { PGOPTIONS=-cclient_min_messages=warning "$programs/psql" -q -v ON_ERROR_STOP=1 -h "$db" -p "$port" -U admin "$@"; }
: >"$db/log"
chmod 0666 "$db/log"
(cd / && $plain "$programs/initdb" -D "$db/data" -U admin -A trust --no-sync -E UTF8 --locale=C >/dev/null)
port=15432
start_database
sql -d postgres -c 'CREATE ROLE "hq-1" LOGIN' -c 'CREATE DATABASE esp_token OWNER "hq-1"'

# A member of the fleet: a folder with its configuration. max_age applies to the hosts of this machine.
member() { # NAME MAX_AGE
    "$ctl" init "$work/$1" >/dev/null 2>&1 || true
    printf '[fleet]\njournal = pg\nname = %s\nmax_age = %s\n' "$1" "$2" >>"$work/$1/esp-token.conf"
    (umask 077 && printf 'host = 127.0.0.1\nport = %s\ndbname = esp_token\nuser = %s\n' "$port" "$1" >"$work/$1/journal.conf")
}
verdict() { # MEMBER: of the token, by the validator of that machine
    at "$1" verify <"$work/token" 2>&1 | head -n 1 || true
}
# Waits until the verdict at a member begins with a word; says how long that took.
until_says() { # MEMBER WORD SECONDS
    begun=$(date +%s%N)
    while ! verdict "$1" | grep -q "^$2"; do
        [ $((($(date +%s%N) - begun) / 1000000000)) -lt "$3" ] || fail "$1: expected $2 within $3 s, got: $(verdict "$1")"
        sleep 0.05
    done
    printf '  %-7s %s (after %d ms)\n' "$1" "$(verdict "$1" | cut -c 1-90)" $((($(date +%s%N) - begun) / 1000000))
}

say "1. The first site: its store becomes the first state of the fleet"
member hq-1 never
at hq-1 entity add north --kind reseller --tier advanced >/dev/null
at hq-1 fleet key >/dev/null
at hq-1 fleet init | show
sql -d esp_token -c 'SET ROLE "hq-1"' -f "$roles" 2>/dev/null || sql -d esp_token -f "$roles"
sql -d postgres -c 'CREATE ROLE "hq-2" LOGIN IN ROLE esp_token_site' \
    -c 'CREATE ROLE "edge-1" LOGIN IN ROLE esp_token_edge' -c 'CREATE ROLE "edge-2" LOGIN IN ROLE esp_token_edge'

say "2. A second site joins, and may write when its key was added"
member hq-2 never
cp -p "$work/hq-1/fleet.pub" "$work/hq-1/reveal.pub" "$work/hq-1/reveal.key" "$work/hq-2/"
at hq-2 fleet join | show
at hq-1 fleet site add $(at hq-2 fleet key) | show

say "3. Two edges: their stores hold no name, no text and no log"
for edge in edge-1 edge-2; do
    member "$edge" 1m
    rm -f "$work/$edge/reveal.key" "$work/$edge/reveal.pub"
    cp -p "$work/hq-1/fleet.pub" "$work/$edge/"
    at "$edge" fleet join --edge | show
    at hq-1 fleet edge add $(at "$edge" fleet key) | show
    at "$edge" usage fold >/dev/null
done
follow() { # each edge takes up what the journal has
    while :; do
        for edge in edge-1 edge-2; do
            at "$edge" fleet status >/dev/null 2>&1 || true
        done
        sleep 0.2
    done
}
follow &
follower=$!

say "4. A token is created at hq-1, and valid at each edge"
(umask 077 && at hq-1 create north website -q >"$work/token")
for edge in edge-1 edge-2; do
    until_says "$edge" allow 10
done
at edge-1 list 2>&1 | show || true

say "5. hq-2 revokes it, and each edge denies"
at hq-2 edit north/website --status inactive >/dev/null
for edge in edge-1 edge-2; do
    until_says "$edge" deny 10
done
at hq-1 log -n 1 | show
at hq-2 edit north/website --status active >/dev/null
until_says edge-1 allow 10

say "6. The database is cut off: nothing can be changed, edges answer, and after max_age (a minute) deny"
stop_database
if at hq-1 create north lost 2>"$work/refusal"; then
    fail "expected a refusal"
fi
show <"$work/refusal"
verdict edge-1 | grep -q '^allow' || fail "expected allow, got: $(verdict edge-1)"
until_says edge-1 "deny: unavailable" 90

say "7. The database is back: the next change makes the edges fresh again"
start_database
at hq-1 create north again >/dev/null
until_says edge-1 allow 20
until_says edge-2 allow 20

say "8. Where everybody stands"
at hq-1 usage fold >/dev/null
at hq-2 fleet status | show
at hq-2 list --columns entity,name,status,uses | show
for member in hq-1 hq-2 edge-1 edge-2; do
    printf '  %-7s ' "$member"
    at "$member" fleet check
done
