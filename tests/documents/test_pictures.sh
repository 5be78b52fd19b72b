#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that docs/terminal.svg shows what the commands of docs/terminal.txt print today.
. tests/documents/lib.sh
tools/terminal_picture.py "$OUT" docs/terminal.txt >"$work/terminal.svg" || fail "the commands of docs/terminal.txt failed"
check "docs/terminal.svg is out of date; run 'make picture'" cmp -s docs/terminal.svg "$work/terminal.svg"
# Every picture is well-formed, and loads nothing from elsewhere.
for picture in docs/*.svg; do
    check "$picture: not well-formed" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$picture"
    checks=$((checks + 1))
    ! sed 's|http://www.w3.org/[0-9]*/[a-z]*||g' "$picture" | grep -qiE '<script|<image|https?:|@import|url\([^#]' || fail "$picture: loads from elsewhere"
done
finish
