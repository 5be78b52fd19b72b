#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that the death of any process of the bench ends the bench with an error. Each run kills one
# child, in a different place each time; no run may hang or succeed.
#   tests/bench/deaths.sh PATH-OF-THE-BENCH
set -u
bench=$1
work=$(mktemp -d)
pid=
trap 'rm -rf "$work"; [ -z "$pid" ] || kill "$pid" 2>/dev/null' EXIT
trap 'exit 130' INT TERM

# Kills child number $1, in order of appearance.
kill_child() {
    seen=
    count=0
    while kill -0 "$pid" 2>/dev/null; do
        for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
            case "$seen " in *" $child "*) continue ;; esac
            seen="$seen $child"
            count=$((count + 1))
            [ "$count" -lt "$1" ] || { kill -KILL "$child" 2>/dev/null && return 0; }
        done
    done
    return 1
}

passed=0
for number in 1 2 3 5 8 13; do
    timeout --foreground -k 5 120 "$bench" --tokens 2000 --rounds 9 "$work/out" >"$work/log" 2>&1 &
    outer=$!
    # the watched process is the bench, a child of timeout
    while pid=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null) && [ -z "${pid% }" ]; do :; done
    pid=${pid% }
    killed=no
    kill_child "$number" && killed=yes
    wait "$outer"
    status=$?
    pid=
    if [ "$killed" = no ]; then
        echo "the bench ended before its child $number was seen: $(tail -n 1 "$work/log")" >&2
        exit 1
    elif [ "$status" -eq 0 ] || [ "$status" -ge 124 ]; then
        echo "after the death of child $number the bench ended with status $status: $(tail -n 1 "$work/log")" >&2
        exit 1
    fi
    left=$(sed -n 's/.* tokens in \([^,]*\), made in.*/\1/p' "$work/log")
    [ ! -e "$left" ] || { echo "after the death of child $number the bench left $left" >&2; exit 1; }
    echo "  child $number: $(tail -n 1 "$work/log")"
    passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
