#!/bin/sh
# SPDX-License-Identifier: ISC
# Shows the main job on real input: a store, a real HTTP host that loads the validator, and curl.
# Every answer is checked; a wrong one ends the demo and prints what was expected. At the end a portal runs for the
# demo's reseller, at a terminal until a key is pressed.
#   demo/run.sh FOLDER-OF-THE-BUILD
set -eu
build=$1
ctl=$build/esp-tokenctl
work=$(mktemp -d)
host='' portal=''
finish() {
    status=$?
    for server in $host $portal; do
        kill "$server" 2>/dev/null && wait "$server" || true
    done
    rm -rf "$work"
    [ "$status" -eq 0 ] || echo "the demo failed" >&2
}
trap finish EXIT
trap 'exit 130' INT TERM
export ESP_TOKEN_CONFIG="$work/esp-token.conf"

say() { printf '\n%s\n' "$*"; }

# new_token NAME COMMAND...: stores the text in a file that only this user can read
new_token() {
    name=$1
    shift
    (umask 077 && "$ctl" --json "$@" >"$work/$name.json")
    (umask 077 && sed -n 's/^ *"token": "\(esptk_[^"]*\)".*/Authorization: Bearer \1/p' "$work/$name.json" >"$work/$name.bearer")
    sed 's/^Authorization: Bearer/X-API-KEY:/' "$work/$name.bearer" >"$work/$name.key"
    printf '  %-38s token %s\n' "esp-tokenctl $1 $2 $3" "$(sed 's/.*esptk_\(...........\)_.*/\1/' "$work/$name.bearer")"
}

# ask EXPECTED-STATUS NAME PATH [key]: passes the token in a file, not as an argument
ask() {
    got=$(curl -s -o "$work/body" -w '%{http_code}' -H "@$work/$2.${4:-bearer}" "$url$3")
    printf '  %-12s GET %-44s %s\n' "$2" "$3" "$got"
    [ "$got" = "$1" ] || { echo "expected $1, got $got: $(cat "$work/body")" >&2; exit 1; }
}

say "1. A store with the platform's tier table"
"$ctl" init "$work" >/dev/null
"$ctl" tier list

say "2. A reseller, its customers, and another customer; each gets a token at once"
new_token north entity add north --kind reseller --tier advanced
new_token lite entity add acme --kind customer --reseller north
new_token advanced entity add bolt --kind customer --reseller north --tier advanced
new_token stranger entity add other --kind customer
"$ctl" entity list --tree

say "3. A host that loads the validator: an HTTP server on loopback"
"$build/demo/metrics_host" "$build/esp_validator.so" "$ESP_TOKEN_CONFIG" >"$work/out" 2>"$work/log" &
host=$!
tries=0
until grep -q listening "$work/out"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
url=$(sed 's/listening on //' "$work/out")
echo "  $url"

say "4. Lite may read the basic metrics, Advanced may read all"
ask 200 lite /metrics/kpi.peak_audience
ask 403 lite /metrics/asn.traffic
ask 200 advanced /metrics/kpi.peak_audience key
ask 200 advanced /metrics/asn.traffic

say "5. A Lite entity may have one token; the refusal says whom to contact"
if "$ctl" create acme second 2>"$work/refusal"; then
    echo "expected a refusal" >&2
    exit 1
fi
sed 's/^/  /' "$work/refusal"
grep -q 'account manager' "$work/refusal"

say "6. A reseller may read its customers' data, and no other data"
ask 200 north /entities/acme/metrics/kpi.peak_audience
ask 403 north /entities/other/metrics/kpi.peak_audience
ask 403 lite /entities/bolt/metrics/kpi.peak_audience

say "7. A token is switched off: the next request is refused"
"$ctl" edit bolt/default --status inactive >/dev/null
ask 401 advanced /metrics/kpi.peak_audience
"$ctl" edit bolt/default --status active >/dev/null
ask 200 advanced /metrics/kpi.peak_audience

say "8. An edit of tiers.ini applies within two seconds: asn.* for Lite, too"
sed -i 's/^metrics    = kpi/metrics    = asn.* kpi/' "$work/tiers.ini"
sleep 1.6
ask 200 lite /metrics/asn.traffic

say "9. The whole store is checked"
printf '  '
"$ctl" check

# --- the portal ---

# A portal on the first free port from 8443. It answers, or it has ended.
start_portal() {
    printf '[portal]\nlisten = 127.0.0.1:%s\npublic_url = http://localhost:%s\nuser = nobody\n' 8443 8443 >>"$ESP_TOKEN_CONFIG"
    port=8443
    while [ "$port" -lt 8473 ]; do
        sed -i "s/^listen = .*/listen = 127.0.0.1:$port/; s/^public_url = .*/public_url = http:\/\/localhost:$port/" "$ESP_TOKEN_CONFIG"
        "$build/esp-token-portal" -c "$ESP_TOKEN_CONFIG" 2>"$work/portal.log" &
        portal=$!
        while kill -0 "$portal" 2>/dev/null; do
            curl -s -o /dev/null "http://127.0.0.1:$port/" && kill -0 "$portal" && return
            sleep 0.1
        done
        wait "$portal" || true
        portal=
        grep -q 'already in use' "$work/portal.log" || break
        port=$((port + 1))
    done
    cat "$work/portal.log" >&2
    exit 1
}

# portal_ask EXPECTED-STATUS METHOD PATH [CURL-OPTION...]: as the pages ask
portal_ask() {
    expected=$1 method=$2 path=$3
    shift 3
    got=$(curl -s -o "$work/body" -w '%{http_code}' -X "$method" -H "Origin: http://localhost:$port" -c "$work/cookies" \
        -b "$work/cookies" "$@" "http://localhost:$port/api/v1$path")
    printf '  %-6s %-50s %s\n' "$method" "/api/v1$path" "$got"
    [ "$got" = "$expected" ] || { echo "expected $expected, got $got: $(cat "$work/body")" >&2; exit 1; }
}

say "10. The portal: north signs in by a link, and manages its own tokens and its customers"
start_portal
umask 077
"$ctl" portal link north -q | sed 's/.*link\///; s/.*/{"link":"&"}/' >"$work/link"
portal_ask 201 POST /session -H 'Content-Type: application/json' -d "@$work/link"
portal_ask 200 GET /entities/north/tokens
portal_ask 200 GET /entities
portal_ask 404 GET /entities/other/tokens
portal_ask 404 POST /session -H 'Content-Type: application/json' -d "@$work/link"

cat <<END

Every answer was correct. What to try next:
  build/esp-tokenctl init /tmp/my-esp-token && export ESP_TOKEN_CONFIG=/tmp/my-esp-token/esp-token.conf
  build/esp-tokenctl entity add acme --kind customer
  build/esp-tokenctl show acme/default --reveal
  build/esp-tokenctl --help
END

if [ -t 0 ] && [ -t 1 ]; then
    say "The portal runs. Open this link on this machine; it signs in as north, once:"
    "$ctl" portal link north
    printf '\nPress a key to end the demo. '
    saved=$(stty -g)
    trap 'stty "$saved"; finish' EXIT
    stty -icanon -echo min 1
    dd bs=1 count=1 >/dev/null 2>&1 || true
    echo
fi
