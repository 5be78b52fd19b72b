#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in nginx, by Debian's libnginx-mod-http-auth-pam, and many logins in one
# worker. This module of nginx unloads its PAM modules after each request.
# shellcheck disable=SC2034,SC2086
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves esp-token
undecided=no verdicts=$work/error.log
service esp-asn 'auth required @' 'account required @ metric=asn.traffic'
service esp-any 'auth required @ any_user' 'account required @'
port=$(free_port)
mkdir "$work/www" "$work/tmp"
theirs "$work/tmp" "$work/error.log"
echo "figures" >"$work/www/index.html"

cat >"$work/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ngx_http_auth_pam_module.so;
env PAM_WRAPPER;
env PAM_WRAPPER_SERVICE_DIR;
env PAM_WRAPPER_DEBUGLEVEL;
daemon off;
worker_processes 1;
pid $work/tmp/nginx.pid;
error_log $work/error.log info;
events {
    worker_connections 256;
}
http {
    access_log off;
    $(nginx_paths)
    root $work/www;
    auth_pam "analytics";
    auth_pam_service_name "esp-token";
    server {
        listen 127.0.0.1:$port;
        location /asn {
            alias $work/www;
            auth_pam_service_name "esp-asn";
        }
        location /any {
            alias $work/www;
            auth_pam_service_name "esp-any";
        }
        location = /up {
            auth_pam off;
            return 204;
        }
    }
}
END

serve nginx.log $plain $wrapped /usr/sbin/nginx -p "$work" -c nginx.conf -e "$work/error.log"
answers_at "http://127.0.0.1:$port/up"

log_in() {
    basic "$1" "$2" "http://127.0.0.1:$port${3-/}"
}
twenty
same "nobody asks" no "$(fetch "http://127.0.0.1:$port/")"
same "a place of a metric that the tier shows" yes "$(log_in north north /asn/)"
same "a place of a metric that it does not show" no "$(log_in acme web /asn/)"
same "any user" yes "$(log_in somebody web /any/)"
same "any user with a wrong text" no "$(log_in somebody words /any/)"

# 600 logins in one worker: memory and descriptors do not grow after the first 100
worker=$(cat "/proc/$server/task/$server/children")
worker=${worker% }
grown() {
    q "a login before many" yes web
    # curl sends one request for each number of the range, over one connection
    curl -s -K "$work/ask/basic" -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/?[1-$1]" >"$work/codes"
    same "$1 logins in one worker" "$1" "$(grep -c '^200$' "$work/codes")"
    resident=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$worker/status")
    files=$(find "/proc/$worker/fd" -mindepth 1 | wc -l)
}
grown 100
before=$resident before_files=$files
grown 500
[ "$resident" -le $((before + 1024)) ] || fail "500 logins took $((resident - before)) KiB"
same "open files after 500 logins" "$before_files" "$files"
silent "$work/error.log" "esptk_"
finished
