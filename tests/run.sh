#!/bin/sh
# Runs each test program named, shows the output of those that fail, and counts. A script that cannot
# do its work here ends with 77, its last line saying why; it is not counted as passed.
# The logs lie beside the programs, those of scripts in $LOGS.
# A busy machine is no fault of a test's: Check gives each more time.
: "${CK_DEFAULT_TIMEOUT:=20}" "${CK_TIMEOUT_MULTIPLIER:=3}"
export CK_DEFAULT_TIMEOUT CK_TIMEOUT_MULTIPLIER
passed=0 failed=0 skipped=0
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
        skipped=$((skipped + 1))
        printf 'SKIP %s: %s\n' "${test##*/}" "$(tail -n 1 "$log")"
        ;;
    *)
        failed=$((failed + 1))
        printf 'FAIL %s\n' "${test##*/}"
        cat "$log"
        ;;
    esac
done
if [ "$skipped" -gt 0 ]; then
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else
    printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
