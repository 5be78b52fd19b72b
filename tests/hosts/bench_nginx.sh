#!/bin/sh
# SPDX-License-Identifier: ISC
# Reports what the module costs nginx, measured with wrk; asserts nothing. Nine rounds alternate between off
# and on, for a file and for an answer of a back end. The median of requests a second is what a client
# sees. The workers' processor time for each request depends less on the load of the machine.
. tests/hosts/lib.sh
. tests/hosts/nginx.sh

new_token acme entity add acme --kind customer
presents acme
write_conf ""
sed -i '/access_log .*access.log/s/.*/    access_log off;/' "$work/nginx.conf"
echo small >"$work/small.txt"
cat >"$work/locations.conf" <<END
server {
    listen 127.0.0.1:$front;
    root $work;
    location /off/file { try_files /small.txt =404; }
    location /on/file { esp_token on; esp_token_metric kpi.x; try_files /small.txt =404; }
    location /off/proxied { proxy_pass http://analytics; }
    location /on/proxied { esp_token on; esp_token_metric kpi.x; proxy_pass http://analytics; }
}
END
# shellcheck disable=SC2086
begin $plain

ticks() {
    for pid in $(pgrep -P "$server"); do
        cut -d ' ' -f 14,15 "/proc/$pid/stat"
    done | awk '{ sum += $1 + $2 } END { print sum }'
}
# run off|on file|proxied: appends requests a second, requests, and clock ticks
run() {
    before=$(ticks)
    wrk -t 1 -c 16 -d 1s -s tests/hosts/wrk.lua "http://127.0.0.1:$front/$1/$2" -- "$work/ask/acme.bearer" >"$work/wrk.log" 2>&1
    used=$(($(ticks) - before))
    sed -n "s/^requests=\([0-9]*\) .* refused=0 per_second=\(.*\)/\2 \1 $used/p" "$work/wrk.log" >>"$work/$1.$2"
}
median() {
    sort -n "$1" | sed -n '5s/ .*//p'
}
microseconds() {
    awk -v hz="$(getconf CLK_TCK)" '{ n += $2; t += $3 } END { printf "%.2f", t / hz * 1e6 / n }' "$1"
}
for kind in file proxied; do
    ask 200 acme "/on/$kind"
    rounds=9
    while [ "$rounds" -gt 0 ]; do
        rounds=$((rounds - 1))
        run off "$kind"
        run on "$kind"
    done
    for state in off on; do
        printf 'nginx, %-7s esp_token %-3s %7d requests/s %7s us of processor time each\n' "$kind," "$state" \
            "$(median "$work/$state.$kind")" "$(microseconds "$work/$state.$kind")"
    done
done
