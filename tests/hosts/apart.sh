# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# For hosts that read the system's own files: a test that begins with `. tests/hosts/apart.sh`, before lib.sh, runs
# in its own mount namespace, and changes nothing outside. It is skipped unless it runs as root and mounts are allowed.
#   system_is_apart    after lib.sh and pam.sh: PAM's services are those in $work/pam.d, /run is empty, and
#                      the user acme is an account of the system
# shellcheck disable=SC2154
if [ -z "${ESPT_APART-}" ]; then
    [ "$(id -u)" -eq 0 ] || {
        echo "only root has a mount namespace: not tried"
        exit 77
    }
    refusal=$(unshare --mount --propagation private true 2>&1) || {
        echo "mounts would reach others ($refusal): not tried"
        exit 77
    }
    export ESPT_APART=yes
    exec unshare --mount --propagation private "$0"
fi

system_is_apart() {
    mount --bind "$work/pam.d" /etc/pam.d
    mount -t tmpfs -o mode=755 none /run
    { cat /etc/passwd && echo "acme:x:64999:$(id -g nobody)::/:/bin/sh"; } >"$work/passwd"
    mount --bind "$work/passwd" /etc/passwd
}
