#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests `make install` from a copy of the sources without git: every file is at its place, an edited
# configuration is kept, and the installed esp-tokenctl finds the installed validator. The installed
# programs use the locations of this install, even if others were built before.
set -eu
unset MFLAGS MAKELEVEL VARIANT OUT
export MAKEFLAGS="-j$(nproc)" # not the job server of a make that runs this script
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
for file in bin/esp-tokenctl bin/esp-token-portal share/esp-token/portal/openapi.json lib/esp-token/esp_validator.so include/espt/validator.h include/espt/journal.h lib/esp-token/esp_journal_dir.so lib/esp-token/esp_journal_pg.so share/esp-token/roles.sql lib/pkgconfig/esp-validator.pc \
    share/bash-completion/completions/esp-tokenctl share/zsh/site-functions/_esp-tokenctl \
    share/fish/vendor_completions.d/esp-tokenctl.fish share/man/man8/esp-tokenctl.8 share/man/man8/esp-token-portal.8 share/man/man7/esp-token.7 share/man/man7/esp-token-fleet.7 \
    share/man/man5/esp-token.conf.5 share/man/man5/esp-token-tiers.ini.5 share/man/man3/esp_validator.3; do
    [ -f "$root/usr/$file" ] || { echo "missing: $file" >&2; exit 1; }
done
echo '; edited' >>"$root/etc/esp-token/tiers.ini"
install_it
grep -q '; edited' "$root/etc/esp-token/tiers.ini" || { echo "an edited tiers.ini was lost" >&2; exit 1; }
[ -f "$root/etc/esp-token/esp-token.conf" ]
# systemd's own programs make the group of hosts and the store's folder, below a root folder of the
# test
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
    [ "$counts" = "1770 0 $group" ] || { echo "the usage folder: $counts" >&2; exit 1; }
    [ -n "$group" ] && [ "$made" = "750 0 $group" ] || { echo "group $group, folder $made" >&2; exit 1; }
    grep esp-token "$machine/etc/passwd" | grep -qx 'esp-token-portal:x:[0-9]*:[0-9]*:[^:]*:/:[^:]*/nologin'
else
    echo "SKIPPED: systemd-sysusers and systemd-tmpfiles need root"
fi
plugin=$(PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --variable=plugin esp-validator)
[ "$plugin" = /usr/lib/esp-token/esp_validator.so ] || { echo "plugin=$plugin" >&2; exit 1; }
ctl=$root/usr/bin/esp-tokenctl
# the manual page has every command and every option
page=$root/usr/share/man/man8/esp-tokenctl.8
words=$("$ctl" complete -- '' | cut -f 1)
[ "$(echo "$words" | wc -l)" -gt 10 ]
for word in $words complete; do
    grep -q "^\\\\fB$word" "$page" || { echo "esp-tokenctl.8 lacks $word" >&2; exit 1; }
    for option in $("$ctl" complete -- "$word" -- | cut -f 1 | grep '^--'); do
        sed 's/\\-/-/g' "$page" | grep -q -e "$option" || { echo "esp-tokenctl.8 lacks $option" >&2; exit 1; }
    done
done
! grep -q '@[A-Z]*@' "$root"/usr/share/man/man?/* || { echo "a page has an unreplaced @NAME@" >&2; exit 1; }
grep -qF '{36}\\b' "$root/usr/share/man/man7/esp-token.7" || { echo "esp-token.7 lacks its backslashes" >&2; exit 1; }
"$ctl" init "$work/store" >/dev/null
"$ctl" -c "$work/store/esp-token.conf" entity add acme --kind customer --json |
    sed -n 's/.*"token": "\(esptk_.*\)".*/\1/p' |
    "$ctl" -c "$work/store/esp-token.conf" verify --metric kpi.peak_audience

# another location, from the same build: a folder with a blank in its name, and a strict umask
elsewhere="$work/another root"
install_elsewhere() {
    (umask 077 && make -s install DESTDIR="$elsewhere" PREFIX=/opt/esp SYSCONFDIR=/opt/esp/etc >/dev/null)
}
config_of() { # the default configuration of the program and plugin installed in $1 with PREFIX $2
    env -u ESP_TOKEN_CONFIG "$1$2/bin/esp-tokenctl" list 2>&1 | sed 's/^esp-tokenctl: //; s/: .*//'
    strings "$1$2/lib/esp-token/esp_validator.so" | grep '/esp-token\.conf$'
}
is_config() {
    [ "$(config_of "$1" "$2" | sort -u)" = "$3/esp-token/esp-token.conf" ] || {
        echo "in $1$2 the default configuration is not $3/esp-token/esp-token.conf, but: $(config_of "$1" "$2")" >&2
        exit 1
    }
}
is_config "$root" /usr /etc
install_elsewhere
is_config "$elsewhere" /opt/esp /opt/esp/etc
for file in bin/esp-tokenctl lib/esp-token/esp_validator.so include/espt/validator.h lib/pkgconfig/esp-validator.pc \
    share/man/man8/esp-tokenctl.8 etc/esp-token/esp-token.conf etc/esp-token/tiers.ini; do
    mode=$(stat -c %a "$elsewhere/opt/esp/$file")
    case $file in bin/* | lib/esp-token/*.so) wanted=755 ;; *) wanted=644 ;; esac
    [ "$mode" = "$wanted" ] || { echo "$file has mode $mode, not $wanted" >&2; exit 1; }
done
find "$elsewhere/opt" -type d ! -perm 755 | grep . && { echo "a folder is not 0755" >&2; exit 1; }
sed 's/\\-/-/g' "$elsewhere/opt/esp/share/man/man5/esp-token.conf.5" | grep -q '/opt/esp/etc/esp-token' ||
    { echo "esp-token.conf(5) names another folder" >&2; exit 1; }
grep -q '^prefix=/opt/esp$' "$elsewhere/opt/esp/lib/pkgconfig/esp-validator.pc"
grep -rlF "$work" "$elsewhere/opt/esp/etc" "$elsewhere/opt/esp/lib/pkgconfig" "$elsewhere/opt/esp/share" &&
    { echo "an installed file contains DESTDIR" >&2; exit 1; }
# files that did not change are not built again; then back to the first location
touch "$work/before"
install_elsewhere
find build -newer "$work/before" -type f | grep . && { echo "files were built again without a change" >&2; exit 1; }
install_it
is_config "$root" /usr /etc
# uninstall leaves only the configuration, in both locations
echo '; edited' >>"$elsewhere/opt/esp/etc/esp-token/esp-token.conf"
make -s uninstall DESTDIR="$elsewhere" PREFIX=/opt/esp SYSCONFDIR=/opt/esp/etc >/dev/null
make -s uninstall DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc >/dev/null
left=$(cd "$work" && find "$elsewhere" "$root" ! -type d | sed "s|^$work/||" | sort | tr '\n' ' ')
[ "$left" = "another root/opt/esp/etc/esp-token/esp-token.conf another root/opt/esp/etc/esp-token/tiers.ini \
root/etc/esp-token/esp-token.conf root/etc/esp-token/tiers.ini " ] ||
    { echo "uninstall left: $left" >&2; exit 1; }

# each folder variable works; one line for each file; commands only with V=1; without DESTDIR, the
# next steps
here="$work/here"
folders="BINDIR=$here/b LIBDIR=$here/l MANDIR=$here/m INCLUDEDIR=$here/i UNITDIR=$here/u SYSUSERSDIR=$here/su"
folders="$folders TMPFILESDIR=$here/tm PKGCONFIGDIR=$here/pc BASHDIR=$here/ba ZSHDIR=$here/z FISHDIR=$here/f DATADIR=$here/d"
# shellcheck disable=SC2086
make install PREFIX="$here/none" SYSCONFDIR="$here/e" $folders >"$work/installed.log"
for file in b/esp-tokenctl l/esp-token/esp_validator.so m/man8/esp-tokenctl.8 i/espt/validator.h u/esp-token-usage.timer \
    u/esp-token-usage.service u/esp-token-notify.timer u/esp-token-notify.service su/esp-token.conf tm/esp-token.conf pc/esp-validator.pc ba/esp-tokenctl z/_esp-tokenctl \
    f/esp-tokenctl.fish d/esp-token/portal/openapi.json b/esp-token-portal i/espt/journal.h d/esp-token/roles.sql \
    e/esp-token/tiers.ini; do
    [ -f "$here/$file" ] || { echo "missing: $file" >&2; exit 1; }
    grep -q "^  INSTALL $here/$file\$" "$work/installed.log" || { echo "not printed: INSTALL $file" >&2; exit 1; }
done
[ ! -e "$here/none" ] || { echo "a file was installed outside of the folders given" >&2; exit 1; }
! grep -q 'umask\|install -' "$work/installed.log" || { echo "make install shows raw commands" >&2; exit 1; }
# shellcheck disable=SC2086
make install V=1 PREFIX="$here/none" SYSCONFDIR="$here/e" $folders | grep -q "install -D -m 0755 build/esp-tokenctl" ||
    { echo "make install V=1 shows no commands" >&2; exit 1; }
[ "$(grep -c '^  .*\(systemd-sysusers\|systemd-tmpfiles --create\|esp-tokenctl init\|systemctl enable\|systemctl daemon-reload\|usermod\|entity add\)' \
    "$work/installed.log")" -eq 6 ] || { echo "make install does not print the six commands to a service" >&2; exit 1; }
grep -q "^ExecStart=$here/b/esp-tokenctl usage fold\$" "$here/u/esp-token-usage.service"
grep -q "^ExecStart=$here/b/esp-tokenctl notify\$" "$here/u/esp-token-notify.service"
# the other units fail until they are configured
grep -q 'systemctl enable --now esp-token-usage.timer esp-token-usage-shutdown.service$' "$work/installed.log" ||
    { echo "make install advises to enable other units than the two that work at once" >&2; exit 1; }
if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify --man=no "$here"/u/esp-token-*.service "$here"/u/esp-token-*.timer 2>"$work/verify" || :
    ! grep 'esp-token' "$work/verify" || { echo "systemd-analyze verify warns of a unit" >&2; exit 1; }
fi
grep -q "^plugin=$here/l/esp-token/esp_validator.so\$" "$here/pc/esp-validator.pc"
# the program finds a validator that is neither beside it nor in ../lib
"$here/b/esp-tokenctl" init "$work/store-here" >/dev/null
"$here/b/esp-tokenctl" -c "$work/store-here/esp-token.conf" entity add acme --kind customer --json |
    sed -n 's/.*"token": "\(esptk_.*\)".*/\1/p' | "$here/b/esp-tokenctl" -c "$work/store-here/esp-token.conf" verify
# shellcheck disable=SC2086
make -s uninstall PREFIX="$here/none" SYSCONFDIR="$here/e" $folders >/dev/null
[ "$(cd "$here" && find . ! -type d | sort | tr '\n' ' ')" = "./e/esp-token/esp-token.conf ./e/esp-token/tiers.ini " ] ||
    { echo "uninstall left: $(find "$here" ! -type d)" >&2; exit 1; }

# the caller's flags are added to ours, also if they are given on the command line
flags=$(make -n V=1 CPPFLAGS=-DMINE CFLAGS='-O0 -DTOO' LDFLAGS=-Wl,-O1 OUT="$work/flags")
for word in -Isrc -Iinclude -DMINE -O0 -DTOO -std=c17 -fstack-protector-strong -Wl,-O1 -Wl,-z,relro,-z,now; do
    case " $(echo "$flags" | tr '\n' ' ') " in *" $word "*) ;; *) echo "the flags lack $word" >&2; exit 1 ;; esac
done
! echo "$flags" | grep -q FORTIFY || { echo "_FORTIFY_SOURCE without optimization" >&2; exit 1; }
make -s CPPFLAGS=-DMINE CFLAGS=-O0 LDFLAGS=-Wl,-O1 WERROR=1 OUT="$work/flags" "$work/flags/esp-tokenctl" >/dev/null
"$work/flags/esp-tokenctl" --version >/dev/null
echo "1 passed, 0 failed"
