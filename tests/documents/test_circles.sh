#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that no files of a program need each other in a circle. tsort(1) names the files of a circle.
#
# MUST 1: no source includes itself by way of others.
# MUST 2: no source calls a function, or uses a variable, of a source that needs it in turn.
# MUST 3: the same holds for folders.
#
# The tables of commands (src/cli/commands_*.c) name a function for each command, and some commands print these
# tables. So the names in the tables do not count.
. tests/documents/lib.sh
: "${OUT:=build/release}"
nl='
'

# in_order NAME: standard input has pairs, of a source and one that it uses
in_order() {
    checks=$((checks + 1))
    sort -u | tsort >/dev/null 2>"$work/loops" ||
        fail "$1: these files form a circle:" "$(awk '!/loop:$/ { sub(/^tsort: /, ""); print; next } loops++ { exit }' "$work/loops")"
}

# --- MUST 1 ---
files | grep -E '^(src|plugins|include)/.*\.[ch]$' >"$work/sources"
check "fewer than 300 sources were found" [ "$(wc -l <"$work/sources")" -ge 300 ]
xargs awk '/^#include "/ { split($0, quoted, "\""); print FILENAME, quoted[2] }' <"$work/sources" |
    awk 'FNR == NR { known[$1]; next }
        {
            folder = $1; sub(/[^\/]*$/, "", folder)
            if (("src/" $2) in known) print $1, "src/" $2
            else if (("plugins/" $2) in known) print $1, "plugins/" $2
            else if (("include/" $2) in known) print $1, "include/" $2
            else if ((folder $2) in known) print $1, folder $2
        }' "$work/sources" - >"$work/includes"
check "fewer than 1000 includes were found" [ "$(wc -l <"$work/includes")" -ge 1000 ]
in_order "includes" <"$work/includes"

# --- MUST 2 ---
# program NAME SOURCE...: these sources make one program or library
program() {
    name=$1
    shift
    objects=$(for source; do
        object=$OUT/${source%.c}.o
        [ -e "$object" ] || object=$OUT/whole/${source%.c}.o
        [ ! -e "$object" ] || echo "$object"
    done)
    built=$(printf '%s' "${objects:+$objects$nl}" | wc -l)
    check "$name: of $# sources $built are built in $OUT; run 'make'" [ "$built" -eq $# ]
    [ "$built" -gt 0 ] || return
    # shellcheck disable=SC2086 # a word for each object
    "${NM:-gcc-nm}" -A -P $objects >"$work/symbols"
    awk '{
            file = $1; sub(/:$/, "", file); sub(/\[.*/, "", file); sub(/.*\/whole\//, "", file)
            if ($3 ~ /^[TDBRVWC]$/) place[$2] = file
            else if ($3 == "U" && file !~ /\/commands_[a-z]*\.o$/) { user[++uses] = file; used[uses] = $2 }
        }
        END {
            for (i = 1; i <= uses; i++)
                if (used[i] in place && place[used[i]] != user[i]) print user[i], place[used[i]]
        }' "$work/symbols" >"$work/uses"
    check "$name: fewer than $# uses were found" [ "$(wc -l <"$work/uses")" -ge $(($# - 1)) ]
    in_order "$name" <"$work/uses"
    awk '{ gsub(/\/[^\/ ]*\.o/, ""); if ($1 != $2) print }' "$work/uses" >"$work/rooms"
    in_order "$name, its folders" <"$work/rooms"
}

below="$(echo src/common/*.c src/reader/*.c src/store/*.c src/store/*/*.c src/fleet/*.c)"
# shellcheck disable=SC2086 # a word for each source
program esp-tokenctl src/cli/*.c src/cli/*/*.c src/shapes/*.c src/portal/passes.c src/portal/passes_file.c src/portal/watch.c \
    src/portal/follow.c src/portal/notify.c $below
# shellcheck disable=SC2086
program esp-token-portal src/portal/*.c src/shapes/*.c $below
program esp_validator.so plugins/validator/*.c src/reader/*.c src/common/*.c
for map in plugins/journal/*/export.map; do
    program "$(dirname "$map")" "$(dirname "$map")"/*.c plugins/journal/*.c
done
finish
