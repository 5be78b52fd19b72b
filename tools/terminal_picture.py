#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Draws a session at a terminal as SVG: tools/terminal_picture.py BUILD COMMANDS >PICTURE.

BUILD is the folder of esp-tokenctl. COMMANDS is a file with one shell command on each line. They run at a terminal of
their own, in a new folder that already has a store. What differs from run to run is replaced: ids and token texts by
fixed ones, in order of appearance, times by one time, and the user by root. So the picture changes only if the output
of a command does.
"""
import datetime
import fcntl
import getpass
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

COLUMNS, SIZE, LINE, MARGIN = 96, 14, 20, 16
CELL = SIZE * 0.6
BACKGROUND, TEXT, PROMPT = "#1d2027", "#d8dbe2", "#7fb4ff"
COLOURS = {"31": "#f0787e", "32": "#8fce7f", "33": "#e3c06a", "34": "#7fb4ff", "35": "#c99df0", "36": "#6ccfd0"}
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def run(command, folder, build):
    """The output of a command on a terminal, which must end within a minute."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(PATH=f"{build}:{os.environ['PATH']}", ESP_TOKEN_CONFIG=f"{folder}/esp-token.conf", TERM="xterm-256color", TZ="UTC", LC_ALL="C.UTF-8")
        for name in ("NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
            os.environ.pop(name, None)
        os.umask(0o077)
        os.read(0, 1)  # waits until the parent has set the terminal's size
        os.execlp("timeout", "timeout", "--foreground", "60", "sh", "-c", command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    settings = termios.tcgetattr(terminal)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    os.write(terminal, b"\n")
    output = b""
    try:
        while part := os.read(terminal, 65536):
            output += part
    except OSError:  # the terminal was closed
        pass
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) not in (0, 1, 4):
        sys.exit(f"{command}: {output.decode()}")
    return output.decode().replace("\r\n", "\n").rstrip("\n").split("\n")


class Fixed:
    """Replaces what differs from run to run by something of the same width."""

    def __init__(self):
        self.ids = {}

    def id(self, found):
        number = self.ids.setdefault(found, len(self.ids) + 1)
        return "15" + "".join(LETTERS[(number * 37 + n * n * 11 + n * 5) % 62] for n in range(9))

    def text(self, line):
        line = re.sub(r"esptk_(1[0-9A-Za-z]{10})_([0-9A-Za-z]{36})", lambda m: f"esptk_{m[1]}_{'x' * 36}", line)
        line = re.sub(r"(?<![0-9A-Za-z])1[0-9A-Za-z]{10}(?![0-9A-Za-z])", lambda m: self.id(m[0]), line)
        line = re.sub(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\dZ)?", lambda m: self.date(m[1], m[2]), line)
        return re.sub(rf"(Z  ){re.escape(getpass.getuser())}( > \S+)?  ", r"\1root  ", line)

    @staticmethod
    def date(day, time):
        ahead = datetime.date.fromisoformat(day) - datetime.datetime.now(datetime.timezone.utc).date()
        return f"{2026 + round(ahead.days / 365.25)}-11-30" + ("T09:00:00Z" if time else "")


def spans(line):
    """The parts of a line: (text, bold, colour)."""
    bold, colour = False, None
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b"):
            if part:
                yield part, bold, colour
            continue
        for code in part[2:-1].split(";"):
            if code in ("", "0"):
                bold, colour = False, None
            elif code == "1":
                bold = True
            elif code in COLOURS:
                colour = COLOURS[code]
            else:
                sys.exit(f"terminal_picture.py: draws no attribute {code}; add it")


def draw(lines):
    width, height = round(COLUMNS * CELL + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
           f'aria-label="A session of esp-tokenctl at a terminal">')
    yield f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>'
    yield f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="{SIZE}" xml:space="preserve" fill="{TEXT}">'
    for row, line in enumerate(lines):
        column = 0
        for text, bold, colour in line:
            look = (' font-weight="bold"' if bold else "") + (f' fill="{colour}"' if colour else "")
            if text.strip():
                lead = len(text) - len(text.lstrip())
                shown = text.strip().replace(" ", "\N{NO-BREAK SPACE}")  # viewers make one blank of several
                yield (f'<text x="{MARGIN + (column + lead) * CELL:.1f}" y="{MARGIN + (row + 1) * LINE - 6}" '
                       f'textLength="{len(shown) * CELL:.1f}"{look}>{html.escape(shown, quote=False)}</text>')
            column += len(text)
        if column > COLUMNS:
            sys.exit(f"terminal_picture.py: longer than {COLUMNS} characters: {''.join(part[0] for part in line)}")
    yield "</g></svg>"


def main():
    build, commands = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().splitlines()
    fixed, lines = Fixed(), []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([f"{build}/esp-tokenctl", "init", folder], check=True, stdout=subprocess.DEVNULL)
        for command in commands:
            lines.append([("$", True, PROMPT), (f" {command}", True, None)])
            output = run(command, folder, build)
            lines += [list(spans(fixed.text(line))) for line in output if output != [""]] + [[]]
    print("\n".join(draw(lines[:-1])))


main()
