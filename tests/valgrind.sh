#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs every command of esp-tokenctl once under valgrind, with plain and with JSON output, including
# refusals: no command reads or writes wrong memory, or leaks a byte.
set -eu
build=$(cd "$OUT" && pwd)
tmp=${TMPDIR:-/tmp}
work=$(mktemp -d "$tmp/espt-valgrind-XXXXXX")
pid=
trap '[ -z "$pid" ] || kill -9 "$pid"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
config=$work/store/esp-token.conf runs=0
export ESP_TOKEN_CONFIG="$config" LC_ALL=C
mkdir "$work/logs"
: >"$work/none"
input=$work/none

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# under_valgrind WORDS...: the output is in $work/out
under_valgrind() {
    exec valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        --error-exitcode=99 --log-file="$work/logs/%p" "$build/esp-tokenctl" "$@" \
        <"$input" >"$work/out" 2>"$work/err"
}
# ran STATUS EXPECTED WORDS...: every process of the command has a log
ran() {
    status=$1 expected=$2
    shift 2
    cat "$work"/logs/* >"$work/log"
    [ ! -s "$work/log" ] || fail "$*: $(cat "$work/log")"
    [ "$status" -eq "$expected" ] || fail "$*: status $status, expected $expected: $(cat "$work/err")"
    rm "$work"/logs/*
    echo "${1:-} ${2:-}" >>"$work/ran"
    runs=$((runs + 1))
}
# runs STATUS WORDS...
runs() {
    expected=$1 status=0
    shift
    (under_valgrind "$@") || status=$?
    ran "$status" "$expected" "$@"
}
both() {
    runs "$@"
    status=$1
    shift
    runs "$status" "$@" --json
}

# a clipboard program of our own, and a passphrase that is quick to derive
mkdir "$work/bin"
printf '#!/bin/sh\ncase "$1" in -o) exec cat "%s" ;; esac\ncat > "%s"\n' "$work/clip" "$work/clip" >"$work/bin/xclip"
chmod 755 "$work/bin/xclip"
PATH=$work/bin:$PATH DISPLAY=:none XDG_RUNTIME_DIR=$work
export PATH DISPLAY XDG_RUNTIME_DIR
unset WAYLAND_DISPLAY TMUX
(umask 077 && echo a-passphrase-of-some-length >"$work/passphrase")

runs 0
runs 0 --help
runs 0 --version
runs 0 create --help
runs 2 create --nonsense
runs 5 list
runs 0 init "$work/store"
runs 0 init
both 0 entity list
runs 0 entity add north --kind reseller --tier advanced
runs 0 entity add acme --kind customer --reseller north --json
runs 4 entity add acme --kind customer
printf 'east customer north\nwest reseller\n' >"$work/entities"
runs 0 entity add --from "$work/entities" --json
both 0 entity list
runs 0 entity list --tree
both 0 entity show acme
both 3 entity show amce
runs 0 entity edit acme --tier advanced
runs 0 entity edit north --tier lite --cascade --json
runs 0 entity edit north --tier advanced
runs 0 create north site -q
cp "$work/out" "$work/token"
runs 4 create acme second
printf 'one\ntwo\n' >"$work/names"
runs 0 create north --from "$work/names"
both 0 list
runs 0 help create
runs 0 entity
runs 0 list --expiring 400d --sort expires
both 0 show north/site
both 3 show north/stie
runs 0 show north/site --reveal
runs 0 edit north/site --name web --expires 90d --json
runs 0 rotate north/one -q
runs 0 retire north/one
runs 0 rotate north/one --copy
runs 0 copy north/web --clear 0
input=$work/token
both 0 verify
both 0 verify --explain --metric kpi.peak_audience
both 1 verify --entity west
input=$work/none
both 1 verify
both 0 tier list
both 0 tier check
sed 's/^rank.*/rank = x/' "$work/store/tiers.ini" >"$work/broken.ini"
runs 5 tier check "$work/broken.ini"
both 0 check
both 0 stats
runs 0 stats --prometheus
both 0 log
runs 0 log --since 1d --entity north
both 0 log verify
runs 0 complete -- show north/
runs 0 usage fold
runs 0 backup "$work/backup.mdb" --json
runs 0 remove north/two --yes --json
runs 0 entity remove west --yes
runs 0 restore "$work/backup.mdb" --yes
runs 0 export
runs 0 export --sealed
cp "$work/out" "$work/lines"
both 0 import "$work/lines" --dry-run
runs 0 import "$work/lines"
runs 0 key rotate
runs 0 key list --json
runs 0 key list
runs 0 key forget "$(sed -n 's/ kept .*//p' "$work/out")" --yes
runs 0 key passphrase --new-passphrase-file "$work/passphrase"
runs 0 key rotate --passphrase-file "$work/passphrase"
runs 0 show north/web --reveal --passphrase-file "$work/passphrase"
runs 0 key passphrase --passphrase-file "$work/passphrase" --remove
runs 0 upgrade
cp -r tests/fixtures/schema1 "$work/old"
chmod 600 "$work/old/reveal.key"
ESP_TOKEN_CONFIG=$work/old/esp-token.conf
runs 0 upgrade
both 0 check

# a fleet of two sites, in a folder
mkdir "$work/journal"
for site in one two; do
    "$build/esp-tokenctl" init "$work/$site" >/dev/null
    printf '[fleet]\njournal = dir\nname = %s\n' $site >>"$work/$site/esp-token.conf"
    (umask 077 && echo "path = $work/journal" >"$work/$site/journal.conf")
done
at() { ESP_TOKEN_CONFIG=$work/$1/esp-token.conf; }
at two
cp "$work/one/reveal.key" "$work/one/reveal.pub" "$work/two/"
both 0 fleet key
key=$(sed -n 's/.*"key": "\([^"]*\)".*/\1/p' "$work/out")
at one
runs 0 fleet key
runs 0 fleet init
runs 0 entity add north --kind reseller --tier advanced
runs 0 fleet site add two "$key"
both 0 fleet site list
runs 0 tier publish --yes
cp "$work/one/fleet.pub" "$work/two/"
at two
runs 0 fleet join --yes
runs 0 tier pull --yes
runs 0 create north web
both 0 fleet status
both 0 fleet check
runs 0 list --stale
# daemon WORD PATTERN: runs `fleet WORD` until its messages, or the names in the feed, match PATTERN and the child that
# makes a snapshot has ended; then ends it
daemon() {
    status=0 waited=0
    (under_valgrind fleet "$1") &
    pid=$!
    until { grep -q "$2" "$work/err" || find "$work/feed" | grep -q "$2"; } &&
        [ -z "$(cat "/proc/$pid/task/$pid/children")" ]; do
        if [ "$waited" -ge 600 ] || ! kill -0 "$pid"; then
            fail "fleet $1: $(cat "$work/err" "$work"/logs/*)"
        fi
        waited=$((waited + 1))
        sleep 0.1
    done
    kill "$pid"
    wait "$pid" || status=$?
    pid=
    ran "$status" 0 fleet "$1"
}
mkdir -m 0755 "$work/feed"
daemon follow following
at one
echo "publish = $work/feed" >>"$work/one/esp-token.conf"
daemon publish /p/edge-
runs 0 list
runs 0 fleet status --prometheus
runs 0 fleet refill
runs 0 fleet site remove two
runs 0 fleet edge add edge-1 "$key"
both 0 fleet edge list
runs 0 usage fold
runs 0 fleet edge remove edge-1
runs 0 restore "$work/backup.mdb" --yes

# sign-in links of the portal
ESP_TOKEN_CONFIG=$config
printf '[portal]\nlisten = 127.0.0.1:8443\npublic_url = http://localhost:8443\n' >>"$config"
both 0 portal link north --viewer
runs 0 portal link north -q
both 0 portal sessions
runs 0 portal end north

# the exit status depends on this machine
status=0
"$build/esp-tokenctl" doctor >"$work/out" || status=$?
both $status doctor
both 0 notify --dry-run

# No command is forgotten: every command and subcommand that completion offers was run.
for word in $("$build/esp-tokenctl" complete -- '' | cut -f 1); do
    grep -q "^$word\>" "$work/ran" || fail "$word was not run"
    for second in $("$build/esp-tokenctl" complete -- "$word" '' | grep -v "^[:-]" | cut -f 1); do
        case $word in entity | tier | log | usage | key | fleet | portal) ;; *) continue ;; esac
        grep -q "^$word $second$" "$work/ran" || fail "$word $second was not run"
    done
done
echo "$runs commands under valgrind: no errors"
