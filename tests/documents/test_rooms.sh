#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests which folders of src may include which others (ARCHITECTURE.md, "Where a rule is enforced"). Comments do not count.
#
# MUST 1: only src/store/db uses liblmdb, and no header includes lmdb.h.
# MUST 2: src/store/db knows no rule, no right and no change: of src/store it includes itself and store.h alone.
# MUST 3: src/common includes itself alone; src/reader includes itself and src/common.
# MUST 4: src/store includes nothing of src/cli, and nothing of src/fleet; but for itself, nothing includes src/store/check,
#         and nothing below src/cli includes src/store/restore.
# MUST 5: src/portal uses the store by store/store.h, a fleet by fleet/fleet.h and uses.h, and nothing of src/cli; src/shapes, which
#         both use, only the store by store/store.h.
# MUST 6: src/fleet uses the store and the ABI of journals, and nothing of src/cli.
. tests/documents/lib.sh

files | grep '^src/.*\.[ch]$' >"$work/sources"
check "fewer than 100 sources were found" [ "$(wc -l <"$work/sources")" -ge 100 ]

# Every line of code as PATH:LINE, without comments, and without the contents of string literals except on #include lines.
xargs awk '
    FNR == 1 { inside = 0 }
    {
        line = $0; code = ""
        while (line != "") {
            if (inside) {
                at = index(line, "*/")
                if (at == 0) break
                line = substr(line, at + 2); inside = 0
            } else if (match(line, /\/[*\/]/)) {
                code = code substr(line, 1, RSTART - 1)
                if (substr(line, RSTART + 1, 1) == "/") break
                line = substr(line, RSTART + 2); inside = 1
            } else {
                code = code line
                break
            }
        }
        sub(/[ \t]+$/, "", code)
        if (code !~ /^#include/) gsub(/"[^"]*"/, "", code)
        if (code != "") print FILENAME ":" code
    }' <"$work/sources" >"$work/code"

# allow FOLDER INCLUDE...: of our own headers, files below FOLDER include only those that match
allow() {
    sources=$(grep -c "^src/$1/" "$work/sources")
    check "no sources in src/$1" [ "$sources" -gt 0 ]
    checks=$((checks + sources))
    wrong=$(sed -n 's|^\(src/'"$1"'/[^:]*\):#include "\(.*\)"$|\1 \2|p' "$work/code" |
        PATTERN="^($2)" awk '$2 !~ ENVIRON["PATTERN"] { print $1 ": it includes " $2 }')
    [ -z "$wrong" ] || fail "src/$1 must not include this:" "$wrong"
}

# --- MUST 1 ---
checks=$((checks + $(wc -l <"$work/sources")))
found=$(grep '^src/store/db/[^:]*\.h:.*lmdb\.h' "$work/code"
    grep -v '^src/store/db/' "$work/code" | grep -E ':.*(lmdb\.h|MDB_|\<mdb_[a-z])')
[ -z "$found" ] || fail "liblmdb is used outside of src/store/db, or shown by a header:" "$found"

allow store/db 'store/db/|store/store\.h$|common/|reader/' # MUST 2
allow common 'common/|[a-z_]+\.h$' # MUST 3
allow reader 'reader/|common/'
allow store 'store/|common/|reader/' # MUST 4
found=$(grep -v '^src/store/check/' "$work/code" | grep '#include "store/check/')
[ -z "$found" ] || fail "store/check is included outside of src/store/check:" "$found"
found=$(grep -Ev '^src/(store/restore|cli)/' "$work/code" | grep '#include "store/restore/')
[ -z "$found" ] || fail "store/restore is included below src/cli:" "$found"
allow portal 'portal/|common/|store/(store|clock)\.h$|fleet/(fleet|uses)\.h$|shapes/|build_config\.h$' # MUST 5
allow shapes 'shapes/|common/|store/store\.h$'
allow fleet 'fleet/|store/|common/|espt/journal\.h$|build_config\.h$' # MUST 6
finish
