#!/bin/sh
# make install, from an archive without git: every file of the contract at its place; an edited
# config is kept; the installed esp-tokenctl finds the installed validator.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
tar --exclude=./build --exclude=./.git -cf - . | tar -xf - -C "$work/source"
cd "$work/source"
install_it() {
    make -s install DESTDIR="$work/root" PREFIX=/usr SYSCONFDIR=/etc >/dev/null
}
install_it
root=$work/root
for file in bin/esp-tokenctl lib/esp-token/esp_validator.so include/espt/validator.h lib/pkgconfig/esp-validator.pc \
    share/bash-completion/completions/esp-tokenctl share/zsh/site-functions/_esp-tokenctl \
    share/fish/vendor_completions.d/esp-tokenctl.fish share/man/man8/esp-tokenctl.8 share/man/man7/esp-token.7 \
    share/man/man5/esp-token.conf.5 share/man/man5/esp-token-tiers.ini.5 share/man/man3/esp_validator.3; do
    [ -f "$root/usr/$file" ] || { echo "missing: $file" >&2; exit 1; }
done
echo '; edited' >>"$root/etc/esp-token/tiers.ini"
install_it
grep -q '; edited' "$root/etc/esp-token/tiers.ini" || { echo "an edited tiers.ini was lost" >&2; exit 1; }
[ -f "$root/etc/esp-token/esp-token.conf" ]
plugin=$(PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --variable=plugin esp-validator)
[ "$plugin" = /usr/lib/esp-token/esp_validator.so ] || { echo "plugin=$plugin" >&2; exit 1; }
ctl=$root/usr/bin/esp-tokenctl
# every command, and every option that one takes, is in the page
page=$root/usr/share/man/man8/esp-tokenctl.8
words=$("$ctl" complete -- '' | cut -f 1)
[ "$(echo "$words" | wc -l)" -gt 10 ]
for word in $words complete; do
    grep -q "^\\\\fB$word" "$page" || { echo "esp-tokenctl.8 lacks $word" >&2; exit 1; }
    for option in $("$ctl" complete -- "$word" -- | cut -f 1 | grep '^--'); do
        grep -q -e "$option" "$page" || { echo "esp-tokenctl.8 lacks $option" >&2; exit 1; }
    done
done
! grep -q '@[A-Z]*@' "$root"/usr/share/man/man?/* || { echo "a page holds a name that was not put in" >&2; exit 1; }
"$ctl" init "$work/store" >/dev/null
"$ctl" -c "$work/store/esp-token.conf" entity add acme --kind customer --json |
    sed -n 's/.*"token": "\(esptk_.*\)".*/\1/p' |
    "$ctl" -c "$work/store/esp-token.conf" verify --metric kpi.peak_audience
echo "1 passed, 0 failed"
