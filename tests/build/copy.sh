#!/bin/sh
# SPDX-License-Identifier: ISC
# Copies the current sources, without build results, into the new folder $1. If they are in git and $2 is
# `commit`, the copy is a checkout with one commit, which takes much longer.
set -eu
mkdir "$1"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
        tar -cf - -T - | tar -xf - -C "$1"
    [ "${2-}" = commit ] || exit 0
    cd "$1"
    git init -q .
    git add -A
    git -c user.name=test -c user.email=test@localhost commit -qm copy
else
    tar --exclude=./build -cf - . | tar -xf - -C "$1"
fi
