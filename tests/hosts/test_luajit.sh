#!/bin/sh
# SPDX-License-Identifier: ISC
# plugins/luajit over the real plugin, in Debian's luajit.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
mkdir "$work/lib"
cp "$build/esp_validator.so" "$build/plugins/luajit/esp_token.lua" "$work/lib"
cc -Iinclude tests/hosts/layout.c -o "$work/layout"
"$work/layout" >"$work/layout.txt"
libc=$(find /lib/*/libc.so.6 | head -n 1)
export LUA_PATH="$work/lib/?.lua"
exits "luajit_test.lua" 0 luajit tests/hosts/luajit_test.lua "$build/esp-tokenctl" "$work/lib/esp_validator.so" "$config" \
    "$work/layout.txt" "$libc"
says "$work/out.log" "checks of Lua"
cat "$work/out.log"
for name in acme other north; do ctl entity remove $name --yes >/dev/null; done
exits "without the compiler" 0 luajit -joff tests/hosts/luajit_test.lua "$build/esp-tokenctl" "$work/lib/esp_validator.so" \
    "$config" "$work/layout.txt" "$libc"

# as an ordinary user
new_token solo entity add solo --kind customer
cat >"$work/solo.lua" <<'END'
local validator = assert(require("esp_token").open {config = arg[1], plugin = arg[2]})
local result = validator:validate(io.read "*l", {metric = "kpi.join_time"})
print(result.reason, result.entity)
os.exit(result.allowed and 0 or 1)
END
exits "an ordinary user" 0 $plain luajit "$work/solo.lua" "$config" "$work/lib/esp_validator.so" <"$work/solo.token"
says "$work/out.log" "solo"
finished
