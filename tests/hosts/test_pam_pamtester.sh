#!/bin/sh
# SPDX-License-Identifier: ISC
# pam_esp_token.so in pamtester, as an ordinary user: auth and account, each refusal, and the options.
# shellcheck disable=SC2086
. tests/hosts/lib.sh
. tests/hosts/pam.sh

# try STATUS TOKEN-NAME SERVICE USER OPERATION...: STATUS 0 admits, 1 refuses; standard input is the token
try() {
    status=$1 presented=$2
    shift 2
    exits "pamtester $* with $presented" "$status" $plain $wrapped pamtester "$@" <"$work/$presented.token"
}

service plain 'auth required @' 'account required @'
block plugins/pam/README.md pam_deny.so | sed 's/pam_esp_token.so/@/' >"$work/lines"
service readme "$(cat "$work/lines")"
service asn 'auth required @ metric=asn.traffic' 'account required @ metric=asn.traffic'
service rank 'auth required @ min_rank=20' 'account required @'
service any 'auth required @ any_user' 'account required @'
service odd 'auth required @ debug' 'account required @'
service first 'auth required @ use_first_pass' 'account required @'
# one prompt for a token or for the password of the next module
service both 'auth sufficient @' 'auth required pam_permit.so' 'account required pam_permit.so'

new_token north entity add north --kind reseller --tier advanced
new_token acme entity add acme --kind customer --reseller north
echo "none" >"$work/wrong.token"

try 0 acme plain acme authenticate acct_mgmt
says "$work/out.log" "successfully authenticated"
says "$work/out.log" "token $(token_id acme): allow"
try 0 acme plain acme authenticate setcred acct_mgmt
try 1 acme plain north authenticate
says "$work/out.log" "Authentication failure"
try 1 wrong plain acme authenticate
says "$work/out.log" "Authentication failure"
try 1 acme plain acme acct_mgmt
# the README's lines cover every type, so that the service "other" decides nothing; otherwise it decides
echo 'password required pam_permit.so' >>"$work/pam.d/other"
try 0 acme readme acme authenticate acct_mgmt open_session close_session
try 1 acme readme acme chauthtok
try 0 acme plain acme chauthtok
try 1 acme plain acme open_session
try 0 north asn north authenticate acct_mgmt
try 1 acme asn acme authenticate
says "$work/out.log" "Permission denied"
try 0 north rank north authenticate acct_mgmt
try 1 acme rank acme authenticate
try 0 acme any somebody authenticate acct_mgmt
try 1 wrong any somebody authenticate
try 1 acme odd acme authenticate
says "$work/out.log" "option debug: unknown"
try 1 acme first acme authenticate
try 0 acme both acme authenticate acct_mgmt
try 0 wrong both acme authenticate acct_mgmt

ctl edit acme/default --status inactive >/dev/null
try 1 acme plain acme authenticate
says "$work/out.log" "Permission denied"
ctl edit acme/default --status active >/dev/null
ctl entity edit north --status inactive >/dev/null
try 1 acme plain acme authenticate
says "$work/out.log" "User account has expired"
ctl entity edit north --status active >/dev/null
soon=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)
ctl edit acme/default --expires "$soon" >/dev/null
sleep 3
try 1 acme plain acme authenticate
says "$work/out.log" "Authentication token expired"
ctl edit acme/default --expires never >/dev/null
try 0 acme plain acme authenticate acct_mgmt

mv "$work/store/tokens.mdb" "$work/store/away.mdb"
try 1 acme plain acme authenticate
says "$work/out.log" "Authentication service cannot retrieve authentication info"
mv "$work/store/away.mdb" "$work/store/tokens.mdb"
# files that the user may write are not trusted
if [ -n "$plain" ]; then
    chmod 666 "$work/store/tiers.ini"
    try 1 acme plain acme authenticate
    says "$work/out.log" "tiers.ini"
    chmod 644 "$work/store/tiers.ini"
fi
try 0 acme plain acme authenticate acct_mgmt
finished
