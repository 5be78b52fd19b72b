#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds the Debian packages from the archive that `make dist` makes: packaging/build.sh VERSION FOLDER. All dates
# in them are that of the newest entry of the changelog, so two builds give the same bytes.
set -eu
version=$1 out=$2
unset MAKEFLAGS MFLAGS MAKELEVEL CC CFLAGS CPPFLAGS LDFLAGS WERROR
name=esp-token-$version
# A revision of 0esp1, so that a package of Debian, whose revisions begin with 1, would replace ours.
[ "$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" = "$version-0esp1" ] ||
    { echo "packaging/debian/changelog: its version is not $version-0esp1; add an entry with 'dch'" >&2; exit 1; }
rm -rf "$out" && mkdir -p "$out/$name"
git -c tar.umask=0022 archive --format=tar HEAD | tar -xf - -C "$out/$name"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -C "$out" -cf - "$name" |
    gzip -9n >"$out/esp-token_$version.orig.tar.gz"
cp -r "$out/$name/packaging/debian" "$out/$name/debian"
cd "$out/$name"
dpkg-buildpackage -us -uc --build=full >"../build.log" 2>&1 || { tail -n 40 ../build.log; exit 1; }
cd .. && ls ./*.deb
