#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in squid, by basic_pam_auth; and the effect of credentialsttl.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves analytics
undecided=no at_once=no verdicts=$work/cache.log
back=$(free_port)
mkdir "$work/www" "$work/run"
theirs "$work/run" "$work/cache.log"
echo figures >"$work/www/index.html"
serve back.log $plain /usr/bin/python3 -m http.server --bind 127.0.0.1 -d "$work/www" "$back"
answers_at "http://127.0.0.1:$back/"

# begin [EDIT]: EDIT is a sed command for the lines of the README
begin() {
    port=$(free_port)
    cat >"$work/squid.conf" <<END
http_port 127.0.0.1:$port
pid_filename $work/run/squid.pid
cache_log $work/cache.log
access_log none
cache deny all
coredump_dir $work/run
pinger_enable off
workers 1
shutdown_lifetime 0 seconds
$(block plugins/pam/README.md basic_pam_auth | sed "s/^auth_param basic children .*/auth_param basic children 2 startup=1/; ${1-}")
END
    serve squid.log $plain $wrapped squid -N -f "$work/squid.conf"
    answers_at "http://127.0.0.1:$port/"
}

log_in() {
    proxy_basic "$1" "$2" -x "http://127.0.0.1:$port" "http://127.0.0.1:$back/index.html"
}

begin
twenty
stop "$server"
begin "s/credentialsttl 1 second/credentialsttl 2 hours/"
remembers credentialsttl
finished
