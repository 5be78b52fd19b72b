#!/bin/sh
# SPDX-License-Identifier: ISC
# esp-token-authd as a service: Unix sockets, sockets of systemd, 10,000 connections, slow clients, reloads and
# restarts under load, SIGTERM.
# shellcheck disable=SC2086,SC2154
. tests/hosts/lib.sh
. tests/hosts/authd.sh
new_token web entity add acme --kind customer
(umask 077 && sed 's/^/Authorization: Bearer /' "$work/web.token" >"$work/ask/bearer")
clients() {
    kind=$1
    shift
    python3 tests/hosts/authd_clients.py "$kind" "$@" >"$work/clients.log" 2>&1 || fail "$kind: $(cat "$work/clients.log")"
    checks=$((checks + 1))
}
descriptors() {
    find "/proc/$authd/fd" -mindepth 1 | wc -l
}
settled() {
    [ "$(descriptors)" -le "$1" ]
}

# --- 10,000 connections; no descriptor is left afterwards ---
settings 'metric-from = query' 'connections = 10010' 'workers = 2' 'log = errors' 'drain = 120'
start_authd
before=$(($(descriptors) + 1))
clients many "${at##*:}" "$work/web.token" 10000
until_true 30 settled "$before"

# --- reloads under load ---
{ cat "$work/ask/bearer" && echo 'Connection: close'; } >"$work/ask/headers"
chmod 600 "$work/ask/headers"
uses() {
    ctl --json show acme/default | sed -n 's/^ *"uses": \([0-9]*\).*/\1/p'
}
more() {
    [ "$($1)" -gt "$2" ]
}
# under_load HEADERS COUNT COMMAND...: under load, runs COMMAND six times, each time until COUNT prints a higher
# number; no request may be lost or refused
under_load() {
    headers=$1 count=$2
    shift 2
    used=$(uses)
    wrk -t 1 -c 16 -d 120s --timeout 60s -s tests/hosts/wrk.lua "$at/auth?metric=kpi.x" -- "$headers" >"$work/wrk.log" 2>&1 &
    load=$!
    servers="$servers $load"
    until_true 30 more uses "$used"
    for _ in 1 2 3 4 5 6; do
        seen=$($count)
        "$@"
        until_true 30 more "$count" "$seen"
    done
    kill -INT "$load" # wrk prints its report
    wait "$load"
    servers=${servers% "$load"}
    same "requests lost and refused" "lost=0 refused=0" "$(sed -n 's/^requests=[1-9][0-9]* \(.*\) per_second.*/\1/p' "$work/wrk.log")"
    served=$(sed -n 's/^requests=\([0-9]*\).*/\1/p' "$work/wrk.log")
    used=$(($(uses) - used))
    [ "$used" -ge "$served" ] || fail "$served requests, but $used uses"
}
reload() {
    kill -HUP "$authd"
}
reloads() {
    grep -c 'esp-token-authd: reloaded' "$work/authd.log" || :
}
under_load "$work/ask/bearer" reloads reload
under_load "$work/ask/headers" reloads reload
same "reloads" 12 "$(reloads)"
until_true 30 settled "$before"
same "mappings of the store after reloads" 1 "$(grep -c "$work/store/tokens.mdb" "/proc/$authd/maps")"

# --- SIGTERM: requests in progress are answered ---
clients drain "${at##*:}" "$work/web.token" "$authd"
wait "$authd" || fail "esp-token-authd ended with $?"
servers=''

# --- slow clients; more connections than allowed ---
settings 'metric-from = query' 'idle = 2' 'connections = 20' 'drain = 1'
start_authd
clients slow "${at##*:}" "$work/web.token"
python3 tests/hosts/authd_clients.py many "${at##*:}" "$work/web.token" 60 >"$work/out.log" 2>&1 && fail "60 connections, but 20 are allowed"
until_true 30 curl -sf -o "$work/ask/body" "$at/metrics"
grep -q '^esp_token_authd_connections_refused_total [1-9]' "$work/ask/body" || fail "no refused connections are counted"
grep -q '^esp_token_authd_connections_cut_total [1-9]' "$work/ask/body" || fail "no cut connections are counted"
stop "$authd"

# --- a Unix socket ---
mkdir "$work/run"
theirs "$work/run"
chmod 755 "$work/run"
unix=$work/run/socket
# shown NAME: starts one on the Unix socket, with the log NAME
on_unix() {
    serve "$1" $plain "$work/lib/esp-token-authd" --settings "$work/authd.conf" --listen "$unix"
}
unix_answers() {
    [ "$(curl -s -m 5 -o "$work/ask/body" -w '%{http_code}' --unix-socket "$unix" -H "@$work/ask/bearer" 'http://authd/auth?metric=kpi.x')" = 200 ]
}
settings 'metric-from = query' 'workers = 2'
on_unix unix.log
first=$server
until_true 30 unix_answers
same "the mode of the socket" 660 "$(stat -c %a "$unix")"
same "files beside the socket" 1 "$(find "$work/run" -mindepth 1 | wc -l)"
clients socket "$unix" "$work/web.token" 100
exits "a second one" 1 timeout 20 $plain "$work/lib/esp-token-authd" --settings "$work/authd.conf" --listen "$unix"
says "$work/out.log" "another process listens there; end it first"
unix_answers || fail "the first one was disturbed"
kill -KILL "$first"
wait "$first" 2>/dev/null || :
[ -S "$unix" ] || fail "no stale socket"
# two started at once: one listens, and the other one's message says so
on_unix one.log
one=$server
on_unix two.log
two=$server
until_true 30 unix_answers
until_true 30 sh -c "grep -q 'end it first' '$work/one.log' '$work/two.log'"
same "processes that listen" 1 "$(cat "$work/one.log" "$work/two.log" | grep -c "listening on $unix")"
for pid in $one $two; do
    kill "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
done
same "files after the end" 0 "$(find "$work/run" -mindepth 1 | wc -l)"
# refuses TEXT PATH
refuses() {
    exits "a socket at $2" 1 timeout 20 $plain "$work/lib/esp-token-authd" --settings "$work/authd.conf" --listen "$2"
    says "$work/out.log" "$1"
}
echo kept >"$work/run/file"
refuses "there is a file that is not a socket; remove it" "$work/run/file"
says "$work/run/file" kept
ln -s "$work/run/nothing" "$work/run/link"
refuses "there is a file that is not a socket; remove it" "$work/run/link"
refuses "No such file or directory" "$work/none/socket"
refuses "longer than 107 bytes" "$work/run/$(head -c 120 /dev/zero | tr '\0' x)"
chmod 777 "$work/run"
refuses "others can write its folder" "$unix"
refuses "others can write its folder" "/tmp/espt-authd-$$"
if [ -n "$plain" ]; then
    mkdir "$work/other"
    chown daemon "$work/other"
    refuses "its folder belongs to another user" "$work/other/socket"
fi

# --- sockets of systemd: a restart loses no request ---
settings 'metric-from = query' 'workers = 2' 'log = errors'
serve socket.log $plain /usr/bin/python3 tests/hosts/authd_socket.py "$work/lib/esp-token-authd" --settings "$work/authd.conf"
manager=$server
until_true 30 grep -q '^[0-9]' "$work/socket.log"
at=http://127.0.0.1:$(head -n 1 "$work/socket.log")
until_true 30 curl -sf -o "$work/ask/body" "$at/healthz"
restarts() {
    grep -c '^ended with 0' "$work/socket.log" || :
}
under_load "$work/ask/headers" restarts kill -USR1 "$manager"
stop "$manager"

# --- notifications to systemd ---
python3 - "$work" $plain "$work/lib/esp-token-authd" --settings "$work/authd.conf" >"$work/notify.log" 2>&1 <<'NOTIFY' || fail "notify: $(cat "$work/notify.log")"
import os, signal, socket, subprocess, sys
path = "\0espt-notify-%d" % os.getpid()
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(path)
heard.settimeout(60)
child = subprocess.Popen(sys.argv[2:], env={"NOTIFY_SOCKET": "@" + path[1:]})
def expect(*states):
    for state in states:
        got = heard.recv(4096).decode()
        assert got.startswith(state), f"expected {state}, got {got}"
expect("READY=1")
child.send_signal(signal.SIGHUP)
expect("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
child.terminate()
expect("STOPPING=1")
assert child.wait(60) == 0
NOTIFY
checks=$((checks + 1))
finished
