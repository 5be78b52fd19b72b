# SPDX-License-Identifier: ISC
"""Many, slow and late clients of esp-token-authd, for test_authd_service.sh.

    authd_clients.py many PORT TOKEN_FILE COUNT   COUNT connections at once, each with two requests and open between them
    authd_clients.py slow PORT TOKEN_FILE         connections without a complete request, until the server closes them
    authd_clients.py drain PORT TOKEN_FILE PID    requests that are in progress when PID gets SIGTERM
    authd_clients.py socket PATH TOKEN_FILE COUNT COUNT connections to a Unix socket

Prints one line, and ends with a status other than 0 if an answer is wrong.
"""
import os
import resource
import signal
import socket
import sys
import time

LIMIT = 120


def connect(where):
    if where.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(where)
    else:
        connection = socket.create_connection(("127.0.0.1", int(where)))
    connection.settimeout(LIMIT)
    return connection


def request(more=""):
    return (f"GET /auth?metric=kpi.x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n").encode()


def status(connection):
    """The status of the next answer; 0: closed without an answer. Answers that allow have no body."""
    got = b""
    while b"\r\n\r\n" not in got:
        try:
            more = connection.recv(4096)
        except ConnectionResetError:
            return 0
        if not more:
            return 0
        got += more
    return int(got.split()[1])


def many(where, count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = [connect(where) for _ in range(count)]
    for _ in range(2):
        for client in clients:
            client.sendall(request())
        wrong = sum(status(client) != 200 for client in clients)
        if wrong:
            sys.exit(f"{wrong} of {count} connections got no 200")
    print(f"{count} connections, {2 * count} answers")


def fill(client):
    """Sends requests until no more of them fit between client and server. False: the server has closed."""
    try:
        while True:
            client.send(request() * 200)
    except BlockingIOError:
        return True
    except OSError:
        return False


def slow(where):
    """The server must close a silent client, two that send head or body byte by byte, and one that never reads."""
    began = time.monotonic()
    whole, piecemeal = connect(where), [connect(where), connect(where), connect(where)]
    heads = [b"", request(), request("Content-Length: 1000\r\n")]
    piecemeal[2].sendall(heads[2])
    deaf = connect(where)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    open_ones, sent = {*piecemeal, deaf}, 0
    while open_ones and time.monotonic() - began < LIMIT:
        # meanwhile a client that sends whole requests is answered
        whole.sendall(request())
        if status(whole) != 200:
            sys.exit("a client that asks was closed")
        for client in open_ones - {deaf}:
            try:
                if client is piecemeal[1]:
                    client.send(heads[1][sent : sent + 1])
                elif client is piecemeal[2]:
                    client.send(b"x")
                client.settimeout(0.05)
                if client.recv(4096) == b"":
                    open_ones.discard(client)
            except socket.timeout:
                pass
            except OSError:
                open_ones.discard(client)
        sent += 1
        if deaf in open_ones and not fill(deaf):
            open_ones.discard(deaf)
        time.sleep(0.1)
    if open_ones:
        sys.exit(f"{len(open_ones)} slow connections are open after {LIMIT} seconds")
    print("all slow connections were closed")


def drain(where, pid):
    begun, body = connect(where), connect(where)
    begun.sendall(request()[:-2])
    body.sendall(request("Content-Length: 4\r\n") + b"ab")
    while unread(begun) or unread(body):
        time.sleep(0.02)
    os.kill(pid, signal.SIGTERM)
    while is_open(where):
        time.sleep(0.05)
    begun.sendall(b"\r\n")
    body.sendall(b"cd")
    got = [status(begun), status(body)]
    if got != [200, 200]:
        sys.exit(f"requests in progress got {got}")
    print("requests in progress were answered")


def unread(connection):
    """Whether the server has not read all bytes yet, even if it has not accepted the connection yet."""
    mine, other = (f"0100007F:{end[1]:04X}" for end in (connection.getsockname(), connection.getpeername()))
    with open("/proc/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table]
    return any(int(line[4].split(":")[1], 16) > 0 for line in lines if line[1:3] == [other, mine])


def is_open(where):
    try:
        connect(where).close()
    except ConnectionRefusedError:
        return False
    return True


TOKEN = open(sys.argv[3], encoding="ascii").read().strip()
if sys.argv[1] in ("many", "socket"):
    many(sys.argv[2], int(sys.argv[4]))
elif sys.argv[1] == "slow":
    slow(sys.argv[2])
else:
    drain(sys.argv[2], int(sys.argv[4]))
