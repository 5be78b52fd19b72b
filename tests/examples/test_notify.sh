#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests examples/notify-mail and examples/notify-webhook, as 'esp-tokenctl notify' runs them: with a
# sendmail that writes down what it got, and an HTTP server on loopback.
# MUST 1: mail and webhook get every notice once.
# MUST 2: no name, note or contact adds a header, a recipient, an option or a command.
# MUST 3: a failing sendmail, a server that answers 500 and a missing server fail, and are tried again.
. tests/documents/lib.sh
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
ctl=$(realpath "$OUT/esp-tokenctl") server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT

"$ctl" init "$work/store" >/dev/null
conf=$work/store/esp-token.conf
cp "$conf" "$work/conf"
# the programs run from a folder that only this user may write to
cp examples/notify-mail examples/notify-webhook "$work"
chmod 755 "$work" "$work"/notify-*
run() { "$ctl" -c "$conf" "$@"; }
use() { { cat "$work/conf"; printf '[notify]\ncommand = %s\n' "$*"; } >"$conf"; }
has() { grep -qF -e "$1" "$2" || { echo "no '$1' in:"; cat "$2"; return 1; }; }
lacks() { ! grep -qiE -e "$1" "$2" || { echo "'$1' in:"; cat "$2"; return 1; }; }

cat >"$work/sendmail" <<EOF
#!/bin/sh
[ ! -e "$work/down" ] || { echo "queue is full" >&2; exit 75; }
n=\$(ls "$work" | grep -c '^mail\.')
printf '<%s>\n' "\$@" >"$work/args.\$n"
cat >"$work/mail.\$n"
EOF
chmod 755 "$work/sendmail"

hostile='x"; touch pwned; $(touch pwned) `touch pwned` ü %0aBcc: evil@example.org'
run entity add north --kind reseller --tier advanced --contact 'Nörd, Ops <ops@north.example>' >/dev/null
run entity add acme --kind customer --tier advanced --reseller north \
    --contact 'call +49 1, or <-Xpwned@example.org>, "a b"@example.org, jo@acme.example' >/dev/null
run create acme "$hostile" --expires 5d --note "\$(touch pwned)" >/dev/null

# --- mail ---
use "$work/notify-mail" --sendmail "$work/sendmail" --from tokens@platform.example
touch "$work/down"
check "a failing sendmail is not reported" sh -c "! '$ctl' -c '$conf' notify >/dev/null 2>'$work/err'"
check "the failure names no status" has 'ended with status 75: queue is full' "$work/err"
rm "$work/down"
check "notify fails" run notify >/dev/null
check "no mail was sent" [ -s "$work/mail.0" ]
check "a notice was sent twice" sh -c "'$ctl' -c '$conf' notify | grep -qx 'no notices are due'"
printf '<%s>\n' -i -f tokens@platform.example -- jo@acme.example ops@north.example >"$work/wanted"
check "sendmail got other arguments: $(cat "$work/args.0")" cmp -s "$work/wanted" "$work/args.0"
tr -d '\r' <"$work/mail.0" | sed '/^$/q' >"$work/head"
check "the head has a Bcc" lacks '^(bcc|cc|evil)' "$work/head"
check "no sender" has 'From: tokens@platform.example' "$work/head"
python3 - "$work/mail.0" "acme/$hostile" <<'EOF' || fail "the mail is not whole"
import email, email.policy, sys
mail = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
assert sys.argv[2] in " ".join(mail["Subject"].split()), mail["Subject"]
assert sys.argv[2] in mail.get_content(), mail.get_content()
assert "\nNote:     $(touch pwned)\n\n" in mail.get_content(), mail.get_content()
assert mail["To"] == "jo@acme.example, ops@north.example", mail["To"]
EOF
# line breaks, which esp-tokenctl refuses in names, from another source
cat >"$work/forged" <<'EOF'
{"stage":"7d\r\nBcc: evil@example.org","expires":"x\r\nBcc: evil@example.org","token":{"id":"1\r\nBcc: evil@example.org","name":"x\r\nBcc: evil@example.org\r\n\r\nbody","note":"","created":"x"},"entity":{"name":"a\nBcc: evil@example.org","kind":"customer","contact":"a@b.example\r\nBcc: evil@example.org"},"reseller":null}
EOF
"$work/notify-mail" --sendmail "$work/sendmail" <"$work/forged" >/dev/null 2>&1 || :
if [ -e "$work/mail.1" ]; then
    tr -d '\r' <"$work/mail.1" | sed '/^$/q' >"$work/head"
    check "a line break in a name added a header" lacks '^bcc' "$work/head"
fi
rm -f "$work"/mail.*
sed 's/\\r\\n/ /g; s/\\nBcc: / /' "$work/forged" | "$work/notify-mail" --sendmail "$work/sendmail" >/dev/null
check "no mail was sent without a note" [ -s "$work/mail.0" ]
check "a mail about a token without a note names one" lacks '^note:' "$work/mail.0"
printf '%s' '{"stage":"7d","expires":"x","token":{"id":"1","name":"x","note":""},"entity":{"name":"a","contact":"only words"},"reseller":null}' \
    >"$work/nobody"
check "a notice to nobody succeeds" sh -c "! '$work/notify-mail' --sendmail '$work/sendmail' <'$work/nobody' 2>'$work/err'"
check "it does not say why" has 'a has no contact with a mail address' "$work/err"

# --- webhook ---
cat >"$work/server.py" <<'EOF'
import http.server, os, sys
folder = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        down = os.path.exists(folder + "/down")
        if not down:
            with open(folder + "/posted", "ab") as out:
                out.write(self.headers["Content-Type"].encode() + b" " + self.headers["X-Key"].encode() + b" " + body)
        self.send_response(500 if down else 204)
        self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(folder + "/port.new", "w") as out: out.write(str(server.server_port))
os.rename(folder + "/port.new", folder + "/port")
server.serve_forever()
EOF
python3 "$work/server.py" "$work" &
server=$!
while [ ! -e "$work/port" ]; do sleep 0.05; kill -0 $server || exit 1; done
printf 'url = "http://127.0.0.1:%s/hook"\nheader = "X-Key: secret"\n' "$(cat "$work/port")" >"$work/webhook.curl"
run edit "acme/$hostile" --expires 6d >/dev/null
use "$work/notify-webhook" "$work/webhook.curl"
touch "$work/down"
check "an answer of 500 is not reported" sh -c "! '$ctl' -c '$conf' notify >/dev/null 2>'$work/err'"
check "the failure does not say 500" has '500' "$work/err"
rm "$work/down"
check "notify fails" run notify >/dev/null
check "the server got other bytes" has 'application/json secret {"stage":"7d"' "$work/posted"
check "not one notice" [ "$(wc -l <"$work/posted")" -eq 1 ]
check "a notice was posted twice" sh -c "'$ctl' -c '$conf' notify | grep -qx 'no notices are due'"
python3 - "$work/posted" "$hostile" <<'EOF' || fail "the document is not whole"
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
assert json.loads(text[text.index("{"):])["token"]["name"] == sys.argv[2]
EOF
kill $server
wait $server 2>/dev/null
run edit "acme/$hostile" --expires 7d >/dev/null
check "a missing server is not reported" sh -c "! '$ctl' -c '$conf' notify >/dev/null 2>&1"
check "something was executed" sh -c "! find '$work' / -maxdepth 1 -name 'pwned*' | grep ."
finish
