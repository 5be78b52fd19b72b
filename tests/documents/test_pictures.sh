#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests that docs/terminal.svg shows what the commands of docs/terminal.txt print today.
. tests/documents/lib.sh
tools/terminal_picture.py "$OUT" docs/terminal.txt >"$work/terminal.svg" || fail "the commands of docs/terminal.txt failed"
check "docs/terminal.svg is out of date; run 'make picture'" cmp -s docs/terminal.svg "$work/terminal.svg"
# Every picture is well-formed, and loads nothing from elsewhere.
check "not every picture is well-formed" python3 -c 'import sys, xml.dom.minidom
for picture in sys.argv[1:]:
    try:
        xml.dom.minidom.parse(picture)
    except Exception as error:
        sys.exit(f"{picture}: {error}")' docs/*.svg
for picture in docs/*.svg; do
    checks=$((checks + 1))
    ! sed 's|http://www.w3.org/[0-9]*/[a-z]*||g' "$picture" | grep -qiE '<script|<image|https?:|@import|url\([^#]' || fail "$picture: loads from elsewhere"
done
finish
