#!/bin/sh
# SPDX-License-Identifier: ISC
# Reads the output of `make -n` and prints compile_commands.json, with one entry for each C source
# that make compiles. The argument is the folder where make ran.
folder=$1
echo '['
sed -n 's/^.* -c \([^ ]*\.cc*\) -o [^ ]*$/\1 &/p' | sort -u -k 1,1 |
    sed 's/[\\"]/\\&/g; s|^\([^ ]*\) \(.*\)$|  {"directory": "'"$folder"'", "file": "\1", "command": "\2"},|; $s/,$//'
echo ']'
