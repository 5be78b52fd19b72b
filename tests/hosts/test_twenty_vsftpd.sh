#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in vsftpd, whose users are guests without accounts of the system.
# shellcheck disable=SC2086,SC2034
. tests/hosts/apart.sh
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
. tests/hosts/http.sh
serves analytics
system_is_apart
undecided=no longest=120
port=$(free_port)
mkdir "$work/files" "$work/empty"
cat >"$work/vsftpd.conf" <<END
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
$(block plugins/pam/README.md guest_enable | sed s/=ftp$/=daemon/)
nopriv_user=nobody
local_root=$work/files
secure_chroot_dir=$work/empty
delay_failed_login=0
seccomp_sandbox=NO
xferlog_enable=NO
END
serve vsftpd.log vsftpd "$work/vsftpd.conf"
until_true 10 is_open "$port"

log_in() {
    logs_in "$1" "$2" "ftp://127.0.0.1:$port/"
}

twenty
finished
