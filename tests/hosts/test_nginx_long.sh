#!/bin/sh
# SPDX-License-Identifier: ISC
# The nginx module over time. Long requests are validated again, and ended when their token is refused.
# Variables that are read before the access phase have their values, so limit_req and limit_conn work. The
# authorization server of plugins/nginx/auth_server.conf refuses each wrong request.
. tests/hosts/lib.sh
. tests/hosts/nginx.sh

python=/usr/bin/python3
new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
new_token other entity add other --kind customer
for name in north acme other; do presents "$name"; done
cp tests/hosts/nginx_long.py "$work/lib"
# shellcheck disable=SC2086
serve long.log $plain $python "$work/lib/nginx_long.py" serve
until_true 10 test -s "$work/long.log"
long=$(cat "$work/long.log")

gateway=$(free_port) authority=$(free_port) streams=$(free_port)
write_conf ""
cp plugins/nginx/auth_server.conf "$work"
cat >"$work/locations.conf" <<EOF
limit_req_zone \$esp_token_entity zone=rate:1m rate=1r/m;
limit_conn_zone \$esp_token_entity zone=together:1m;
limit_req_zone \$lite zone=lite:1m rate=1r/m;
map \$esp_token_tier \$lite {
    lite \$esp_token_entity;
}
map \$group \$mapped {
    default none;
    kpi     kpi.x;
    asn     asn.traffic;
}
server {
    listen 127.0.0.1:$front;
    esp_token on;
    esp_token_recheck 1s;
    location / {
        proxy_pass http://127.0.0.1:$long;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection upgrade;
    }
    location /metric {
        esp_token_metric asn.traffic;
        proxy_pass http://127.0.0.1:$long;
    }
    location /slowly {
        limit_rate 1k;
        alias $work/lib/;
    }
    location /handed {
        error_page 418 = @handed; # an internal redirect clears the contexts of modules
        try_files /dev/null =418;
    }
    location @handed {
        esp_token off;
        proxy_pass http://127.0.0.1:$long;
    }
    location /rate {
        limit_req zone=rate;
        limit_req_status 429;
        proxy_pass http://analytics;
    }
    location /lite {
        limit_req zone=lite;
        limit_req_status 429;
        proxy_pass http://analytics;
    }
    location /together {
        limit_conn together 1;
        limit_conn_status 429;
        proxy_pass http://127.0.0.1:$long;
    }
    location /early {
        esp_token_metric \$arg_metric;
        if (\$esp_token_reason != allow) {
            return 418 "\$esp_token_reason";
        }
        return 200 "entity=\$esp_token_entity tier=\$esp_token_tier id=\$esp_token_id";
    }
    location /circle {
        esp_token_metric \$esp_token_entity;
        esp_token_entity \$esp_token_tier;
        return 200 "reason=\$esp_token_reason";
    }
    location /circle/access {
        esp_token_metric asn.\$esp_token_entity;
        proxy_pass http://analytics;
    }
}
server {
    listen 127.0.0.1:$gateway;
    set \$seen \$esp_token_reason; # reads \$mapped before the location is known: its value must not stay
    location ~ ^/mapped/(?<group>[a-z]+)$ {
        esp_token on;
        esp_token_metric \$mapped;
        proxy_pass http://analytics;
    }
    location /return {
        esp_token on;
        return 204;
    }
    location ~ ^/guarded/(?<group>[a-z]+)/(?<name>[a-z]+)$ {
        set \$asked \$arg_entity; # the subrequest has no arguments of its own
        auth_request /authority;
        auth_request_set \$entity \$upstream_http_x_esp_entity;
        proxy_set_header X-ESP-Entity \$entity;
        proxy_pass http://analytics;
    }
    location /inside {
        auth_request /inner;
        proxy_pass http://analytics;
    }
    location = /inner {
        internal;
        esp_token on;
        esp_token_metric asn.traffic;
        try_files /dev/null =204;
    }
    location = /authority {
        internal;
        proxy_pass http://127.0.0.1:$authority/auth?metric=\$group.\$name&entity=\$asked;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    esp_token off;
}
server {
    listen 127.0.0.1:$streams http2;
    esp_token on;
    esp_token_recheck 1s;
    location / {
        proxy_pass http://127.0.0.1:$long;
    }
}
server {
    listen 127.0.0.1:$authority;
    include auth_server.conf;
}
EOF
# shellcheck disable=SC2086
begin $plain
nginx=$server

# begins NAME TOKEN PATH STATUS: starts a long request in the background; its output is in $work/NAME.log
begins() {
    serve "$1.log" $python "$work/lib/nginx_long.py" ask "$front" "$work/ask/$2.bearer" "$3"
    until_true 10 grep -q "^answered $4\$" "$work/$1.log"
}
goes_on() {
    silent "$work/$1.log" ended
}
ends() {
    until_true 8 grep -q '^ended$' "$work/$1.log"
    checks=$((checks + 1))
}

# Long requests end after their token is switched off. Those of other tokens go on.
begins socket acme /upgrade/a 101
begins download acme /download/a 200
begins handed acme /handed/a 200
begins file acme /slowly/esp_validator.so 200
serve silent.log $python "$work/lib/nginx_long.py" ask "$front" "$work/ask/acme.bearer" /silent
begins kept other /upgrade/b 101
begins metric north /metric/a 200
# HTTP/2: one connection, a stream of each token; and an upload that never ends
curl -s -N --http2-prior-knowledge --parallel --parallel-immediate -o "$work/ask/stream_acme" \
    -H "@$work/ask/acme.bearer" "http://127.0.0.1:$streams/a" --next -s -N --http2-prior-knowledge \
    -o "$work/ask/stream_other" -H "@$work/ask/other.bearer" "http://127.0.0.1:$streams/b" 2>"$work/streams.log" &
streaming=$!
servers="$servers $streaming"
mkfifo "$work/ask/endless"
sleep 60 >"$work/ask/endless" &
servers="$servers $!"
serve upload.log curl -s -T "$work/ask/endless" -H "@$work/ask/acme.bearer" "http://127.0.0.1:$front/up"
sleep 3 # time for several rechecks, which all allow
for name in socket download handed file silent kept metric; do goes_on $name; done
ctl edit acme/default --status inactive >/dev/null
for name in socket download handed file silent; do ends $name; done
until_true 8 grep -q "PUT /up 401 id=$(token_id acme) .*reason=inactive" "$work/logs/access.log" # curl waits to read
grows() {
    size=$(stat -c %s "$work/ask/$1")
    sleep 1
    [ "$(stat -c %s "$work/ask/$1")" -gt "$size" ]
}
grows stream_other || fail "the stream of another token has ended"
! grows stream_acme || fail "the stream of a refused token goes on"
checks=$((checks + 2))
stop "$streaming"
says "$work/silent.log" "answered nothing"
says "$work/logs/error.log" "esp_token: token $(token_id acme): inactive"
says "$work/logs/error.log" "the request is ended"
until_true 5 grep -q "GET /upgrade/a 101 id=$(token_id acme) entity=acme tier=lite reason=inactive" "$work/logs/access.log"
until_true 5 grep -q "GET /silent 401 " "$work/logs/access.log"
ctl edit acme/default --status active >/dev/null
goes_on kept
goes_on metric

# A request ends if its tier no longer shows the metric, or if the entity has another tier or name than the
# back end got at the start of the request.
ctl entity edit north --tier lite --cascade >/dev/null
ends metric
goes_on kept
ctl entity edit north --tier advanced >/dev/null
begins told north /upgrade/c 101
ctl entity edit acme --tier advanced >/dev/null
sleep 2
goes_on told
ctl entity edit north --name south >/dev/null
ends told
says "$work/logs/error.log" "esp_token: token $(token_id north): its entity or tier has changed"
ctl entity edit south --name north >/dev/null
ctl entity edit acme --tier lite >/dev/null

# If the store is missing for a moment, requests go on. If it stays away, they end.
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 2.5
goes_on kept
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
until_true 5 curl -sf -o "$work/ask/body" -H "@$work/ask/acme.bearer" "http://127.0.0.1:$front/rate"
sleep 1.5
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 2
goes_on kept
until_true 12 grep -q '^ended$' "$work/kept.log"
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
sleep 1.5

# The old workers of a reload still validate again, and exit when their last request ends.
begins across other /upgrade/d 101
old=$(pgrep -P "$nginx" | sort | tr '\n' ' ')
kill -HUP "$nginx"
sleep 2.5
goes_on across
ctl edit other/default --status inactive >/dev/null
ends across
gone() {
    for pid in $old; do
        [ ! -e "/proc/$pid" ] || return 1
    done
}
until_true 5 gone
ctl edit other/default --status active >/dev/null

# limit_req and limit_conn by entity: each entity has its own limit; refused requests have none.
ask 429 acme /rate # earlier requests have used up the rate
ask 200 other /rate
ask 429 other /rate
ask 200 north /rate
ask 401 - /rate
ask 401 - /rate
ask 200 acme /lite
ask 429 acme /lite
ask 200 north /lite
ask 200 north /lite
begins one acme /together/a 200
ask 429 acme /together
begins two other /together/b 200

# A variable that is read in any phase makes the module decide.
ask 200 acme '/early?metric=kpi.x'
body "entity=acme tier=lite id=$(token_id acme)"
ask 418 acme '/early?metric=asn.traffic'
body "metric"
ask 418 - '/early?metric=kpi.x'
body "none"
ask 200 acme /circle
body "reason=metric"
ask 403 acme /circle/access

front_kept=$front front=$gateway
ask 200 acme /mapped/kpi
ask 403 acme /mapped/asn
ask 200 north /mapped/asn
ask 401 - /mapped/kpi

# `return` runs before the access phase; the log says so.
ask 204 - /return
until_true 5 grep -q 'esp_token: /return was answered with 204 before a token was asked for' "$work/logs/error.log"

# The authorization server of auth_server.conf.
ask 200 acme /guarded/kpi/x -H 'X-ESP-Entity: north'
body "entity=acme"
ask 200 acme /guarded/kpi/x -X POST -d some=body
ask 403 acme /guarded/asn/traffic
ask 200 north '/guarded/asn/traffic?entity=acme'
ask 403 other '/guarded/kpi/x?entity=acme'
ask 401 - /guarded/kpi/x
challenge 'Bearer realm="esp-token"'
# a subrequest is checked if its main request is not
ask 401 - /inside
challenge 'Bearer realm="esp-token"'
ask 403 acme /inside
ask 200 north /inside
body "entity=north tier=advanced"
front=$authority
ask 204 acme '/auth?metric=kpi.x'
same "the entity" "X-ESP-Entity: acme" "$(tr -d '\r' <"$work/ask/head" | grep '^X-ESP-Entity')"
for method in POST PUT DELETE OPTIONS; do
    ask 204 acme '/auth?metric=kpi.x' -X $method
    ask 401 - '/auth?metric=kpi.x' -X $method
done
ask 204 acme '/auth?metric=kpi.x' -I
ask 403 acme /auth
ask 403 acme '/auth?metric='
ask 403 acme '/auth?metric=asn.traffic'
ask 403 other '/auth?metric=kpi.x&entity=acme'
ask 401 - '/auth?metric=kpi.x'
ask 404 - /auth/x
front=$front_kept

stop "$nginx"
cp "$work"/logs/access.log "$work/access.log"
cp "$work"/logs/error.log "$work/error.log"
silent "$work/error.log" "[alert]"
silent "$work/error.log" "[emerg]"
silent "$work/error.log" "exited on signal"
finished
