#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that the names, links and section numbers in documents exist:
# MUST 1: every file, folder, function, target, option, command and key that ARCHITECTURE.md, CONTRIBUTING.md,
# SECURITY.md and the two files in docs/ name in backquotes.
# MUST 2: what a document says to be in a file is in that file.
# MUST 3: every relative link of every Markdown file.
# MUST 4: every "§N" and "§N.M" in documents, comments and tests is a heading of
# docs/specification.md, or a numbered item below one. In docs/store-format.md, and after that
# file's name, it is a section of that file. After "RFC NNNN" it is a section of the RFC.
. tests/documents/lib.sh
files >"$work/files"
awk -F / '{ path = $1; for (i = 2; i <= NF; i++) { print path; path = path "/" $i } }' "$work/files" | sort -u >"$work/folders"

# --- MUST 1: text outside of fenced blocks, one name to a line ---
names_of() {
    awk '/^ *```/ { fenced = !fenced; next } !fenced' "$1" | tr '\n' ' ' | grep -oE '`[^`]+`' | tr -d '`' | sort -u
}

# a path from the root or from src/, or the end of a path; HOST, KIND, NAME and FOLDER stand for any name
is_file() {
    pattern=$(printf '%s\n' "$1" | sed 's|/$||; s/[.+]/\\&/g; s/\*/[^\/]*/g; s/HOST\|KIND\|NAME\|FOLDER/[a-z0-9_]*/g; s/schemaN/schema[0-9]/')
    grep -qE "(^|/)$pattern\$" "$work/files" || grep -qE "(^|/)$pattern\$" "$work/folders"
}
grep -rah '' src include plugins tests tools man etc Makefile lists.mk install.mk >"$work/all"
grep -rah '' src include >"$work/program"
LC_ALL=C grep -aoE '[A-Za-z0-9_]+' "$work/all" | LC_ALL=C sort -u >"$work/words"
# a word, or words with other characters between them
in_sources() {
    case $1 in
    '' | *[!A-Za-z0-9_]*) LC_ALL=C grep -aqwF -e "$1" "$work/all" ;;
    *) LC_ALL=C grep -qxF -e "$1" "$work/words" ;;
    esac
}
# a part of a word, such as the prefix of a name
part_in_sources() {
    LC_ALL=C grep -aqF -e "$1" "$work/program"
}
"$OUT/esp-tokenctl" complete -- '' | cut -f 1 >"$work/commands"
is_command() {
    grep -qx -e "${1%% *}" "$work/commands"
}
make -s help | cut -d ' ' -f 1 >"$work/targets"
is_target() {
    case $1 in
    build/*) is_file "${1##*/tests/}.c" ;;
    *) grep -qx -e "${1%-NAME}" "$work/targets" ;;
    esac
}
is_type() {
    in_sources "${1%%.*}" && { [ "${1#*.}" = "$1" ] || in_sources "${1#*.}"; }
}
# every key of a JSON document, but for the words in capitals that stand for values
has_keys() {
    for key in $(printf '%s\n' "$1" | grep -oE '"[a-z_-]+"' | tr -d '"'); do
        in_sources "$key" || return 1
    done
}
check_name() {
    case $2 in
    '{'* | '"'*) check "$1: a key of this document is not in the sources: $2" has_keys "$2" ;;
    *…* | *×* | *'<'* | *'≤'* | *'−'* | *'[0-9'* | '\'* | '('* | [0-9]* | hi) ;; # a form or a value, not a name
    '$'* | /* | ../* | build/* | .?) ;;                                  # a path on the machine; the end of a name
    STORE.YYYY* | STORE.schema-* | PREFIX.* | 'SECRET PUBLIC '* | vVERSION) ;; # a name with variable parts
    auth_cache) ;;                                                       # an option of another program
    'make '*) check "$1: there is no target: $2" is_target "$(echo "$2" | cut -d ' ' -f 2)" ;;
    --*) check "$1: there is no option $2" in_sources "$(echo "$2" | sed 's/^--//; s/[ =].*//')" ;;
    'esp-tokenctl ['* | 'esp-tokenctl --'*) ;;
    _* | *_) check "$1: no name has the part $2" part_in_sources "$2" ;;
    */*.* | *.c | *.h | *.mk | *.sh | *.md | *.inc | *.map | *.conf | *.ini)
        checks=$((checks + 1))
        is_file "$2" || in_sources "include <$2>" || fail "$1: there is no file $2"
        ;;
    */) check "$1: there is no folder $2" is_file "$2" ;;
    *' '*/*) ;; # a command line
    tests/* | src/* | plugins/* | docs/* | store/* | cli/* | reader/* | common/*)
        check "$1: there is no path $2" is_file "$2"
        ;;
    'struct '* | 'enum '*) check "$1: there is no $2" is_type "$2" ;;
    *'()') check "$1: there is no function $2" in_sources "${2%()}" ;;
    *' '*)
        checks=$((checks + 1))
        is_command "$2" || in_sources "$2" || fail "$1: $2 is neither a command nor in the sources"
        ;;
    *)
        checks=$((checks + 1))
        in_sources "$2" || is_file "$2" || is_command "$2" || fail "$1: $2 does not exist"
        ;;
    esac
}
# check_names DOCUMENT LEAST
check_names() {
    names_of "$1" >"$work/names"
    check "$1 names fewer than $2 things" [ "$(wc -l <"$work/names")" -ge "$2" ]
    while read -r name; do
        check_name "$1" "$name"
    done <"$work/names"
}
check_names ARCHITECTURE.md 50
check_names CONTRIBUTING.md 50
check_names docs/specification.md 200
check_names SECURITY.md 10
check_names docs/store-format.md 50

# --- MUST 2: `FILE`, `NAME` and `NAME` of (in) `FILE` ---
# has_name FILE NAME: the file, or the end of its path
has_name() {
    for found in $(grep -E "(^|/)$(printf '%s\n' "$1" | sed 's/\./\\./g')\$" "$work/files"); do
        grep -qwF -e "$2" "$found" && return 0
    done
    return 1
}
for document in ARCHITECTURE.md CONTRIBUTING.md SECURITY.md docs/specification.md docs/store-format.md; do
    tr '\n' ' ' <"$document" | tr -s ' ' >"$work/line"
    { grep -oE '`[a-z_/]+\.[ch]`, `[a-z_]+`' "$work/line" | tr -d '`,'
        grep -oE '`[a-z_]+` (of|in) `[a-z_/]+\.[ch]`' "$work/line" | tr -d '`' | awk '{ print $3, $1 }'; } >>"$work/places"
done
check "fewer than 5 names with their files were found" [ "$(wc -l <"$work/places")" -ge 5 ]
while read -r file name; do
    check "a document says that $name is in $file" has_name "$file" "$name"
done <"$work/places"

# --- MUST 3 ---
for file in $(grep '\.md$' "$work/files"); do
    folder=$(dirname "$file")
    for link in $(awk '/^ *```/ { fenced = !fenced; next } !fenced' "$file" | grep -oE '\]\([^)# ]+' | sed 's/^](//' |
        grep -v '^[a-z]*:'); do
        check "$file: the target of the link $link does not exist" [ -e "$folder/$link" ]
    done
done

# --- MUST 4 ---
# headings such as `## 5 Invariants` and `### 6.2 Commands`, and numbered items directly below a heading
sections() {
    awk '/^##+ [0-9]+(\.[0-9]+)* / { print $2; section = $2 }
        /^##/ && !/^##+ [0-9]/ { section = "" }
        section != "" && /^[0-9]+\. / { sub(/\..*/, ""); print section "." $0 }' "$1" | sort -u
}
for file in docs/specification.md docs/store-format.md; do
    [ -e "$file" ] && sections "$file" >"$work/$(basename "$file")" || : >"$work/$(basename "$file")"
done
check "there is no docs/specification.md with numbered headings" [ -s "$work/specification.md" ]
grep -E '\.(c|h|cc|inc|md|scd|sh|py|lua|mk|ini|conf)$|^Makefile$' "$work/files" | grep -v '^tests/documents/' |
    xargs grep -nHoE '(RFC [0-9]+,? |store-format(\.md)?`?,? )?§ ?[0-9]+(\.[0-9]+)*' >"$work/references"
check "fewer than 20 references were found" [ "$(wc -l <"$work/references")" -ge 20 ]
while IFS=: read -r file line text; do
    number=$(echo "$text" | sed 's/.*§ *//')
    case $file:$text in
    *:RFC*) continue ;;
    docs/store-format.md:* | *:store-format*) target=store-format.md ;;
    *) target=specification.md ;;
    esac
    check "$file:$line: §$number is not in docs/$target" grep -qxF -e "$number" "$work/$target"
done <"$work/references"
finish
