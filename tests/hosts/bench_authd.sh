#!/bin/sh
# SPDX-License-Identifier: ISC
# Reports the cost of a request to esp-token-authd, compared with nginx as authorization server (with the module); and
# what authorization adds to a request through nginx, by auth_request and by the module. Measured with wrk; asserts
# nothing. Both have two workers. Nine rounds alternate, so that load of the machine affects all of them; only ratios
# are meaningful.
# shellcheck disable=SC2086,SC2154
. tests/hosts/lib.sh
. tests/hosts/nginx.sh
. tests/hosts/authd.sh
new_token acme entity add acme --kind customer
presents acme
settings 'metric-from = query' 'workers = 2' 'log = errors'
start_authd
write_conf ""
sed -i '/access_log .*access.log/s/.*/    access_log off;/' "$work/nginx.conf"
cat >"$work/locations.conf" <<END
upstream authd {
    server ${at#http://};
    keepalive 16;
}
server {
    listen 127.0.0.1:$front;
    root $work;
    include $(pwd)/plugins/nginx/auth_server.conf;
    location = /open { proxy_pass http://analytics; }
    location = /module { esp_token on; esp_token_metric kpi.x; proxy_pass http://analytics; }
    location = /asks {
        auth_request /_authd;
        auth_request_set \$entity \$upstream_http_x_esp_entity;
        proxy_set_header X-ESP-Entity \$entity;
        proxy_pass http://analytics;
    }
    location = /_authd {
        internal;
        proxy_pass http://authd/auth?metric=kpi.x;
        proxy_pass_request_body off;
        proxy_set_header Connection "";
        proxy_set_header Authorization \$http_authorization;
        proxy_set_header Content-Length "";
    }
}
END
begin $plain

# processor time of nginx's workers and of esp-token-authd, in clock ticks
ticks() {
    for pid in $(pgrep -P "$server") "$authd"; do
        cut -d ' ' -f 14,15 "/proc/$pid/stat"
    done | awk '{ sum += $1 + $2 } END { print sum }'
}
# run NAME URL: appends requests a second, requests, and clock ticks
run() {
    before=$(ticks)
    wrk -t 1 -c 16 -d 1s -s tests/hosts/wrk.lua "$2" -- "$work/ask/acme.bearer" >"$work/wrk.log" 2>&1
    used=$(($(ticks) - before))
    sed -n "s/^requests=\([0-9]*\) .* refused=0 per_second=\(.*\)/\2 \1 $used/p" "$work/wrk.log" >>"$work/$1.rounds"
    [ -s "$work/$1.rounds" ] || fail "$1: $(cat "$work/wrk.log")"
}
median() {
    sort -n "$work/$1.rounds" | awk '{ rate[NR] = $1 } END { print rate[int((NR + 1) / 2)] }'
}
microseconds() {
    awk -v hz="$(getconf CLK_TCK)" '{ n += $2; t += $3 } END { printf "%.1f", t / hz * 1e6 / n }' "$work/$1.rounds"
}
# report NAME WHAT BASE: prints the median of NAME, its ratio to that of BASE, and the processor time of a request
report() {
    printf '%-52s %7d requests/s (%s of the first) %6s us of processor time each\n' "$2" "$(median "$1")" \
        "$(awk -v a="$(median "$1")" -v b="$(median "$3")" 'BEGIN { printf "%.2f", a / b }')" "$(microseconds "$1")"
}
rounds=9
while [ "$rounds" -gt 0 ]; do
    rounds=$((rounds - 1))
    run direct.nginx "http://127.0.0.1:$front/auth?metric=kpi.x"
    run direct.authd "$at/auth?metric=kpi.x"
    run through.open "http://127.0.0.1:$front/open"
    run through.module "http://127.0.0.1:$front/module"
    run through.asks "http://127.0.0.1:$front/asks"
done
report direct.nginx "asked: nginx with the module" direct.nginx
report direct.authd "asked: esp-token-authd" direct.nginx
report through.open "passed on by nginx, without a token" through.open
report through.module "passed on by nginx, the module" through.open
report through.asks "passed on by nginx, auth_request to esp-token-authd" through.open
