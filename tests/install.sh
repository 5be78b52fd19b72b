#!/bin/sh
# make install, from an archive without git: every file of the contract at its place; an edited
# config is kept; the installed esp-tokenctl finds the installed validator. Whatever was built before,
# what is installed knows the places it is installed for.
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
# the group of hosts, and the folder of the store, by systemd's own programs on a root of their own
sysusers=$root/usr/lib/sysusers.d/esp-token.conf tmpfiles=$root/usr/lib/tmpfiles.d/esp-token.conf
[ -f "$sysusers" ] && [ -f "$tmpfiles" ]
if [ "$(id -u)" -eq 0 ] && command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null; then
    machine=$work/machine
    mkdir -p "$machine/etc"
    printf 'root:x:0:\n' >"$machine/etc/group"
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$machine/etc/passwd"
    systemd-sysusers --root="$machine" - <"$sysusers" 2>/dev/null
    group=$(sed -n 's/^esp-token:x:\([0-9]*\):$/\1/p' "$machine/etc/group")
    systemd-tmpfiles --root="$machine" --create - <"$tmpfiles"
    made=$(stat -c '%a %u %g' "$machine/var/lib/esp-token")
    counts=$(stat -c '%a %u %g' "$machine/run/esp-token/usage")
    [ "$counts" = "1770 0 $group" ] || { echo "the folder of usage: $counts" >&2; exit 1; }
    [ -n "$group" ] && [ "$made" = "750 0 $group" ] || { echo "group $group, folder $made" >&2; exit 1; }
    ! grep -q esp-token "$machine/etc/passwd"
else
    echo "SKIPPED: systemd-sysusers and systemd-tmpfiles need root"
fi
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
grep -qF '{36}\\b' "$root/usr/share/man/man7/esp-token.7" || { echo "esp-token.7 lacks its backslashes" >&2; exit 1; }
"$ctl" init "$work/store" >/dev/null
"$ctl" -c "$work/store/esp-token.conf" entity add acme --kind customer --json |
    sed -n 's/.*"token": "\(esptk_.*\)".*/\1/p' |
    "$ctl" -c "$work/store/esp-token.conf" verify --metric kpi.peak_audience

# elsewhere, from the same build, through a folder with a blank, by an administrator with a strict umask
elsewhere="$work/another root"
install_elsewhere() {
    (umask 077 && make -s install DESTDIR="$elsewhere" PREFIX=/opt/esp SYSCONFDIR=/opt/esp/etc >/dev/null)
}
config_of() { # what the installed program and plugin of $1, below its PREFIX $2, read by default
    env -u ESP_TOKEN_CONFIG "$1$2/bin/esp-tokenctl" list 2>&1 | sed 's/^esp-tokenctl: //; s/: .*//'
    strings "$1$2/lib/esp-token/esp_validator.so" | grep '/esp-token\.conf$'
}
is_config() {
    [ "$(config_of "$1" "$2" | sort -u)" = "$3/esp-token/esp-token.conf" ] || {
        echo "in $1$2 the config is not $3/esp-token/esp-token.conf, but: $(config_of "$1" "$2")" >&2
        exit 1
    }
}
is_config "$root" /usr /etc
install_elsewhere
is_config "$elsewhere" /opt/esp /opt/esp/etc
for file in bin/esp-tokenctl lib/esp-token/esp_validator.so include/espt/validator.h lib/pkgconfig/esp-validator.pc \
    share/man/man8/esp-tokenctl.8 etc/esp-token/esp-token.conf etc/esp-token/tiers.ini; do
    mode=$(stat -c %a "$elsewhere/opt/esp/$file")
    case $file in bin/* | lib/esp-token/*) wanted=755 ;; *) wanted=644 ;; esac
    [ "$mode" = "$wanted" ] || { echo "$file has mode $mode, not $wanted" >&2; exit 1; }
done
find "$elsewhere/opt" -type d ! -perm 755 | grep . && { echo "a folder is not 0755" >&2; exit 1; }
grep -q '/opt/esp/etc/esp-token' "$elsewhere/opt/esp/share/man/man5/esp-token.conf.5" ||
    { echo "the page of esp-token.conf names another folder" >&2; exit 1; }
grep -q '^prefix=/opt/esp$' "$elsewhere/opt/esp/lib/pkgconfig/esp-validator.pc"
grep -rlF "$work" "$elsewhere/opt/esp/etc" "$elsewhere/opt/esp/lib/pkgconfig" "$elsewhere/opt/esp/share" &&
    { echo "DESTDIR stands in what was installed" >&2; exit 1; }
# nothing is built again where nothing differs; and back again
touch "$work/before"
install_elsewhere
find build -newer "$work/before" -type f | grep . && { echo "built again for nothing" >&2; exit 1; }
install_it
is_config "$root" /usr /etc
# what is left is the configuration, in both
echo '; edited' >>"$elsewhere/opt/esp/etc/esp-token/esp-token.conf"
make -s uninstall DESTDIR="$elsewhere" PREFIX=/opt/esp SYSCONFDIR=/opt/esp/etc >/dev/null
make -s uninstall DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc >/dev/null
left=$(cd "$work" && find "$elsewhere" "$root" ! -type d | sed "s|^$work/||" | sort | tr '\n' ' ')
[ "$left" = "another root/opt/esp/etc/esp-token/esp-token.conf another root/opt/esp/etc/esp-token/tiers.ini \
root/etc/esp-token/esp-token.conf root/etc/esp-token/tiers.ini " ] ||
    { echo "uninstall left: $left" >&2; exit 1; }
echo "1 passed, 0 failed"
