# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# A gateway that asks esp-token-authd, for test_twenty_authd_*.sh. Read lib.sh first. $front is the gateway's port for
# HTTP/1.1, $front2 its port for HTTP/2, $back the port of the back end, and $at the URL of authd.
#   begin_authd LINES...   starts the back end, and authd with these settings beside the patterns
#   gateway                asks the twenty questions, and those of a gateway
# shellcheck disable=SC2034,SC2086,SC2119,SC2154
. tests/hosts/authd.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
by_entity=yes
front=$(free_port) front2=$(free_port)

begin_authd() {
    python3 tests/hosts/authd_backend.py >"$work/backend.port" 2>"$work/backend.log" &
    servers="$servers $!"
    until_true 30 grep -q . "$work/backend.port"
    back=$(cat "$work/backend.port")
    settings 'metric-pattern = /metrics/{metric}?entity={entity}' 'metric-pattern = /any/{**}' 'metric-pattern = /upgrade' "$@"
    start_authd
    verdicts=$work/authd.log
}

ask() {
    bearer_at "$1" "$2" "${3-}" "$front"
}

# passes STATUS PATH [OPTIONS...]: requires STATUS; the body of the answer is in $work/ask/body
passes() {
    expected=$1 path=$2
    shift 2
    same "$path $*" "$expected" "$(curl -s -m 60 --path-as-is -o "$work/ask/body" -w '%{http_code}' "$@" "http://127.0.0.1:$front$path")"
}
as_web() {
    bearer_header web
    passes "$@" -H "@$work/ask/bearer"
}
# refused PATH [OPTIONS...]: with web's token, the answer is 400 (from the gateway itself), 401 or 403
refused() {
    path=$1
    shift
    got=$(curl -s -m 60 --path-as-is -o "$work/ask/body" -w '%{http_code}' -H "@$work/ask/bearer" "$@" "http://127.0.0.1:$front$path")
    case $got in
    400 | 401 | 403) checks=$((checks + 1)) ;;
    *) fail "$path $*: expected a refusal, got $got" ;;
    esac
}
reached() {
    wc -l <"$work/backend.log"
}
reached_more() {
    [ "$(reached)" -gt "$1" ]
}
reloaded() {
    [ "$(grep -c 'esp-token-authd: reloaded' "$work/authd.log")" -ge "$1" ]
}

headers_of_the_client() {
    as_web 200 '/metrics/kpi.x?entity=acme' -H 'X-ESP-Entity: north' -H 'x-esp-entity: other' -H 'X-ESP-Tier: advanced' \
        -H 'X-ESP-Asked: north' -H 'X-ESP-Metric: asn.x' -H 'X-ESP-Token-Id: 1' -H 'X_ESP_Entity: north' -H 'X-ESP_Tier: x'
    says "$work/ask/body" 'x-esp-entity: acme'
    says "$work/ask/body" 'x-esp-asked: acme'
    says "$work/ask/body" 'x-esp-tier: lite'
    says "$work/ask/body" 'x-esp-metric: kpi.x'
    says "$work/ask/body" "x-esp-token-id: $(token_id web)"
    same "X-ESP headers at the back end" 5 "$(tr _ - <"$work/ask/body" | grep -c '^x-esp-')"
    silent "$work/ask/body" "$(cat "$work/web.token")"
    as_web 200 /any/page -H 'X-ESP-Metric: asn.x' -H 'X-ESP-Entity: north'
    silent "$work/ask/body" asn.x
    says "$work/ask/body" 'x-esp-entity: acme'
    (umask 077 && sed 's/^/X-API-KEY: /' "$work/web.token" >"$work/ask/key" &&
        sed 's/.*/user = "somebody:&"/' "$work/web.token" >"$work/ask/basic")
    passes 200 /any/page -H "@$work/ask/key"
    silent "$work/ask/body" "$(cat "$work/web.token")"
    passes 200 /any/page -K "$work/ask/basic"
    silent "$work/ask/body" authorization
}

refusals() {
    before=$(reached)
    refused '/metrics/kpi.x?entity=acme' -H 'Authorization: Bearer x'
    refused '/metrics/asn.x?entity=acme' -H 'X-Forwarded-Uri: /metrics/kpi.x' -H 'X-Original-URI: /metrics/kpi.x'
    refused '/metrics/kpi.x?entity=north'
    refused '/metrics/asn.x?metric=kpi.x'
    refused '/elsewhere?metric=kpi.x'
    refused '/metrics/kpi.x?entity=acme&entity=north'
    refused '/metrics/kpi.x?entity=acme&%65ntity=north'
    refused '/any/../metrics/asn.x'
    refused '/any/%2e%2e/metrics/asn.x'
    refused '/any/..%2fmetrics/asn.x'
    refused '/any/%00'
    refused '//metrics/kpi.x?entity=acme'
    refused '/elsewhere'
    passes 401 /any/page
    passes 401 /any/page -X POST -d x
    same "refused requests that reached the back end" "$before" "$(reached)"
}

shapes() {
    head -c 300000 /dev/zero >"$work/body"
    as_web 200 /any/page --data-binary "@$work/body"
    says "$work/ask/body" "method=POST path=/any/page body=300000"
    as_web 200 /any/page -H 'Transfer-Encoding: chunked' --data-binary "@$work/body"
    says "$work/ask/body" "body=300000"
    as_web 200 /any/page -X PUT
    as_web 200 /any/page -I
    bearer_header web
    same "HTTP/2" "200 2" "$(curl -s -m 60 --http2-prior-knowledge -o "$work/ask/body" -w '%{http_code} %{http_version}' \
        -H "@$work/ask/bearer" -d abc "http://127.0.0.1:$front2/any/page")"
    says "$work/ask/body" "x-esp-entity: acme"
    says "$work/ask/body" "body=3"
    same "HTTP/2 without a token" "401 2" "$(curl -s -m 60 --http2-prior-knowledge -o "$work/ask/body" -w '%{http_code} %{http_version}' \
        "http://127.0.0.1:$front2/any/page")"
    curl -s -m 120 -H "@$work/ask/bearer" -o "$work/ask/body" -w '%{http_code} %{num_connects}\n' \
        "http://127.0.0.1:$front/any/page?[1-50]" >"$work/codes"
    same "50 requests over one connection" "1 200 1,49 200 0," "$(sort "$work/codes" | uniq -c | sort -n | awk '{ printf "%s %s %s,", $1, $2, $3 }')"
    # an upgrade to another protocol
    same "an upgrade" "answered 101" "$(timeout 20 python3 tests/hosts/nginx_long.py ask "$front" "$work/ask/bearer" /upgrade 2>/dev/null | head -n 1)"
    echo 'X-Nothing: 1' >"$work/ask/nothing"
    same "an upgrade without a token" "answered 401" \
        "$(timeout 20 python3 tests/hosts/nginx_long.py ask "$front" "$work/ask/nothing" /upgrade 2>/dev/null | head -n 1)"
}

gateway() {
    twenty
    headers_of_the_client
    refusals
    shapes
    { cat "$work/ask/bearer" && echo 'Connection: close'; } >"$work/ask/headers"
    wrk -t 1 -c 8 -d 120s --timeout 60s -s tests/hosts/wrk.lua "http://127.0.0.1:$front/any/page" -- "$work/ask/headers" >"$work/wrk.log" 2>&1 &
    load=$!
    servers="$servers $load"
    for reloads in 1 2 3 4; do
        before=$(reached)
        until_true 30 reached_more "$before"
        kill -HUP "$authd"
        until_true 30 reloaded "$reloads"
    done
    kill -INT "$load" # wrk prints its report
    wait "$load"
    servers=${servers% "$load"}
    same "requests lost and refused" "lost=0 refused=0" "$(sed -n 's/^requests=[1-9][0-9]* \(.*\) per_second.*/\1/p' "$work/wrk.log")"
    stop "$authd"
    same "without esp-token-authd" unavailable "$(word_of_any "$(curl -s -m 60 -o "$work/ask/body" -w '%{http_code}' -H "@$work/ask/bearer" \
        "http://127.0.0.1:$front/any/gone")")"
    silent "$work/backend.log" /any/gone
}
word_of_any() {
    case $1 in
    500 | 502 | 503 | 504) echo unavailable ;;
    *) echo "status $1" ;;
    esac
}
