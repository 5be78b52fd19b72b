#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in Apache, by mod_authnz_pam; and the effect of Apache's password cache.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves analytics
undecided=no verdicts=$work/error.log
port=$(free_port)
mkdir -p "$work/www/metrics" "$work/run"
echo figures >"$work/www/metrics/index.html"
theirs "$work/run" "$work/error.log"

# begin [EDIT]: EDIT is a sed command for the README's location
begin() {
    {
        for module in mpm_event authn_core authz_core authz_user auth_basic authnz_pam authn_socache socache_shmcb alias; do
            echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
        done
        cat <<END
ServerName localhost
Listen 127.0.0.1:$port
PidFile $work/run/pid
Mutex file:$work/run
DefaultRuntimeDir $work/run
ErrorLog $work/error.log
DocumentRoot $work/www
AuthnCacheSOCache shmcb
END
        block plugins/pam/README.md AuthPAMService | sed "${1-}"
    } >"$work/apache.conf"
    serve apache.log $plain $wrapped apache2 -DFOREGROUND -f "$work/apache.conf"
    answers_at "http://127.0.0.1:$port/"
}

log_in() {
    basic "$1" "$2" "http://127.0.0.1:$port/metrics/index.html"
}

begin
twenty
stop "$server"
begin 's/AuthBasicProvider PAM/AuthBasicProvider socache PAM\nAuthnCacheProvideFor PAM/'
remembers AuthnCacheProvideFor
finished
