#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that the manual pages describe what the program does, and can be read and copied from:
# MUST 1: src/common/config.c, esp-token.conf(5) and etc/esp-token.conf have the same keys.
# MUST 2: esp-tokenctl(8) has every command and every option; no page names an option that does not
# exist.
# MUST 3: groff and mandoc render each page without a warning.
# MUST 4: in a rendered page, an option is on one line and in ASCII.
# MUST 5: plugins/authd/options.c and esp-token-authd(8) have the same options, and authd.conf no other.
# MUST 6: in esp-tokenctl(8), the text of each option ends with a full stop.
# MUST 7: src/portal/main.c and esp-token-portal(8) have the same options.
. tests/documents/lib.sh
pages=build/man
# none MESSAGE FILE: the file must be empty; what is in it is shown
none() {
    checks=$((checks + 1))
    [ ! -s "$2" ] || fail "$1: $(head -n 3 "$2")"
}
# has_each MESSAGE BEFORE AFTER FILE <WORDS: the file has each word, after what matches BEFORE and before what matches AFTER.
# One awk looks for all words, because a process for each of them takes longer.
has_each() {
    cat >"$work/words"
    BEFORE=$2 AFTER=$3 awk 'NR == FNR { text = text "\n" $0; next } text "\n" !~ ENVIRON["BEFORE"] $0 ENVIRON["AFTER"]' \
        "$4" "$work/words" >"$work/lacking" || fail "awk failed"
    checks=$((checks + $(wc -l <"$work/words")))
    while read -r word; do
        fail "$1 $word"
    done <"$work/lacking"
}

# --- MUST 1 ---
sed -n 's/^ *{"\([a-z_]*\)", "\([a-z_]*\)", set_[a-z_]*,.*/\1.\2/p' src/common/config.c | sort >"$work/program"
# a heading `## [section]`, then `*key* = _VALUE_`
sed -n 's/^## \[\([a-z_]*\)\]$/[\1]/p; s/^\*\([a-z_]*\)\* = .*/\1/p' man/esp-token.conf.5.scd |
    awk '/^\[/ { section = substr($0, 2, length($0) - 2); next } { print section "." $0 }' | sort >"$work/manual"
# an optional setting is commented out by `; `
sed -n 's/^\[\([a-z_]*\)\]$/[\1]/p; s/^;\{0,1\} *\([a-z_]*\) = .*/\1/p' etc/esp-token.conf |
    awk '/^\[/ { section = substr($0, 2, length($0) - 2); next } { print section "." $0 }' | sort >"$work/shipped"
check "src/common/config.c: fewer than 8 settings were found" [ "$(wc -l <"$work/program")" -ge 8 ]
for other in manual shipped; do
    case $other in manual) file=man/esp-token.conf.5.scd ;; shipped) file=etc/esp-token.conf ;; esac
    for key in $(comm -23 "$work/program" "$work/$other"); do fail "$file lacks $key"; done
    for key in $(comm -13 "$work/program" "$work/$other"); do fail "$file has $key, which the program does not know"; done
    checks=$((checks + 1))
done

# --- MUST 3; the rendered pages, 80 columns wide ---
for page in "$pages"/*.[1-8]; do
    name=${page##*/}
    LC_ALL=C.UTF-8 groff -man -Tutf8 -ww -rLL=80n -P-cbu "$page" >"$work/$name.groff" 2>"$work/warnings"
    none "groff warns" "$work/warnings"
    mandoc -Tlint -Wwarning "$page" >"$work/warnings" 2>&1
    none "mandoc warns" "$work/warnings"
    LC_ALL=C.UTF-8 mandoc -Tutf8 -Owidth=80 "$page" | sed "s/.$(printf '\b')//g" >"$work/$name.mandoc"
    for by in groff mandoc; do
        check "$name by $by is empty" [ "$(wc -l <"$work/$name.$by")" -gt 20 ]
        # U+2010 hyphen, U+2212 minus, U+2013 en dash before a letter: none of them can be copied as an option
        grep -nE '‐|−|–[a-z-]' "$work/$name.$by" >"$work/found"
        none "$name by $by: a hyphen is not ASCII" "$work/found"
        grep -nE '(^|[^a-z])--?[a-z][a-z-]*-$' "$work/$name.$by" >"$work/found"
        none "$name by $by: a line ends within an option" "$work/found"
    done
done

# --- MUST 2, 4; tools/manual.c prints the program's own table ---
grep -oE -e '\*--[a-z-]+\*' build/man/commands | tr -d '*' | sort -u >"$work/options"
check "fewer than 30 options were found" [ "$(wc -l <"$work/options")" -ge 30 ]
for by in groff mandoc; do
    has_each "esp-tokenctl(8) by $by lacks" '[^-a-z]' '[^-a-z]' "$work/esp-tokenctl.8.$by" <"$work/options"
done
# each command, and each with its second word; help is followed by other commands
for word in $("$OUT/esp-tokenctl" complete -- '' | cut -f 1) complete; do
    printf '%s\t\t\n' "$word"
    "$OUT/esp-tokenctl" complete -- "$word" '' 2>/dev/null
done | awk -F '\t' 'NF == 3 { print word = $1 } NF == 2 && $1 !~ /^-/ && word != "help" { print word, $1 }' >"$work/commands"
has_each "esp-tokenctl(8) lacks the command" '\n +' '[ \n]' "$work/esp-tokenctl.8.groff" <"$work/commands"
# --- MUST 6 ---
sed -n '/^\t*\*-/{ n; p; }' build/man/commands >"$work/texts"
check "fewer than 30 texts of options were found" [ "$(wc -l <"$work/texts")" -ge 30 ]
grep -v '[.?]$' "$work/texts" >"$work/found"
none "a text of an option does not end with a full stop" "$work/found"

# --- MUST 5 ---
sed -n 's/^ *{"\([a-z-]*\)", KIND_.*/--\1/p' plugins/authd/options.c | sort >"$work/authd"
check "plugins/authd/options.c: fewer than 15 options were found" [ "$(wc -l <"$work/authd")" -ge 15 ]
grep -oE '^\*--[a-z-]+\*(, \*--[a-z-]+\*)*' man/esp-token-authd.8.scd | tr -d '* ' | tr ',' '\n' | sort >"$work/authd.manual"
check "esp-token-authd(8) and its program differ: $(diff "$work/authd" "$work/authd.manual")" cmp -s "$work/authd" "$work/authd.manual"
for option in $(sed -n 's/^; \([a-z-]*\) = .*/--\1/p' plugins/authd/authd.conf); do
    check "plugins/authd/authd.conf has $option, which does not exist" grep -qx -e "$option" "$work/authd"
done
cat "$work/authd" >>"$work/options"
# --- MUST 7 ---
sed -n 's/^.*{"\([a-z]*\)", [a-z]*_argument.*/--\1/p' src/portal/main.c | sort >"$work/portal"
check "src/portal/main.c: fewer than 4 options were found" [ "$(wc -l <"$work/portal")" -ge 4 ]
grep -oE '^\*-[a-zA-Z]\*, \*--[a-z]+\*' man/esp-token-portal.8.scd | sed 's/.*\*--\([a-z]*\)\*/--\1/' | sort >"$work/portal.manual"
check "esp-token-portal(8) and its program differ: $(diff "$work/portal" "$work/portal.manual")" cmp -s "$work/portal" "$work/portal.manual"
cat "$work/portal" >>"$work/options"

for page in "$work"/*.groff; do
    name=$(basename "$page" .groff)
    sed 's/pkg-config --[a-z]*//; s/systemctl enable --now//' "$page" | grep -oE -e '(^|[^-a-zA-Z0-9])--[a-z][a-z-]*' | sed 's/^[^-]//' | sort -u >"$work/named"
    checks=$((checks + $(wc -l <"$work/named")))
    for option in $(grep -vxF -f "$work/options" "$work/named"); do
        fail "$name names $option, which does not exist"
    done
done
finish
