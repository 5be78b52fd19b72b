# SPDX-License-Identifier: ISC
"""The identity that a proxy names. A proxy proves itself by the user of its process, or by a secret in a header."""
import os
import subprocess
import sys
import unittest

from lib import Case, Client, World

WHO = {'X-ESP-Entity': 'acme', 'X-ESP-Person': 'ops', 'X-ESP-Role': 'manager'}


class Proxy(Case):
    def proxies(self):
        return Client(self.world, WHO, unix=True), Client(self.world, {**WHO, 'X-ESP-Secret': self.world.secret})

    def test_named(self):
        for client in self.proxies():
            self.assertEqual(client.get('/session')['person'], 'ops')
        self.assertEqual(self.world.proxy('north', '小野 ✓').get('/session')['person'], '小野 ✓')
        self.world.proxy('acme', 'grace').patch(f'/tokens/{self.world.token("acme")["id"]}', {'note': 'x'})
        self.assertIn('grace>portal as acme edit', ' '.join(self.world.ctl('log').split()))

    def test_absent_doubled_malformed(self):
        wrong = {'X-ESP-Entity': ['', 'a b', 'none', '../x', 'x' * 65, 'nobody', 'acme,north', 'acme\tnorth'],
                 'X-ESP-Person': ['', ' ', 'x' * 64, 'a\x01b', 'a\u202eb', b'\xff', b'a\xc2'],
                 'X-ESP-Role': ['', 'admin', 'Manager', 'manager,viewer', 'viewer manager']}
        for client in self.proxies():
            for name, values in wrong.items():
                absent = {key: value for key, value in client.headers.items() if key != name}
                Client(self.world, absent, client.unix).get('/session', 401)
                client.get('/session', 400, headers={name: [client.headers[name]] * 2})
                client.get('/session', 400, headers={name: [client.headers[name], 'north']})
                for value in values:
                    answer = client.ask('GET', '/session', headers={name: value})
                    self.assertIn(answer.status, (400, 401), (name, value, answer.text))
            client.get('/session', 400, headers={'x-esp-entity': 'north'})

    def test_stranger_names_himself(self):
        """Identity headers over TCP with no secret or a wrong one are refused, even with a valid cookie."""
        cookie = self.world.sign_in('acme').headers
        for headers in ({}, {'X-ESP-Secret': ''}, {'X-ESP-Secret': 'f' * 31}, {'X-ESP-Secret': 'F' * 32},
                        {'X-ESP-Secret': self.world.secret + ' x'}, cookie):
            self.assertEqual(Client(self.world, {**WHO, **headers}).get('/session', 401)['code'], 'signed-out')
        for name in WHO:
            Client(self.world, {name: WHO[name], **cookie}).get('/session', 401)
        Client(self.world, {**WHO, 'X-ESP-Secret': [self.world.secret] * 2}).get('/session', 400)

    def test_secret_alone(self):
        """A proxy that names no person has no identity; a cookie that it passes on still counts."""
        Client(self.world, {'X-ESP-Secret': self.world.secret}).get('/session', 401)
        cookie = self.world.sign_in('acme').headers
        client = Client(self.world, {'X-ESP-Secret': self.world.secret, **cookie})
        self.assertEqual(client.get('/session')['how'], 'link')

    def test_suspended(self):
        self.world.ctl('entity', 'edit', 'bolt', '--status', 'inactive')
        problem = self.world.proxy('bolt').get('/session', 403)
        self.assertIn('is inactive and may do nothing', problem['detail'])
        self.world.ctl('entity', 'edit', 'bolt', '--status', 'active')
        self.world.proxy('bolt').get('/session')

    @unittest.skipUnless(os.getuid() == 0, 'needs root, to ask as another user')
    def test_other_users(self):
        """A process of another user at the socket is no proxy, whatever it sends."""
        script = ('import os, socket, sys\n'
                  'os.setgroups([]); os.setgid(65534); os.setuid(65534)\n'
                  's = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n'
                  's.sendall(b"GET /api/v1/session HTTP/1.1\\r\\nHost: x\\r\\nX-ESP-Entity: acme\\r\\nX-ESP-Person: m\\r\\n'
                  'X-ESP-Role: manager\\r\\nX-ESP-Secret: " + sys.argv[2].encode() + b"\\r\\nConnection: close\\r\\n\\r\\n")\n'
                  'print(s.makefile("rb").read().decode())')
        done = subprocess.run([sys.executable, '-c', script, self.world.socket, self.world.secret],
                              capture_output=True, text=True, check=True)
        self.assertIn('HTTP/1.1 401', done.stdout)


class LinkOnly(Case):
    identity = 'link'

    def test_headers_are_nothing(self):
        Client(self.world, {**WHO, 'X-ESP-Secret': self.world.secret}).get('/session', 401)
        Client(self.world, WHO, unix=True).get('/session', 401)
        self.assertEqual(self.world.sign_in('north').get('/session', headers=WHO)['entity'], 'north')


class ProxyOnly(Case):
    identity = 'proxy'

    def test_links_are_nothing(self):
        self.assertEqual(self.world.run_ctl('portal', 'link', 'acme').returncode, 4)
        Client(self.world).post('/session', {'link': 'esplk_' + 43 * 'x'}, 404)
        Client(self.world, {'Cookie': '__Host-esp-token-portal=' + 43 * 'x'}).get('/session', 401)
        self.assertEqual(self.world.proxy('acme').get('/session')['how'], 'proxy')
        self.world.proxy('acme').ask('DELETE', '/session', expect=204)


class Least(unittest.TestCase):
    def test_origin(self):
        """Without public_url the own origin is that of the request; without proxy_secret a proxy comes by the socket."""
        world = World(identity='proxy', start=False)
        with open(world.config, encoding='utf-8') as file:
            config = file.read()
        world.write('esp-token.conf', ''.join(line for line in config.splitlines(True)
                                              if not line.startswith(('public_url', 'proxy_secret'))))
        world.populate().start()
        client, path = world.proxy('bolt', unix=True), '/entities/bolt/tokens'
        client.post(path, {'name': 'a'}, headers={'Origin': 'http://localhost'})
        for origin in 'http://localhost:80', 'https://localhost', 'http://other', 'null':
            client.post(path, {'name': 'b'}, 403, headers={'Origin': origin})
        world.proxy('bolt').get('/session', 401)
        self.assertEqual(world.stop(), 0)


class Configuration(unittest.TestCase):
    def test_refused(self):
        """A configuration that cannot be meant is refused in one line that names the key."""
        world = World(start=False)
        with open(world.config, encoding='utf-8') as file:
            good = file.read()

        def refusal(before, after, others=''):
            world.write('esp-token.conf', good.replace(before, after) + others)
            done = subprocess.run([world.program, '-c', world.config], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count('\n')), (5, '', 1), (after, done.stderr))
            return done.stderr
        peers = f'peers = {os.getuid()}\n'
        for before, after, word in (
                ('identity = both', 'identity = all', 'identity'), (f'listen = 127.0.0.1:{world.port}', 'listen = 127.0.0.1', 'listen'),
                (f'listen = 127.0.0.1:{world.port}', 'listen = 0.0.0.0:8443', 'tls_certificate'),
                (f'listen = 127.0.0.1:{world.port}', 'listen = localhost:8443', 'listen'),
                (f'listen = {world.socket}', 'listen = relative.sock', 'listen'), (f'listen = {world.socket}\n', '', 'peers'),
                (f'public_url = http://localhost:{world.port}', 'public_url = localhost', 'public_url'),
                (f'public_url = http://localhost:{world.port}\n', '', 'public_url'),
                (peers, 'peers = root\n', 'peers'), (peers, 'peers =\n', 'peers'),
                ('proxy_secret = proxy.secret', 'proxy_secret = missing', 'missing'),
                ('user = nobody', 'user = no-such-user', 'no-such-user') if os.getuid() == 0 else ('user = nobody', 'user = a b', 'user'),
                ('user = nobody', 'user = nobody\nidle = 5', 'idle'), ('user = nobody', 'user = nobody\nsession = 30d', 'session'),
                ('user = nobody', 'user = nobody\nreveal = maybe', 'reveal'), ('user = nobody', 'user = nobody\nidle = 2h\nsession = 1h', 'idle'),
                ('user = nobody', 'user = nobody\ntls_key = x', 'tls_certificate'), ('user = nobody', 'user = nobody\nport = 1', 'unknown key')):
            self.assertIn(word, refusal(before, after), after)
        for text in 'short\n', '', 300 * 'x':
            world.write('proxy.secret', text, 0o600)
            self.assertIn('proxy.secret', refusal('', ''))
        world.write('proxy.secret', world.secret, 0o644)
        self.assertIn('proxy.secret', refusal('', ''))

    def test_usage(self):
        world = World(start=False)
        for words in ['--no-such-option'], ['operand'], ['-c']:
            done = subprocess.run([world.program, *words], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ''))
        for word, text in ('--help', 'usage:'), ('--version', 'esp-token-portal '):
            self.assertIn(text, subprocess.run([world.program, word], capture_output=True, text=True, check=True).stdout)

    def test_test(self):
        """--test: a verdict on the installation, also while a portal runs on it."""
        world = World()
        test = [world.program, '--test', '-c', world.config]
        done = subprocess.run(test, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        world.write('proxy.secret', 'short', 0o600)
        done = subprocess.run(test, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (5, ''))
        self.assertIn('the first line is not 16', done.stderr)
        self.assertEqual(Client(world).raw('GET', '/').status, 200)
        self.assertEqual(world.stop(), 0)


if __name__ == '__main__':
    unittest.main()
