#!/bin/bash
# SPDX-License-Identifier: ISC
# Tests the Debian packages in chroots that debootstrap makes: packaging/check.sh FOLDER, where `make deb` left them.
# lintian finds nothing in them. They are built again, twice, and must have the same bytes. Then machines install them,
# follow README.md, use a store of version 0.2.0, upgrade, remove, purge and install again. Needs root and a Debian mirror.
set -euo pipefail
out=$(realpath "$1")
[ "$(id -u)" -eq 0 ] || { echo 'check-deb: run it as root, because it needs chroots' >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/var/tmp}/esp-token-deb.XXXXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
checks=0
say() { echo "== $*"; }
ok() { checks=$((checks + 1)); }
fail() { echo "FAIL $*" >&2; exit 1; }

# Runs a command in a chroot: in a PID and mount namespace of its own, so that nothing stays mounted or running. With
# alone=--net it has a network of its own, too, which has only loopback.
alone=
export alone
inside() {
    local root=$1
    shift
    # shellcheck disable=SC2086
    unshare --mount --pid $alone --fork --kill-child -- sh -c '
        root=$1; shift
        [ -z "$alone" ] || ip link set lo up
        mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/run" && mount -t devtmpfs dev "$root/dev" 2>/dev/null ||
            mount --bind /dev "$root/dev"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
            DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" "$@"
}

# A minimal Debian that takes its packages from where this machine does, and starts no service.
make_base() {
    local mirror suite
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    debootstrap --variant=minbase "$suite" "$work/base" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log"; fail 'debootstrap'; }
    rm -f "$work/base/etc/apt/sources.list"
    cp -a /etc/apt/. "$work/base/etc/apt/"
    cp -a /usr/share/keyrings/. "$work/base/usr/share/keyrings/"
    printf '#!/bin/sh\nexit 101\n' >"$work/base/usr/sbin/policy-rc.d"
    chmod 755 "$work/base/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$work/base/etc/" 2>/dev/null || :
    inside "$work/base" apt-get -qq update
    mkdir "$work/base/packages" && cp "$out"/*.deb "$work/base/packages" && rm -f "$work/base"/packages/*dbgsym*
}

build_twice() {
    local root=$work/build place
    cp -a "$work/base" "$root"
    mkdir "$root/source" && cp "$out"/*.dsc "$out"/*.orig.tar.gz "$out"/*.debian.tar.xz "$root/source"
    inside "$root" sh -euc 'apt-get -qq install -y --no-install-recommends dpkg-dev >/dev/null
        apt-get -qq build-dep -y --no-install-recommends /source/*.dsc >/dev/null' 2>"$work/build.log" ||
        { tail -n 20 "$work/build.log"; fail 'the build dependencies'; }
    for place in first second/and/deeper; do
        inside "$root" sh -euc 'mkdir -p "$1" && cd "$1" && dpkg-source -x /source/*.dsc package
            cd package && dpkg-buildpackage -us -uc -b' sh "/$place" >"$work/build.log" 2>&1 ||
            { tail -n 40 "$work/build.log"; fail "the build in a clean chroot"; }
    done
    (cd "$root/first" && sha256sum ./*.deb) >"$work/first"
    (cd "$root/second/and/deeper" && sha256sum ./*.deb) >"$work/second"
    diff "$work/first" "$work/second" || fail 'two builds differ'
    ok
}

# Every file that is there, except what package managers note and cache.
files() {
    (cd "$1" && find . -xdev \( -path ./proc -o -path ./run -o -path ./dev -o -path ./var/cache -o -path ./var/log \
        -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/lib/systemd -o -path ./packages \) -prune -o -print | sort)
}

ask='import esp_token, sys
with esp_token.Validator() as v:
    for line in sys.stdin:
        print(v.validate(line.strip(), metric="kpi.peak_audience").reason, flush=True)'

first_token() {
    local root=$1
    inside "$root" sh -euc '
        test "$(stat -c %a:%U:%G /var/lib/esp-token)" = 750:root:esp-token
        esp-tokenctl init >/dev/null
        usermod --append --groups esp-token www-data
        esp-tokenctl entity add acme --kind customer --json | sed -n "s/.*\(esptk_[0-9A-Za-z_]*\).*/\1/p" >/root/token
        test "$(setpriv --reuid www-data --regid www-data --init-groups python3 -c "$1" </root/token)" = allow
        nginx -t 2>/dev/null
        luajit -e "package.path=\"/usr/share/lua/5.1/?.lua\" assert(require(\"esp_token\"))"
        test -e /lib/*/security/pam_esp_token.so
        man -w esp-tokenctl >/dev/null 2>&1 || test -e /usr/share/man/man8/esp-tokenctl.8.gz
        esp-tokenctl check' sh "$ask" || fail 'a first token on a new machine'
    ok
}

# By autopkgtest, which installs what each test depends on.
autopkgtests() {
    local root=$1
    cp -a "$work/base" "$root"
    mkdir "$root/tree" && cp -r packaging/debian "$root/tree/debian"
    # shellcheck disable=SC2016
    inside "$root" sh -euc 'apt-get -qq install -y --no-install-recommends autopkgtest dpkg-dev >/dev/null
        autopkgtest --summary-file=/summary --no-built-binaries /packages/*.deb /tree -- null' >"$work/auto.log" 2>&1 ||
        { tail -n 40 "$work/auto.log"; fail 'autopkgtest'; }
    [ "$(grep -c ' PASS$' "$root/summary")" -eq "$(grep -c ^Tests: packaging/debian/tests/control)" ] ||
        { tail -n 20 "$work/auto.log"; fail 'autopkgtest: not every test passed'; }
    ok
}

install_all() { inside "$1" sh -c 'apt-get -qq install -y --no-install-recommends --reinstall /packages/*.deb' >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log"; fail "apt-get install: $2"; }; }

# A store of 0.2.0 is read by new validators and converted only when the administrator says so.
upgrade() {
    local root=$1 before
    install -d "$root/etc/esp-token" "$root/var/lib/esp-token"
    cp tests/fixtures/schema2/tiers.ini tests/fixtures/schema2/reveal.* "$root/etc/esp-token/"
    chmod 600 "$root/etc/esp-token/reveal.key"
    cp tests/fixtures/schema2/tokens.mdb "$root/var/lib/esp-token/"
    chmod 640 "$root/var/lib/esp-token/tokens.mdb"
    before=$(sha256sum <"$root/var/lib/esp-token/tokens.mdb")
    inside "$root" sh -c 'apt-get -qq install -y --no-install-recommends -o Dpkg::Options::=--force-confold /packages/*.deb' \
        >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; fail 'apt-get install beside a store of 0.2.0'; }
    [ "$(sha256sum <"$root/var/lib/esp-token/tokens.mdb")" = "$before" ] || fail 'the installation changed the store'
    cmp -s tests/fixtures/schema2/tiers.ini "$root/etc/esp-token/tiers.ini" || fail 'the installation changed tiers.ini'
    inside "$root" sh -euc '
        mkfifo /tmp/ask
        : >/tmp/answers
        python3 -c "$1" </tmp/ask >/tmp/answers &
        host=$!
        exec 9>/tmp/ask
        answer() { echo an-older-system-secret-42 >&9
            i=0; while [ "$(wc -l </tmp/answers)" -lt $1 ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
            test "$(sed -n "$1p" /tmp/answers)" = allow; }
        answer 1
        status=0; esp-tokenctl list 2>/tmp/err || status=$?
        test $status -eq 5 && grep -q "esp-tokenctl upgrade" /tmp/err
        apt-get -qq install -y --reinstall -o Dpkg::Options::=--force-confold /packages/*.deb >/dev/null 2>&1
        answer 2
        esp-tokenctl upgrade >/dev/null
        answer 3
        esp-tokenctl list --json | grep -q acme
        exec 9>&-; wait $host' sh "$ask" || fail 'the upgrade of a store of 0.2.0'
    ok
}

remove() {
    local root=$1
    echo '; edited' >>"$root/etc/esp-token/tiers.ini"
    install_all "$root" 'over an edited tiers.ini'
    grep -q '; edited' "$root/etc/esp-token/tiers.ini" || fail 'an edited tiers.ini was lost'
    inside "$root" sh -c 'apt-get -qq remove -y ".*esp-token.*"' >"$work/apt.log" 2>&1 || { tail "$work/apt.log"; fail 'apt-get remove'; }
    [ -e "$root/etc/esp-token/tiers.ini" ] && [ ! -e "$root/usr/bin/esp-tokenctl" ] || fail 'remove'
    install_all "$root" 'after a removal'
    grep -q '; edited' "$root/etc/esp-token/tiers.ini" || fail 'an edited tiers.ini was lost'
    inside "$root" sh -euc 'apt-get -qq purge -y ".*esp-token.*"
        test -s /var/lib/esp-token/tokens.mdb && test -s /etc/esp-token/reveal.key' >"$work/apt.log" 2>&1 ||
        { tail "$work/apt.log"; fail 'purge kept neither store nor key'; }
    files "$root" | grep -i 'esp.token' | grep -vE '^\./(var/lib/esp-token|etc/esp-token)(/|$)' >"$work/left" &&
        { cat "$work/left"; fail 'purge left files'; }
    [ "$(ls "$root/etc/esp-token" | tr '\n' ' ')" = 'reveal.key reveal.pub ' ] || fail "purge left $(ls "$root/etc/esp-token")"
    install_all "$root" 'after a purge'
    inside "$root" sh -euc 'test "$(python3 -c "$1" </root/token)" = allow && esp-tokenctl check' sh "$ask" ||
        fail 'the store after a purge and a new installation'
    ok
}

# Packages that nobody used leave nothing: no folder, and no link of a unit that was enabled.
leave() {
    local root=$1
    install_all "$root" 'of packages that nobody uses'
    inside "$root" sh -euc 'systemctl enable esp-token-usage.timer esp-token-usage-shutdown.service esp-token-authd.socket
        apt-get -qq purge -y ".*esp-token.*"' >"$work/apt.log" 2>&1 || { tail "$work/apt.log"; fail 'apt-get purge'; }
    files "$root" | grep -i 'esp.token' >"$work/left" && { cat "$work/left"; fail 'packages that nobody used left files'; }
    ok
}

# The blocks of code in README.md below a heading, or those of one language.
blocks() {
    awk -v heading="$1" -v language="${2-sh}" '
        /^```/ { inside = !fenced && found && $0 == "```" language; fenced = !fenced; next }
        !fenced && /^#+ / { found = $0 == heading }
        inside' README.md
}

# Follows README.md on a new machine: installs, makes the first token, and asks the host of the heading $2, whose
# configuration $3 is the block of the language $4. Each `curl -i … # STATUS` must have that answer. systemd does not run
# in a chroot, so a script starts what its units would.
walk() {
    local root=$1
    cp -a "$work/base" "$root"
    mkdir -p "$root/root/clone/build" && ln -s /packages "$root/root/clone/build/deb"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90walk"
    cat >"$root/usr/local/sbin/systemctl" <<'END'
#!/bin/sh
case "$*" in
'restart nginx') exec nginx ;;
'restart caddy') exec caddy start --config /etc/caddy/Caddyfile >/var/log/caddy.log 2>&1 ;;
'enable --now esp-token-authd.socket')
    setpriv --reuid nobody --regid nogroup --groups "$(getent group esp-token | cut -d: -f3)" \
        esp-token-authd --settings /etc/esp-token/authd.conf >/var/log/authd.log 2>&1 &
    ;;
'enable --now '*) shift 2 && exec /usr/bin/systemctl enable "$@" ;;
*) exec /usr/bin/systemctl "$@" ;;
esac
END
    chmod 755 "$root/usr/local/sbin/systemctl"
    blocks "$2" "$4" >"$root/root/config"
    {
        blocks '## Install'
        blocks '## The first token'
        echo "install -D -m 644 /root/config $3"
        blocks "$2"
    } | grep -vE '^(make deb|apt install make git)$' >"$root/root/commands"
    [ "$(grep -c '^curl -i .*# [0-9]' "$root/root/commands")" -eq 3 ] && [ -s "$root/root/config" ] || fail "README.md: $2 has not three questions"
    grep '^apt install' "$root/root/commands" >"$root/root/packages"
    local begin=$SECONDS
    {
        echo 'expect() { status=$1; shift
            got=$(curl -s --retry 60 --retry-connrefused --retry-delay 1 -o /dev/null -w "%{http_code}" "$@") || :
            [ "$got" = "$status" ] || { echo "$got instead of $status: $*"; exit 1; }; }'
        grep -v '^apt install' "$root/root/commands" | sed -E 's/^curl -i (.*[^ ]) +# ([0-9]+).*/expect \2 \1/'
    } >"$root/root/walk"
    inside "$root" sh -euc 'apt-get -qq install -y --no-install-recommends curl ca-certificates; cd /root/clone; . /root/packages' \
        >"$work/walk.log" 2>&1 || { tail -n 20 "$work/walk.log"; fail "README.md, $2: apt"; }
    alone=--net inside "$root" sh -euxc 'PATH=/usr/local/sbin:$PATH; umask 022; cd /root/clone; . /root/walk' >"$work/walk.log" 2>&1 ||
        { tail -n 20 "$work/walk.log"; fail "README.md, $2"; }
    grep -q "^allow, token .*, customer acme, tier lite$" "$work/walk.log" || fail "README.md, $2: the first token"
    echo "   $((SECONDS - begin)) seconds from 'apt install' to the last answer"
    ok
}

# Its edition in Debian 12 does not know the field Static-Built-Using; dpkg does.
say 'lintian'
lintian --allow-root -I --fail-on error,warning,info --suppress-tags unknown-field "$out"/*.changes || fail 'lintian'
ok
say 'a minimal Debian'; make_base
say 'two builds in it'; build_twice
say 'a new machine'; cp -a "$work/base" "$work/new"; install_all "$work/new" 'on a new machine'; first_token "$work/new"
say 'autopkgtests'; autopkgtests "$work/auto"
say 'README.md: nginx'; walk "$work/nginx" '### nginx' /etc/nginx/conf.d/analytics.conf nginx
say 'README.md: Caddy'; walk "$work/caddy" '### Caddy' /etc/caddy/Caddyfile ''
say 'remove, purge and install again'; remove "$work/new"
say 'purge of what nobody used'; cp -a "$work/base" "$work/unused"; leave "$work/unused"
say 'a machine with a store of 0.2.0'; cp -a "$work/base" "$work/old"; upgrade "$work/old"
echo "$checks passed, 0 failed"
