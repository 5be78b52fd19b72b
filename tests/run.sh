#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs the given test programs, several at a time. Prints one line for each, in the order given, and the
# output of those that fail. A script that cannot do its work here ends with status 77 and says why in its
# last line: it counts as skipped. The last line is `N passed, N failed` or `N passed, N failed, N skipped`.
#
#   JOBS=N        programs at a time (default: three for each core, because they wait half of their time)
#   LOGS=FOLDER   the folder for the logs of scripts (build); the log of a program is PROGRAM.log
#   TEST_LIMIT=S  seconds after which a program is ended and counts as failed (1800)
#   AGAIN=yes     if at most three programs failed, runs each of them once more, alone. One that passes then
#                 is called UNSTABLE, and counts as passed. It still has a bug: mend it.
#
# Tests must not depend on one another: each has folders, sockets and ports of its own.
set -u

log_of() {
    case $1 in
    *.sh) echo "${LOGS:-build}/$(basename "$1" .sh).log" ;;
    *) echo "$1.log" ;;
    esac
}

# --- one program, started by xargs below: --one FOLDER NUMBER PROGRAM ---
if [ "${1-}" = --one ]; then
    folder=$2 number=$3 test=$4
    [ ! -e "$folder/stop" ] || exit 0
    begin=$(date +%s)
    echo begins >&3
    timeout -k 10 "$TEST_LIMIT" "$test" >"$(log_of "$test")" 2>&1 3>&- &
    echo $! >"$folder/$number.pid"
    [ ! -e "$folder/stop" ] || kill $! # stop() ran after the first check
    wait $!
    echo "$? $(($(date +%s) - begin))" >"$folder/$number.new"
    rm "$folder/$number.pid"
    mv "$folder/$number.new" "$folder/$number"
    echo ends >&3
    exit 0
fi

# A busy machine must not make a test fail: Check multiplies each of its time limits.
: "${CK_DEFAULT_TIMEOUT:=20}" "${CK_TIMEOUT_MULTIPLIER:=6}" "${TEST_LIMIT:=1800}"
: "${JOBS:=$((3 * $(nproc)))}"
export CK_DEFAULT_TIMEOUT CK_TIMEOUT_MULTIPLIER TEST_LIMIT LOGS="${LOGS-}"
[ $# -gt 0 ] || { echo "run.sh: name the test programs to run" >&2; exit 2; }
folder=$(mktemp -d) || exit 1
pool=

# Each program runs in a process group of its own, so a Ctrl-C must be passed on to it.
stop() {
    : >"$folder/stop"
    for file in "$folder"/*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null
    done
    wait
}
trap 'rm -rf "$folder"' EXIT
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM HUP

number=0
for test in "$@"; do
    number=$((number + 1))
    printf '%s\n%s\n' "$number" "$test"
done >"$folder/tests"
# xargs waits for all of them, whatever their status. A line in this pipe means that a program began or ended.
mkfifo "$folder/events" || exit 1
exec 3<>"$folder/events"
{
    xargs -d '\n' -n 2 -P "$JOBS" "$0" --one "$folder" <"$folder/tests"
    echo over >&3
} &
pool=$!

# --- a bar on the terminal, redrawn in place ---
bar=
[ ! -t 2 ] || [ "${TERM:-dumb}" = dumb ] || bar=yes
drawn=
draw() {
    [ -n "$bar" ] || return 0
    done=$(find "$folder" -name '*[0-9]' -type f | wc -l)
    width=$((done * 30 / $#))
    running=
    for file in "$folder"/*.pid; do
        [ -e "$file" ] || continue
        file=${file##*/}
        name=$(sed -n "$((2 * ${file%.pid}))p" "$folder/tests")
        running="$running ${name##*/}"
    done
    line=$(printf '[%-30s] %d/%d, %d failed:%.60s' "$(printf '%*s' "$width" '' | tr ' ' '#')" \
        "$done" $# "$failed" "$running")
    [ "$line" = "$drawn" ] || printf '\r\033[K%s' "$line" >&2
    drawn=$line
}
erase() {
    [ -z "$drawn" ] || printf '\r\033[K' >&2
    drawn=
}

passed=0 failed=0 skipped=0 number=0 again='' over=
for test in "$@"; do
    number=$((number + 1))
    while [ ! -e "$folder/$number" ]; do
        draw "$@"
        read -r event <&3
        [ "$event" != over ] || over=yes
        [ -z "$over" ] || [ -e "$folder/$number" ] || echo "125 0" >"$folder/$number" # never ran
    done
    erase
    read -r status seconds <"$folder/$number"
    log=$(log_of "$test")
    took=
    [ "$seconds" -lt 10 ] || took=" ($seconds s)"
    case $status in
    0)
        passed=$((passed + 1))
        printf 'ok   %s: %s%s\n' "${test##*/}" "$(grep -aE '^[0-9]+(%| checks)' "$log" | tail -n 1)" "$took"
        grep -a '^SKIPPED' "$log" | sort -u | sed 's/^/     /' # a part that cannot be done here
        ;;
    77)
        skipped=$((skipped + 1))
        printf 'SKIP %s: %s\n' "${test##*/}" "$(tail -n 1 "$log")"
        ;;
    *)
        failed=$((failed + 1))
        printf 'FAIL %s (status %d after %d s)\n' "${test##*/}" "$status" "$seconds"
        case $status in
        124 | 137) echo "it was ended, because it ran for more than $TEST_LIMIT s" ;;
        125) echo "it was not run" ;;
        esac
        cat "$log"
        again="$again $test"
        ;;
    esac
done
wait "$pool"
if [ -n "${AGAIN-}" ] && [ "$failed" -le 3 ]; then
    for test in $again; do
        if timeout -k 10 "$TEST_LIMIT" "$test" >"$(log_of "$test")" 2>&1 3>&-; then
            passed=$((passed + 1)) failed=$((failed - 1))
            printf 'UNSTABLE %s: it failed, and passed when it was run again, alone\n' "${test##*/}"
        else
            printf 'FAIL %s, when it was run again, too\n' "${test##*/}"
            cat "$(log_of "$test")"
        fi
    done
fi
if [ "$skipped" -gt 0 ]; then
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else
    printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
