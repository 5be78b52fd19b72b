# SPDX-License-Identifier: ISC
# Shared by the tests of documents. Run them from the root of the sources, with OUT set to the build
# folder.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
checks=0 failures=0
fail() {
    echo "$*"
    failures=$((failures + 1))
}
# check MESSAGE COMMAND...: the command must succeed
check() {
    message=$1
    shift
    checks=$((checks + 1))
    "$@" || fail "$message"
}
finish() {
    [ "$checks" -gt 0 ] || fail "nothing was checked"
    [ "$failures" -eq 0 ] || { echo "$failures of $checks checks failed"; exit 1; }
    echo "$checks checks, all passed"
}
# The source files, without build results and findings of fuzzers.
files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -path ./build -prune -o -type f -print | sed 's|^\./||'
    fi
}
