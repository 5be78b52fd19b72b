#!/bin/sh
# The main job on real input: a store, a real HTTP host with the validator in it, and curl.
# Every answer is checked; a wrong one ends the demo with what was expected.
#   demo/run.sh FOLDER-OF-THE-BUILD
set -eu
build=$1
ctl=$build/esp-tokenctl
work=$(mktemp -d)
host=
finish() {
    status=$?
    [ -z "$host" ] || { kill "$host" 2>/dev/null && wait "$host" || true; }
    rm -rf "$work"
    [ "$status" -eq 0 ] || echo "the demo failed" >&2
}
trap finish EXIT
trap 'exit 130' INT TERM
export ESP_TOKEN_CONFIG="$work/esp-token.conf"

say() { printf '\n%s\n' "$*"; }

# new_token NAME COMMAND...: keeps the text in a file that only this user reads
new_token() {
    name=$1
    shift
    (umask 077 && "$ctl" --json "$@" >"$work/$name.json")
    (umask 077 && sed -n 's/^ *"token": "\(esptk_[^"]*\)".*/Authorization: Bearer \1/p' "$work/$name.json" >"$work/$name.bearer")
    sed 's/^Authorization: Bearer/X-API-KEY:/' "$work/$name.bearer" >"$work/$name.key"
    printf '  %-38s token %s\n' "esp-tokenctl $1 $2 $3" "$(sed 's/.*esptk_\(...........\)_.*/\1/' "$work/$name.bearer")"
}

# ask EXPECTED-STATUS NAME PATH [key]: how the token is presented stays in a file, not in arguments
ask() {
    got=$(curl -s -o "$work/body" -w '%{http_code}' -H "@$work/$2.${4:-bearer}" "$url$3")
    printf '  %-12s GET %-44s %s\n' "$2" "$3" "$got"
    [ "$got" = "$1" ] || { echo "expected $1, got $got: $(cat "$work/body")" >&2; exit 1; }
}

say "1. A store with the platform's own tier table"
"$ctl" init "$work" >/dev/null
"$ctl" tier list

say "2. A reseller, its customers, and a stranger; each gets a token at once"
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

say "4. Lite sees the basic metrics, Advanced sees all"
ask 200 lite /metrics/kpi.peak_audience
ask 403 lite /metrics/asn.traffic
ask 200 advanced /metrics/kpi.peak_audience key
ask 200 advanced /metrics/asn.traffic

say "5. A Lite entity has one token; who meets the limit is told whom to ask"
if "$ctl" create acme second 2>"$work/refusal"; then
    echo "expected a refusal" >&2
    exit 1
fi
sed 's/^/  /' "$work/refusal"
grep -q 'account manager' "$work/refusal"

say "6. A reseller reads its customers' data, and nobody else's"
ask 200 north /entities/acme/metrics/kpi.peak_audience
ask 403 north /entities/other/metrics/kpi.peak_audience
ask 403 lite /entities/bolt/metrics/kpi.peak_audience

say "7. A token that is switched off is refused by the next request"
"$ctl" edit bolt/default --status inactive >/dev/null
ask 401 advanced /metrics/kpi.peak_audience
"$ctl" edit bolt/default --status active >/dev/null
ask 200 advanced /metrics/kpi.peak_audience

say "8. An edited tiers.ini is in force a moment later: asn.* for Lite too"
sed -i 's/^metrics    = kpi/metrics    = asn.* kpi/' "$work/tiers.ini"
sleep 1.6
ask 200 lite /metrics/asn.traffic

say "9. The whole store is proven"
printf '  '
"$ctl" check

cat <<END

Everything answered as it should. What to try next:
  build/esp-tokenctl init /tmp/my-esp-token && export ESP_TOKEN_CONFIG=/tmp/my-esp-token/esp-token.conf
  build/esp-tokenctl entity add acme --kind customer
  build/esp-tokenctl show acme/default --reveal
  build/esp-tokenctl --help
END
