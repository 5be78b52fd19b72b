# shellcheck shell=sh
# What the tests of hosts share. Each begins by `. tests/hosts/lib.sh`, ends by `finished`, and finds:
#   $build      the build's folder, absolute
#   $work       a folder of its own (0755), removed at the end
#   $config     the configuration of a store in it, with the platform's own tiers
#   $plain      words to put before a command, so that it runs as an ordinary user and in $group
# Servers that were begun by `serve` are ended by pid, whatever happens.
set -eu
build=$(cd "$OUT" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/espt-host-XXXXXX")
chmod 755 "$work"
config=$work/store/esp-token.conf
servers='' checks=0 plain='' group=$(id -gn)
if [ "$(id -u)" -eq 0 ]; then
    group=$(id -gn nobody)
    plain="setpriv --reuid=nobody --regid=$group --clear-groups"
fi

at_end() {
    status=$?
    trap - EXIT
    trap '' PIPE # whoever read what is printed may be gone
    set +e
    for pid in $servers; do
        kill "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        for log in "$work"/*.log; do
            [ ! -e "$log" ] || { echo "--- ${log##*/}"; tail -n 40 "$log"; }
        done
    fi
    rm -rf "$work"
    exit "$status"
}
trap at_end EXIT
trap 'exit 130' INT TERM HUP PIPE

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() {
    echo "$*"
    exit 77
}

# same WHAT EXPECTED GOT
same() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
    checks=$((checks + 1))
}

# exits WHAT STATUS COMMAND...: what it prints is kept in $work/out.log
exits() {
    what=$1 expected=$2
    shift 2
    code=0
    "$@" >"$work/out.log" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "$what: expected status $expected, got $code: $(cat "$work/out.log")"
    checks=$((checks + 1))
}

# says FILE TEXT: it stands there; silent FILE TEXT: it does not
says() {
    grep -qF -e "$2" "$1" || fail "${1##*/} does not say '$2': $(tail -n 40 "$1")"
    checks=$((checks + 1))
}
silent() {
    ! grep -qF -e "$2" "$1" || fail "${1##*/} says '$2'"
    checks=$((checks + 1))
}

ctl() {
    "$build/esp-tokenctl" -c "$config" "$@"
}

# new_token NAME entity add|create ...: the text goes to $work/NAME.token (0600), and no further
new_token() {
    name=$1
    shift
    (umask 077 && ctl --json "$@" >"$work/$name.json" &&
        sed -n 's/^ *"token": "\(esptk_[^"]*\)".*/\1/p' "$work/$name.json" >"$work/$name.token")
    [ -s "$work/$name.token" ] || fail "no token from: $*"
}

token_id() {
    cut -c 7-17 "$work/$1.token"
}

# until_true SECONDS COMMAND...: tries every tenth of a second
until_true() {
    left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "waited in vain for: $*"
        sleep 0.1
    done
}

# serve LOG COMMAND...: in the background; its pid is $server
serve() {
    log=$1
    shift
    "$@" >"$work/$log" 2>&1 &
    server=$!
    servers="$servers $server"
}

# stop PID: ends what `serve` began, and waits for it
stop() {
    kill "$1"
    wait "$1" 2>/dev/null || true
    servers=$(printf '%s' "$servers" | sed "s/ $1\>//")
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# A token text in a log is a failure of the test, whatever else was found.
finished() {
    for log in "$work"/*.log; do
        [ ! -e "$log" ] || ! grep -q 'esptk_[0-9A-Za-z]\{11\}_' "$log" || fail "a token's text is in ${log##*/}"
    done
    echo "$checks checks, 0 failed"
}

"$build/esp-tokenctl" init "$work/store" >/dev/null
# Where hosts run as other users, root owns the store, and a group reads it and counts uses.
[ -z "$plain" ] || {
    chgrp "$group" "$work/store/tokens.mdb" "$work/store/usage"
    chmod 1770 "$work/store/usage"
}
