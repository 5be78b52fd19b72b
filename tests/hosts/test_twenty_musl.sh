#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the validator of `make musl`, in a host whose libc is musl. Debian has no Python and no LuaJIT
# for musl. Their modules would load the same file, so the layout of the structs that they read is compared instead.
# shellcheck disable=SC2034,SC2086
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
by_entity=yes verdicts=$work/host.log
mkdir "$work/lib"
cp "$build/musl/esp_validator.so" "$work/lib"
musl-gcc -std=c17 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude -Iplugins "-I$build/plugins" tests/hosts/ask_host.c -o "$work/lib/host"
chmod 644 "$work"/lib/*.so

# it needs only musl's libc, and nothing of glibc
readelf -dW "$work/lib/esp_validator.so" >"$work/dynamic"
same "what it needs" libc.so "$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" | paste -s -d ' ' -)"
same "what it exports" espt_validator_get "$(nm -D --defined-only "$work/lib/esp_validator.so" | sed 's/.* //')"
same "symbols of glibc" "" "$(nm -D --undefined-only "$work/lib/esp_validator.so" | grep -E '@|_chk$|64$')"
for libc in cc musl-gcc; do
    $libc -Iinclude tests/hosts/layout.c -o "$work/layout" && "$work/layout" >"$work/$libc.layout"
done
exits "the layout with glibc and musl" 0 cmp "$work/cc.layout" "$work/musl-gcc.layout"
exits "glibc does not load it" 1 /usr/bin/python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$work/lib/esp_validator.so"

mkfifo "$work/questions" "$work/answers"
$plain "$work/lib/host" "$work/lib/esp_validator.so" "$config" <"$work/questions" >"$work/answers" 2>"$work/host.log" &
servers="$servers $!"
exec 3>"$work/questions" 4<"$work/answers"
ask() {
    cp "$work/$2.token" "$work/lib/asked"
    [ -z "$plain" ] || chown nobody "$work/lib/asked"
    echo "$work/lib/asked ${3:-kpi.join_time} $1" >&3
    read -r answer <&4
    rm "$work/lib/asked"
    echo "$answer"
}
twenty
exec 3>&- 4<&-
finished
