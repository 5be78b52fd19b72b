#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in saslauthd, by testsaslauthd; and the effect of its option -c.
# shellcheck disable=SC2086,SC2034,SC1091
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves analytics
undecided=no longest=1000 verdicts=$work/saslauthd.log
mkdir "$work/run"
theirs "$work/run"

# begin [OPTIONS...]: starts saslauthd with the README's options, with another path of the socket, and with OPTIONS
begin() {
    block plugins/pam/README.md MECHANISMS | sed "s|/var/run/saslauthd|$work/run|" >"$work/defaults"
    . "$work/defaults"
    # setsid, because saslauthd sends SIGTERM to its process group when it ends
    serve saslauthd.log setsid $plain $wrapped saslauthd -d -a $MECHANISMS $OPTIONS "$@"
    until_true 10 [ -S "$work/run/mux" ]
}

# testsaslauthd takes the password only as an argument, which other users can see. That is acceptable here, because the
# store is removed at the end.
log_in() {
    code=0
    testsaslauthd -f "$work/run/mux" -s analytics -u "$1" -p "$(cat "$work/$2.token")" >"$work/out.log" 2>&1 || code=$?
    case $code:$(cat "$work/out.log") in
    0:*OK*) echo yes ;;
    *:*NO*) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}

begin
twenty
stop "$server"
begin -c
remembers "saslauthd -c"
finished
