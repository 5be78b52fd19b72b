#!/bin/sh
# What every adapter owes: it links nothing of ours, and shows its host nothing but what the host looks
# up; make adapters says what is missing; each goes where its host looks, with the validator's own place
# in it, and away again.
. tests/hosts/lib.sh
# only as another make may be told it
make() {
    env -u MAKEFLAGS -u MFLAGS -u CI -u VARIANT make --no-print-directory "$@"
}

for adapter in "$build"/plugins/*/*.so; do
    readelf -dW "$adapter" >"$work/dynamic"
    same "what ${adapter##*/} needs" "$(case $adapter in */pam_esp_token.so) echo 'libpam.so.0 libc.so.6' ;; *) echo libc.so.6 ;; esac)" \
        "$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" | paste -s -d ' ' -)"
    says "$work/dynamic" "BIND_NOW"
    readelf -lW "$adapter" >"$work/segments"
    says "$work/segments" "GNU_RELRO"
    silent "$work/segments" "RWE"
done
exported() {
    nm -D --defined-only "$build/plugins/$1" | sed 's/.* //' | sort | paste -s -d ' ' -
}
same "symbols for PAM" "pam_sm_acct_mgmt pam_sm_authenticate pam_sm_setcred" "$(exported pam/pam_esp_token.so)"
same "symbols for Mosquitto" "mosquitto_plugin_cleanup mosquitto_plugin_init mosquitto_plugin_version" \
    "$(exported mosquitto/mosquitto_esp_token.so)"
same "symbols for nginx" "ngx_http_esp_token_module ngx_module_names ngx_module_order ngx_modules" \
    "$(exported nginx/ngx_http_esp_token_module.so)"

# a compiler that finds no header
make adapter-pam adapter-mosquitto OUT="$work/none" CC=false >"$work/out.log" 2>&1
says "$work/out.log" "pam: not built, since libpam0g-dev is missing; get it by: make deps-hosts"
says "$work/out.log" "mosquitto: not built, since"
make install-pam OUT="$work/none" CC=false DESTDIR="$work/empty" >"$work/out.log" 2>&1
[ ! -e "$work/empty" ] || fail "installed what was not built"

# for a system's package; nginx's own build is long, and is tried by test_nginx.sh
adapters='pam mosquitto python luajit'
with() {
    # shellcheck disable=SC2046,SC2059,SC2086
    make $(printf "$1-%s " $adapters) OUT="$work/out" DESTDIR="$work/root" PREFIX=/usr >"$work/make.log" 2>&1
}
with install
arch=$(cc -print-multiarch)
for file in "lib/$arch/security/pam_esp_token.so" usr/lib/esp-token/mosquitto_esp_token.so \
    usr/lib/python3/dist-packages/esp_token.py usr/share/lua/5.1/esp_token.lua; do
    [ -f "$work/root/$file" ] || fail "not installed: $file"
    same "the mode of $file" 644 "$(stat -c %a "$work/root/$file")"
    says "$work/root/$file" /usr/lib/esp-token/esp_validator.so
done
same "files installed" 4 "$(find "$work/root" -type f | wc -l)"
with uninstall
same "files left" 0 "$(find "$work/root" -type f | wc -l)"
finished
