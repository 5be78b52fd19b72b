# shellcheck shell=sh
# shellcheck disable=SC2012,SC2034
# For test_pam_*.sh: libpam-wrapper gives a program a folder of PAM services of its own, so that nothing
# in /etc is touched and no root is needed; lib.sh is read before.
#   $wrapped   words to put before a command, after $plain: it sees the services in $work/pam.d; what
#              modules log goes to its standard error (a level higher, and libpam-wrapper tells the tokens)
#   service NAME LINES...   in LINES, @ stands for the module and where its validator and store are
# shellcheck disable=SC2154
mkdir "$work/lib" "$work/pam.d"
cp "$build/esp_validator.so" "$build/plugins/pam/pam_esp_token.so" "$work/lib"
preload=$(ls /usr/lib/*/libpam_wrapper.so /usr/lib/libpam_wrapper.so 2>/dev/null | head -n 1)
[ -n "$preload" ] || fail "libpam_wrapper.so is missing; get it by: make deps-hosts"
wrapped="env LD_PRELOAD=$preload PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$work/pam.d PAM_WRAPPER_DEBUGLEVEL=2"

service() {
    name=$1
    shift
    printf '%s\n' "$@" |
        sed "s|@|$work/lib/pam_esp_token.so validator=$work/lib/esp_validator.so config=$config|" >"$work/pam.d/$name"
}

echo 'auth required pam_deny.so' >"$work/pam.d/other"
