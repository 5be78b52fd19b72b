# SPDX-License-Identifier: ISC
"""Requests that last, for test_nginx_long.sh: a back end that never ends an answer, and a client.

    nginx_long.py serve                     prints its port; answers until it is killed
    nginx_long.py ask PORT HEADERS PATH     sends one request with the lines of the file HEADERS

/upgrade is answered with 101; then every byte that the client sends is echoed, as by a WebSocket.
/silent is never answered. Every other path is answered with 200 and ten chunks a second, without end.
The client prints "answered STATUS", sends its request's own head again after a 101 as often as it can, and
prints "ended" when the connection is closed.
"""
import socket
import sys
import threading
import time


def head_of(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            return b""
        head += more
    return head


def answer(connection):
    with connection:
        head = head_of(connection)
        try:
            if b" /upgrade" in head:
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
                )
                while True:
                    heard = connection.recv(65536)
                    if not heard:
                        return
                    connection.sendall(heard)
            if b" /silent" in head:
                connection.recv(1)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"5\r\nrow.\n\r\n")
                time.sleep(0.1)
        except OSError:
            return


def serve():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def ask(port, headers, path):
    with open(headers, encoding="ascii") as file:
        lines = "".join(line.strip() + "\r\n" for line in file)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}"
    if path.startswith("/upgrade"):
        request += "Upgrade: echo\r\nConnection: Upgrade\r\n"
    request += "\r\n"
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
    # data in the same packet as the request's header: nginx reuses the header's buffer for the tunnel
    connection.sendall(request.encode() + (b"x" * 600 if path.startswith("/upgrade") else b""))
    got = connection.recv(4096)
    print("answered", got.split(b" ", 2)[1].decode() if got else "nothing", flush=True)
    upgraded = b" 101 " in got[:20]
    try:
        while got:
            if upgraded:
                connection.sendall(b"x" * 600)
                time.sleep(0.1)
            got = connection.recv(65536)
    except OSError:
        pass
    print("ended", flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    ask(*sys.argv[2:])
