# SPDX-License-Identifier: ISC
# Corrects the output of scdoc. A hyphen in text becomes \- : readers copy it as ASCII, and no line breaks
# within an option. The macros reset .nh at .TH, so .nh is repeated after it. Empty paragraphs are dropped;
# one at the end of an indented block is moved after the block.
!/^([.']|\\h')/ { gsub(/\\-/, "-"); gsub(/-/, "\\-") }
/^\.P$/ { paragraph = before !~ /^\.S[HS]/; next }
/^\.RE$/ && paragraph { print; before = $0; next }
{
    if (paragraph && !/^\.S[HS]/)
        print ".P"
    paragraph = 0
    print
    before = $0
}
/^\.TH / { print ".nh" }
