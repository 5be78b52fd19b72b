#!/bin/sh
# SPDX-License-Identifier: ISC
# The nginx module and nginx's configuration. A wrong configuration is refused with a message. Reloads
# under load lose no request and leak nothing. A root master has workers of another user.
. tests/hosts/lib.sh
. tests/hosts/nginx.sh

locations() {
    printf 'server {\n    listen 127.0.0.1:%s;\n    esp_token on;\n    %s\n    location / {\n        proxy_pass http://analytics;\n    }\n}\n' \
        "$front" "$*" >"$work/locations.conf"
}
# refused TEXT DIRECTIVES: nginx -t refuses them, and its message contains TEXT
refused() {
    text=$1
    shift
    locations "$@"
    # shellcheck disable=SC2086
    exits "nginx -t with $*" 1 $plain /usr/sbin/nginx -p "$work" -c nginx.conf -e stderr -t
    says "$work/out.log" "[emerg]"
    says "$work/out.log" "$text"
}
reload() {
    kill -HUP "$server"
}
reloads() {
    grep -c 'signal 1 (SIGHUP) received.*, reconfiguring' "$work/logs/error.log"
}
workers() {
    pgrep -P "$server" | sort | tr '\n' ' '
}
uses() {
    ctl --json show acme/default | sed -n 's/^ *"uses": \([0-9]*\).*/\1/p'
}
alone() {
    [ "$(workers | wc -w)" -eq 2 ]
}

new_token acme entity add acme --kind customer
presents acme
tiers=$work/store/tiers.ini
cp "$tiers" "$work/tiers.kept"

write_conf ""
refused "$work/none.conf: " "esp_token_config none.conf;"
refused "/none.so: cannot open shared object" "esp_token_validator /none.so;"
refused "$work/x.so: cannot open shared object" "esp_token_validator x.so;" # relative to the prefix, as all paths of nginx
refused "no validator of ABI 1.1" "esp_token_validator $(cc -print-file-name=libm.so.6);"
refused 'takes bearer, basic or names of headers (letters, digits, hyphens), not "X_KEY"' "esp_token_header bearer X_KEY;"
refused 'takes bearer, basic or names of headers (letters, digits, hyphens), not ""' 'esp_token_header "";'
refused '"esp_token_header" directive is duplicate' "esp_token_header bearer; esp_token_header basic;"
for span in 0 500ms 61s 1h; do
    refused '"esp_token_recheck" directive must be 1s to 60s' "esp_token_recheck $span;"
done
refused '"esp_token_recheck" directive invalid value' "esp_token_recheck off;"
refused 'unknown "metrics" variable' "esp_token_metric \$metrics;"
refused 'the duplicate "esp_token_entity" variable' "set \$esp_token_entity north;"
echo 'rank : 7' >>"$tiers"
refused "tiers.ini:$(wc -l <"$tiers"): " ""
cp "$work/tiers.kept" "$tiers"
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
refused "tokens.mdb: " ""
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
chmod 666 "$tiers"
refused "tiers.ini: " ""
chmod 644 "$tiers"

# locations with the same two files share one validator; another pair has another
locations
{
    mkdir "$work/second"
    "$build/esp-tokenctl" init "$work/second" >/dev/null
    [ -z "$plain" ] || chgrp "$group" "$work/second/tokens.mdb" "$work/second/usage"
    chmod 1770 "$work/second/usage"
    echo "server { listen 127.0.0.1:$(free_port); esp_token on; location /x { esp_token_metric kpi.x; } }"
    echo "server { listen 127.0.0.1:$(free_port); esp_token on; location /x { esp_token_config second/esp-token.conf; } }"
} >>"$work/locations.conf"
# shellcheck disable=SC2086
begin $plain
ask 200 acme /
same "mappings of one store" 1 "$(grep -c "$work/store/tokens.mdb" "/proc/$server/maps")"
same "mappings of the other" 1 "$(grep -c "$work/second/tokens.mdb" "/proc/$server/maps")"

# a failed reload changes nothing, and logs the reason
before=$(workers)
echo 'rank : 7' >>"$tiers"
reload
until_true 5 grep -q "esp_token: .*tiers.ini:" "$work/logs/error.log"
ask 200 acme /
same "workers after a failed reload" "$before" "$(workers)"
cp "$work/tiers.kept" "$tiers"

# reloads under load; each request has its own connection, because nginx may close an idle one at the
# moment when the client writes
{ cat "$work/ask/acme.bearer" && echo 'Connection: close'; } >"$work/ask/headers"
used=$(uses)
wrk -t 1 -c 16 -d 10s -s tests/hosts/wrk.lua "http://127.0.0.1:$front/load" -- "$work/ask/headers" >"$work/wrk.log" 2>&1 &
load=$!
sleep 1
reload && sleep 1 && reload && sleep 1 # one-time allocations are done
descriptors=$(find "/proc/$server/fd" | wc -l)
reloads_to_come=12
while [ "$reloads_to_come" -gt 0 ]; do
    reloads_to_come=$((reloads_to_come - 1))
    reload
    sleep 0.4
done
wait "$load"
same "requests lost and refused" "lost=0 refused=0" "$(sed -n 's/^requests=[1-9][0-9]* \(.*\) per_second.*/\1/p' "$work/wrk.log")"
# each request was counted as a use; up to 16 more may have been in progress at the end
served=$(sed -n 's/^requests=\([0-9]*\).*/\1/p' "$work/wrk.log")
used=$(($(uses) - used))
[ "$used" -ge "$served" ] || fail "$served requests, but $used uses"
[ "$used" -le $((served + 16)) ] || fail "$served requests, but $used uses"
until_true 10 alone
same "reloads" 15 "$(reloads)"
[ "$(workers)" != "$before" ] || fail "the workers are the old ones"
same "descriptors" "$descriptors" "$(find "/proc/$server/fd" | wc -l)"
for pid in $server $(workers); do
    same "mappings of one store after reloads" 1 "$(grep -c "$work/store/tokens.mdb" "/proc/$pid/maps")"
    same "mappings of the other after reloads" 1 "$(grep -c "$work/second/tokens.mdb" "/proc/$pid/maps")"
done
# new workers use the usage files of old ones, so their number does not grow
files=$(find "$work/store/usage" -type f | wc -l)
[ "$files" -le 8 ] || fail "$files files after 15 reloads"
stop "$server"
silent "$work/logs/error.log" "[alert]"
mv "$work/logs/error.log" "$work/error_plain.log"

[ -n "$plain" ] || skip "not root: a master of root with workers of another user was not tried; the rest passed"

# a root master opens files that its workers could not open; the workers inherit them
write_conf nobody
locations
chown root:root "$work/store/tokens.mdb"
chmod 600 "$work/store/tokens.mdb"
begin
ask 200 acme /
ctl edit acme/default --status inactive >/dev/null
ask 401 acme /
ctl edit acme/default --status active >/dev/null
sed 's/^metrics    = kpi/metrics    = asn.* kpi/' "$work/tiers.kept" >"$tiers"
sleep 1.5
ask 200 acme /
until_true 5 grep -q "the edited tier table is in force" "$work/logs/error.log"
# workers open a replaced store themselves, if they may read it
cp "$work/store/tokens.mdb" "$work/store/new.mdb"
mv "$work/store/new.mdb" "$work/store/tokens.mdb"
sleep 1.2
ask 503 acme /
says "$work/logs/error.log" "tokens.mdb: Permission denied"
chgrp "$group" "$work/store/tokens.mdb"
chmod 640 "$work/store/tokens.mdb"
until_true 5 curl -sf -o "$work/ask/body" -H "@$work/ask/acme.bearer" "http://127.0.0.1:$front/"
# workers of a root master do not trust files of their own user
cp "$tiers" "$work/store/new.ini"
chown nobody "$work/store/new.ini"
mv "$work/store/new.ini" "$tiers"
sleep 2
ask 200 acme /
until_true 5 grep -q "tiers.ini: the file belongs to another user" "$work/logs/error.log"
stop "$server"
cp "$work/logs/error.log" "$work/error_root.log"
finished
