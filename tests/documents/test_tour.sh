#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests the tour, docs/tour.md: runs its commands with a new store and compares the output.
# The commands are in the fenced blocks that begin with ```console. A line `$ COMMAND` (with its
# continuation lines, after a backslash) is followed by what COMMAND prints to standard output and
# standard error. All blocks are one session of one shell, in the order of the file. esp-tokenctl is
# the one of the build. The tour creates the folder /tmp/tour, which stands for a folder of the
# test. Output is what a pipe gets.
# Ids, secrets, times and the user differ from run to run. Each id is replaced by ID1, ID2, … in
# order of appearance, so that a wrong token is noticed. A run of blanks counts as one blank.
#   tests/documents/test_tour.sh [FILE]
. tests/documents/lib.sh
file=${1:-docs/tour.md}
build=$(realpath "$OUT")
tour=$work/tour

# $work/N.command and $work/N.expected
awk -v out="$work/" '
    /^```console *$/ { inside = 1; next }
    /^```/ { inside = 0; next }
    !inside { next }
    more { print >command; more = /\\$/; next }
    /^\$ / {
        n++
        command = out n ".command"; expected = out n ".expected"
        printf "" >expected
        line = substr($0, 3)
        print line >command
        more = line ~ /\\$/
        next
    }
    n == 0 { print "no command before: " $0 >"/dev/stderr"; next }
    { print >expected }
    END { print n + 0 >(out "count") }' "$file"
count=$(cat "$work/count")
[ "$count" -ge 5 ] || { echo "$file: fewer than 5 commands are in blocks that begin with \`\`\`console"; exit 1; }

# The session: one shell that reads the commands one by one, so that `export` and `cd` last.
number=0
while [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    sed -i "s|/tmp/tour|$tour|g" "$work/$number.command" "$work/$number.expected"
    echo ". '$work/$number.command' >'$work/$number.printed' 2>&1 </dev/null"
done >"$work/session"
(
    cd "$work" || exit 1
    unset ESP_TOKEN_CONFIG
    PATH=$build:$PATH LC_ALL=C.UTF-8 TZ=UTC sh "$work/session" >"$work/session.log" 2>&1
)
[ ! -s "$work/session.log" ] || fail "the session printed: $(cat "$work/session.log")"

normal() { # prints $1 with its ids replaced; $work/ids.$2 has the known ids
    awk -v ids="$work/ids.$2" -v user="$(id -un)" '
        BEGIN {
            while ((getline line <ids) > 0) { split(line, part, " "); name[part[1]] = part[2]; known++ }
            close(ids)
        }
        {
            gsub(/esptk_[0-9A-Za-z]+_[0-9A-Za-z]+(\.\.\.|…)?/, "TEXT")
            gsub(/esptk_[0-9A-Za-z]+_(\.\.\.|…)/, "TEXT")
            gsub(/[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:]+Z/, "TIME")
            if ($1 == "TIME") # a line of the log: the user
                sub("TIME +" user "( > [^ ]+)?", "TIME USER") || sub(/TIME +root( > [^ ]+)?/, "TIME USER")
            rest = $0; line = ""
            # an id has 11 characters and begins with 1 for centuries to come
            while (match(rest, /1[0-9A-Za-z]+/)) {
                word = substr(rest, RSTART, RLENGTH)
                before = substr(rest, 1, RSTART - 1)
                if (RLENGTH == 11 && before !~ /[0-9A-Za-z]$/) {
                    if (!(word in name)) { name[word] = "ID" ++known; print word, name[word] >>ids }
                    word = name[word]
                }
                line = line before word
                rest = substr(rest, RSTART + RLENGTH)
            }
            line = line rest
            gsub(/[ \t]+/, " ", line)
            sub(/ $/, "", line)
            print line
        }' "$1"
}
: >"$work/ids.expected"
: >"$work/ids.printed"
number=0
while [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    checks=$((checks + 1))
    [ -e "$work/$number.printed" ] || { fail "not run: $(cat "$work/$number.command")"; continue; }
    normal "$work/$number.expected" expected >"$work/expected"
    normal "$work/$number.printed" printed >"$work/printed"
    diff -u --label "$file" --label "the real output" "$work/expected" "$work/printed" >"$work/differs" || {
        fail "\$ $(cat "$work/$number.command")"
        cat "$work/differs"
    }
done
finish
