#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in lighttpd, by mod_authn_pam; and the effect of auth.cache.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves analytics
undecided=no verdicts=$work/lighttpd.log
mkdir -p "$work/www/metrics"
echo figures >"$work/www/metrics/index.html"

# begin [LINES...]
begin() {
    port=$(free_port)
    cat >"$work/lighttpd.conf" <<END
server.document-root = "$work/www"
server.bind          = "127.0.0.1"
server.port          = $port
$(block plugins/pam/README.md mod_authn_pam)
$*
END
    serve lighttpd.log $plain $wrapped lighttpd -D -f "$work/lighttpd.conf"
    answers_at "http://127.0.0.1:$port/"
}

log_in() {
    basic "$1" "$2" "http://127.0.0.1:$port/metrics/index.html"
}

begin
twenty
stop "$server"
begin 'auth.cache = ("max-age" => "600")'
remembers auth.cache
finished
