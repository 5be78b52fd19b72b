#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the module of nginx, with two workers.
# shellcheck disable=SC2034,SC2086,SC2119
. tests/hosts/lib.sh
. tests/hosts/nginx.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
by_entity=yes verdicts=$work/verdicts.log
write_conf
cat >"$work/locations.conf" <<END
server {
    listen 127.0.0.1:$front;
    location ~ ^/metrics/(?<metric>[a-z0-9._-]+)\$ {
        esp_token on;
        esp_token_metric \$metric;
        esp_token_entity \$arg_entity;
        proxy_pass http://analytics;
    }
}
END
begin $plain

ask() {
    bearer_at "$1" "$2" "${3-}" "$front"
    sed 's/.*reason=/: /' "$work/logs/access.log" >"$work/verdicts.log"
}
twenty
finished
