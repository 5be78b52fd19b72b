#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to HAProxy, which asks esp-token-authd by haproxy.lua.
# shellcheck disable=SC2034,SC2086,SC2154
. tests/hosts/lib.sh
. tests/hosts/authd_gateway.sh
PATH=$PATH:/usr/sbin
command -v haproxy >/dev/null || skip "haproxy is missing"
begin_authd
cp plugins/authd/haproxy.lua "$work/esp_token.lua"
block plugins/authd/README.md lua.esp-token | sed "s|/etc/haproxy/esp_token.lua|$work/esp_token.lua|
    s|^    bind :443 .*|    bind 127.0.0.1:$front\n    bind 127.0.0.1:$front2 proto h2|
    s|127.0.0.1:9180|${at#http://}|; s|127.0.0.1:8081|127.0.0.1:$back|" >"$work/haproxy.cfg"
serve haproxy.log $plain haproxy -db -f "$work/haproxy.cfg"
answers_at "http://127.0.0.1:$front/"
gateway
finished
