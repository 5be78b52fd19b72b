#!/bin/sh
# Information, never asserted: nginx's throughput with the module on and off, by wrk. Nine rounds
# of each, by turns; medians, in requests a second, of a file and of a back end's answers.
. tests/hosts/lib.sh
. tests/hosts/nginx.sh

new_token acme entity add acme --kind customer
presents acme
write_conf ""
sed -i '/access_log .*access.log/s/.*/    access_log off;/' "$work/nginx.conf"
# try_files, since return answers before the access phase
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

run() {
    wrk -t 1 -c 16 -d 1s -s tests/hosts/wrk.lua "http://127.0.0.1:$front/$1" -- "$work/ask/acme.bearer" >"$work/wrk.log" 2>&1
    sed -n 's/^requests=.* refused=0 per_second=//p' "$work/wrk.log"
}
median() {
    sort -n "$1" | sed -n 5p
}
for kind in file proxied; do
    ask 200 acme "/on/$kind"
    rounds=9
    while [ "$rounds" -gt 0 ]; do
        rounds=$((rounds - 1))
        run "off/$kind" >>"$work/off-$kind"
        run "on/$kind" >>"$work/on-$kind"
    done
    off=$(median "$work/off-$kind") on=$(median "$work/on-$kind")
    printf '%-8s esp_token off %7d   on %7d   on/off %s\n' "$kind" "$off" "$on" \
        "$(awk "BEGIN { printf \"%.3f\", $on / $off }")"
done
