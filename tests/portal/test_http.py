# SPDX-License-Identifier: ISC
"""What a stranger can send: requests from other origins, slow, huge and malformed requests, and too many."""
import concurrent.futures
import json
import os
import resource
import socket
import time
import unittest

from lib import API, OPENAPI, PATIENCE, Case, Client, wait_until

HEADERS = {'X-Content-Type-Options': 'nosniff', 'X-Frame-Options': 'DENY', 'Referrer-Policy': 'no-referrer',
           'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Resource-Policy': 'same-origin'}


class Http(Case):
    def setUp(self):
        self.cookie = self.world.sign_in('north').headers['Cookie']

    def talk(self, data):
        """Sends the bytes unchanged. Returns everything that the portal answers until it closes."""
        answer = b''
        with socket.create_connection(('127.0.0.1', self.world.port), PATIENCE) as sock:
            try:
                sock.sendall(data)
                while chunk := sock.recv(65536):
                    answer += chunk
            except (ConnectionError, OSError):
                pass
        return answer

    def line(self, line='GET /api/v1/session HTTP/1.1', *headers, body=b''):
        text = '\r\n'.join([line, 'Host: localhost', f'Cookie: {self.cookie}', 'Sec-Fetch-Site: same-origin',
                            'Connection: close', *headers, '', ''])
        return text.encode() + body

    def talk_all(self, datas):
        """The same for several at once, because the portal waits for the rest of an incomplete request."""
        datas = list(datas)
        with concurrent.futures.ThreadPoolExecutor(len(datas)) as pool:
            return list(zip(datas, pool.map(self.talk, datas)))

    def status(self, data):
        return self.status_of(self.talk(data))

    @staticmethod
    def status_of(answer):
        return int(answer.split()[1]) if answer.startswith(b'HTTP/1.1 ') else 0

    def is_well(self):
        """Whatever was sent before, the portal answers, and none of its processes has ended."""
        self.assertEqual(self.status(self.line()), 200)
        self.assertEqual(self.world.children(), self.children)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.children = cls.world.children()
        assert len(cls.children) == 3

    def tearDown(self):
        self.is_well()

    # --- headers and origins ---

    def test_headers(self):
        for path in '/', '/app.js', '/nothing', API + '/session', API + '/tiers', API + '/nothing', API + '/openapi.json':
            answer = Client(self.world, {'Cookie': self.cookie}).raw('GET', path)
            for name, value in HEADERS.items():
                self.assertEqual(answer.headers[name], value, (path, name))
            policy = answer.headers['Content-Security-Policy']
            for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                         "form-action 'none'", "require-trusted-types-for 'script'"):
                self.assertIn(part, policy)
            self.assertNotIn('unsafe', policy)
            self.assertFalse([name for name in answer.headers if name.lower().startswith('access-control')])
            self.assertIsNone(answer.headers['Server'])
            self.assertIsNotNone(answer.headers['Date'])

    def test_no_preflight(self):
        """A preflight request from another origin gets no CORS headers."""
        asked = {'Origin': 'http://evil.example', 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'content-type'}
        for path in '/', API + '/session', API + '/entities/acme', API + '/nothing':
            answer = Client(self.world, {'Cookie': self.cookie}).raw('OPTIONS', path, headers=asked)
            self.assertIn(answer.status, (404, 405), path)
            self.assertFalse([name for name in answer.headers if name.lower().startswith('access-control')])

    def test_cookie(self):
        answer = Client(self.world).ask('POST', '/session', {'link': self.world.link('acme')}, expect=201)
        cookie = answer.headers['Set-Cookie']
        name, *attributes = cookie.split('; ')
        self.assertRegex(name, r'^__Host-esp-token-portal=[A-Za-z0-9_-]{43}$')
        self.assertEqual(sorted(attributes), ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'])
        both = '; '.join([self.cookie, self.cookie])
        Client(self.world, {'Cookie': both}).get('/session', 401)

    def test_origin(self):
        """A change from another origin is refused, whoever is signed in. A browser cannot leave both headers out."""
        own = f'http://localhost:{self.world.port}'
        client = Client(self.world, {'Cookie': self.cookie})
        proxy = self.world.proxy('north')
        for headers, status in (({'Origin': own}, 400), ({'Sec-Fetch-Site': 'same-origin'}, 400),
                                ({'Origin': own, 'Sec-Fetch-Site': 'same-origin'}, 400), ({}, 403),
                                ({'Origin': 'http://evil.example'}, 403), ({'Origin': 'null'}, 403), ({'Origin': own + '.evil.example'}, 403),
                                ({'Origin': own.replace('http', 'https')}, 403), ({'Origin': f'http://127.0.0.1:{self.world.port}'}, 403),
                                ({'Sec-Fetch-Site': 'same-site'}, 403), ({'Sec-Fetch-Site': 'cross-site'}, 403), ({'Sec-Fetch-Site': 'none'}, 403),
                                ({'Origin': own, 'Sec-Fetch-Site': 'cross-site'}, 403), ({'Origin': 'http://evil.example', 'Sec-Fetch-Site': 'same-origin'}, 403)):
            for asker in client, proxy:
                for method, path in ('POST', '/entities/north/tokens'), ('PATCH', '/entities/acme'), ('POST', '/session'):
                    answer = asker.raw(method, API + path, b'{}', {'Content-Type': 'application/json', **headers})
                    self.assertEqual(answer.status, status, (headers, method, path, answer.text))
                if status == 403:
                    self.assertEqual(asker.raw('DELETE', API + '/entities/acme', None, headers).status, 403)
        self.assertEqual(client.raw('GET', API + '/session', headers={'Sec-Fetch-Site': 'cross-site'}).status, 403)
        self.assertEqual(client.raw('GET', API + '/session', headers={'Sec-Fetch-Site': 'none'}).status, 200)
        self.assertEqual(client.raw('GET', API + '/session').status, 200)

    def test_body_type(self):
        """A change needs a JSON body, which a form of another page cannot send."""
        client = Client(self.world, {'Cookie': self.cookie})
        for kind in 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonx', '':
            client.ask('POST', '/entities/north/tokens', {'name': 'x'}, 415, {'Content-Type': kind})
        self.assertEqual(client.raw('POST', API + '/entities/north/tokens', b'{"name":"x"}', {'Sec-Fetch-Site': 'same-origin'}).status, 415)
        client.ask('POST', '/entities/north/tokens', {}, 400, {'Content-Type': 'application/json; charset=utf-8'})
        client.ask('DELETE', '/entities/acme', {'x': 1}, 400)

    # --- malformed ---

    def post(self, body, *headers):
        return self.status(self.line('POST /api/v1/entities/north/tokens HTTP/1.1', 'Content-Type: application/json',
                                     f'Content-Length: {len(body)}', *headers, body=body))

    def test_bodies(self):
        deep = b'{"name":' + b'[' * 8000 + b']' * 8000 + b'}'
        for body in (b'{', b'nil', b'{"name":"x"', b'{"name":"\xff"}', b'{"name":"\xc3\x28"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"a\\u0000b"}',
                     b'{"name":"\\ud800"}', b'{"name":"x","name":"y"}', b'{"name":{}}', b'{"name":["x"]}', b'\x00', b'{"name":"x"}\x00', b'{"name":"x"} x',
                     b'[' * 16000, deep[:16384], b'{"' + b'a' * 16000 + b'":1}', b'{"\\u0000":1}', b'1e999', b'"' + b'x' * 16000 + b'"', b' ' * 16384):
            self.assertEqual(self.post(body), 400, body[:40])
        self.assertEqual(self.post(b'x' * 16385), 413)
        self.assertIn(self.post(b'x' * (1 << 20)), (0, 413))  # 0: closed while we were writing
        chunked = b''.join(b'1000\r\n' + b'x' * 4096 + b'\r\n' for _ in range(8)) + b'0\r\n\r\n'
        self.assertEqual(self.status(self.line('POST /api/v1/entities/north/tokens HTTP/1.1', 'Content-Type: application/json',
                                               'Transfer-Encoding: chunked', body=chunked)), 413)
        self.assertEqual(len(Client(self.world, {'Cookie': self.cookie}).get('/entities/north/tokens')['tokens']), 1)

    def test_lines(self):
        lines = (b'\r\n\r\n', b'GET\r\n\r\n', b'GET /\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(200),
                     b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', bytes(range(256)) * 20, b'GET ' + b'/' * 70000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
                     b'GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n', b'CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\n\r\n',
                     b'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', b'GET / HTTP/1.1\r\n\r\n', b'\xff' * 1000)
        for data, answer in self.talk_all(lines):
            self.assertNotIn(b' 200 ', answer.split(b'\r\n')[0], data[:60])
        for line in ('GET /api/v1/tokens/%2e%2e HTTP/1.1', 'GET /api/v1/entities/a%00b HTTP/1.1', 'GET /api/v1/entities/nor%74h HTTP/1.1',
                     'GET /api/v1//session HTTP/1.1', 'GET /api/v1/../v1/session HTTP/1.1'):
            self.assertEqual(self.status(self.line(line)), 404, line)

    def test_header_bytes(self):
        headers = ('Host: evil.example', 'X-ESP-Role: a\x01b', 'Content-Length: 1\r\nContent-Length: 1', 'Content-Length: -1', 'Content-Length: 1x',
                       'Content-Length: 99999999999999999999', 'Transfer-Encoding: chunked\r\nContent-Length: 5', 'Transfer-Encoding: x',
                       'Origin: a\r\nOrigin: b', ' folded: x', 'no-colon', ': empty', 'Idempotency-Key: x\r\nIdempotency-Key: y')
        for data, answer in self.talk_all(self.line('POST /api/v1/entities/north/tokens HTTP/1.1', header, body=b'{}') for header in headers):
            self.assertIn(self.status_of(answer), (0, 400, 403, 413, 415), data)
        big = self.line('GET /api/v1/session HTTP/1.1', *[f'X-{i}: {"y" * 1000}' for i in range(1000)])
        self.assertIn(self.status(big), (0, 431))
        self.assertIn(self.status(self.line('GET /api/v1/session HTTP/1.1', 'X: ' + 'y' * (1 << 20))), (0, 431))
        self.assertIn(self.status(self.line('GET /api/v1/session HTTP/1.1', *['a: b'] * 5000)), (0, 431))

    def test_refused_by_the_server(self):
        """What libmicrohttpd itself refuses: with a status of the document and a constant text; then it closes."""
        get, post, host = b'GET /evil HTTP/1.1\r\n', b'POST /api/v1/session HTTP/1.1\r\n', b'Host: evil\r\n'
        requests = (get + b'\r\n', b'GET /evil HTTP/9.9\r\n\r\n', b'GET /evil\r\n\r\n', b'GET /evil' + b'l' * 70000 + b' HTTP/1.1\r\n' + host + b'\r\n',
                    get + host + b'X: evil' + b'y' * 70000 + b'\r\n\r\n', get + host + b'evil\r\n\r\n', get + host + b'Cookie: ' + b'evil=b; ' * 1900 + b'\r\n\r\n',
                    post + host + b'Content-Length: -1\r\n\r\n', post + host + b'Content-Length: 99999999999999999999\r\n\r\n',
                    post + host + b'Transfer-Encoding: chunked\r\n\r\nevil\r\n', post + host + b'Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n')
        document, statuses = OPENAPI['components']['responses']['default'], set()
        self.assertNotIn('content', document)
        for data, answer in self.talk_all(requests):
            statuses.add(self.status_of(answer))
            self.assertIn(b'Connection: close', answer, data)
            for part in b'evil', b'Set-Cookie', b'<script', b'problem+json':
                self.assertNotIn(part, answer, data)
        self.assertEqual(statuses, set(document['x-statuses']))

    def test_pipelining(self):
        """Pipelined requests are answered in order."""
        one = (f'GET {API}/entities/north/tokens?limit=1 HTTP/1.1\r\nHost: x\r\nCookie: {self.cookie}\r\n\r\n'
               f'GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n').encode()
        answer = self.talk(one * 50 + self.line())
        self.assertEqual(answer.count(b'HTTP/1.1 200'), 101)
        self.assertEqual(answer.count(b'"total"'), 50)

    # --- slow, and many ---

    def test_slow(self):
        """Clients that send a byte now and then do not delay others, and their connections are closed in the end."""
        slow = [socket.create_connection(('127.0.0.1', self.world.port), PATIENCE) for _ in range(50)]
        for sock in slow:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nX: ')
        self.assertEqual(self.status(self.line()), 200)

        def all_closed():
            for sock in slow:
                try:
                    sock.sendall(b'y')
                except OSError:
                    pass
            sock = slow[-1]
            sock.settimeout(0.1)
            try:
                return sock.recv(1000) in (b'',) or True
            except (TimeoutError, socket.timeout):
                return False
            except OSError:
                return True
        begun = time.monotonic()
        wait_until(all_closed, 'slow clients are closed')
        self.assertGreater(time.monotonic() - begun, 1)
        for sock in slow:
            sock.close()

    def test_abandoned(self):
        """Clients disconnect while a broker works for them."""
        for _ in range(200):
            with socket.create_connection(('127.0.0.1', self.world.port), PATIENCE) as sock:
                sock.sendall(self.line(f'GET {API}/entities HTTP/1.1'))
        for _ in range(20):
            with socket.create_connection(('127.0.0.1', self.world.port), PATIENCE) as sock:
                sock.sendall(self.line(f'GET {API}/entities/north/log?download=yes HTTP/1.1'))
                sock.recv(10)

    def test_many(self):
        """10,000 silent connections: a client that sends a request is answered."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(10000, hard - 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 100), hard))
        many = []
        try:
            for i in range(wanted):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(('127.0.0.1', self.world.port))
                many.append(sock)
                if i % 2000 == 1999:
                    self.assertEqual(self.status(self.line()), 200)
            worker = self.children[2]
            self.assertLess(len(os.listdir(f'/proc/{worker}/fd')), 1200)
            with open(f'/proc/{worker}/status', encoding='utf-8') as file:
                memory = [int(line.split()[1]) for line in file if line.startswith('VmRSS')]
            self.assertLess(memory[0], 64 * 1024)
        finally:
            for sock in many:
                sock.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_room_is_made(self):
        """When all connections are in use, a silent one is closed for a new client; most of the others stay open."""
        many = [socket.create_connection(('127.0.0.1', self.world.port), PATIENCE) for _ in range(1000)]
        self.assertEqual(self.status(self.line()), 200)

        def is_open(sock):
            sock.setblocking(False)
            try:
                return sock.recv(1) != b''
            except BlockingIOError:
                return True
            except OSError:
                return False
        self.assertGreater(sum(is_open(sock) for sock in many), 500)
        for sock in many:
            sock.close()

    def test_not_read(self):
        """Clients that send many requests and read no answer do not block the others."""
        idle = []
        for _ in range(30):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(('127.0.0.1', self.world.port))
            sock.setblocking(False)
            try:
                sock.send((f'GET {API}/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n' * 200).encode())
            except BlockingIOError:
                pass
            idle.append(sock)
        for _ in range(20):
            self.assertEqual(self.status(self.line()), 200)
        for sock in idle:
            sock.close()

    def test_texts_in_answers(self):
        """What a client sends comes back only as JSON."""
        name = '<script>alert(1)</script>'
        answer = Client(self.world, {'Cookie': self.cookie}).ask('POST', '/entities/north/tokens', {'name': name}, 201)
        self.assertEqual(answer.headers['Content-Type'], 'application/json')
        self.assertEqual(json.loads(answer.text)['name'], name)
        Client(self.world, {'Cookie': self.cookie}).delete(f'/tokens/{answer.json()["id"]}')


if __name__ == '__main__':
    unittest.main()
