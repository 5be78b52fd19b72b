# SPDX-License-Identifier: ISC
"""Runs a command in its own terminal for some seconds. Prints the texts that the command
sends to the terminal's clipboard: one line for each OSC 52, decoded.

    clipboard_pty.py SECONDS COMMAND...
"""
import base64
import os
import pty
import re
import select
import sys
import time

seconds, command = float(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
seen = b""
end = time.monotonic() + seconds
while time.monotonic() < end:
    if not select.select([terminal], [], [], 0.1)[0]:
        continue
    try:
        got = os.read(terminal, 4096)
    except OSError:  # the other end is closed
        break
    if not got:
        break
    seen += got
os.close(terminal)
if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
    sys.exit(seen.decode(errors="replace"))
for code in re.findall(rb"\x1b\]52;[^;]*;([^\a\x1b]*)(?:\a|\x1b\\)", seen):
    print("[" + base64.b64decode(code, validate=True).decode() + "]")
