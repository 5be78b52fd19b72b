#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests `copy` with real clipboards: the text arrives complete, it is cleared after its time if it
# is still there, and a later copy by someone else stays. The test starts its own servers and ends
# them by process id. A clipboard that is not available is skipped.
set -u
build=$(cd "$OUT" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/espt-clipboard-XXXXXX")
chmod 755 "$work"
here=$(cd "$(dirname "$0")" && pwd)
config=$work/store/esp-token.conf
servers='' passed=0 failed=0
unset DISPLAY WAYLAND_DISPLAY TMUX XDG_RUNTIME_DIR TMUX_TMPDIR
clear_after=2

at_end() {
    trap - EXIT
    for pid in $servers; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap at_end EXIT
trap 'exit 130' INT TERM HUP

# same WHAT EXPECTED GOT: prints neither value, because it may be a token's text
same() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1: ${#3} bytes, expected ${#2}"
    fi
}

skipped() {
    echo "SKIPPED $1: needs $2"
}

# missing PROGRAM...: prints the first program that is not installed
missing() {
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program"; return 0; }
    done
    return 1
}

# comes COMMAND...: waits at most five seconds until the command succeeds
comes() {
    left=50
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

# serve COMMAND...: runs it in the background until the test ends
serve() {
    "$@" >"$work/server.log" 2>&1 &
    server=$!
    servers="$servers $server"
}

# copied_by WAY: copies with $run, and checks that the message names that way
copied_by() {
    # shellcheck disable=SC2086
    $run "$build/esp-tokenctl" -c "$config" copy acme/default --clear "$clear_after" >"$work/out.log" 2>&1 </dev/null
    same "$1: exit status" 0 $?
    same "$1: message" "esp-tokenctl: copied acme/default to the clipboard ($1); it is cleared in $clear_after s" \
        "$(cat "$work/out.log")"
}

is_empty() {
    [ -z "$(paste_text)" ]
}

# whole_life WAY: uses that clipboard's own functions `paste_text` and `put_text TEXT`
whole_life() {
    copied_by "$1"
    same "$1: the text is there" "$text" "$(paste_text)"
    comes is_empty
    same "$1: cleared after its time" '' "$(paste_text)"
    copied_by "$1"
    put_text "something else"
    sleep $((clear_after + 1))
    same "$1: a later copy stays" "something else" "$(paste_text)"
}

# --- X ---

# x_display PROGRAM: starts its own display; PATH has only that program
x_display() {
    if lacks=$(missing Xvfb "$1"); then
        skipped "$1" "$lacks"
        return 1
    fi
    mkdir "$work/$1"
    ln -s "$(command -v "$1")" "$work/$1/$1"
    mkfifo "$work/$1/display"
    # Xvfb chooses a free number, and writes it when clients may connect
    Xvfb -displayfd 3 -screen 0 320x240x8 -nolisten tcp 3<>"$work/$1/display" >"$work/server.log" 2>&1 &
    servers="$servers $!"
    read -r number <"$work/$1/display"
    run="env PATH=$work/$1 DISPLAY=:$number XDG_RUNTIME_DIR=$work/$1"
}

try_xclip() {
    x_display xclip || return 0
    paste_text() { DISPLAY=:$number xclip -o -selection clipboard 2>/dev/null; }
    put_text() { printf '%s' "$1" | DISPLAY=:$number xclip -selection clipboard >/dev/null 2>&1; }
    whole_life xclip
}

try_xsel() {
    x_display xsel || return 0
    paste_text() { DISPLAY=:$number xsel -ob 2>/dev/null; }
    put_text() { printf '%s' "$1" | DISPLAY=:$number xsel -ib >/dev/null 2>&1; }
    whole_life xsel
}

# --- Wayland: sway refuses to run as root, so another user runs it ---

try_wayland() {
    if lacks=$(missing sway wl-copy wl-paste setpriv); then
        skipped wl-copy "$lacks"
        return 0
    fi
    as=
    [ "$(id -u)" -ne 0 ] || as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    runtime=$work/wayland
    mkdir -m 700 "$runtime"
    echo 'xwayland disable' >"$work/sway.conf"
    [ -z "$as" ] || chown 65534:65534 "$runtime"
    # shellcheck disable=SC2086
    serve env XDG_RUNTIME_DIR="$runtime" HOME="$runtime" WLR_BACKENDS=headless WLR_RENDERER=pixman \
        WLR_LIBINPUT_NO_DEVICES=1 $as sway -c "$work/sway.conf"
    if ! comes test -S "$runtime/wayland-1"; then
        skipped wl-copy "a headless sway: $(tail -n 1 "$work/server.log")"
        return 0
    fi
    # the display's user copies, with a store of its own
    user="$as env XDG_RUNTIME_DIR=$runtime WAYLAND_DISPLAY=wayland-1 HOME=$runtime"
    paste_text() { $user wl-paste -n 2>/dev/null; }
    put_text() { printf '%s' "$1" | $user wl-copy >/dev/null 2>&1; }
    kept_config=$config kept_text=$text kept_build=$build
    mkdir "$work/programs"
    cp "$build/esp-tokenctl" "$build/esp_validator.so" "$work/programs/"
    build=$work/programs config=$runtime/store/esp-token.conf
    # shellcheck disable=SC2086
    text=$(new_store "$as")
    run=$user
    whole_life wl-copy
    config=$kept_config text=$kept_text build=$kept_build
}

# --- tmux ---

has_client() {
    [ -n "$(tmux list-clients -t clip)" ]
}

try_tmux() {
    if lacks=$(missing tmux python3); then
        skipped tmux "$lacks"
        return 0
    fi
    mkdir -m 700 "$work/tmux"
    TMUX_TMPDIR=$work/tmux
    export TMUX_TMPDIR
    tmux -f /dev/null new-session -d -s clip -x 80 -y 24 "sleep 300"
    TMUX=$(tmux display-message -p -t clip '#{socket_path},#{pid},0')
    export TMUX
    pid=${TMUX#*,}
    servers="$servers ${pid%,*}"
    run="env XDG_RUNTIME_DIR=$work/tmux"
    paste_text() { tmux show-buffer 2>/dev/null; }
    put_text() { tmux set-buffer -w "$1"; }
    # an attached client also gets the text on the clipboard of its own terminal
    TERM=xterm TMUX='' python3 "$here/clipboard_pty.py" 60 tmux attach -t clip >"$work/tmux/attached" &
    attached=$!
    servers="$servers $attached"
    comes has_client
    whole_life tmux
    tmux detach-client -s clip
    wait "$attached"
    servers=${servers% "$attached"}
    same "tmux: its terminal got each text in turn" "[$text]
[ ]
[$text]
[something else]" "$(cat "$work/tmux/attached")"
    same "tmux: no other buffer has the token" buffer0 "$(tmux list-buffers -F '#{buffer_name}')"
    unset TMUX TMUX_TMPDIR
}

# --- the terminal ---

try_terminal() {
    if lacks=$(missing python3); then
        skipped terminal "$lacks"
        return 0
    fi
    got=$(TERM=xterm XDG_RUNTIME_DIR=$work python3 "$here/clipboard_pty.py" 4 \
        "$build/esp-tokenctl" -c "$config" copy acme/default --clear 1)
    same "terminal: the text, then a blank" "[$text]
[ ]" "$got"
    got=$(TERM=xterm XDG_RUNTIME_DIR=$work python3 "$here/clipboard_pty.py" 2 \
        "$build/esp-tokenctl" -c "$config" copy acme/default --clear 0)
    same "terminal: --clear 0 leaves it" "[$text]" "$got"
}

# new_store AS: makes the store of $config and prints the text of acme/default
new_store() {
    $1 "$build/esp-tokenctl" init "${config%/*}" >/dev/null &&
        $1 "$build/esp-tokenctl" -c "$config" --json entity add acme --kind customer |
        sed -n 's/^ *"token": "\(esptk_[^"]*\)".*/\1/p'
}

: >"$work/out.log"
text=$(new_store "")
same "a token to copy" 54 "${#text}"
try_xclip
try_xsel
try_wayland
try_tmux
try_terminal
! grep -q 'esptk_[0-9A-Za-z]\{11\}_' "$work"/*.log
same "no token text in the output" 0 $?
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
