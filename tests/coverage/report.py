#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Prints the share of lines that ran, file by file, and checks that UNRUN.md gives a reason for the
rest. Status 1: less than 95 % ran, or a line that did not run has no reason.

    report.py GCOVR.json UNRUN.md
"""

import json
import re
import sys

LEAST = 95.0
WIDTH = 24
EXPORTED = re.compile(r"^EXPORT \w+ (\w+)\(")
ENTRY = re.compile(r"^- `([^`]+)` `([^`]+)`: `(.+)`$")


def function_of(functions, texts, number):
    """The function that contains the line. gcovr leaves out some that a plugin exports."""
    name = "?"
    for function in sorted(functions, key=lambda function: function["lineno"]):
        if function["lineno"] <= number:
            name = function["name"]
    for text in reversed(texts[:number]):
        begin = EXPORTED.match(text)
        if begin:
            return begin.group(1)
        if text.startswith("}"):
            break
    return name


def gaps_of(file):
    """The first line of each gap, as (number, function, text)."""
    with open(file["file"], encoding="utf-8") as source:
        texts = source.read().splitlines()
    gaps, was_run, before = [], True, ""
    for line in sorted(file["lines"], key=lambda line: line["line_number"]):
        if line["gcovr/noncode"]:
            continue
        is_run, number = line["count"] > 0, line["line_number"]
        name = function_of(file["functions"], texts, number)
        if not is_run and (was_run or name != before):
            gaps.append((number, name, texts[number - 1].strip()))
        was_run, before = is_run, name
    return gaps


def read_reasons(path):
    reasons = set()
    with open(path, encoding="utf-8") as listing:
        for number, line in enumerate(listing, 1):
            entry = ENTRY.match(line.rstrip("\n"))
            if entry:
                reasons.add(entry.groups())
            elif line.startswith("- "):
                sys.exit(f"{path}:{number}: invalid entry; write - `FILE` `FUNCTION`: `LINE`")
    return reasons


def main():
    with open(sys.argv[1], encoding="utf-8") as report:
        files = json.load(report)["files"]
    reasons = read_reasons(sys.argv[2])
    all_lines = all_run = 0
    met, unnamed = set(), []
    for file in sorted(files, key=lambda file: file["file"]):
        counts = [line["count"] for line in file["lines"] if not line["gcovr/noncode"]]
        run = sum(count > 0 for count in counts)
        all_lines += len(counts)
        all_run += run
        share = run / len(counts) if counts else 1.0
        bar = "#" * int(share * WIDTH)
        print(f"{file['file']:42} {run:5} of {len(counts):5} {100 * share:6.1f} % [{bar:{WIDTH}}]")
        for number, function, text in gaps_of(file):
            key = (file["file"], function, text)
            met.add(key)
            if key not in reasons:
                unnamed.append(f"{file['file']}:{number}: not run: - `{key[0]}` `{function}`: `{text}`")
    total = 100 * all_run / all_lines
    print(f"{'all of src/ and plugins/, in C':42} {all_run:5} of {all_lines:5} {total:6.1f} %")
    for file, function, text in sorted(reasons - met):
        print(f"listed, but it ran this time: {file} {function}: {text}")
    for line in unnamed:
        print(line, file=sys.stderr)
    if unnamed:
        print(f"{len(unnamed)} gaps without a reason; test them, or list them in {sys.argv[2]}", file=sys.stderr)
    if total < LEAST:
        print(f"{total:.1f} % is less than {LEAST:.0f} %", file=sys.stderr)
    sys.exit(1 if unnamed or total < LEAST else 0)


main()
