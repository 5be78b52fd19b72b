# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# nginx before an analytics back end, for test_nginx*.sh and bench_nginx.sh. Read lib.sh first.
#   write_conf [USER]   writes $work/nginx.conf: $front on loopback asks for tokens, and passes admitted
#                       requests to $back, which echoes the headers that it gets; USER runs the workers
#                       of a root master
#   begin [WORDS...]    starts nginx, with WORDS before the command; its pid is $server
#   ask STATUS TOKEN PATH [CURL OPTIONS...]
# shellcheck disable=SC2154
mkdir "$work/lib" "$work/tmp" "$work/logs"
cp "$build/esp_validator.so" "$build/plugins/nginx/ngx_http_esp_token_module.so" "$work/lib"
chmod 777 "$work/tmp" "$work/logs"
# the files for curl contain tokens, so only we can read them; no token is an argument
(umask 077 && mkdir "$work/ask")
front=$(free_port) back=$(free_port)

write_conf() {
    cat >"$work/nginx.conf" <<END
load_module $work/lib/ngx_http_esp_token_module.so;
daemon off;
${1:+user $1 $group;}
worker_processes 2;
pid $work/tmp/nginx.pid;
error_log $work/logs/error.log info;
events {
    worker_connections 512;
}
http {
    log_format verdict '\$request_method \$uri \$status id=\$esp_token_id entity=\$esp_token_entity '
                       'tier=\$esp_token_tier reason=\$esp_token_reason';
    log_format mirrored '\$uri entity=\$http_x_esp_entity';
    access_log $work/logs/access.log verdict;
    $(nginx_paths)
    esp_token_validator $work/lib/esp_validator.so;
    esp_token_config store/esp-token.conf;
    upstream analytics {
        server 127.0.0.1:$back;
        keepalive 16;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization "";
    proxy_set_header X-API-KEY "";
    proxy_set_header X-ESP-Entity \$esp_token_entity;
    proxy_set_header X-ESP-Tier \$esp_token_tier;
    proxy_set_header X-ESP-Token \$esp_token_id;
    include locations.conf;
    server {
        listen 127.0.0.1:$back;
        access_log off;
        location / {
            return 200 "uri=\$request_uri entity=\$http_x_esp_entity tier=\$http_x_esp_tier token=\$http_x_esp_token authorization=\$http_authorization key=\$http_x_api_key\n";
        }
        location /mirrored {
            access_log $work/logs/mirrored.log mirrored;
            return 204;
        }
        location /hand-over/ {
            add_header X-Accel-Redirect /internal/asn/traffic;
            return 200;
        }
    }
}
END
}

begin() {
    serve nginx.log "$@" /usr/sbin/nginx -p "$work" -c nginx.conf -e "$work/logs/error.log"
    until_true 10 curl -s -o "$work/ask/body" "http://127.0.0.1:$back/"
}

# presents NAME: writes files for curl -H @ (Bearer, X-API-KEY) and for curl -K (Basic password)
presents() {
    (umask 077 &&
        sed 's/^/Authorization: Bearer /' "$work/$1.token" >"$work/ask/$1.bearer" &&
        sed 's/^/X-API-KEY: /' "$work/$1.token" >"$work/ask/$1.key" &&
        sed 's/.*/user = "someone:&"/' "$work/$1.token" >"$work/ask/$1.basic")
}

# TOKEN is the name of a token that presents() wrote, or NAME.key, or - for none. The body and the head
# of the answer are in $work/ask.
ask() {
    expected=$1 presented=$2 at=$3
    shift 3
    case $presented in
    -) ;;
    *.*) set -- -H "@$work/ask/$presented" "$@" ;;
    *) set -- -H "@$work/ask/$presented.bearer" "$@" ;;
    esac
    got=$(curl -s -D "$work/ask/head" -o "$work/ask/body" -w '%{http_code}' "$@" "http://127.0.0.1:$front$at")
    same "$presented asks for $at" "$expected" "$got"
}

body() {
    says "$work/ask/body" "$1"
}

# challenge TEXT: the answer has exactly this challenge; for an empty TEXT it has none
challenge() {
    same "the challenge" "$1" "$(tr -d '\r' <"$work/ask/head" | sed -n 's/^WWW-Authenticate: //p')"
}
