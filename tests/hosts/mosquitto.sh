# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Mosquitto with the plugin on a loopback port, for test_mosquitto*.sh. Read lib.sh first.
#   write_conf LINES...       writes the configuration; LINES are more options of plugin and broker
#   begin_broker [WORDS...]   starts the broker, with WORDS before the command; its pid is $broker, its
#                             log $work/broker.log; the log of an earlier broker stays
# Clients read their password from $XDG_CONFIG_HOME, so that no token is an argument.
# shellcheck disable=SC2154
port=$(free_port)
mkdir "$work/lib" "$work/clients" "$work/broker"
chmod 777 "$work/broker"
cp "$build/esp_validator.so" "$build/plugins/mosquitto/mosquitto_esp_token.so" "$work/lib"

write_conf() {
    (umask 077 && echo collector:a-secret-of-some-length >"$work/broker/passwords" && mosquitto_passwd -U "$work/broker/passwords")
    [ -e "$work/broker/rules" ] || printf 'user collector\ntopic readwrite #\nuser acme\ntopic write news\n' >"$work/broker/rules"
    [ -z "$plain" ] || chown nobody "$work/broker/passwords" "$work/broker/rules"
    echo a-secret-of-some-length | client_config collector collector
    {
        echo "listener $port 127.0.0.1"
        echo "plugin $work/lib/mosquitto_esp_token.so"
        echo "plugin_opt_validator $work/lib/esp_validator.so"
        echo "plugin_opt_config $config"
        [ $# -eq 0 ] || printf '%s\n' "$@"
        echo "allow_anonymous false"
        echo "password_file $work/broker/passwords"
        echo "acl_file $work/broker/rules"
        echo "log_dest stderr"
        echo "log_type all"
    } >"$work/mosquitto.conf"
}

begin_broker() {
    [ ! -e "$work/broker.log" ] || mv "$work/broker.log" "$work/broker_$checks.log"
    serve broker.log "$@" /usr/sbin/mosquitto -c "$work/mosquitto.conf"
    broker=$server
    until_true 10 lets_in collector
}

# client_config NAME USER: reads the password from standard input
client_config() {
    mkdir -p "$work/clients/$1"
    (umask 077 && { printf -- '-h 127.0.0.1\n-p %s\n-u %s\n-P ' "$port" "$2" && cat; } >"$work/clients/$1/mosquitto_sub" &&
        cp "$work/clients/$1/mosquitto_sub" "$work/clients/$1/mosquitto_pub")
}
# holds NAME USER [TOKEN]: configures the client NAME with the user name USER and the token TOKEN (NAME)
holds() {
    client_config "$1" "$2" <"$work/${3:-$1}.token"
}

as() {
    name=$1
    shift
    XDG_CONFIG_HOME="$work/clients/$name" "$@"
}

# lets_in NAME: the client can connect. It publishes only to test that: the status is 0, or MQTT's 5 (not authorised).
lets_in() {
    as "$1" mosquitto_pub -t hello -n >"$work/out.log" 2>&1
}
turns_away() {
    ! lets_in "$1" || fail "$1 was let in"
    checks=$((checks + 1))
}
sends() {
    as "$1" mosquitto_pub -t "$2" -m "$3" -q 1 ${4:+"$4"} >"$work/out.log" 2>&1 || fail "$1 cannot connect: $(cat "$work/out.log")"
}
answer_to() {
    as "$1" mosquitto_sub -d -t "$2" -W 5 -E 2>&1 | sed -n 's/^Subscribed (mid: 1): \([0-9]*\).*/\1/p'
}
subscribes() {
    same "$1 subscribes to $2" 0 "$(answer_to "$1" "$2")"
}
may_not_subscribe() {
    same "$1 subscribes to $2" 128 "$(answer_to "$1" "$2")"
}

# listens NAME TOPIC [OPTIONS...]: subscribes, until it is stopped, or loses its connection and is refused
listens() {
    listening=$1 topic=$2
    : >"$work/$listening.all" # removes what an earlier listener has received
    shift 2
    XDG_CONFIG_HOME="$work/clients/$listening" stdbuf -oL mosquitto_sub -d -i "$listening-listens" -F 'heard %p' \
        -t "$topic" "$@" >"$work/$listening.all" 2>&1 &
    listener=$!
    servers="$servers $listener"
    echo "$listener" >"$work/$listening.pid"
    until_true 10 grep -q '^Subscribed' "$work/$listening.all"
}
stop_listening() {
    stop "$(cat "$work/$1.pid")"
}
has_heard() {
    grep -qx "heard $2" "$work/$1.all"
}
hears() {
    until_true 10 has_heard "$1" "$2"
    checks=$((checks + 1))
}
heard() {
    sed -n 's/^heard //p' "$work/$1.all" | tr '\n' ' '
}
never_hears() {
    silent "$work/$1.all" "heard $2"
}
has_ended() {
    grep -q 'not authorised' "$work/$1.all"
}
ends() {
    until_true "${2:-10}" has_ended "$1"
    forget "$(cat "$work/$1.pid")"
    checks=$((checks + 1))
}
# forget PID: reaps a client that has ended or was killed
forget() {
    wait "$1" 2>/dev/null || true
    servers=$(printf '%s' "$servers" | sed "s/ $1\>//")
}
