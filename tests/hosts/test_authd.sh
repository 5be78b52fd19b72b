#!/bin/sh
# SPDX-License-Identifier: ISC
# esp-token-authd, without a gateway: which requests, tokens and paths it accepts; its answers and headers; its
# options, sockets and signals.
. tests/hosts/lib.sh
. tests/hosts/authd.sh
sed -i 's/^max_tokens = 1$/max_tokens = 20/' "$work/store/tiers.ini"
new_token web entity add acme --kind customer
new_token north entity add north --kind reseller --tier advanced
new_token shop entity add shop --kind customer --reseller north
new_token off create acme off
ctl edit acme/off --status inactive >/dev/null
echo nonsense >"$work/words.token"

settings 'metric-from = query' 'log = all'
start_authd

# --- the gateway asks for /auth?metric=…&entity=… ---
ask_as web 200 '/auth?metric=kpi.x'
same "X-ESP-Entity" acme "$(header X-ESP-Entity)"
same "X-ESP-Asked" acme "$(header X-ESP-Asked)"
same "X-ESP-Tier" lite "$(header X-ESP-Tier)"
same "X-ESP-Metric" kpi.x "$(header X-ESP-Metric)"
same "X-ESP-Token-Id" "$(token_id web)" "$(header X-ESP-Token-Id)"
same "Cache-Control" no-store "$(header Cache-Control)"
ask_as web 200 '/auth?metric=kpi.x&entity='
ask_as web 200 '/auth?entity=acme&metric=kpi%2Ex'
ask_as north 200 '/auth?metric=asn.x&entity=shop'
same "X-ESP-Entity of a reseller" north "$(header X-ESP-Entity)"
same "X-ESP-Asked of a reseller" shop "$(header X-ESP-Asked)"

# refused TOKEN STATUS CHALLENGE TARGET [OPTIONS...]: requires an answer without values in the X-ESP-* headers
refused() {
    token=$1 status=$2 challenge=$3
    shift 3
    ask_as "$token" "$status" "$@"
    same "the challenge" "$challenge" "$(header WWW-Authenticate)"
    same "X-ESP headers of a refusal" 5 "$(tr -d '\r' <"$work/ask/head" | grep -c '^X-ESP-[A-Za-z-]*: *$')"
}
invalid='Bearer error="invalid_token"' scope='Bearer error="insufficient_scope"'
refused off 401 "$invalid" '/auth?metric=kpi.x'
refused words 401 "$invalid" '/auth?metric=kpi.x'
refused web 403 "$scope" '/auth?metric=asn.x'
refused web 403 "$scope" '/auth?metric=kpi.x&entity=north'
refused web 403 "$scope" '/auth?metric=kpi.x&entity=nobody'
for query in '' '?' '?metric=' '?entity=acme' '?metric=kpi.x&metric=kpi.x' '?metric=kpi.x&METRIC=kpi.y' '?metric=kpi.x&metri%63=kpi.y' \
    '?metric=kpi.x&x=1' '?metric=kpi.x&entity=acme&entity=acme' '?metric=kpi.x&entity=acme&entity[]=north' '?metric=kpi.x;entity=north' \
    '?metric=kpi.x%00' '?metric=kpi.x%0a' '?metric=kpi.x%' '?metric=kpi.x%2' '?metric=kpi.x+' '?metric=kpi.x&' '?metric=KPI.x'; do
    refused web 403 "$scope" "/auth$query"
done
ask 401 '/auth?metric=kpi.x' # no token
same "the challenge" 'Bearer realm="esp-token"' "$(header WWW-Authenticate)"
for target in / /auth2 /authx?metric=kpi.x /AUTH?metric=kpi.x //auth?metric=kpi.x /auth/metrics/kpi.x /healthz/ /metrics?x; do
    ask_as web 404 "$target" --path-as-is
    same "X-ESP headers of another path" 5 "$(tr -d '\r' <"$work/ask/head" | grep -c '^X-ESP-[A-Za-z-]*: *$')"
done
# --- tokens, methods, bodies ---
(umask 077 && sed 's/.*/user = "somebody:&"/' "$work/web.token" >"$work/ask/basic" &&
    sed 's/^/Authorization: Basic /' "$work/web.token" >"$work/ask/plain-basic" &&
    sed 's/^/X-API-KEY: /' "$work/web.token" >"$work/ask/key")
ask 200 '/auth?metric=kpi.x' -K "$work/ask/basic"
ask 200 '/auth?metric=kpi.x' -H "@$work/ask/key"
ask 200 '/auth?metric=kpi.x' -H "@$work/ask/key" -K "$work/ask/basic"
ask 401 '/auth?metric=kpi.x' -H "@$work/ask/plain-basic"
ask 401 '/auth?metric=kpi.x' -H 'Authorization: Digest x'
ask 401 '/auth?metric=kpi.x' -H 'Authorization: Basic !!!'
ask 401 '/auth?metric=kpi.x' -H "Authorization: Basic $(head -c 3000 /dev/zero | base64 -w0)"
for method in HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND; do
    option="-X $method"
    [ "$method" != HEAD ] || option=-I
    # shellcheck disable=SC2086
    ask_as web 200 '/auth?metric=kpi.x' $option
done
head -c 1000000 /dev/zero >"$work/body"
ask_as web 200 '/auth?metric=kpi.x' --data-binary "@$work/body"
python3 tests/hosts/authd_shapes.py "${at##*:}" "$work/web.token" >"$work/shapes.log" ||
    fail "shapes: $(cat "$work/shapes.log")"
checks=$((checks + $(sed -n 's/^\([0-9]*\) shapes.*/\1/p' "$work/shapes.log")))

# --- counts and log ---
ask 200 /metrics
for reason in allow malformed inactive entity metric none question request; do
    grep -q "^esp_token_authd_verdicts_total{reason=\"$reason\"} [1-9]" "$work/ask/body" || fail "no count of $reason"
    checks=$((checks + 1))
done
says "$work/ask/body" 'esp_token_authd_connections 1'
says "$work/authd.log" "token $(token_id web): allow ("
says "$work/authd.log" "token $(token_id off): inactive ("
leaks_nothing() {
    for text in $(sed 's/.*_//' "$work/web.token") somebody analytics dashboard; do
        silent "$work/authd.log" "$text"
        silent "$work/ask/body" "$text"
    done
}
leaks_nothing
stop "$authd"

settings 'metric-pattern = /metrics/{metric}?entity={entity}' 'metric-pattern = /v1/{metric}/{metric}' \
    'metric-pattern = /of/{entity}/{metric}' 'metric-pattern = /export/{*}/x/{metric}' \
    'metric-pattern = /dashboard/{**} ; any token' 'metric-pattern = /' \
    'metric-pattern = /narrow/{metric}/{metric}?of={entity}' 'metric-pattern = /narrow/{**}' 'log = all'
start_authd

# --- by the URI in a header ---
# by TOKEN STATUS URI [METRIC ASKED]
by() {
    ask_as "$1" "$2" /auth -H "X-Forwarded-Uri: $3"
    [ "$2" != 200 ] || {
        same "the metric of $3" "$4" "$(header X-ESP-Metric)"
        same "the entity of $3" "$5" "$(header X-ESP-Asked)"
    }
}
by web 200 /metrics/kpi.x kpi.x acme
by web 200 '/metrics/kpi.x?from=1&entity=acme&q=a/../b' kpi.x acme
by web 200 '/metrics/kpi.x?entity=' kpi.x acme
by web 200 '/metrics/kpi.x?' kpi.x acme
by web 200 '/metrics/kpi.x?entities=north&my-entity=north' kpi.x acme
by web 403 '/metrics/kpi.x?entity=north'
by web 403 '/metrics/asn.x?entity=acme'
by north 200 '/metrics/asn.x?entity=sh%6fp' asn.x shop
by north 200 /v1/asn/x asn.x north
by north 200 /of/shop/kpi.x kpi.x shop
by north 200 /export/a%20b/x/kpi.x kpi.x north
by web 200 /dashboard '' acme
by web 200 /dashboard/ '' acme
by web 200 /dashboard/a/b%C3%A9/ '' acme
by web 200 / '' acme
by web 200 /narrow/kpi/x?of=acme kpi.x acme
by web 200 /narrow/page '' acme
for uri in /metrics /metrics/ /metrics/kpi.x/ /metrics/kpi.x/y /Metrics/kpi.x /metricskpi.x /v1/kpi /v1/kpi/x/y /v1/kpi.x/y /v1/kpi/x.y \
    /other /dashboards metrics/kpi.x '' \
    /narrow/asn/x /narrow/kpi.x/y '/narrow/kpi/x?of=acme&of=acme' '/narrow/kpi/x?of=north' \
    //metrics/kpi.x /metrics//kpi.x /./metrics/kpi.x /metrics/../metrics/kpi.x /metrics/. /dashboard/.. /dashboard/../metrics/asn.x \
    '/dashboard/..;/metrics/asn.x' '/dashboard/.;x/a' '/dashboard/%2e%2e/metrics/asn.x' '/dashboard/%2E./a' '/dashboard/..%2fmetrics' \
    '/dashboard/%5c..' '/dashboard/\..' /dashboard//a '/dashboard/a%00' '/dashboard/a%0a' '/dashboard/%252e%252e' '/dashboard/%2' \
    '/dashboard/%' '/dashboard/%zz' '/dashboard/a#b' '/dashboard/%23' '/dashboard/%3fx' '/metrics/kp%69.x' '/metrics/kpi.x%00' '/%6detrics/kpi.x' \
    '/metrics/kpi.x;a=b' '/dashboard/a b' '/dashboard/é' 'http://host' '/dashboard/{x}' \
    '/metrics/kpi.x?entity=acme&entity=acme' '/metrics/kpi.x?entity=acme&%65ntity=north' '/metrics/kpi.x?entity=acme&ENTITY=north' \
    '/metrics/kpi.x?entity=acme;entity=north' '/metrics/kpi.x?x=1;entity=north' '/metrics/kpi.x?entity[0]=north' '/metrics/kpi.x?+entity=north' \
    '/metrics/kpi.x?entity%00=north' '/metrics/kpi.x?entity.x=north' '/metrics/kpi.x?%zz=1' '/metrics/kpi.x?entity=acme%00' \
    "/metrics/$(head -c 200 /dev/zero | tr '\0' a)" "/of/$(head -c 80 /dev/zero | tr '\0' a)/kpi.x"; do
    by web 403 "$uri"
done
# other headers and the query, which a client could set, do not count, and two URIs count as none
ask_as web 403 /auth -H 'X-Original-URI: /metrics/kpi.x'
ask_as web 403 /auth -H 'X-Forwarded-Uri: /metrics/kpi.x' -H 'X-Forwarded-Uri: /metrics/kpi.x'
ask_as web 403 '/auth?metric=kpi.x' # a query may be the client's
ask_as web 403 '/auth?metric=kpi.x' -H 'X-Forwarded-Uri: /metrics/asn.x' -H 'X-ESP-Entity: north' -H 'X-ESP-Metric: kpi.x'
ask_as web 200 '/auth?metric=asn.x&entity=north' -H 'X-Forwarded-Uri: /metrics/kpi.x'
same "X-ESP-Metric with a query" kpi.x "$(header X-ESP-Metric)"
ask_as web 200 /auth -H 'X-Forwarded-Uri: https://analytics.example:8443/metrics/kpi.x?entity=acme'

ask 200 /metrics
leaks_nothing

# --- reload: a broken file changes nothing ---
kept=$authd
reload() {
    kill -HUP "$authd"
    until_true 30 grep -q "$1" "$work/authd.log"
}
sed -i 's/^log = all/log = none/' "$work/authd.conf"
reload 'not reloaded, the old settings stay in force: .*authd.conf:12: this option must be one of refused|all|errors'
by web 200 /v1/kpi/x kpi.x acme
settings 'metric-pattern = /m/{metric}' 'unavailable = 403' 'metric-from = path' 'log = errors' 'workers = 1'
reload 'esp-token-authd: reloaded'
says "$work/authd.log" "workers and connections take effect after a restart"
ask_as web 403 /auth -H "X-Forwarded-Uri: /v1/kpi/x"
ask_as web 200 /auth/m/kpi.x
ask_as web 403 /auth -H 'X-Forwarded-Uri: /m/kpi.x' # the path is what counts now
ask_as web 403 /auth/m/../m/kpi.x --path-as-is
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
until_true 10 sh -c "! curl -sf -o '$work/ask/none' '$at/healthz'"
ask_as web 403 /auth/m/kpi.x
same "no challenge if the validator cannot decide" '' "$(header WWW-Authenticate)"
ask 503 /healthz
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
until_true 10 curl -sf -o "$work/ask/none" "$at/healthz"
ask_as web 200 /auth/m/kpi.x
same "the process" "$kept" "$authd"
stop "$authd"

# --- options that are refused, each with the reason ---
# wrong TEXT OPTIONS...
wrong() {
    text=$1
    shift
    exits "esp-token-authd $*" 1 timeout 20 "$work/lib/esp-token-authd" --settings "$work/authd.conf" "$@"
    says "$work/out.log" "$text"
}
settings
wrong 'listen: 0.0.0.0:0 is not loopback; use allow-remote' --listen 0.0.0.0:0
wrong 'listen: [::]:0 is not loopback; use allow-remote' --listen '[::]:0'
wrong 'option listen must be an address such as' --listen localhost:0
wrong 'option listen must be an address such as' --listen 127.0.0.1
wrong 'option listen must be an address such as' --listen ::1:80
wrong 'option --listen must not be empty' --listen
wrong 'argument 3 is not an option' fish
wrong 'argument 3 is not an option' "$(cat "$work/web.token")"
wrong 'option --config must be a path that begins with /' --config x
wrong 'option --workers must be a number from 1 to 64' --workers 65
wrong 'option --workers must be a number from 1 to 64' --workers 1x
wrong 'option --log must be one of refused|all|errors' --log=no
wrong 'option --log is given twice; keep one' --log all --log all
wrong 'option --allow-remote must be yes or no' --allow-remote=1
wrong 'option --socket-mode must be an octal mode' --socket-mode 0888
many=$(yes -- '--listen 127.0.0.1:0' | head -n 9)
# shellcheck disable=SC2086 # words
wrong 'option --listen is given too often' $many
wrong 'cannot listen on 192.0.2.1:0' --allow-remote --listen 192.0.2.1:0
wrong 'open files, but this process may have' --connections 1000000
wrong 'metric-from must be query, path, or the name of a header' --metric-from 'X:Y'
wrong 'metric-pattern is not used with metric-from = query' --metric-from query --metric-pattern /x
wrong 'cannot open shared object' --validator /none.so
wrong 'none.conf' --config "$work/none.conf"
for pattern in x '/a//b' '/a/../b' '/{metrics}' '/a{metric}' '/{**}/a' '/a?b' '/a?b=c' '/a?={entity}' '/{entity}/{entity}' '/{entity}?b={entity}' \
    "$(head -c 80 /dev/zero | sed 's|\x00|/a|g')"; do
    wrong 'metric-pattern number 1' --metric-pattern "$pattern"
done
for line in 'fish = 1' 'help = yes' 'settings = /x' 'log all' 'log =' 'listen : 1'; do
    settings "$line"
    wrong "$work/authd.conf:4: "
done
settings
chmod 666 "$work/authd.conf"
wrong "authd.conf: can be written by others"
chmod 644 "$work/authd.conf"
printf 'log = all\0\n' >"$work/authd.conf"
wrong "is longer than 64 KiB, or has a NUL"
settings
if [ "$(id -u)" = 0 ]; then
    chown 1 "$work/authd.conf"
    wrong "belongs to another user; run 'chown root' on it"
    chown 0 "$work/authd.conf"
fi
mkfifo "$work/fifo"
wrong "is given twice" --settings "$work/fifo"
exits "a FIFO" 1 timeout 20 "$work/lib/esp-token-authd" --settings "$work/fifo"
exits "--check" 0 "$work/lib/esp-token-authd" --settings "$work/authd.conf" --check --socket-mode 0600
exits "--help" 0 "$work/lib/esp-token-authd" --help
exits "--version" 0 "$work/lib/esp-token-authd" --version
says "$work/out.log" "esp-token-authd "

# --- addresses ---
settings 'metric-from = query'
start_authd --listen '[::1]:0'
ask_as web 200 '/auth?metric=kpi.x'
stop "$authd"
finished
