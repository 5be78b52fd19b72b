#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests the make targets that no other test runs, in a copy of the sources with nothing built; long
# ones in a short form. test_targets.sh tests all targets in a dry run.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
unset MFLAGS MAKELEVEL VARIANT OUT LOGS
export MAKEFLAGS="-j$(nproc)" # not the job server of a make that runs this script
passed=0
tests/build/copy.sh "$work/copy" commit
cd "$work/copy"

# try LIMIT COMMAND...: must end within LIMIT seconds with status 0
try() {
    limit=$1
    shift
    begin=$(date +%s)
    if ! timeout -k 10 "$limit" "$@" >"$work/log" 2>&1; then
        echo "FAIL $*"
        tail -n 40 "$work/log"
        exit 1
    fi
    passed=$((passed + 1))
    echo "ok   $* ($(($(date +%s) - begin)) s)"
}

# Only the bench, without the plugin that its parts load: it must end with an error.
try 600 make build/release/tests/bench/bench
if timeout 60 build/release/tests/bench/bench --tokens 1000 --rounds 5 "$work/bench" >"$work/log" 2>&1 || [ $? -eq 124 ]; then
    echo "FAIL the bench without the validator: it did not end with an error"
    exit 1
fi
rm -rf build
try 600 make bench BENCH_OPTIONS='--tokens 2000 --rounds 5' BENCH_OUT="$work/bench"
try 60 test -s "$work/bench/bench.json"
try 600 tests/bench/deaths.sh build/release/tests/bench/bench
rm -rf build
try 600 make bench-large BENCH_OPTIONS='--large --tokens 10000 --rounds 5' BENCH_OUT="$work/bench"

rm -rf build
ESPT_FUZZ_SECONDS=1 try 900 make fuzz
rm -rf build
ESPT_TORTURE_SECONDS=1 ESPT_TORTURE_ROUNDS=1 FAULT_STEP=997 FAULT_KILLS=10 FAULT_LEAK_STEP=997 try 900 make torture ONLY='stress cycles kills_many check'
ESPT_TORTURE_SECONDS=1 try 900 make torture-fleet
rm -rf build
try 300 make adapters
try 300 make install-adapters DESTDIR="$work/root"
try 300 make uninstall-adapters DESTDIR="$work/root"
try 60 test -z "$(find "$work/root" -type f)"
try 300 make examples
try 300 make musl
try 60 test -s build/release/musl/esp_validator.so
try 60 make compile_commands.json
try 60 grep -q '"file": "src/cli/main.c"' compile_commands.json

# make format changes nothing, and git ignores every file that is made
try 60 make format
try 60 git diff --exit-code
try 60 test -z "$(git ls-files -o --exclude-standard)"

# the same archive twice; it builds and installs without git
try 60 make dist
archive=$(ls build/esp-token-*.tar.gz)
cp "$archive" "$work/first.tar.gz"
touch Makefile
try 60 make dist
try 60 cmp "$archive" "$work/first.tar.gz"
tar -xzf "$archive" -C "$work"
cd "$work/$(basename "$archive" .tar.gz)"
try 600 make install DESTDIR="$work/installed"
try 60 test -x "$work/installed/usr/local/bin/esp-tokenctl"
echo "$passed passed, 0 failed"
