#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds the images of the Containerfile by Buildah, without an engine or a registry, and follows
# examples/kubernetes/README.md with them: packaging/container/check.sh. The base image is made by debootstrap. Needs root
# and a Debian mirror.
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo 'check-container: run it as root, because it needs chroots' >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/var/tmp}/esp-token-container.XXXXXXXX")
containers=
images() { buildah --root "$work/images" --runroot "$work/run" --storage-driver vfs "$@"; }
clean() {
    # shellcheck disable=SC2086
    [ -z "$containers" ] || images umount $containers >/dev/null
    rm -rf --one-file-system "$work"
}
trap clean EXIT
say() { echo "== $*"; }

# A minimal Debian that takes its packages from where this machine does.
make_base() {
    local suite mirror
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    debootstrap --variant=minbase "$suite" "$work/base" "$mirror" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
    rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
    rm -f "$work/base/etc/apt/sources.list"
    cp -a /etc/apt/. "$work/base/etc/apt/"
    cp -a /usr/share/keyrings/. "$work/base/usr/share/keyrings/"
    mkdir "$work/context"
    tar --one-file-system -C "$work/base" -cf "$work/context/base.tar" .
    printf 'FROM scratch\nADD base.tar /\n' >"$work/context/Containerfile"
    images bud --isolation chroot -q -t localhost/base "$work/context" >/dev/null
    rm -rf "$work/base" "$work/context"
}

# The files of the image are in $work/NAME, and its settings in $work/NAME.json.
build() {
    local name=esp-token-$1 container
    images bud --isolation chroot --layers --build-arg BASE=localhost/base -f packaging/container/Containerfile \
        --target "$1" -t "localhost/$name" . >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
    container=$(images from "localhost/$name")
    containers="$containers $container"
    ln -s "$(images mount "$container")" "$work/$name"
    images inspect "$container" >"$work/$name.json"
}

say 'a minimal Debian'; make_base
for target in authd tool edge; do say "the image $target"; build "$target"; done
say 'the example of Kubernetes'
mkdir "$work/pod"
unshare --net --mount -- python3 packaging/container/test_first_token.py "$work/pod" "$work/esp-token-authd" "$work/esp-token-tool" \
    "$work/esp-token-edge"
