#!/bin/sh
# SPDX-License-Identifier: ISC
# Unpacks Debian packages of another architecture, and what they depend on, into a folder, for a cross compiler and
# qemu: tools/foreign_root.sh ARCHITECTURE FOLDER PACKAGES... It installs nothing on this machine, and does nothing if
# the folder has these packages already. The packages come from where this machine takes its own.
set -eu
architecture=$1 root=$2
shift 2
wanted="$architecture $*"
[ "$(cat "$root/.packages" 2>/dev/null)" != "$wanted" ] || exit 0
rm -rf "$root"
mkdir -p "$root/.apt/lists/partial" "$root/.apt/archives/partial"
root=$(realpath "$root")
: >"$root/.apt/status"
cat >"$root/.apt/conf" <<END
#clear APT::Architectures;
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Dir::State "$root/.apt";
Dir::State::status "$root/.apt/status";
Dir::State::lists "$root/.apt/lists";
Dir::Cache "$root/.apt";
Dir::Cache::archives "$root/.apt/archives";
END
export APT_CONFIG="$root/.apt/conf" DEBIAN_FRONTEND=noninteractive
echo "unpacking packages for $architecture into $root: $*"
{ apt-get -q update && apt-get -q -y --no-install-recommends --download-only install "$@"; } >"$root/.apt/log" 2>&1 ||
    { tail -n 20 "$root/.apt/log" >&2; exit 1; }
for package in "$root"/.apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
rm -rf "$root/.apt" "$root/etc" # only libraries and headers remain, so programs use this machine's /etc
echo "$wanted" >"$root/.packages"
