#!/bin/sh
# SPDX-License-Identifier: ISC
# The nginx module in the real nginx, run as an ordinary user: which requests are admitted, what the back
# end and the logs get, and how the module combines with nginx's other rules.
. tests/hosts/lib.sh
. tests/hosts/nginx.sh

invalid='Bearer error="invalid_token"' scope='Bearer error="insufficient_scope"'
new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
new_token other entity add other --kind customer
for name in north acme other; do presents "$name"; done
(umask 077 && sed 's/.$/!/' "$work/acme.token" >"$work/broken.token")
presents broken

write_conf ""
sed "s/FRONT/$front/" tests/hosts/nginx_rules.conf >"$work/locations.conf"
# shellcheck disable=SC2086
begin $plain

# which requests are admitted, and what the back end gets
ask 200 acme /metrics/kpi/peak_audience
body "uri=/kpi.peak_audience entity=acme tier=lite token=$(token_id acme) authorization= key="
challenge ''
ask 403 acme /metrics/asn/traffic
challenge "$scope"
ask 200 north /metrics/asn/traffic
body "entity=north tier=advanced"
ask 403 north /metrics/ASN/traffic
ask 200 north '/metrics/kpi/x?entity=acme'
body "entity=north"
ask 403 north '/metrics/kpi/x?entity=other'
challenge "$scope"
ask 403 acme '/metrics/kpi/x?entity=north'
ask 403 north '/metrics/kpi/x?entity=nobody'
ask 200 acme '/metrics/kpi/x?entity='
ask 403 acme '/metrics/kpi/%2e%2e/asn/traffic'
ask 403 acme /metrics/kpi/../asn/traffic --path-as-is

# how a token is presented
ask 200 acme.key /any
body "entity=acme tier=lite token=$(token_id acme) authorization= key="
ask 200 - /any -K "$work/ask/acme.basic"
body "entity=acme"
ask 401 - /any
challenge 'Bearer realm="esp-token"'
ask 401 broken /any
challenge "$invalid"
ask 401 - /any -H 'Authorization: Bearer'
challenge "$invalid"
ask 401 - /any -H 'Authorization: Basic !'
challenge "$invalid"
ask 401 - /any -H 'Authorization: Basic c29tZW9uZQ=='
challenge "$invalid"
ask 401 - /any -H "Authorization: Basic $(head -c 3000 /dev/zero | base64 -w 0)"
challenge "$invalid"
ask 401 - /any -H 'Authorization: Digest x'
challenge 'Bearer realm="esp-token"'
ask 401 - /any -H 'Authorization: Bearertoken'
challenge 'Bearer realm="esp-token"'
ask 401 - /any -H 'X-API-KEY;'
challenge 'Bearer realm="esp-token"'
sed 's/Bearer/bEaReR  /' "$work/ask/acme.bearer" >"$work/ask/spelt.bearer"
ask 200 spelt.bearer /any
ask 401 broken /any -H "@$work/ask/acme.key" # the first token that is present counts
ask 200 acme /any -H "@$work/ask/other.key"
body "entity=acme"
ask 200 acme.key /any -H 'Authorization: Digest x'
ask 401 acme.key /any -H "@$work/ask/other.key" # the back end might use either of two lines
challenge "$invalid"
ask 401 acme /other-header
sed 's/X-API-KEY/x-ticket/' "$work/ask/acme.key" >"$work/ask/acme.ticket"
ask 200 acme.ticket /other-header
ask 200 - /basic-first -K "$work/ask/acme.basic"
ask 401 acme.key /basic-first

# inherited and cancelled metrics
ask 403 acme '/asked?metric=asn.traffic'
ask 200 acme '/asked?metric=kpi.x'
ask 403 acme /asked # an empty variable is the name of no metric
ask 403 acme /fixed
ask 200 acme /fixed/none

# a client cannot set the headers that name its entity
ask 200 - /open -H 'X-ESP-Entity: north' -H 'X-ESP-Tier: advanced'
body "entity= tier= token= "
ask 200 acme /any -H 'X-ESP-Entity: north' -H 'X-ESP-Tier: advanced'
body "entity=acme tier=lite"
ask 200 acme /early
body "entity=acme"

# methods, connections, and nginx's other rules
ask 200 acme /any -I
ask 401 broken /any -I
challenge "$invalid"
ask 200 - /by-method
ask 401 - /by-method -X DELETE
ask 200 acme /by-method -X DELETE
ask 200 - /either/here
body "entity= "
challenge ''
ask 200 acme /either/here
body "entity=acme"
ask 200 broken /either/here
body "entity= "
ask 401 - /either/elsewhere
challenge 'Bearer realm="esp-token"'
ask 200 other /either/elsewhere
body "entity=other"
ask 401 - /either/alone
ask 403 other /both/elsewhere
ask 401 - /both/elsewhere
ask 200 acme /guarded # a subrequest is not checked by the metric of its location
ask 200 acme /mirror
until_true 5 grep -q entity=acme "$work/logs/mirrored.log" # but it sees the verdict of its request
ask 200 acme /explained
body "reason=metric id=$(token_id acme) entity="
ask 200 - /explained
body "reason=none id= entity="
ask 401 - /twice # the target of the redirect refuses it too
challenge 'Bearer realm="esp-token"'
ask 200 north /hand-over/
body "uri=/internal/asn/traffic entity=north"
ask 403 acme /hand-over/ # checked again at the target of the redirect

# one connection, several tokens
for pair in "acme 200 north 200" "north 200 broken 401" "broken 401 acme 200"; do
    # shellcheck disable=SC2086
    set -- $pair
    got=$(curl -s -v -o "$work/ask/body" -w '%{http_code} ' -H "@$work/ask/$1.bearer" "http://127.0.0.1:$front/any" \
        --next -s -o "$work/ask/body" -w '%{http_code} %{num_connects}' -H "@$work/ask/$3.bearer" "http://127.0.0.1:$front/any" 2>"$work/ask/trace")
    same "$1 and $3 by one connection" "$2 $4 0" "$got"
done

# a change is in force for the next request, in every worker
for round in 1 2 3; do
    ctl edit acme/default --status inactive >/dev/null
    for again in 1 2 3 4; do
        ask 401 acme "/any?round=$round.$again"
    done
    challenge "$invalid"
    ctl edit acme/default --status active >/dev/null
    ask 200 acme "/any?round=$round"
done
ctl entity edit acme --tier advanced >/dev/null
ask 200 acme /metrics/asn/traffic
ctl entity edit acme --tier lite >/dev/null
ask 403 acme /metrics/asn/traffic

# an edit of tiers.ini: if it is broken, the old table stays in force; else the new one is used
tiers=$work/store/tiers.ini
cp "$tiers" "$work/tiers.kept"
echo 'rank : 7' >>"$tiers"
sleep 2
ask 403 acme /metrics/asn/traffic
ask 200 acme /metrics/kpi/x
says "$work/logs/error.log" "the old tier table stays in force"
sed 's/^metrics    = kpi/metrics    = asn.* kpi/' "$work/tiers.kept" >"$tiers"
sleep 2
ask 200 acme /metrics/asn/traffic
cp "$work/tiers.kept" "$tiers"

# a missing store: 503, unless another rule admits the request
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 1.2
ask 503 acme /any
challenge ''
ask 503 acme /either/elsewhere
ask 503 acme /either/alone
ask 200 acme /either/here
body "entity= "
ask 200 - /open
says "$work/logs/error.log" "esp_token: token $(token_id acme): unavailable"
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
until_true 5 curl -sf -o "$work/ask/body" -H "@$work/ask/acme.bearer" "http://127.0.0.1:$front/any"

stop "$server"
cp "$work"/logs/access.log "$work/access.log"
cp "$work"/logs/error.log "$work/error.log"
says "$work/access.log" "GET /metrics/kpi/peak_audience 200 id=$(token_id acme) entity=acme tier=lite reason=allow"
says "$work/access.log" "GET /metrics/asn/traffic 403 id=$(token_id acme) entity=- tier=- reason=metric"
says "$work/access.log" "GET /any 401 id=- entity=- tier=- reason=none"
says "$work/access.log" "reason=inactive"
says "$work/error.log" "esp_token: token $(token_id acme): inactive"
silent "$work/error.log" "[alert]"
silent "$work/error.log" "[emerg]"
finished
