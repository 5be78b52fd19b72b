#!/bin/sh
# SPDX-License-Identifier: ISC
# The Mosquitto plugin and sessions: sessions that outlast the connection, client ids that another
# connection takes over, reloads, other settings of broker and plugin, and a broker that root starts.
# shellcheck disable=SC2016 # $share and $SYS are topics
. tests/hosts/lib.sh
. tests/hosts/mosquitto.sh

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north --tier advanced
new_token second create acme second
new_token other entity add other --kind customer
for name in north acme other; do holds "$name" "$name"; done
holds second acme
inactive() {
    ctl edit "$1" --status inactive >/dev/null
}
active() {
    ctl edit "$1" --status active >/dev/null
}

# leaves NAME: creates a session with a subscription; the client disconnects at once
leaves() {
    as "$1" mosquitto_sub -c -q 1 -i lasting -t 'metrics/#' -E >"$work/out.log" 2>&1
}
# returns NAME: the client returns, and gets the queued messages and then new ones
returns() {
    XDG_CONFIG_HOME="$work/clients/$1" stdbuf -oL mosquitto_sub -c -q 1 -i lasting -F 'heard %p' -t 'metrics/#' -W 3 >"$work/$1.all" 2>&1 || true
}

write_conf "plugin_opt_recheck 1"
# shellcheck disable=SC2086
begin_broker $plain

# messages are queued for an absent client, and checked again when it returns
leaves acme
sends collector metrics/kpi/x one
sends collector metrics/asn/x two
sleep 2.5 # rechecks pass over an absent client
sends collector metrics/kpi/x three
returns acme
same "what waited" "one two three " "$(heard acme)"
leaves acme
sends collector metrics/asn/x four
sends collector metrics/kpi/x five
ctl entity edit acme --tier lite >/dev/null
sends collector metrics/asn/x six
returns acme
same "what waited, by a lower tier" "five " "$(heard acme)"
ctl entity edit acme --tier advanced >/dev/null

# a client that takes the session over is checked by its own token
leaves acme
sends collector metrics/asn/x seven
sends collector metrics/kpi/x eight
returns other
same "what another entity gets of it" "eight " "$(heard other)"

# the token of an absent client is switched off, and the broker reloads: no client is disconnected,
# nothing more is queued, and the client is refused until it presents another token
reloads() {
    before=$(grep -c "Reloading config." "$work/broker.log" || true)
    kill -HUP "$broker"
    until_true 5 sh -c "[ \"\$(grep -c 'Reloading config.' '$work/broker.log')\" -gt $before ]"
    lets_in collector # it is over
}
leaves acme
reloads
sends collector metrics/kpi/x nine
inactive acme/default
sleep 2.5
reloads
sends collector metrics/kpi/x ten
silent "$work/broker.log" "client lasting: connection refused"
returns acme
says "$work/acme.all" "not authorised"
returns second
same "what waited, with another token" "nine " "$(heard second)"
active acme/default

# a client id that is taken over: the old connection ends, the new one is rechecked
listens acme 'metrics/#'
old=$listener
kill -STOP "$old" # or it would come back, and they would take turns
XDG_CONFIG_HOME="$work/clients/second" stdbuf -oL mosquitto_sub -d -i acme-listens -F 'heard %p' -t 'metrics/#' >"$work/second.all" 2>&1 &
echo $! >"$work/second.pid"
servers="$servers $!"
until_true 5 grep -q '^Subscribed' "$work/second.all"
inactive acme/default # the old one's
sleep 2.5
sends collector metrics/kpi/x still
hears second still
inactive acme/second
ends second
kill -KILL "$old"
forget "$old"
active acme/default
active acme/second

# MQTT 5 sends a reason: 135 is "not authorised"
refusal=$(as other mosquitto_sub -V mqttv5 -d -t metrics/asn/x -W 5 -E 2>&1 | sed -n 's/^Subscribed (mid: 1): \([0-9]*\).*/\1/p')
same "refusal in MQTT 5" 135 "$refusal"
listens other 'metrics/#' -V mqttv5
inactive other/default
until_true 5 grep -q "DISCONNECT (152)" "$work/other.all" # administrative action
forget "$listener"
active other/default
stop "$broker"

# away 0 queues nothing; publish acl leaves publishing to the acl_file
printf 'user collector\ntopic readwrite #\nuser acme\ntopic write news\ntopic write metrics/kpi/own\n' >"$work/broker/rules"
write_conf "plugin_opt_recheck 1" "plugin_opt_away 0" "plugin_opt_publish acl"
# shellcheck disable=SC2086
begin_broker $plain
leaves acme
sleep 1.5
sends collector metrics/kpi/x eleven
returns acme
same "what waited" "" "$(heard acme)"
listens north 'metrics/#'
sends acme metrics/kpi/own mine
sends acme metrics/kpi/x foreign
sends other metrics/kpi/own foreign
listens acme 'metrics/#' --will-topic metrics/kpi/own --will-payload last-words
kill -9 "$listener"
forget "$listener"
hears north last-words
listens acme 'metrics/#' --will-topic metrics/kpi/own --will-payload from-the-refused
inactive acme/default
ends acme
active acme/default
sends collector metrics/kpi/x end
hears north end
same "north hears" "mine last-words end " "$(heard north)"
stop_listening north
stop "$broker"

# a level of the topic names the entity
write_conf "plugin_opt_prefix metrics/%e" "plugin_opt_recheck 60"
# shellcheck disable=SC2086
begin_broker $plain
for topic in metrics/acme/kpi/x 'metrics/acme/#' 'metrics/+/kpi/x' 'metrics/#'; do
    subscribes acme "$topic"
    subscribes north "$topic"
done
may_not_subscribe acme 'metrics/other/#'
may_not_subscribe north metrics/other/kpi/x
may_not_subscribe other 'metrics/+/asn/x'
for name in north acme other; do listens "$name" 'metrics/#'; done
for name in north acme other; do sends collector "metrics/$name/kpi/x" "of-$name"; done
for name in north acme other; do sends collector "metrics/$name/kpi/x" end; done
for name in north acme other; do hears "$name" end; done
same "a reseller hears" "of-north of-acme end end " "$(heard north)"
same "a customer hears" "of-acme end " "$(heard acme)"
same "a stranger hears" "of-other end " "$(heard other)"
inactive other/default # a refused delivery ends the connection, before the next recheck
sends collector metrics/other/kpi/x late
ends other 20
never_hears other late
active other/default
for name in north acme; do stop_listening "$name"; done
stop "$broker"

# without an acl_file, filters outside the prefix are refused
write_conf
sed -i '/^acl_file/d' "$work/mosquitto.conf"
# shellcheck disable=SC2086
begin_broker $plain
for topic in '#' '+/kpi/x' news '$SYS/#' '$share/acme/#'; do
    may_not_subscribe acme "$topic"
done
subscribes acme 'metrics/#'
stop "$broker"

# WebSockets
write_conf "plugin_opt_recheck 1"
websockets=$(free_port)
printf 'listener %s 127.0.0.1\nprotocol websockets\n' "$websockets" >>"$work/mosquitto.conf"
# shellcheck disable=SC2086
begin_broker $plain
serve websocket.log python3 tests/hosts/mqtt_websocket.py "$websockets" acme "$work/acme.token" 'metrics/#'
client=$server
until_true 10 grep -q "subscribed 0" "$work/websocket.log"
sends collector metrics/kpi/x over-websockets
until_true 10 grep -q over-websockets "$work/websocket.log"
inactive acme/default
until_true 10 grep -q closed "$work/websocket.log"
forget "$client"
active acme/default
stop "$broker"

# without ticks all clients are refused, because no connection could be ended
write_conf
sed -i '1i per_listener_settings true' "$work/mosquitto.conf"
# shellcheck disable=SC2086
begin_broker $plain
sleep 6.5
turns_away acme
says "$work/broker.log" "set it to false"
lets_in collector
stop "$broker"

[ -n "$plain" ] || skip "not root: a broker that becomes another user was not tried; the rest passed"
# a broker that root starts becomes another user before it loads the plugin; that user must read the store
write_conf
echo "user nobody" >>"$work/mosquitto.conf"
begin_broker
lets_in acme
same "the broker's user" nobody "$(ps -o user= -p "$broker")"
stop "$broker"
chgrp root "$work/store/tokens.mdb"
exits "a broker that cannot read the store" 3 /usr/sbin/mosquitto -c "$work/mosquitto.conf"
says "$work/out.log" "esp_token: $work/store/tokens.mdb: "
finished
