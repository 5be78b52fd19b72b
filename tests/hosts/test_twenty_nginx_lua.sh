#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the LuaJIT module in nginx's Lua: a validator that the master opened before it forked, and
# one in each of two workers.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
by_entity=yes verdicts=$work/error.log
root=$build/tests/hosts/nginx-lua
libraries=$(dirname "$(find "$root/usr/lib" -name 'libluajit-5.1.so.2')")
mkdir "$work/lib" "$work/tmp" "$work/logs"
theirs "$work/tmp" "$work/error.log"
chmod 777 "$work/logs"
cp "$build/esp_validator.so" "$build/plugins/luajit/esp_token.lua" "$work/lib"
cp -r "$root/usr/share/lua/5.1/resty" "$libraries"/libluajit-5.1.so.2* "$root"/usr/lib/nginx/modules/*.so "$work/lib"
chmod -R a+rX "$work/lib"
master=$(free_port) workers=$(free_port)
block plugins/luajit/README.md 'return function(validator)' >"$work/lib/guard.lua"
files="{config = \"$config\", plugin = \"$work/lib/esp_validator.so\"}"
block plugins/luajit/README.md init_by_lua_block |
    sed "s|/usr/local/share/lua/5.1/?.lua;;|$work/lib/?.lua|; s|open()|open($files)|; s|8080|$master|" >"$work/master.conf"
sed -n '/^server/,$p' "$work/master.conf" | sed "s|$master|$workers|; s|guard(validator)|guard(of_worker)|" >"$work/workers.conf"
cat >"$work/nginx.conf" <<END
load_module $work/lib/ndk_http_module.so;
load_module $work/lib/ngx_http_lua_module.so;
daemon off;
worker_processes 2;
pid $work/tmp/nginx.pid;
error_log $work/error.log info;
events {
}
http {
    access_log off;
    $(nginx_paths)
    include master.conf;
    init_worker_by_lua_block {
        of_worker = assert(require("esp_token").open($files))
    }
    include workers.conf;
}
END
serve nginx.log env LD_LIBRARY_PATH="$work/lib" $plain /usr/sbin/nginx -p "$work" -c nginx.conf -e "$work/error.log"
answers_at "http://127.0.0.1:$workers/"

ask() {
    bearer_at "$1" "$2" "${3-}" "$master" "$workers"
}
twenty
finished
