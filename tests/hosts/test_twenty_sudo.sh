#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in sudo, where the user acme runs a command. While sudo does not ask
# again (timestamp_timeout), it still asks the account line, which refuses a login without a token.
# shellcheck disable=SC2034
. tests/hosts/apart.sh
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves sudo
system_is_apart
undecided=no longest=200
: >"$work/sudoers"
chmod 440 "$work/sudoers"
mount --bind "$work/sudoers" /etc/sudoers

# rules [EDIT]: EDIT is a sed command for the line of the README
rules() {
    cat >"$work/sudoers" <<END
$(block plugins/pam/README.md timestamp_timeout | sed "${1-}")
Defaults timestamp_type = global, passwd_tries = 1, lecture = never, !syslog
acme ALL = (ALL) ALL
END
}

log_in() {
    code=0
    setpriv --reuid="$1" --regid="$(id -g nobody)" --clear-groups sudo -S -p '' id -un \
        <"$work/$2.token" >"$work/out.log" 2>&1 || code=$?
    case $code:$(cat "$work/out.log") in
    0:root) echo yes ;;
    1:*) echo no ;;
    *) echo "status $code: $(cat "$work/out.log")" ;;
    esac
}

rules
twenty
rules 's/= 0/= 15/'
q "a login that sudo remembers" yes web
q "the next command, without a login" no web
says "$work/out.log" "PAM account management error"
finished
