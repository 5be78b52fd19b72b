# SPDX-License-Identifier: ISC
"""The back end behind a gateway, for test_twenty_authd_*.sh. Prints its port.

Answers each request with its headers, one on each line, and the size of its body. Answers an upgrade with 101, and
then echoes what it receives. Writes the path of each request to standard error.
"""
import http.server
import sys


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return total

    def upgrade(self):
        self.send_response(101)
        self.send_header("Upgrade", "echo")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while heard := self.rfile.read1(65536):
            self.wfile.write(heard)
            self.wfile.flush()
        self.close_connection = True

    def echo(self):
        if self.headers.get("Upgrade"):
            return self.upgrade()
        lines = [f"{name.lower()}: {value}" for name, value in self.headers.items()]
        lines += [f"method={self.command} path={self.path} body={self.body()}", ""]
        text = "\n".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = echo

    def log_message(self, format, *args):
        print(self.path, file=sys.stderr, flush=True)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Logs nothing: a gateway may close idle connections."""


server = Server(("127.0.0.1", 0), Echo)
print(server.server_address[1], flush=True)
server.serve_forever()
