#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests every target of `make help`, in a copy of the sources with nothing built:
# MUST 1: a dry run finds a rule for everything that the target needs.
# MUST 2: each program of build/ that the target would run is made earlier in the same run.
# MUST 3: where a rule's prerequisites name a list, the list is complete. Make reads makefiles from
# the top; so a second reading, in which every list is complete, must add no prerequisite.
# MUST 4: no undefined variable is expanded, because a misspelt name is how MUST 3 is broken.
# tests/build/run_targets.sh really runs the targets that no other test runs.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
unset MAKEFLAGS MFLAGS MAKELEVEL VARIANT WERROR OUT LOGS CFLAGS CPPFLAGS LDFLAGS
checks=0
fail() {
    echo "test_targets: $*" >&2
    exit 1
}

tests/build/copy.sh "$work/copy"
cd "$work/copy"

targets=$(make -s help | sed 's/ .*//')
newline='
'
for target in all adapters asan bench bench-hosts bench-large check check-clipboard check-deb check-hosts check-install check-quick \
    check-targets check-scrollback clean compile_commands.json coverage deb demo deps deps-hosts dist examples format fuzz help install \
    install-adapters lint man musl torture torture-faults torture-fleet tsan uninstall uninstall-adapters valgrind; do
    case $newline$targets$newline in
    *"$newline$target$newline"*) ;;
    *) fail "make help does not name $target" ;;
    esac
done

# --- MUST 1, 4 ---
# Without the caller's variables: if its command line sets one, make warns of a variable of its own. No
# flags of libraries are needed to find a rule, so nothing runs in place of pkg-config.
unset MAKEOVERRIDES
export PKG_CONFIG=:
mkdir "$work/dry"
for target in $targets; do
    make -n --warn-undefined-variables "$target" >"$work/dry/$target" 2>"$work/errors" ||
        fail "make -n $target: $(tail -n 3 "$work/errors")"
    ! grep -q 'warning: ' "$work/errors" || fail "make -n $target warns: $(grep 'warning: ' "$work/errors" | sort -u | head -n 5)"
    checks=$((checks + 1))
done

# --- MUST 2 ---
# the first word of a command line, after variables, `nice` and the like; and the files it makes before
cd "$work/dry"
# shellcheck disable=SC2086 # a file for each target
awk '
    FNR == 1 { split("", made) }
    { gsub(/\\$/, "") }
    { for (i = 1; i < NF; i++)
          if ($i == "-o" || $i == ">" || $i == "-sf") made[$(i == NF ? i : $i == "-sf" ? NF : i + 1)] = 1 }
    { for (i = 1; i <= NF && ($i ~ /^@?[A-Za-z_]+=/ || $i ~ /^(nice|-n|[0-9]+|&&|exec|tests\/run.sh)$/); i++) ;
      for (; i <= NF && $i ~ /^build\/[a-z]*\/(tests|esp|manual)/ && $i !~ /[*%$]/; i++) {
          if (!($i in made)) { print "make " FILENAME " would run " $i " without making it"; exit 1 }
          if ($0 !~ /run\.sh/) break } }' $targets >"$work/unmade" || fail "$(cat "$work/unmade")"
cd "$work/copy"

# --- MUST 3 ---
prerequisites() {
    LC_ALL=C make -npq "$@" help 2>/dev/null | awk '
        /^# (Implicit Rules|Files)/ { inside = 1 }
        /^# files hash-table stats|^# VPATH/ { inside = 0 }
        inside && /^[^#\t ][^=]*:/ {
            target = $1; sub(/:+$/, "", target)
            for (i = 2; i <= NF; i++) if ($i != "|") print target, $i }' | LC_ALL=C sort -u
}
prerequisites >"$work/once"
prerequisites -f Makefile -f Makefile >"$work/twice"
[ "$(wc -l <"$work/once")" -gt 1000 ] || fail "make -p lists only $(wc -l <"$work/once") prerequisites"
late=$(LC_ALL=C comm -13 "$work/once" "$work/twice" | head -n 5)
[ -z "$late" ] || fail "these prerequisites (target, prerequisite) are missing where make reads the rule: $late"
checks=$((checks + 1))
echo "$checks checks, all passed"
