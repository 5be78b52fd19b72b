#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks the names, links and section numbers of documents, for test_names.sh, which says what must hold.

    names.py FOLDER

FOLDER has three files of one name a line: `files`, `commands` of esp-tokenctl, and `targets` of make. The sources are
read once and all names are looked up in memory, because a process for each of 1,500 names would take half a minute.
"""

import os
import re
import sys

DOCUMENTS = {"ARCHITECTURE.md": 50, "CONTRIBUTING.md": 50, "docs/specification.md": 200, "SECURITY.md": 10, "docs/store-format.md": 50}
PROGRAM = ["src", "include"]
SOURCES = [*PROGRAM, "plugins", "tests", "tools", "man", "etc", "Makefile", "lists.mk", "install.mk"]
WORD = re.compile(rb"[A-Za-z0-9_]+")
FENCE = re.compile(r" *```")
# a form or a value, not a name
FORM = re.compile(r".*[…×<≤−]|.*\[0-9|[\\(0-9]|hi$")
# a path on the machine; the end of a name; a name with variable parts; an option of another program
OTHER = re.compile(r"\$|/|\.\./|build/|\..$|STORE\.YYYY|STORE\.schema-|PREFIX\.|SECRET PUBLIC |vVERSION$|auth_cache$")
FILE = re.compile(r".*/.*\.|.*\.(c|h|mk|sh|md|inc|map|conf|ini)$")
PATH = re.compile(r"(tests|src|plugins|docs|store|cli|reader|common)/")
PLACE = re.compile(r"`([a-z_/]+\.[ch])`, `([a-z_]+)`")
PLACE_AFTER = re.compile(r"`([a-z_]+)` (?:of|in) `([a-z_/]+\.[ch])`")
LINK = re.compile(r"\]\(([^)# ]+)")
HAS_REFERENCES = re.compile(r".*\.(c|h|cc|inc|md|scd|sh|py|lua|mk|ini|conf)$|Makefile$")
REFERENCE = re.compile(r"(RFC [0-9]+,? |store-format(?:\.md)?`?,? )?§ ?([0-9]+(?:\.[0-9]+)*)")

checks = failures = 0


def check(message, holds):
    global checks, failures
    checks += 1
    if not holds:
        failures += 1
        print(message)


def read(path):
    """The bytes of a file; empty for a file of git that was removed from the working tree."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def text(path):
    return read(path).decode("utf-8", "surrogateescape")


def lines(path):
    return text(path).split("\n")


def read_all(places):
    """The contents of all files at and below the places."""
    contents = []
    for place in places:
        if os.path.isfile(place):
            contents.append(read(place))
        for folder, _, files in os.walk(place):
            contents += [read(os.path.join(folder, file)) for file in files if not os.path.islink(os.path.join(folder, file))]
    return b"\n".join(contents)


def unfenced(path):
    """The lines of a document, without its fenced blocks."""
    fenced = False
    for line in lines(path):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield line


def has_word(content, phrase):
    """Whether the content has the phrase, other than within a longer word."""
    phrase = phrase.encode("utf-8", "surrogateescape")
    at = content.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not WORD.match(content[at - 1 : at] if at else b"") and not WORD.match(content[end : end + 1]):
            return True
        at = content.find(phrase, at + 1)
    return False


class Sources:
    def __init__(self, folder):
        self.files = [file for file in lines(f"{folder}/files") if file]
        self.commands = set(lines(f"{folder}/commands")) - {""}
        self.targets = set(lines(f"{folder}/targets")) - {""}
        self.ends = set()  # of the paths of all files and folders
        for file in self.files:
            parts = file.split("/")
            for end in range(1, len(parts) + 1):
                self.ends.update("/".join(parts[begin:end]) for begin in range(end))
        self.program = read_all(PROGRAM)
        self.all = read_all(SOURCES)
        self.words = set(WORD.findall(self.all))

    def has_file(self, name):
        """A path from the root or from src/, or the end of a path; HOST, KIND, NAME and FOLDER stand for any name, and [ch] for either."""
        pattern = re.escape(name.removesuffix("/")).replace(r"\*", "[^/]*").replace(r"\[ch\]", "[ch]").replace("schemaN", "schema[0-9]")
        pattern = re.sub("HOST|KIND|NAME|FOLDER", "[a-z0-9_]*", pattern)
        if "[" not in pattern:
            return name.removesuffix("/") in self.ends
        return any(map(re.compile(pattern).fullmatch, self.ends))

    def has(self, phrase):
        """A word, or words with other characters between them."""
        word = phrase.encode("utf-8", "surrogateescape")
        return word in self.words if WORD.fullmatch(word) else has_word(self.all, phrase)

    def has_part(self, part):
        """A part of a word, such as the prefix of a name."""
        return part.encode("utf-8", "surrogateescape") in self.program

    def has_keys(self, document):
        """Every key of a JSON document, but for the words in capitals that stand for values."""
        return all(self.has(key) for key in re.findall('"([a-z_-]+)"', document))

    def has_command(self, name):
        return name.split(" ")[0] in self.commands

    def has_target(self, name):
        if name.startswith("build/"):
            return self.has_file(name.rsplit("/tests/")[-1] + ".c")
        return name.removesuffix("-NAME") in self.targets

    def has_type(self, name):
        first, *rest = name.split(".", 1)
        return self.has(first) and all(map(self.has, rest))

    def has_in_file(self, end, name):
        """A name in a file that is given by the end of its path."""
        return any(has_word(read(file), name) for file in self.files if f"/{file}".endswith(f"/{end}"))


def check_name(sources, document, name):
    if name.startswith(("{", '"')):
        check(f"{document}: a key of this document is not in the sources: {name}", sources.has_keys(name))
    elif FORM.match(name) or OTHER.match(name):
        pass
    elif name.startswith("make "):
        check(f"{document}: there is no target: {name}", sources.has_target(name.split(" ")[1]))
    elif name.startswith("--"):
        check(f"{document}: there is no option {name}", sources.has(re.split("[ =]", name[2:])[0]))
    elif name.startswith(("esp-tokenctl [", "esp-tokenctl --")):
        pass
    elif name.startswith("_") or name.endswith("_"):
        check(f"{document}: no name has the part {name}", sources.has_part(name))
    elif FILE.match(name):
        check(f"{document}: there is no file {name}", sources.has_file(name) or sources.has(f"include <{name}>"))
    elif name.endswith("/"):
        check(f"{document}: there is no folder {name}", sources.has_file(name))
    elif re.match(".* .*/", name):  # a command line
        pass
    elif PATH.match(name):
        check(f"{document}: there is no path {name}", sources.has_file(name))
    elif name.startswith(("struct ", "enum ")):
        check(f"{document}: there is no {name}", sources.has_type(name))
    elif name.endswith("()"):
        check(f"{document}: there is no function {name}", sources.has(name.removesuffix("()")))
    elif " " in name:
        check(f"{document}: {name} is neither a command nor in the sources", sources.has_command(name) or sources.has(name))
    else:
        check(f"{document}: {name} does not exist", sources.has(name) or sources.has_file(name) or sources.has_command(name))


def check_names(sources):  # MUST 1
    for document, least in DOCUMENTS.items():
        names = set(re.findall("`([^`]+)`", " ".join(unfenced(document))))
        check(f"{document} names fewer than {least} things", len(names) >= least)
        for name in sorted(names):
            check_name(sources, document, name.strip())


def check_places(sources):  # MUST 2: `FILE`, `NAME` and `NAME` of (in) `FILE`
    places = []
    for document in DOCUMENTS:
        line = re.sub("[ \n]+", " ", text(document))
        places += PLACE.findall(line) + [(file, name) for name, file in PLACE_AFTER.findall(line)]
    check("fewer than 5 names with their files were found", len(places) >= 5)
    for file, name in places:
        check(f"a document says that {name} is in {file}", sources.has_in_file(file, name))


def check_links(sources):  # MUST 3
    for file in sources.files:
        if not file.endswith(".md"):
            continue
        for line in unfenced(file):
            for link in LINK.findall(line):
                if not re.match("[a-z]*:", link):
                    check(f"{file}: the target of the link {link} does not exist", os.path.exists(os.path.join(os.path.dirname(file), link)))


def sections(path):
    """Headings such as `## 5 Invariants` and `### 6.2 Commands`, and numbered items directly below a heading."""
    found, section = set(), ""
    for line in lines(path):
        if line.startswith("##"):
            heading = re.match(r"##+ ([0-9]+(\.[0-9]+)*) ", line)
            section = heading[1] if heading else ""
            found.add(section)
        elif section and (item := re.match(r"([0-9]+)\. ", line)):
            found.add(f"{section}.{item[1]}")
    return found - {""}


def check_references(sources):  # MUST 4
    targets = {name: sections(f"docs/{name}") for name in ("specification.md", "store-format.md")}
    check("there is no docs/specification.md with numbered headings", targets["specification.md"])
    references = []
    for file in sources.files:
        if HAS_REFERENCES.match(file) and not file.startswith("tests/documents/") and "§".encode() in read(file):
            for number, line in enumerate(lines(file), 1):
                references += [(file, number, before, section) for before, section in REFERENCE.findall(line)]
    check("fewer than 20 references were found", len(references) >= 20)
    for file, number, before, section in references:
        if before.startswith("RFC"):
            continue
        target = "store-format.md" if before or file == "docs/store-format.md" else "specification.md"
        check(f"{file}:{number}: §{section} is not in docs/{target}", section in targets[target])


def main():
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    sources = Sources(sys.argv[1])
    check_names(sources)
    check_places(sources)
    check_links(sources)
    check_references(sources)
    print(f"{failures} of {checks} checks failed" if failures else f"{checks} checks, all passed")
    sys.exit(failures > 0)


main()
