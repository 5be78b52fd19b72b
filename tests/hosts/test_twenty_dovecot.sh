#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in Dovecot, by IMAP; and the effect of its cache.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves analytics
undecided=no longest=900 verdicts=$work/dovecot.log
mkdir "$work/run" "$work/mail" "$work/state"
theirs "$work/run" "$work/mail" "$work/state"
user=$($plain id -un)

# begin [EDIT]: EDIT is a sed command for the lines of the README
begin() {
    port=$(free_port)
    cat >"$work/dovecot.conf" <<END
base_dir = $work/run
state_dir = $work/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
first_valid_uid = 0
mail_location = maildir:$work/mail/%u
import_environment = LD_PRELOAD PAM_WRAPPER PAM_WRAPPER_SERVICE_DIR PAM_WRAPPER_DEBUGLEVEL
auth_failure_delay = 0
service anvil {
    chroot =
    # switches off the delay that grows with each refusal of an address
    unix_listener anvil-auth-penalty {
        mode = 0
    }
}
service imap-login {
    chroot =
    inet_listener imap {
        port = $port
    }
    inet_listener imaps {
        port = 0
    }
}
$(block plugins/pam/README.md auth_username_format |
    sed "s|uid=vmail gid=vmail home=/var/mail|uid=$user gid=$group home=$work/mail|; ${1-}")
END
    serve dovecot.log $plain $wrapped dovecot -F -c "$work/dovecot.conf"
    until_true 20 curl -s -m 5 -o /dev/null "imap://127.0.0.1:$port/" -X NOOP
}

log_in() {
    logs_in "$1" "$2" "imap://127.0.0.1:$port/"
}

begin
twenty
stop "$server"
begin "s/args = analytics/args = cache_key=%u analytics/; s/auth_cache_size = 0/auth_cache_size = 1M/"
remembers auth_cache_size
finished
