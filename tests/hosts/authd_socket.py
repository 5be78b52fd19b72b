# SPDX-License-Identifier: ISC
"""Does what systemd does with esp-token-authd.socket, for test_authd_service.sh.

    authd_socket.py COMMAND...

Listens on loopback, prints the port, and runs COMMAND with the socket as descriptor 3. On SIGUSR1 it ends the command
and, once that has exited, starts it again. Ends on SIGTERM.
"""
import os
import signal
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
os.dup2(listener.fileno(), 3, inheritable=True)
print(listener.getsockname()[1], flush=True)


def start():
    script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
    return subprocess.Popen(["/bin/sh", "-c", script, "sh", *sys.argv[1:]], pass_fds=[3])


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
child = start()
while True:
    number = signal.sigwait([signal.SIGUSR1, signal.SIGTERM])
    child.terminate()
    code = child.wait()
    print(f"ended with {code}", flush=True)
    if number == signal.SIGTERM or code != 0:
        sys.exit(code)
    child = start()
