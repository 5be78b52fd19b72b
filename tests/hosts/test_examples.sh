#!/bin/sh
# SPDX-License-Identifier: ISC
# examples/host.c and host.cc: built by `make examples`, and by the commands in their first lines against an
# installed tree.
. tests/hosts/lib.sh

prefix=$work/prefix
# from a copy: another PREFIX builds the products again, and other tests are using those here
mkdir "$work/source"
tar --exclude=./build --exclude=./.git -cf - . | tar -xf - -C "$work/source"
env -u MAKEFLAGS -u MFLAGS -u VARIANT -u OUT make -s -C "$work/source" install PREFIX="$prefix" \
    SYSCONFDIR="$work/etc" >"$work/install.log" 2>&1
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
# shellcheck disable=SC2046
cc examples/host.c -o "$work/host" $(pkg-config --cflags --libs esp-validator)
# shellcheck disable=SC2046
c++ -std=c++17 examples/host.cc -o "$work/host-cc" $(pkg-config --cflags --libs esp-validator)
installed=$(pkg-config --variable=plugin esp-validator)

new_token acme entity add acme --kind customer
for host in "$build/examples/host" "$build/examples/host-cc" "$work/host" "$work/host-cc"; do
    exits "${host##*/} without arguments" 2 "$host"
    says "$work/out.log" "Usage: host"
    exits "${host##*/} without a config" 2 "$host" "$installed" "$work/none.conf" </dev/null
    says "$work/out.log" "$work/none.conf"
    exits "${host##*/} and a good token" 0 "$host" "$installed" "$config" <"$work/acme.token"
    says "$work/out.log" "allow: $(token_id acme) of acme"
    ctl edit acme/default --status inactive >/dev/null
    exits "${host##*/} and a token switched off" 1 "$host" "$installed" "$config" <"$work/acme.token"
    says "$work/out.log" "inactive: $(token_id acme)"
    ctl edit acme/default --status active >/dev/null
    exits "${host##*/} and no token" 1 "$host" "$installed" "$config" </dev/null
    says "$work/out.log" "malformed:"
done
finished
