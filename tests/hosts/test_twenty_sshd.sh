#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to pam_esp_token.so in sshd, by its password method, and one by keyboard-interactive.
# shellcheck disable=SC2034
. tests/hosts/apart.sh
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/pam.sh
serves sshd
system_is_apart
undecided=no longest=900
port=$(free_port)
mkdir /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
cat >"$work/sshd_config" <<END
ListenAddress 127.0.0.1
Port $port
HostKey $work/host_key
PidFile none
$(block plugins/pam/README.md UsePAM)
PubkeyAuthentication no
ForceCommand id -un
END
serve sshd.log /usr/sbin/sshd -D -e -f "$work/sshd_config"
until_true 10 is_open "$port"

# try METHOD PROMPT USER TOKEN
try() {
    code=0
    sshpass -P "$2" -f "$work/$4.token" ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o NumberOfPasswordPrompts=1 -o "PreferredAuthentications=$1" -p "$port" "$3@127.0.0.1" \
        >"$work/out.log" 2>"$work/ssh.log" || code=$?
    case $code:$(cat "$work/out.log" "$work/ssh.log") in
    "0:$3"*) echo yes ;;
    255:*"Permission denied"* | 255:*"Connection closed by 127.0.0.1"*) echo no ;;
    *) echo "status $code: $(cat "$work/ssh.log")" ;;
    esac
}
log_in() {
    try password assword "$1" "$2"
}

twenty
same "by keyboard-interactive" yes "$(try keyboard-interactive Token: acme web)"
same "a wrong text by keyboard-interactive" no "$(try keyboard-interactive Token: acme words)"
says "$work/sshd.log" "Accepted password for acme"
says "$work/sshd.log" "Accepted keyboard-interactive/pam for acme"
finished
