#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that the first three lines of every source file name its licence, and that LICENSE has the
# text.
. tests/documents/lib.sh
check "there is no LICENSE" grep -qi '^ISC License' LICENSE
files | grep -E '(\.(c|h|cc|inc|sh|py|lua|awk|gp|mk|scd|bash|fish|map)|^Makefile|/_esp-tokenctl|^\.ci/run)$' >"$work/sources"
check "fewer than 200 sources were found" [ "$(wc -l <"$work/sources")" -ge 200 ]
xargs awk 'FNR <= 3 && /SPDX-License-Identifier: ISC/ { print FILENAME }' <"$work/sources" | LC_ALL=C sort -u >"$work/good"
LC_ALL=C sort -u "$work/sources" | LC_ALL=C comm -23 - "$work/good" >"$work/bad"
checks=$((checks + $(wc -l <"$work/sources")))
while read -r file; do
    fail "$file: its first lines lack SPDX-License-Identifier: ISC"
done <"$work/bad"
finish
