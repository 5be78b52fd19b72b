#!/bin/sh
# SPDX-License-Identifier: ISC
# The Mosquitto plugin in the real broker, with the real clients: which clients are admitted, what they
# may read, and how a connection ends when its token is refused.
# shellcheck disable=SC2016 # $share and $SYS are topics
. tests/hosts/lib.sh
. tests/hosts/mosquitto.sh

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
new_token other entity add other --kind customer
(umask 077 && sed 's/.$/!/' "$work/acme.token" >"$work/broken.token")
for name in north acme other; do holds "$name" "$name"; done
holds broken acme
holds stranger acme other # acme's name, another's token

# a wrong configuration is refused with a message, and the broker does not start
refused() {
    text=$1
    shift
    write_conf "$@"
    # shellcheck disable=SC2086
    exits "the broker with $*" 3 $plain /usr/sbin/mosquitto -c "$work/mosquitto.conf"
    says "$work/out.log" "esp_token: $text"
}
refused "plugin_opt_prefx: unknown option" "plugin_opt_prefx metrics"
refused "plugin_opt_prefix: must be levels" "plugin_opt_prefix metrics/#"
refused "plugin_opt_publish: must be" "plugin_opt_publish yes"
refused "plugin_opt_recheck: must be" "plugin_opt_recheck 61"
refused "plugin_opt_recheck: must be" "plugin_opt_recheck 1x"
refused "plugin_opt_away: must be" "plugin_opt_away -1"
refused "plugin_opt_prefix: given twice" "plugin_opt_prefix a" "plugin_opt_prefix b"
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
refused "$work/store/tokens.mdb: "
mv "$work/store/away.mdb" "$work/store/tokens.mdb"

write_conf "plugin_opt_recheck 1"
# shellcheck disable=SC2086
begin_broker $plain

# which clients are admitted
lets_in acme
lets_in north
for name in broken stranger; do
    turns_away "$name"
    says "$work/out.log" "not authorised"
done
says "$work/broker.log" "token $(token_id other): the user name is not its entity"
# a token in the place of a name is not logged
(umask 077 && mkdir "$work/clients/slip" && sed -n 's/^-P //p' "$work/clients/acme/mosquitto_pub" >"$work/text" &&
    printf -- '-h 127.0.0.1\n-p %s\n-u %s\n-i %s\n-P %s\n' "$port" "$(cat "$work/text")" "$(cat "$work/text")" \
        "$(cat "$work/other.token")" >"$work/clients/slip/mosquitto_pub")
turns_away slip
turns_away nobody # no such user in the password file either
lets_in collector # but this one
# a foreign token is admitted too; a password that is no token is still left to the password file
printf 'old-system:0123456789' >"$work/old.token"
printf '{"token":{"foreign":true,"entity":"north","name":"old","sha256":"%s"}}' \
    "$(sha256sum <"$work/old.token" | cut -d ' ' -f 1)" | ctl import - >/dev/null 2>&1 || fail "import"
holds old north
lets_in old
lets_in acme
lets_in collector
ctl edit acme/default --status inactive >/dev/null
turns_away acme
says "$work/broker.log" "connection refused, token $(token_id acme): inactive"
ctl edit acme/default --status active >/dev/null
lets_in acme
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 1.2
turns_away acme
silent "$work/out.log" "not authorised"
says "$work/broker.log" "connection refused, token $(token_id acme): unavailable"
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
until_true 5 lets_in acme

# which filters may be subscribed to; 128 is a refusal of MQTT
for topic in metrics/kpi/x 'metrics/#' 'metrics/asn/+' 'metrics/+/x' '$share/acme/metrics/#' '$share/acme:2/metrics/kpi/x'; do
    subscribes acme "$topic"
done
for topic in metrics/asn/traffic metrics metrics/ASN/x metrics/kpi.x '$share/north/metrics/#' '$share/acme2/metrics/#' '$share/acme/metrics/asn/x' '$share/north/#'; do
    may_not_subscribe acme "$topic"
done
subscribes north metrics/asn/traffic
# the broker decides about filters that reach outside the prefix; its acl_file allows all of them
for topic in '#' '+/kpi/x' 'news/#' '$SYS/#' '$share/acme/#'; do
    subscribes acme "$topic"
done
subscribes collector 'metrics/#'

# each message is checked when it is delivered
listens acme 'metrics/#' -t 'metrics/asn/+' -t news
listens north '#'
for topic in kpi/x asn/traffic asn.traffic geo/y; do
    sends collector "metrics/$topic" "$topic"
done
sends collector news latest
sends collector metrics/kpi/z end
hears north end
hears acme end
same "acme hears" "kpi/x geo/y end " "$(heard acme)"
same "north hears" "kpi/x asn/traffic geo/y end " "$(heard north)"
ctl entity edit acme --tier advanced >/dev/null
sends collector metrics/asn/traffic raised
hears acme raised
ctl entity edit acme --tier lite >/dev/null
sends collector metrics/asn/traffic lowered
sends collector metrics/kpi/x end2
hears acme end2
never_hears acme lowered

# a token does not allow publishing or a will, even if the acl_file does
listens collector '#'
sends acme metrics/kpi/x forged
sends acme news forged
listens other 'metrics/#' --will-topic metrics/kpi/x --will-payload forged
kill -9 "$listener"
forget "$listener"
until_true 5 grep -q "Client other-listens closed its connection" "$work/broker.log"
sends collector metrics/kpi/x end3
hears acme end3
hears collector end3
never_hears collector forged
stop_listening collector

# a token that is switched off: its next message is not delivered, and the connection ends
ctl edit acme/default --status inactive >/dev/null
sends collector metrics/kpi/x late
hears north late
ends acme
never_hears acme late
says "$work/broker.log" "client acme-listens: connection refused, token $(token_id acme): inactive"
ctl edit acme/default --status active >/dev/null

# retained messages are checked too
sends collector metrics/asn/kept kept-asn -r
sends collector metrics/kpi/kept kept-kpi -r
listens acme 'metrics/#'
hears acme kept-kpi
never_hears acme kept-asn

# the connection of a token that expires ends
new_token brief entity add brief --kind customer
ctl edit brief/default --expires "$(date -u -d '+5 seconds' +%Y-%m-%dT%H:%M:%SZ)" >/dev/null
holds brief brief
listens brief 'metrics/#'
ends brief 12
says "$work/broker.log" "token $(token_id brief): expired"

# without a store nothing is delivered, and after six rechecks the connection ends; the client is not told
# that its token is invalid, and tries again
sends collector metrics/kpi/x before
hears acme before
mv "$work/store/tokens.mdb" "$work/store/away.mdb"
sleep 1.2
sends collector metrics/kpi/x meanwhile
until_true 12 grep -q "client acme-listens: connection refused, token $(token_id acme): unavailable" "$work/broker.log"
silent "$work/acme.all" "not authorised"
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
until_true 20 sh -c "[ \"\$(grep -c ^Subscribed '$work/acme.all')\" -ge 2 ]"
sends collector metrics/kpi/x again
hears acme again
never_hears acme meanwhile

# the connection of a token whose entity was renamed ends
listens other 'metrics/#'
ctl entity edit other --name another >/dev/null
ends other
says "$work/broker.log" "client other-listens: connection ended, token $(token_id other): its entity was renamed to another"
ctl entity edit another --name other >/dev/null

# a broken tier table is logged once, and again at a reload; the old table stays in force
cp "$work/store/tiers.ini" "$work/tiers.kept"
echo 'rank : 7' >>"$work/store/tiers.ini"
tellings() {
    [ "$(grep -c "esp_token: .*tiers.ini:[0-9]*: " "$work/broker.log")" -eq "$1" ]
}
until_true 10 tellings 1
kill -HUP "$broker"
until_true 10 tellings 2
sends collector metrics/kpi/x with-the-old-table
hears acme with-the-old-table
cp "$work/tiers.kept" "$work/store/tiers.ini"

# SIGHUP ends only connections whose token is refused
listens other 'metrics/#'
ctl edit other/default --status inactive >/dev/null
kill -HUP "$broker"
ends other
sends collector metrics/kpi/x after-reload
hears acme after-reload
stop_listening acme
stop_listening north

stop "$broker"
says "$work/broker.log" "Reloading config."
finished
