#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs the Debian packages that this project needs and that are missing, and names them. With
# arguments: installs those packages instead.
set -eu
packages="${*:-pkg-config libc6-dev g++ liblmdb-dev libsodium-dev libinih-dev libsmartcols-dev libjansson-dev libbsd-dev libutf8proc-dev libmicrohttpd-dev libseccomp-dev libgnutls28-dev libpq-dev libcurl4-gnutls-dev nginx postgresql-15 python3 python3-jsonschema openssl check curl strace e2fsprogs mount scdoc groff-base mandoc zsh fish}"
missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing the missing packages:$missing"
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
if ! command -v apt-get >/dev/null || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
    echo "cannot install packages here: install$missing as root, then run make again" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Waits for apt's lock: a new machine may be installing updates.
wait="-o DPkg::Lock::Timeout=300"
# shellcheck disable=SC2086
$as_root apt-get $wait install -y --no-install-recommends $missing >/dev/null 2>&1 ||
    { $as_root apt-get update >/dev/null && $as_root apt-get $wait install -y --no-install-recommends $missing >/dev/null; }
