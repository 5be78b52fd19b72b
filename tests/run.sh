#!/bin/sh
# Runs each test program named, shows the output of those that fail, and counts. A script that cannot
# do its work here ends with 77, its last line saying why; it is not counted as passed.
# The logs lie beside the programs, those of scripts in $LOGS.
passed=0 failed=0 skipped=
for test in "$@"; do
    log=${LOGS:-${test%/*}}/${test##*/}.log
    "$test" >"$log" 2>&1
    case $? in
    0)
        passed=$((passed + 1))
        printf 'ok   %s: %s\n' "${test##*/}" "$(grep -aE '^[0-9]+(%| checks)' "$log" | tail -n 1)"
        grep -a '^SKIPPED' "$log" | sort -u | sed 's/^/     /' # a part that cannot be done here
        ;;
    77)
        skipped="$skipped ${test##*/}"
        printf 'SKIP %s: %s\n' "${test##*/}" "$(tail -n 1 "$log")"
        ;;
    *)
        failed=$((failed + 1))
        printf 'FAIL %s\n' "${test##*/}"
        cat "$log"
        ;;
    esac
done
printf '%d passed, %d failed%s\n' "$passed" "$failed" "${skipped:+, skipped:$skipped}"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
