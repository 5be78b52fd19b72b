#!/bin/sh
# SPDX-License-Identifier: ISC
# Shows a fleet: PostgreSQL and nginx on loopback, two sites and two edges in folders of their own. One edge follows the
# database, the other one the files that a site publishes. A token that one site creates is denied at both a moment after
# the other site has revoked it. The database is cut off: edges go on until max_age, then deny, and heal by themselves.
# Every answer is checked; a wrong one ends the demo and prints what was expected.
#   demo/fleet.sh FOLDER-OF-THE-BUILD
set -eu
ctl=$1/esp-tokenctl
roles=plugins/journal/pg/roles.sql
work=$(mktemp -d)
server='' daemons=''
finish() {
    status=$?
    trap - EXIT
    for process in $daemons; do
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
member() { # NAME MAX_AGE [JOURNAL]
    "$ctl" init "$work/$1" >/dev/null 2>&1 || true
    printf '[fleet]\njournal = %s\nname = %s\nmax_age = %s\n' "${3:-pg}" "$1" "$2" >>"$work/$1/esp-token.conf"
    (umask 077 && printf 'host = 127.0.0.1\nport = %s\ndbname = esp_token\nuser = %s\n' "$port" "$1" >"$work/$1/journal.conf")
}
# Starts a daemon of a member: fleet follow or fleet publish. It reconnects by itself when the database is back.
start() { # MEMBER WORD
    "$ctl" -c "$work/$1/esp-token.conf" fleet "$2" 2>>"$work/$1/$2.log" &
    daemons="$daemons $!"
}

# --- nginx, which shows the feed, and takes the reports of edges ---
start_web() {
    mkdir -p "$work/web" "$work/feed/r"
    while [ "$web_port" -lt 15732 ]; do
        printf '%s\n' "daemon off; master_process off; pid nginx.pid; events {}" "http { access_log off;" \
            "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;" \
            "server { listen 127.0.0.1:$web_port; root $work/feed; location /r/ { dav_methods PUT; dav_access all:r; } } }" \
            >"$work/web/nginx.conf"
        PATH=$PATH:/usr/sbin nginx -c "$work/web/nginx.conf" -p "$work/web" 2>>"$work/web/log" &
        web=$!
        while kill -0 "$web" 2>/dev/null; do
            curl -so /dev/null "http://127.0.0.1:$web_port/head" && kill -0 "$web" && daemons="$daemons $web" && return
            sleep 0.1
        done
        wait "$web" || true
        web_port=$((web_port + 1))
    done
    fail "nginx does not start: $(tail -n 3 "$work/web/log")"
}
web_port=15632
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

say "3. hq-1 publishes for edges: files that any web server shows, and every 10 seconds a signed time"
printf 'publish = %s\n' "$work/feed" >>"$work/hq-1/esp-token.conf"
start_web
start hq-1 publish
until [ -s "$work/feed/head" ]; do
    kill -0 "${daemons##* }" || fail "the publisher ended: $(cat "$work/hq-1/publish.log")"
    sleep 0.1
done
ls -l "$work/feed" "$work/feed/p" | awk 'NF > 8 {print $5, $9}' | cut -c 1-60 | show

say "4. Two edges: their stores hold no name, no text and no log. edge-1 follows the database, edge-2 the files"
member edge-1 1m
member edge-2 1m http
(umask 077 && echo "url = http://127.0.0.1:$web_port" >"$work/edge-2/journal.conf")
for edge in edge-1 edge-2; do
    rm -f "$work/$edge/reveal.key" "$work/$edge/reveal.pub"
    cp -p "$work/hq-1/fleet.pub" "$work/$edge/"
    at "$edge" fleet join --edge | show
    at hq-1 fleet edge add $(at "$edge" fleet key) | show
    start "$edge" follow
done

say "5. A token is created at hq-1, and valid at each edge"
(umask 077 && at hq-1 create north website -q >"$work/token")
for edge in edge-1 edge-2; do
    until_says "$edge" allow 10
done
at edge-1 list 2>&1 | show || true

say "6. hq-2 revokes it, and each edge denies"
at hq-2 edit north/website --status inactive >/dev/null
for edge in edge-1 edge-2; do
    until_says "$edge" deny 10
done
at hq-1 log -n 1 | show
at hq-2 edit north/website --status active >/dev/null
until_says edge-1 allow 10
until_says edge-2 allow 10

say "7. The database is cut off: nothing can be changed, edges answer, and after max_age (a minute) deny"
stop_database
if at hq-1 create north lost 2>"$work/refusal"; then
    fail "expected a refusal"
fi
show <"$work/refusal"
for edge in edge-1 edge-2; do
    verdict "$edge" | grep -q '^allow' || fail "expected allow, got: $(verdict "$edge")"
    at "$edge" fleet status --stale 2>/dev/null | grep '^fresh' | show
done
for edge in edge-1 edge-2; do
    until_says "$edge" "deny: unavailable" 90
done

say "8. The database is back: the publisher signs the time again, and the edges are fresh without any command"
start_database
for edge in edge-1 edge-2; do
    until_says "$edge" allow 30
    at "$edge" fleet status --stale 2>/dev/null | grep '^fresh' | show
done
show <"$work/edge-1/follow.log"

say "9. Where everybody stands"
at hq-1 usage fold >/dev/null
at hq-2 fleet status | show
at hq-2 list --columns entity,name,status,uses | show
for member in hq-1 hq-2 edge-1 edge-2; do
    printf '  %-7s ' "$member"
    at "$member" fleet check
done
