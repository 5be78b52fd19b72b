# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Asks servers with curl, for test_twenty_*.sh. Read lib.sh first. Tokens are in files that only this user can read.
#   basic USER TOKEN URL [OPTIONS...]        $work/TOKEN.token as the password of USER; prints the answer as ask does
#   proxy_basic USER TOKEN URL [OPTIONS...]  the same, for a proxy
#   logs_in USER TOKEN URL                   logs in to a server of another protocol than HTTP
#   bearer TOKEN URL [OPTIONS...]            sends it as a Bearer token
#   bearer_at USER TOKEN METRIC PORTS...     the same, for /metrics/METRIC?entity=USER at each of PORTS; prints their
#                                            common answer, or, if they differ, all answers
# shellcheck disable=SC2154
(umask 077 && mkdir -p "$work/ask")

word_of() {
    case $1 in
    200) echo yes ;;
    401 | 403 | 407) echo no ;;
    500 | 503) echo unavailable ;;
    *) echo "status $1" ;;
    esac
}
fetch() {
    word_of "$(curl -s -m 60 -o "$work/ask/body" -w '%{http_code}' "$@")"
}
# OPTION USER TOKEN: for curl -K
curl_config() {
    (umask 077 && printf '%s = "%s:%s"\n' "$1" "$2" "$(cat "$work/$3.token")" >"$work/ask/basic")
}
basic() {
    curl_config user "$1" "$2"
    shift 2
    fetch -K "$work/ask/basic" "$@"
}
proxy_basic() {
    curl_config proxy-user "$1" "$2"
    shift 2
    fetch -K "$work/ask/basic" "$@"
}
logs_in() {
    curl_config user "$1" "$2"
    code=0
    curl -s -S -m 60 -K "$work/ask/basic" "$3" >"$work/out.log" 2>&1 || code=$?
    case $code in
    0) echo yes ;;
    67) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}
bearer_header() {
    (umask 077 && sed 's/^/Authorization: Bearer /' "$work/$1.token" >"$work/ask/bearer")
}
bearer() {
    bearer_header "$1"
    shift
    fetch -H "@$work/ask/bearer" "$@"
}
bearer_at() {
    bearer_header "$2"
    path="/metrics/${3:-kpi.join_time}?entity=$1"
    shift 3
    for port; do
        shift
        set -- "$@" -o "$work/ask/body" "http://127.0.0.1:$port$path"
    done
    curl -s -m 60 -w '%{http_code}\n' -H "@$work/ask/bearer" "$@" | while read -r status; do
        word_of "$status"
    done | sort -u | paste -s -d ' ' -
}
# answers_at URL: waits until an HTTP server answers, with any status
answers_at() {
    until_true 30 curl -s -m 5 -o /dev/null "$1"
}
