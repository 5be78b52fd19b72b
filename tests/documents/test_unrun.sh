#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that each entry of tests/coverage/unrun.md names a line that exists: its file has that function, and the
# function has that line. `make coverage` would only say that the line ran.
. tests/documents/lib.sh
sed -n 's/^- `\([^`]*\)` `\([^`]*\)`: `\(.*\)`$/\1\t\2\t\3/p' tests/coverage/unrun.md >"$work/entries"
check "fewer than 100 entries were found" [ "$(wc -l <"$work/entries")" -ge 100 ]

# One awk reads each file once. A definition begins in the first column and ends with the next `}` there.
awk -F '\t' '
    { file[NR] = $1; function_name[NR] = $2; line[NR] = substr($0, length($1 $2) + 3) }
    function add(path, text, name) {
        while ((was_read[path] = getline text <path) > 0) {
            if (text ~ /^[a-zA-Z_]/) split("", inside)
            rest = text ~ /^[a-zA-Z_(*]/ ? text : ""
            while (match(rest, /[a-zA-Z0-9_]+\(/)) {
                inside[substr(rest, RSTART, RLENGTH - 1)]
                rest = substr(rest, RSTART + RLENGTH)
            }
            closes = text ~ /^}/
            gsub(/^[ \t]+|[ \t]+$/, "", text)
            for (name in inside) found[path, name, text]
            if (closes) split("", inside)
        }
        close(path)
    }
    END {
        for (i = 1; i <= NR; i++) {
            if (!(file[i] in was_read)) { split("", inside); add(file[i]) }
            if (was_read[file[i]] < 0) print "there is no file " file[i]
            else if (!((file[i], function_name[i], line[i]) in found)) print file[i] " has no such line in " function_name[i] ": " line[i]
        }
    }' "$work/entries" >"$work/wrong" || fail "awk failed"
checks=$((checks + 2 * $(wc -l <"$work/entries"))) # the file and the line of each entry
while read -r message; do
    fail "tests/coverage/unrun.md: $message"
done <"$work/wrong"
finish
