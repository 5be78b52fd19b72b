#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests what a terminal's scrollback (in tmux) holds after every kind of command: each token's text
# exactly where it was asked for, and no passphrase and no key anywhere. The terminal echoes again
# after every prompt, however the prompt ended. The test starts its own server and ends it by its
# socket.
set -u
build=$(cd "$OUT" && pwd)
if ! command -v tmux >/dev/null; then
    echo "SKIPPED scrollback: needs tmux"
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/espt-scrollback-XXXXXX")
config=$work/store/esp-token.conf
passed=0 failed=0 step=0
unset DISPLAY WAYLAND_DISPLAY TMUX XDG_RUNTIME_DIR
export ESP_TOKEN_CONFIG="$config" PATH="$build:$PATH" LC_ALL=C.UTF-8

pane() {
    tmux -S "$work/socket" -f "$work/tmux.conf" "$@"
}

at_end() {
    trap - EXIT
    pane kill-server 2>/dev/null
    rm -rf "$work"
}
trap at_end EXIT
trap 'exit 130' INT TERM HUP

# same WHAT EXPECTED GOT: prints neither value, because it may be a secret
same() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1"
    fi
}

scrollback() {
    pane capture-pane -p -J -S - -E - -t day
}

# seen WORDS: waits up to ten seconds until they are in the scrollback
seen() {
    left=100
    until scrollback | grep -qF -e "$1"; do
        left=$((left - 1))
        if [ "$left" -eq 0 ]; then
            failed=$((failed + 1))
            echo "FAIL not seen: $1"
            return 1
        fi
        sleep 0.1
    done
}

type_line() {
    pane send-keys -t day -l "$1"
    pane send-keys -t day Enter
}

# begin COMMAND: prints the exit status at the end, in a form that differs from the typed line
begin() {
    step=$((step + 1))
    type_line "$1; echo end''-$step:\$?"
}

# ended STATUS: waits for the end of the command and checks its exit status
ended() {
    seen "end-$step:" && same "step $step: exit status" "end-$step:$1" "$(scrollback | grep -o "^end-$step:.*\|end-$step:[0-9]*\$" | tail -n 1)"
}

# at_prompt COMMAND WORDS: runs it and waits until WORDS appear once more
at_prompt() {
    before=$(scrollback | grep -cF -e "$2")
    begin "$1"
    left=100
    while [ "$(scrollback | grep -cF -e "$2")" -le "$before" ] && [ "$left" -gt 0 ]; do
        left=$((left - 1))
        sleep 0.1
    done
    sleep 0.3 # time for the program to begin reading
}

# text_of TOKEN [OPTION...]: reveals the text outside of that terminal
text_of() {
    token=$1
    shift
    esp-tokenctl show "$token" --reveal "$@" | sed -n 's/^token  *//p'
}

# asked TOKEN [OPTION...]: records that the text was asked for, and must be there once
asked() {
    text_of "$@" >>"$work/asked"
}

esp-tokenctl init "$work/store" >/dev/null
esp-tokenctl entity add acme --kind reseller --tier advanced >/dev/null
sed -i 's/^max_tokens.*/max_tokens = unlimited/' "$work/store/tiers.ini"
printf 'correct horse\n' >"$work/words"
chmod 600 "$work/words"
text_of acme/default >"$work/token"
echo 'set -g history-limit 50000' >"$work/tmux.conf"
pane new-session -d -s day -x 160 -y 50 "exec env PS1='\$ ' HISTFILE= sh"

# --- commands that print a text ---
begin 'esp-tokenctl create acme web'; ended 0; asked acme/web
begin 'esp-tokenctl create acme quiet -q'; ended 0; asked acme/quiet
begin 'esp-tokenctl --json create acme json'; ended 0; asked acme/json
begin 'esp-tokenctl entity add bolt --kind customer --reseller acme'; ended 0; asked bolt/default
begin 'esp-tokenctl show acme/web --reveal'; ended 0; asked acme/web
begin 'esp-tokenctl rotate acme/web'; ended 0; asked acme/web
begin "printf 'one\ntwo\n' | esp-tokenctl create acme --from -"; ended 0; asked acme/one; asked acme/two

# --- commands that print no text ---
begin 'esp-tokenctl create acme clip --copy'; ended 0
begin 'esp-tokenctl copy acme/web --clear 0'; ended 0
begin 'esp-tokenctl show acme/web --copy'; ended 0
begin 'esp-tokenctl rotate acme/quiet --copy'; ended 0
begin 'esp-tokenctl create acme web'; ended 4
for command in list '--json list' 'list acme --sort used' 'entity list --tree' 'entity show acme' 'show acme/web' \
    '--json show acme/web' log '--json log' check stats export 'export --sealed' 'tier list' 'log verify' \
    'backup ../other.mdb' 'usage fold' 'key rotate' 'complete -- show acme/'; do
    begin "esp-tokenctl $command >/dev/tty 2>&1; true"; ended 0
done
begin "esp-tokenctl verify <$work/token"; ended 0
begin 'esp-tokenctl log --follow & sleep 1; kill -INT $!; wait $!; true'; ended 0

# --- a text as an argument: it is where it was typed, and is not repeated ---
secret=$(cat "$work/token")
begin "esp-tokenctl show $secret"; ended 2; echo "$secret" >>"$work/asked"

# --- prompts ---
at_prompt 'esp-tokenctl verify' 'Token: '; type_line "$secret"; ended 0
at_prompt 'esp-tokenctl verify --explain' 'Token: '; type_line "$secret"; ended 0
at_prompt 'esp-tokenctl verify' 'Token: '; pane send-keys -t day -l "$secret"; pane send-keys -t day C-c
begin 'stty -a | grep -o " echo "'; ended 0
at_prompt 'esp-tokenctl key passphrase' 'New passphrase: '; type_line 'correct horse'; seen 'Once more: '; sleep 0.3
type_line 'correct hearse'; ended 4
at_prompt 'esp-tokenctl key passphrase' 'New passphrase: '; type_line 'correct horse'; sleep 1; type_line 'correct horse'; ended 0
at_prompt 'esp-tokenctl show acme/web' 'acme'; ended 0
at_prompt 'esp-tokenctl show acme/web --reveal' 'Passphrase of '; type_line 'battery staple'; ended 4
at_prompt 'esp-tokenctl show acme/web --reveal' 'Passphrase of '; type_line 'correct horse'; ended 0; asked acme/web --passphrase-file "$work/words"
at_prompt 'esp-tokenctl copy acme/web --clear 0' 'Passphrase of '; type_line 'correct horse'; ended 0
at_prompt 'esp-tokenctl key rotate' 'Passphrase of '; pane send-keys -t day -l 'correct horse'; pane send-keys -t day C-c
begin 'stty -a | grep -o " echo "'; ended 0
at_prompt 'esp-tokenctl remove acme/one' '[y/N] '; pane send-keys -t day C-c
begin 'stty -a | grep -o " echo "'; ended 0
at_prompt 'esp-tokenctl remove acme/one' '[y/N] '; type_line n; ended 4
at_prompt 'esp-tokenctl remove acme/one' '[y/N] '; type_line y; ended 0
at_prompt 'esp-tokenctl entity remove bolt' '[y/N] '; type_line y; ended 0

scrollback >"$work/all"
grep -oE 'esptk_[0-9A-Za-z]{11}_[0-9A-Za-z]{36}' "$work/all" | sort >"$work/there"
sort "$work/asked" >"$work/wanted"
same 'each text is where it was asked for, and nowhere else' "$(cat "$work/wanted")" "$(cat "$work/there")"
same 'number of texts found' 10 "$(wc -l <"$work/there")"
for words in 'correct horse' 'correct hearse' 'battery staple'; do
    same 'no passphrase' 0 "$(grep -cF -e "$words" "$work/all")"
done
for file in "$work/store/reveal.key" "$work/words"; do
    same "nothing of $(basename "$file")" 0 "$(grep -cFf "$file" "$work/all")"
done
# no further piece of any text, nor its form for a clipboard (OSC 52)
for token in acme/default acme/web acme/quiet acme/json acme/clip acme/two; do
    text_of $token --passphrase-file "$work/words" >"$work/text"
    same "the text of $token" 54 "$(tr -d '\n' <"$work/text" | wc -c)"
    for piece in $(sed 's/.*_//; s/\(.\{12\}\)/\1 /g' "$work/text") $(tr -d '\n' <"$work/text" | base64 -w 0 | cut -c 29-60); do
        same "no further piece of $token" "$(grep -cF -e "$piece" "$work/wanted")" "$(grep -cF -e "$piece" "$work/all")"
    done
done
echo "$((passed + failed)) checks, $failed failed"
[ "$failed" -eq 0 ]
