#!/bin/sh
# SPDX-License-Identifier: ISC
# pam_esp_token.so in a setuid program that a hostile user starts: the user's environment and files have no
# effect, and the program reads the store with its own rights.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
[ -n "$plain" ] || skip "only root can make a setuid program: not tried"
. tests/hosts/pam.sh
chgrp root "$work/store/tokens.mdb" # root alone may read it
cc tests/hosts/pam_login.c -o "$work/pam_login" -lpam
service plain 'auth required @' 'account required @'
new_token acme entity add acme --kind customer

log_in() {
    exits "$1" "$2" $plain env -i "ESP_TOKEN_CONFIG=$work/theirs/esp-token.conf" "LD_LIBRARY_PATH=$work/theirs" \
        "LD_PRELOAD=$work/theirs/esp_validator.so" "TMPDIR=$work/theirs" "PAM_WRAPPER_SERVICE_DIR=$work/theirs" \
        "$work/pam_login" "$work/pam.d" "$3" acme <"$work/${4:-acme}.token"
}
mkdir "$work/theirs"
chown nobody "$work/theirs"
cp "$work/lib/esp_validator.so" "$work/theirs"
cp "$build/esp-tokenctl" "$work/lib" # where anyone may run it
log_in "an ordinary program" 1 plain
says "$work/out.log" "Authentication service cannot retrieve authentication info"
chmod 4755 "$work/pam_login"
if $plain findmnt -no OPTIONS -T "$work" | grep -qw nosuid; then
    skip "$work is mounted nosuid: not tried"
fi
log_in "a setuid program" 0 plain

# a program that runs as root does not trust a store of the user
$plain "$work/lib/esp-tokenctl" init "$work/theirs/store" >/dev/null
$plain "$work/lib/esp-tokenctl" -c "$work/theirs/store/esp-token.conf" entity add acme --kind customer --json |
    sed -n 's/^ *"token": "\(esptk_[^"]*\)".*/\1/p' >"$work/forged.token"
[ -s "$work/forged.token" ] || fail "no token in a store of the user's own"
log_in "a token of a store of the user's own" 1 plain forged
says "$work/out.log" "Authentication failure"
own=$config
config=$work/theirs/store/esp-token.conf
service theirs 'auth required @' 'account required @'
config=$own
log_in "a configuration of the user's own" 1 theirs forged
says "$work/out.log" "Authentication service cannot retrieve authentication info"
log_in "again" 0 plain
finished
