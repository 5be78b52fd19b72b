# SPDX-License-Identifier: ISC
"""Requests of odd shapes, for test_authd.sh.

    authd_shapes.py PORT TOKEN_FILE

Each is followed by a second request, which has no token. Prints one line for each shape whose answers are wrong, and
then the number of shapes. An answer must never be 200 unless that is listed. If the end of the first request is
ambiguous, the second request must not be answered.
"""
import re
import socket
import sys

PORT, TOKEN = int(sys.argv[1]), open(sys.argv[2], encoding="ascii").read().strip()
LINE = "GET /auth?metric=kpi.x HTTP/1.1\r\n"
HEAD = LINE + "Host: a\r\n"
RIGHT = f"Authorization: Bearer {TOKEN}\r\n"
NEXT = "GET /auth?metric=kpi.x HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"
END = "\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
MANY = "".join(f"X-{i}: y\r\n" for i in range(2000))
LARGE = "".join(f"X-{i}: {'y' * 1000}\r\n" for i in range(20))


def body(length, text):
    return HEAD + RIGHT + f"Content-Length: {length}\r\n" + END + text


def chunks(text, more=""):
    return HEAD + RIGHT + CHUNKED + more + END + text


# name, request, expected statuses of its answers and of the second request's; 0: closed without an answer
SHAPES = [
    ("plain", HEAD + RIGHT + END, "200 401"),
    ("pipelined", (HEAD + RIGHT + END) * 3, "200 200 200 401"),
    ("X-API-KEY", HEAD + f"x-api-key: {TOKEN}\r\n" + END, "200 401"),
    ("any method", HEAD.replace("GET", "PURGE", 1) + RIGHT + END, "200 401"),
    ("HTTP/1.0", LINE.replace("1.1", "1.0") + RIGHT + END, "200"),
    ("a body", body(3, "abc"), "200 401"),
    ("a body and 100-continue", HEAD + RIGHT + "Content-Length: 3\r\nExpect: 100-continue\r\n" + END + "abc", "100 200 401"),
    ("a chunked body", chunks("3\r\nabc\r\n0\r\n\r\n"), "200"),
    ("an upgrade", HEAD + RIGHT + "Connection: Upgrade\r\nUpgrade: websocket\r\n" + END, "200 401"),
    ("a large head", HEAD + RIGHT + LARGE + END, "200 401"),
    ("an empty line before", "\r\n" + HEAD + RIGHT + END, "200 401"),
    ("Authorization twice", HEAD + RIGHT + RIGHT + END, "401 401"),
    ("X-API-KEY twice", HEAD + f"X-API-KEY: {TOKEN}\r\n" * 2 + END, "401 401"),
    ("a wrong Authorization and a right X-API-KEY", HEAD + f"Authorization: Bearer x\r\nX-API-KEY: {TOKEN}\r\n" + END, "401 401"),
    ("the token in a trailer", HEAD + CHUNKED + END + f"0\r\n{RIGHT}\r\n", "401"),
    ("a folded token", HEAD + f"Authorization: Bearer\r\n {TOKEN}\r\n" + END, "401 401"),
    ("a folded header", HEAD + RIGHT + "X-Y: a\r\n Content-Length: 5\r\n" + END, "400"),
    ("a folded first header", LINE + " X: y\r\nHost: a\r\n" + RIGHT + END, "400"),
    ("a bare CR", HEAD + f"X-Y: a\rAuthorization: Bearer {TOKEN}\r\n" + END, "400"),
    ("a NUL in a name", HEAD + "X\0Y: b\r\n" + RIGHT + END, "400"),
    ("a blank before a colon", HEAD + f"Authorization : Bearer {TOKEN}\r\n" + END, "400"),
    ("a line without a colon", HEAD + "hello\r\n" + RIGHT + END, "400"),
    ("two hosts", HEAD + "Host: b\r\n" + RIGHT + END, "400"),
    ("no host", LINE + RIGHT + END, "400"),
    ("two lengths, the same", body("3\r\nContent-Length: 3", "abc"), "400"),
    ("two lengths", body("3\r\nContent-Length: 0", ""), "400"),
    ("a list of lengths", body("3, 3", "abc"), "400"),
    ("a length with a sign", body("+3", "abc"), "400"),
    ("a hexadecimal length", body("0x3", "abc"), "400"),
    ("a negative length", body("-1", "abc"), "400"),
    ("an empty length", body("", ""), "400"),
    ("a length beyond 64 bits", body("9" * 20, "abc"), "413"),
    ("a long body", body(2000000, "abc"), "413"),
    ("a length and chunks", chunks("0\r\n\r\n", "Content-Length: 3\r\n"), "400"),
    ("a length before a blank, and chunks", chunks("0\r\n\r\n", "Content-Length : 3\r\n"), "400"),
    ("another encoding", HEAD + RIGHT + "Transfer-Encoding: xchunked\r\n" + END, "400"),
    ("two encodings", chunks("0\r\n\r\n", "Transfer-Encoding: identity\r\n"), "400"),
    ("a list of encodings", HEAD + RIGHT + "Transfer-Encoding: gzip, chunked\r\n" + END, "400"),
    ("an encoding after a control character", HEAD + RIGHT + "Transfer-Encoding: \x0bchunked\r\n" + END, "400"),
    ("a negative chunk", chunks("-1\r\nabc\r\n0\r\n\r\n"), "400"),
    ("a huge chunk", chunks("fffffffffffffffff\r\nabc\r\n"), "413"),
    ("endless chunks", chunks(("10000\r\n" + "z" * 65536 + "\r\n") * 32), "0"),
    ("two blanks in the first line", LINE.replace(" ", "  ") + "Host: a\r\n" + RIGHT + END, "0"),
    ("tabs in the first line", LINE.replace(" ", "\t") + "Host: a\r\n" + RIGHT + END, "0"),
    ("an absolute target", HEAD.replace("/auth", "http://a/auth", 1) + RIGHT + END, "404 401"),
    ("no path", HEAD.replace("/auth?metric=kpi.x", "*", 1) + RIGHT + END, "404 401"),
    ("HTTP/0.9", "GET /auth?metric=kpi.x\r\n" + RIGHT + END, "400"),
    ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    ("too many headers", HEAD + MANY + RIGHT + END, "431"),
    ("too large a head", HEAD + RIGHT + LARGE * 4 + END, "431"),
    ("too long a target", HEAD.replace("kpi.x", "x" * 60000, 1) + RIGHT + END, "414"),
]


def statuses(text):
    """The library may repeat its own refusal before it closes; a gateway reads the first."""
    found = re.findall(r"HTTP/1\.[01] ([0-9]+) ", text)
    if len(found) == 2 and found[0] == found[1] and text.count("Connection: close") == 2:
        found.pop()
    return " ".join(found) or "0"


def answers(request):
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
        got = b""
        try:
            connection.sendall(request.encode("latin-1"))
        except OSError:
            pass  # the server has closed the connection already
        try:
            while more := connection.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        return statuses(got.decode("latin-1"))


wrong = 0
for name, request, expected in SHAPES:
    got = answers(request + NEXT)
    if got != expected:
        print(f"{name}: expected {expected}, got {got}")
        wrong += 1
print(f"{len(SHAPES)} shapes, {wrong} wrong")
sys.exit(wrong != 0)
