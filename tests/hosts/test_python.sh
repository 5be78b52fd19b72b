#!/bin/sh
# SPDX-License-Identifier: ISC
# plugins/python: types, the module over the real plugin, and the middleware of its example behind HTTP.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
export PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3 # of Debian: another user can run it
mkdir "$work/lib" "$work/ask"
chmod 700 "$work/ask"
cp "$build/esp_validator.so" "$build/plugins/python/esp_token.py" plugins/python/*_example.py "$work/lib"
export PYTHONPATH="$work/lib"

exits "mypy" 0 mypy --strict --cache-dir "$work/mypy" "$work"/lib/*.py
cc -Iinclude tests/hosts/layout.c -o "$work/layout"
"$work/layout" >"$work/layout.txt"
exits "python_test.py" 0 $python tests/hosts/python_test.py "$build/esp-tokenctl" "$work/lib/esp_validator.so" "$config" \
    "$work/layout.txt"
says "$work/out.log" "OK"
silent "$work/out.log" "skipped"
echo "python_test.py: $(grep '^Ran ' "$work/out.log")"

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
new_token other entity add other --kind customer
echo "none" >"$work/wrong.token"
for name in north acme other wrong; do
    (umask 077 &&
        sed 's/^/Authorization: Bearer /' "$work/$name.token" >"$work/ask/$name.bearer" &&
        sed 's/^/X-API-KEY: /' "$work/$name.token" >"$work/ask/$name.key" &&
        printf 'Authorization: Basic %s\n' "$(printf 'any:%s' "$(cat "$work/$name.token")" | base64 -w 0)" >"$work/ask/$name.basic")
done
serve wsgi.log $plain $python "$work/lib/wsgi_example.py" "$config" "$work/lib/esp_validator.so"
until_true 10 grep -q '^listening on ' "$work/wsgi.log"
url=$(sed -n 's/^listening on //p' "$work/wsgi.log")

# ask STATUS PRESENTED PATH CHALLENGE
ask() {
    presented=''
    [ "$2" = - ] || presented="-H @$work/ask/$2"
    got=$(curl -s $presented -D "$work/ask/head" -o "$work/ask/body" -w '%{http_code}' "$url$3")
    same "$2 asks for $3" "$1" "$got"
    same "the challenge to $2 for $3" "$4" "$(tr -d '\r' <"$work/ask/head" | sed -n 's/^WWW-Authenticate: Bearer realm="analytics"//p')"
}
for how in bearer key basic; do
    ask 200 "acme.$how" /metrics/kpi.join_time ''
    says "$work/ask/body" '"entity": "acme", "tier": "lite", "sees_token": false'
    ask 401 "wrong.$how" /metrics/kpi.join_time ', error="invalid_token"'
done
ask 401 - /metrics/kpi.join_time ''
ask 403 acme.bearer /metrics/asn.traffic ', error="insufficient_scope"'
ask 403 acme.bearer /elsewhere ', error="insufficient_scope"'
ask 200 north.bearer '/metrics/asn.traffic?entity=acme' ''
says "$work/ask/body" '"entity": "acme", "tier": "advanced"'
ask 403 other.bearer '/metrics/kpi.join_time?entity=acme' ', error="insufficient_scope"'
ctl edit acme/default --status inactive >/dev/null
ask 401 acme.bearer /metrics/kpi.join_time ', error="invalid_token"'
says "$work/wsgi.log" "token $(token_id acme): inactive"
ctl edit acme/default --status active >/dev/null
ask 200 acme.bearer /metrics/kpi.join_time ''
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 1.2
ask 503 acme.bearer /metrics/kpi.join_time ''
finished
