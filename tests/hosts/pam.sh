# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# shellcheck disable=SC2012,SC2034
# For test_pam_*.sh: libpam-wrapper gives a program its own folder of PAM services, so the tests change
# nothing in /etc and need no root. Read lib.sh first.
#   $wrapped   words before a command, after $plain: PAM reads the services in $work/pam.d, and the logs of
#              modules go to standard error (do not raise the level: libpam-wrapper then logs tokens)
#   service NAME LINES...   writes a service; @ in LINES stands for the module and its paths
#   serves NAME             for twenty.sh: writes the service NAME, and defines ask for a host that uses it
#                           by log_in USER TOKEN, which the host's test defines
# shellcheck disable=SC2154
mkdir "$work/lib" "$work/pam.d"
cp "$build/esp_validator.so" "$build/plugins/pam/pam_esp_token.so" "$work/lib"
preload=$(ls /usr/lib/*/libpam_wrapper.so /usr/lib/libpam_wrapper.so 2>/dev/null | head -n 1)
[ -n "$preload" ] || fail 'libpam_wrapper.so is missing; run "make deps-hosts"'
wrapped="env LD_PRELOAD=$preload PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$work/pam.d PAM_WRAPPER_DEBUGLEVEL=2"

service() {
    name=$1
    shift
    printf '%s\n' "$@" |
        sed "s|@|$work/lib/pam_esp_token.so validator=$work/lib/esp_validator.so config=$config|" >"$work/pam.d/$name"
}

echo 'auth required pam_deny.so' >"$work/pam.d/other"

# The service is that of the README, with a metric on the account line. libpam-wrapper copies the services when a
# program starts, so what is edited later is in a file that the service includes. PAM reads that file at each login.
serve_metric() {
    service ../served "$(block plugins/pam/README.md pam_deny.so | sed "s|pam_esp_token.so|@|; /^account/s|\$|${1:+ metric=$1}|")"
}
serves() {
    reopens=yes
    serve_metric ''
    for group_of in auth account password session; do
        echo "$group_of include $work/served"
    done >"$work/pam.d/$1"
    ask() {
        [ -z "${3-}" ] || serve_metric "$3"
        log_in "$1" "$2"
        [ -z "${3-}" ] || serve_metric ''
    }
}
