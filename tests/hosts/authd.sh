# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# esp-token-authd, for test_authd*.sh, test_twenty_authd_*.sh and bench_authd.sh. Read lib.sh first.
#   settings LINES...   writes $work/authd.conf: the validator under test, the store of $work, LINES
#   start_authd [OPTIONS...]  starts esp-token-authd on a free port of loopback: $authd is its pid, $at its URL
#   ask STATUS TARGET [CURL OPTIONS...]   requires STATUS; the body and the head of the answer are in $work/ask
#   ask_as TOKEN STATUS TARGET [CURL OPTIONS...]  the same, with $work/TOKEN.token as a Bearer token
#   header NAME         prints the value of that header of the answer
# shellcheck disable=SC2034,SC2154
authd_program=$build/plugins/authd/esp-token-authd
mkdir -p "$work/lib"
cp "$build/esp_validator.so" "$authd_program" "$work/lib"
(umask 077 && mkdir -p "$work/ask")

settings() {
    {
        printf 'validator = %s\nconfig = %s\nlisten = 127.0.0.1:0\n' "$work/lib/esp_validator.so" "$config"
        for line; do
            printf '%s\n' "$line"
        done
    } >"$work/authd.conf"
    chmod 644 "$work/authd.conf"
}

listens() {
    sed -n 's|.*listening on \(http://[^ ]*:[0-9]*\)$|\1|p' "$work/authd.log" | grep .
}
start_authd() {
    # shellcheck disable=SC2086
    serve authd.log $plain "$work/lib/esp-token-authd" --settings "$work/authd.conf" "$@"
    authd=$server
    until_true 30 listens
    at=$(listens)
    until_true 30 curl -s -m 5 -o "$work/ask/body" "$at/healthz"
}

ask() {
    expected=$1 target=$2
    shift 2
    got=$(curl -s -m 60 -D "$work/ask/head" -o "$work/ask/body" -w '%{http_code}' "$@" "$at$target")
    same "$target" "$expected" "$got"
}
ask_as() {
    (umask 077 && sed 's/^/Authorization: Bearer /' "$work/$1.token" >"$work/ask/bearer")
    shift
    ask "$@" -H "@$work/ask/bearer"
}
header() {
    tr -d '\r' <"$work/ask/head" | sed -n "s/^$1: *//p"
}
