#!/bin/sh
# pam_esp_token.so in nginx, by Debian's libnginx-mod-http-auth-pam, with workers of an ordinary user.
# This module of nginx unloads its PAM modules after each request.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
. tests/hosts/pam.sh
service esp-token 'auth required @' 'account required @'
service esp-asn 'auth required @' 'account required @ metric=asn.traffic'
service esp-any 'auth required @ any_user' 'account required @'
port=$(free_port)
mkdir "$work/www" "$work/tmp" "$work/logs" "$work/ask"
chmod 777 "$work/tmp" "$work/logs"
chmod 700 "$work/ask"
echo "figures" >"$work/www/index.html"

cat >"$work/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ngx_http_auth_pam_module.so;
env PAM_WRAPPER;
env PAM_WRAPPER_SERVICE_DIR;
env PAM_WRAPPER_DEBUGLEVEL;
daemon off;
worker_processes 1;
pid $work/tmp/nginx.pid;
error_log $work/logs/error.log info;
events {
    worker_connections 256;
}
http {
    access_log off;
    client_body_temp_path $work/tmp/body;
    proxy_temp_path $work/tmp/proxy;
    fastcgi_temp_path $work/tmp/fastcgi;
    uwsgi_temp_path $work/tmp/uwsgi;
    scgi_temp_path $work/tmp/scgi;
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

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
echo "none" >"$work/wrong.token"

serve nginx.log $plain $wrapped /usr/sbin/nginx -p "$work" -c nginx.conf -e "$work/logs/error.log"
until_true 10 curl -sf "http://127.0.0.1:$port/up"

# ask STATUS USER TOKEN-NAME PATH: user and token go by a file that curl reads
ask() {
    (umask 077 && sed "s/.*/user = \"$2:&\"/" "$work/$3.token" >"$work/ask/curlrc")
    same "$2 with $3 asks for $4" "$1" \
        "$(curl -s -K "$work/ask/curlrc" -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port$4")"
}

same "nobody asks" 401 "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")"
ask 200 acme acme /
ask 401 acme wrong /
ask 401 north acme /
ask 401 acme north /
ask 200 north north /asn/
ask 401 acme acme /asn/
ask 200 somebody acme /any/
ask 401 somebody wrong /any/
ctl edit acme/default --status inactive >/dev/null
ask 401 acme acme /
ctl edit acme/default --status active >/dev/null
ask 200 acme acme /
ctl entity edit north --status inactive >/dev/null
ask 401 acme acme /
ctl entity edit north --status active >/dev/null

# 600 logins in one worker: its memory and descriptors stay as they were after the first 100
worker=$(cat "/proc/$server/task/$server/children")
worker=${worker% }
grown() {
    ask 200 acme acme /
    # curl asks for as many as the range says, over one connection
    curl -s -K "$work/ask/curlrc" -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/?[1-$1]" >"$work/codes"
    same "$1 logins in one worker" "$1" "$(grep -c '^200$' "$work/codes")"
    resident=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$worker/status")
    files=$(find "/proc/$worker/fd" -mindepth 1 | wc -l)
}
grown 100
before=$resident before_files=$files
grown 500
[ "$resident" -le $((before + 1024)) ] || fail "500 logins took $((resident - before)) KiB"
same "open files after 500 logins" "$before_files" "$files"
says "$work/logs/error.log" "token $(token_id acme): allow" # nginx makes it its standard error
says "$work/logs/error.log" "token $(token_id acme): inactive"
silent "$work/logs/error.log" "esptk_"
finished
