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
"$OUT/esp-tokenctl" complete -- '' | cut -f 1 >"$work/commands"
make -s help | cut -d ' ' -f 1 >"$work/targets"
tests/documents/names.py "$work"
