# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Shared by the tests of hosts. Each begins with `. tests/hosts/lib.sh`, ends with `finished`, and may use:
#   $build      the absolute path of the build's folder
#   $work       a folder of its own (0755), removed at the end
#   $config     the configuration of a store in $work, with the shipped tier table
#   $plain      words before a command that make it run as an ordinary user and in $group
# At the end, servers that `serve` started are ended by their pids.
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
    trap '' PIPE # the reader of our output may have exited
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

# exits WHAT STATUS COMMAND...: the output of COMMAND goes to $work/out.log
exits() {
    what=$1 expected=$2
    shift 2
    code=0
    "$@" >"$work/out.log" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "$what: expected status $expected, got $code: $(cat "$work/out.log")"
    checks=$((checks + 1))
}

# says FILE TEXT: FILE contains TEXT; silent FILE TEXT: it does not
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

# new_token NAME entity add|create ...: writes the text only to $work/NAME.token (0600)
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

# until_true SECONDS COMMAND...: tries every tenth of a second, for about SECONDS seconds
until_true() {
    left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "never succeeded: $*"
        sleep 0.1
    done
}

# serve LOG COMMAND...: runs COMMAND in the background; its pid is $server
serve() {
    log=$1
    shift
    "$@" >"$work/$log" 2>&1 &
    server=$!
    servers="$servers $server"
}

# stop PID: ends a process that `serve` started, and waits for it
stop() {
    kill "$1"
    wait "$1" 2>/dev/null || true
    servers=$(printf '%s' "$servers" | sed "s/ $1\>//")
}

# theirs PATH...: lets the ordinary user write these folders and files; a missing one becomes an empty file
theirs() {
    for path; do
        [ -d "$path" ] || : >"$path"
    done
    [ -z "$plain" ] || chown nobody "$@"
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# is_open PORT: a server listens on it. Makes no connection, because some servers count connections.
is_open() {
    grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}

# nginx_paths: lines of nginx.conf, so that nginx writes only below $work/tmp
nginx_paths() {
    for name in client_body proxy fastcgi uwsgi scgi; do
        echo "${name}_temp_path $work/tmp/$name;"
    done
}

# block FILE TEXT: prints the block of code of a README that contains TEXT, so that tests use what the README shows
block() {
    awk -v text="$2" '
        /^```/ { if (inside && found) { printf "%s", lines; exit } inside = !inside; found = 0; lines = ""; next }
        inside { lines = lines $0 "\n"; if (index($0, text)) found = 1 }' "$1" >"$work/block"
    [ -s "$work/block" ] || fail "$1 has no block with '$2'"
    cat "$work/block"
}

# A log that contains the text of a token fails the test.
finished() {
    for log in "$work"/*.log; do
        [ ! -e "$log" ] || ! grep -q 'esptk_[0-9A-Za-z]\{11\}_' "$log" || fail "a token's text is in ${log##*/}"
    done
    echo "$checks checks, 0 failed"
}

"$build/esp-tokenctl" init "$work/store" >/dev/null
# If hosts run as another user, root owns the store, and the group reads it and counts uses.
[ -z "$plain" ] || {
    chgrp "$group" "$work/store/tokens.mdb" "$work/store/usage"
    chmod 1770 "$work/store/usage"
}
