#!/bin/sh
# SPDX-License-Identifier: ISC
# Rules for every adapter: it links no code of ours, and exports only what its host looks up. `make adapters`
# names missing packages. Installation puts each adapter where its host looks, with the path of the
# validator in it; uninstallation removes it.
. tests/hosts/lib.sh
# set only for the make that this test runs
make() {
    env -u MAKEFLAGS -u MFLAGS -u WERROR -u VARIANT make --no-print-directory "$@"
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
readelf -dW "$build/plugins/authd/esp-token-authd" >"$work/dynamic"
same "what esp-token-authd needs" "libc.so.6 libmicrohttpd.so libsodium.so" \
    "$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" | sed '/^libc/!s/\.so\..*/.so/' | sort | paste -s -d ' ' -)"
says "$work/dynamic" "BIND_NOW"
says "$work/dynamic" "PIE"
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
says "$work/out.log" 'pam: not built, because libpam0g-dev is missing; run "make deps-hosts"'
says "$work/out.log" "mosquitto: not built, because"
make install-pam OUT="$work/none" CC=false DESTDIR="$work/empty" >"$work/out.log" 2>&1
[ ! -e "$work/empty" ] || fail "installed what was not built"

# as for a package of a system; test_nginx.sh covers the long build of nginx's module
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

# a program, with units and a configuration that administrators edit
adapters=authd
with install
for file in usr/bin/esp-token-authd=755 usr/lib/systemd/system/esp-token-authd.service=644 \
    usr/lib/systemd/system/esp-token-authd.socket=644 etc/esp-token/authd.conf=644; do
    same "the mode of ${file%=*}" "${file#*=}" "$(stat -c %a "$work/root/${file%=*}")"
done
same "files installed" 4 "$(find "$work/root" -type f | wc -l)"
says "$work/root/usr/lib/systemd/system/esp-token-authd.service" "ExecStart=/usr/bin/esp-token-authd --settings /etc/esp-token/authd.conf"
same "templates in the unit" '' "$(grep -o '@[A-Z]*@' "$work/root/usr/lib/systemd/system/esp-token-authd.service")"
if command -v systemd-analyze >/dev/null; then
    sed -i "s|=/usr/bin/|=$work/root/usr/bin/|" "$work/root/usr/lib/systemd/system/esp-token-authd.service"
    exits "systemd-analyze verify" 0 systemd-analyze verify --man=no --recursive-errors=no \
        "$work/root/usr/lib/systemd/system/esp-token-authd.service" "$work/root/usr/lib/systemd/system/esp-token-authd.socket"
    same "what it says" '' "$(cat "$work/out.log")"
    exits "systemd-analyze security" 0 systemd-analyze security --offline=true --threshold=20 --no-pager \
        "$work/root/usr/lib/systemd/system/esp-token-authd.service"
fi
echo '; edited' >>"$work/root/etc/esp-token/authd.conf"
with install
says "$work/root/etc/esp-token/authd.conf" '; edited'
with uninstall
same "files left" "$work/root/etc/esp-token/authd.conf" "$(find "$work/root" -type f)"
finished
