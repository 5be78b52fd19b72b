#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to Caddy, which asks esp-token-authd by forward_auth.
# shellcheck disable=SC2034,SC2086,SC2154
. tests/hosts/lib.sh
. tests/hosts/authd_gateway.sh
command -v caddy >/dev/null || skip "caddy is missing"
begin_authd
mkdir "$work/caddy"
theirs "$work/caddy"
block plugins/authd/README.md forward_auth | sed "s|^https://analytics.example {|http://:$front, http://:$front2 {|
    s|127.0.0.1:9180|${at#http://}|; s|127.0.0.1:8081|127.0.0.1:$back|; s|protocols h1 h2|protocols h1 h2 h2c|; 1s|.*|{\n    admin off\n    default_bind 127.0.0.1|" >"$work/Caddyfile"
serve caddy.log $plain env HOME="$work/caddy" XDG_CONFIG_HOME="$work/caddy" XDG_DATA_HOME="$work/caddy" \
    caddy run --config "$work/Caddyfile" --adapter caddyfile
answers_at "http://127.0.0.1:$front/"
gateway
finished
