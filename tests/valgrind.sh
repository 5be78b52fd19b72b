#!/bin/sh
# valgrind.sh: one pass of esp-tokenctl: every command of its table, in plain words and as JSON, the
# refusals too, and none reads or writes what it should not, or leaks a byte.
set -eu
build=$(cd "$OUT" && pwd)
tmp=${TMPDIR:-/tmp}
work=$(mktemp -d "$tmp/espt-valgrind-XXXXXX")
trap 'rm -rf "$work"' EXIT
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

# runs STATUS WORDS...: what it prints is in $work/out
runs() {
    expected=$1 status=0
    shift
    valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
        --log-file="$work/logs/%p" "$build/esp-tokenctl" "$@" <"$input" >"$work/out" 2>"$work/err" || status=$?
    cat "$work"/logs/* >"$work/log"
    [ ! -s "$work/log" ] || fail "$*: $(cat "$work/log")"
    [ "$status" -eq "$expected" ] || fail "$*: status $status, and not $expected: $(cat "$work/err")"
    rm "$work"/logs/*
    echo "${1:-} ${2:-}" >>"$work/ran"
    runs=$((runs + 1))
}
both() {
    runs "$@"
    status=$1
    shift
    runs "$status" "$@" --json
}

# a clipboard of our own, and a passphrase that costs little to derive
mkdir "$work/bin"
printf '#!/bin/sh\ncase "$1" in -o) exec cat "%s" ;; esac\ncat > "%s"\n' "$work/clip" "$work/clip" >"$work/bin/xclip"
chmod 755 "$work/bin/xclip"
PATH=$work/bin:$PATH DISPLAY=:none XDG_RUNTIME_DIR=$work
export PATH DISPLAY XDG_RUNTIME_DIR
unset WAYLAND_DISPLAY TMUX
(umask 077 && echo a-passphrase-of-some-length >"$work/passphrase")

runs 2
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

# None of the table is forgotten: what completion offers was run, each of the second words too.
for word in $("$build/esp-tokenctl" complete -- '' | cut -f 1); do
    grep -q "^$word\>" "$work/ran" || fail "$word was not run"
    for second in $("$build/esp-tokenctl" complete -- "$word" '' | grep -v "^[:-]" | cut -f 1); do
        case $word in entity | tier | log | usage | key) ;; *) continue ;; esac
        grep -q "^$word $second$" "$work/ran" || fail "$word $second was not run"
    done
done
echo "$runs commands under valgrind: nothing found"
