#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in su, with which another user becomes acme.
# shellcheck disable=SC2034,SC2086
. tests/hosts/apart.sh
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves su
system_is_apart
undecided=unavailable longest=400

log_in() {
    code=0
    $plain su "$1" -c 'id -un' <"$work/$2.token" >"$work/out.log" 2>&1 || code=$?
    case $code:$(cat "$work/out.log") in
    0:*"$1"*) echo yes ;;
    1:*"cannot retrieve authentication info"*) echo unavailable ;;
    1:*) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}

twenty
finished
