#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in pamtester.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
undecided=unavailable verdicts=$work/verdicts.log longest=500
serves analytics
log_in() {
    code=0
    $plain $wrapped pamtester analytics "$1" authenticate acct_mgmt <"$work/$2.token" >"$work/out.log" 2>&1 || code=$?
    cat "$work/out.log" >>"$work/verdicts.log"
    case $code:$(cat "$work/out.log") in
    0:*) echo yes ;;
    1:*"cannot retrieve authentication info"*) echo unavailable ;;
    1:*) echo no ;;
    *) echo "status $code" ;;
    esac
}
twenty
finished
