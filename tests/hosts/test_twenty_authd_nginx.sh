#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to nginx, which asks esp-token-authd by auth_request.
# shellcheck disable=SC2034,SC2086,SC2154
. tests/hosts/lib.sh
. tests/hosts/authd_gateway.sh
begin_authd 'metric-from = X-Original-URI'
mkdir "$work/tmp"
theirs "$work/tmp" "$work/error.log"
{
    cat <<CONF
daemon off;
worker_processes 2;
pid $work/tmp/nginx.pid;
error_log $work/error.log;
events {
    worker_connections 512;
}
http {
    access_log off;
    $(nginx_paths)
CONF
    block plugins/authd/README.md auth_request_set | sed "s|listen 443 ssl http2;|listen 127.0.0.1:$front; listen 127.0.0.1:$front2 http2;|
        s|127.0.0.1:9180|${at#http://}|; s|127.0.0.1:8081|127.0.0.1:$back|"
    echo '}'
} >"$work/nginx.conf"
serve nginx.log $plain /usr/sbin/nginx -p "$work" -c nginx.conf -e "$work/error.log"
answers_at "http://127.0.0.1:$front/"
gateway
finished
