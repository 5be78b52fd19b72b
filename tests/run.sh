#!/bin/sh
# Runs each test program named, shows the output of those that fail, and counts.
passed=0 failed=0
for test in "$@"; do
    if "$test" >"$test.log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok   %s: %s\n' "${test##*/}" "$(grep -E '^[0-9]+%' "$test.log" | tail -n 1)"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "${test##*/}"
        cat "$test.log"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
