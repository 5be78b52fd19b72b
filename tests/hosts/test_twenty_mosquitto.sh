#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the plugin of Mosquitto: connecting, and subscribing to the topic of a metric.
# shellcheck disable=SC2034,SC2086,SC2119
. tests/hosts/lib.sh
. tests/hosts/mosquitto.sh
. tests/hosts/twenty.sh
longest=900 verdicts=$work/broker.log
reasons='unknown inactive expired suspended tier' # another form is left to the password file
write_conf
begin_broker $plain

# A refused client gets MQTT's answer 5; if the validator cannot decide, the connection ends without an answer.
ask() {
    holds asking "$1" "$2"
    sed -i '/^-P $/d' "$work"/clients/asking/* # its clients send no empty password
    code=0
    lets_in asking || code=$?
    case $code:$(cat "$work/out.log") in
    0:*)
        case $(answer_to asking "metrics/$(printf %s "${3:-kpi.join_time}" | tr . /)") in
        0) echo yes ;;
        128) echo no ;;
        *) echo "no answer to the subscription" ;;
        esac
        ;;
    5:*) echo no ;;
    7:*) echo unavailable ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}
twenty
finished
