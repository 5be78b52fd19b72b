#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that each entry of tests/coverage/unrun.md names a line that exists: its file has that function, and the
# function has that line. `make coverage` would only say that the line ran.
. tests/documents/lib.sh
sed -n 's/^- `\([^`]*\)` `\([^`]*\)`: `\(.*\)`$/\1\t\2\t\3/p' tests/coverage/unrun.md >"$work/entries"
check "fewer than 100 entries were found" [ "$(wc -l <"$work/entries")" -ge 100 ]

# has_line FILE FUNCTION LINE: a definition begins in the first column and ends with the next `}` there
has_line() {
    FUNCTION=$2 LINE=$3 awk '
        /^[a-zA-Z_]/ { inside = 0 }
        /^[a-zA-Z_(*]/ && match($0, "(^|[^a-zA-Z0-9_])" ENVIRON["FUNCTION"] "\\(") { inside = 1 }
        { text = $0; gsub(/^[ \t]+|[ \t]+$/, "", text) }
        inside && text == ENVIRON["LINE"] { found = 1; exit }
        /^}/ { inside = 0 }
        END { exit !found }' "$1"
}
tab=$(printf '\t')
while IFS="$tab" read -r file function line; do
    check "tests/coverage/unrun.md: there is no file $file" [ -f "$file" ]
    check "tests/coverage/unrun.md: $file has no such line in $function: $line" has_line "$file" "$function" "$line"
done <"$work/entries"
finish
