# SPDX-License-Identifier: ISC
"""Processes: what the worker can reach, killed processes, signals, sockets of systemd, a full disk."""
import concurrent.futures
import contextlib
import fcntl
import http.client
import os
import signal
import socket
import ssl
import subprocess
import unittest

from lib import PATIENCE, Case, Client, World, wait_until

SECRETS = ('reveal.key', 'tokens.mdb', 'esp-token.conf', 'proxy.secret')


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)


class Kept(Case):
    def roles(self):
        """reader, changer, worker"""
        return self.world.children()

    def again(self, count=3):
        wait_until(lambda: len(self.world.children()) == count, 'what was killed runs again')

    def answers(self, client):
        def well():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return client.ask('GET', '/session').status == 200
            return False
        wait_until(well, 'the session goes on')

    @unittest.skipUnless(os.getuid() == 0, 'only root can become another user')
    def test_worker_owns_nothing(self):
        worker = self.roles()[2]
        status = status_of(worker)
        self.assertEqual((status['Seccomp'], status['NoNewPrivs'], status['Groups'].strip()), ('2', '1', ''))
        self.assertEqual(set(status['Uid'].split()), {'65534'})
        self.assertNotIn('0', status['Gid'].split())
        for name in 'CapInh', 'CapPrm', 'CapEff', 'CapAmb':
            self.assertEqual(int(status[name], 16), 0, name)
        for fd in os.listdir(f'/proc/{worker}/fd'):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(f'/proc/{worker}/fd/{fd}')
                self.assertRegex(target, r'^(socket:|anon_inode:|/dev/null|pipe:)|/log$', fd)
        with open(f'/proc/{worker}/maps', encoding='utf-8') as file:
            self.assertNotIn('tokens.mdb', file.read())
        for name in SECRETS[:2] + SECRETS[3:]:
            self.assertEqual(os.stat(os.path.join(self.world.folder, name)).st_mode & 0o007, 0, name)
        # the worker's memory does not contain the key
        with open(f'{self.world.folder}/reveal.key', 'rb') as file:
            key = file.read().strip()
        memory = self.memory(worker)
        self.assertGreater(len(memory), 100000)
        for secret in key, bytes.fromhex(key.decode()):
            self.assertNotIn(secret, memory)

    @staticmethod
    def memory(pid):
        found = b''
        with open(f'/proc/{pid}/maps', encoding='utf-8') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
            for line in maps:
                place, mode = line.split()[:2]
                begin, end = (int(number, 16) for number in place.split('-'))
                if 'r' in mode and '[v' not in line:
                    with contextlib.suppress(OSError, OverflowError):
                        memory.seek(begin)
                        found += memory.read(end - begin)
        return found

    @unittest.skipUnless(os.getuid() == 0, 'needs root, to read the memory')
    def test_texts_are_wiped(self):
        """After an answer with a token's text no process keeps the text, unless Idempotency-Key asks for that."""
        client = self.world.sign_in('bolt')
        texts = [client.post('/entities/bolt/tokens', {'name': f'wiped {i}'})['token'] for i in range(2)]
        texts.append(client.post(f'/tokens/{self.world.token("bolt")["id"]}/reveal', None, 200)['token'])
        for pid in [self.world.process.pid, *self.roles()]:
            memory = self.memory(pid)
            for text in texts:
                self.assertFalse(text.encode() in memory, f'process {pid} of {self.world.process.pid}, {self.roles()}')

    def test_killed(self):
        """Whichever process is killed, it is started again, and sessions stay valid."""
        client = self.world.sign_in('north')
        for place in 0, 2, 1, 0:
            os.kill(self.roles()[place], signal.SIGKILL)
            self.again()
            self.answers(client)
            wait_until(lambda: client.ask('POST', '/entities/acme/tokens', {'name': 'x'}).status == 409, 'changes work')

    def test_killed_while_asked(self):
        """Worker and brokers are killed under load. Every change that was confirmed is in the log once."""
        client, made, stop = self.world.proxy('bolt'), [], []
        self.world.ctl('entity', 'edit', 'bolt', '--tier', 'advanced')

        def load(number):
            for i in range(1000):
                if stop:
                    return
                with contextlib.suppress(OSError, http.client.HTTPException):
                    token = self.world.token('bolt')['id']
                    answer = client.ask('PATCH', f'/tokens/{token}', {'note': f'{number} {i}'})
                    if answer.status == 200:
                        made.append(f'{number} {i}')
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(load, number) for number in range(2)]
            for place in 2, 1, 0, 1:
                before = len(made)
                wait_until(lambda: len(made) > before + 3, 'changes are made')
                os.kill(self.roles()[place], signal.SIGKILL)
                self.again()
            before = len(made)
            wait_until(lambda: len(made) > before + 3, 'changes are made')
            stop.append(True)
            for one in loads:
                one.result()
        log = self.world.ctl('log')
        for note in made:
            self.assertEqual(log.count(f'-> "{note}"'), 1, note)
        self.assertEqual(self.world.ctl_json('check'), {'findings': []})

    def test_another_writer(self):
        """While another program keeps the store's lock, readers are served; changes are refused after a while."""
        client = self.world.sign_in('acme')
        token = self.world.token('acme')['id']
        with open(self.world.folder + '/tokens.mdb.writer', 'rb') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                change = pool.submit(client.ask, 'PATCH', f'/tokens/{token}', {'note': 'waits'})
                for _ in range(20):
                    client.get('/entities/acme/tokens')
                self.assertFalse(change.done())
                answer = change.result()
        self.assertEqual((answer.status, answer.code), (503, 'unusable'))
        self.assertNotIn(self.world.folder, answer.text)
        client.patch(f'/tokens/{token}', {'note': 'now'})

    def test_store_is_away(self):
        client = self.world.proxy('acme')
        path = self.world.folder + '/tokens.mdb'
        os.rename(path, path + '.away')
        try:
            answer = client.ask('GET', '/entities/acme/tokens')
            self.assertEqual((answer.status, answer.code), (503, 'unusable'))
            self.assertNotIn('tokens.mdb', answer.text)
        finally:
            os.rename(path + '.away', path)
        wait_until(lambda: client.ask('GET', '/entities/acme/tokens').status == 200, 'the store is used again')

    def test_broken_tiers(self):
        """While the tier table is broken, requests that need it fail; a good table is used at once."""
        client = self.world.proxy('acme')
        path = self.world.folder + '/tiers.ini'
        with open(path, encoding='utf-8') as file:
            good = file.read()
        self.world.write('tiers.ini', 'nonsense\n')
        self.assertEqual(client.ask('GET', '/tiers').status, 503)
        self.world.write('tiers.ini', good.replace('label = Lite', 'label = Light'))
        self.assertEqual(client.get('/session')['tier_label'], 'Light' if 'label = Lite' in good else 'Lite')
        self.world.write('tiers.ini', good)


@unittest.skipUnless(os.getuid() == 0, 'needs root, to mount a small file system')
class FullDisk(unittest.TestCase):
    def test_full(self):
        """On a full disk readers are served, rights can be revoked, nobody signs in without an entry, nothing breaks."""
        world = World(start=False, tokens='map_size = 16M')
        small = world.folder + '/small'
        os.mkdir(small, 0o755)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m,mode=755', 'tmpfs', small], capture_output=True, check=False).returncode != 0:
            self.skipTest('mount is not allowed here')
        try:
            self.fill_and_try(world, small)
        finally:
            world.stop()
            subprocess.run(['umount', small], check=True)

    def fill_and_try(self, world, small):
        with open(world.config, encoding='utf-8') as file:
            text = file.read()
        world.write('esp-token.conf', text.replace('path = tokens.mdb', 'path = small/tokens.mdb'))
        world.ctl('init')
        world.populate()
        world.start()
        client, north = world.sign_in('acme'), world.sign_in('north')
        link = world.link('acme')
        with open(small + '/filler', 'wb', 0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        client.get('/entities/acme/tokens')
        statuses = set()
        for i in range(40):  # enough to use up the free pages of the store
            statuses.add(north.ask('POST', '/entities', {'name': f'more-{i}'}).status)
        self.assertLessEqual(statuses, {201, 503})
        self.assertIn(503, statuses)
        token = world.token('acme')['id']
        north.patch(f'/tokens/{token}', {'status': 'inactive'})
        north.patch('/entities/bolt', {'status': 'inactive'})
        north.delete(f'/tokens/{token}?last=yes')
        client.ask('DELETE', '/session', expect=204)
        self.assertIn(world.use(link, None).status, (201, 503))
        os.unlink(small + '/filler')
        wait_until(lambda: north.ask('POST', '/entities', {'name': 'room-again'}).status in (201, 409), 'there is room again')
        self.assertEqual([f for f in world.ctl_json_any('check')['findings'] if f['kind'] != 'no-token'], [])


class Signals(unittest.TestCase):
    def test_term(self):
        """SIGTERM: open requests are answered, then all processes end."""
        world = World().populate()
        client = world.sign_in('north')
        token = world.token('acme')['id']
        children = world.children()
        with open(world.folder + '/tokens.mdb.writer', 'rb') as lock, concurrent.futures.ThreadPoolExecutor(1) as pool:
            fcntl.flock(lock, fcntl.LOCK_EX)
            change = pool.submit(client.ask, 'PATCH', f'/tokens/{token}', {'note': 'last'})
            changer = children[1]
            wait_until(lambda: waits_for_lock(changer), 'the broker waits for the lock')
            world.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refuses(world), 'nothing new is accepted')
            fcntl.flock(lock, fcntl.LOCK_UN)
            answer = change.result()
        self.assertEqual(answer.status, 200)
        self.assertEqual(world.process.wait(PATIENCE), 0)
        self.assertFalse([pid for pid in children if os.path.exists(f'/proc/{pid}')])

    def test_supervisor_killed(self):
        """Nothing is left when the supervisor is killed."""
        world = World()
        children = world.children()
        world.process.kill()
        world.process.wait(PATIENCE)
        wait_until(lambda: not [pid for pid in children if os.path.exists(f'/proc/{pid}')], 'the children end')
        world.start()
        self.assertEqual(world.stop(), 0)

    def test_two_at_one_address(self):
        world = World()
        done = subprocess.run([world.program, '-c', world.config], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn('cannot listen', done.stderr)
        self.assertEqual(world.stop(), 0)

    def test_restart(self):
        """Sessions and links survive a restart."""
        world = World().populate()
        client, link = world.sign_in('acme'), world.link('acme')
        self.assertEqual(world.stop(), 0)
        world.start()
        client.get('/session')
        world.use(link).get('/session')
        self.assertEqual(world.stop(), 0)


def waits_for_lock(pid):
    """Whether the process sleeps between two attempts of flock(). It sleeps for no other reason."""
    with open(f'/proc/{pid}/wchan', encoding='utf-8') as file:
        where = file.read()
    with open(f'/proc/{pid}/syscall', encoding='utf-8') as file:
        return 'nanosleep' in where or file.read().split()[0] in ('35', '230')


def refuses(world):
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(world.socket)
            probe.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            return probe.recv(1) == b''
        except OSError:
            return True


class Tls(unittest.TestCase):
    @staticmethod
    def make(world, name):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                        '-subj', f'/CN={name}', '-keyout', world.folder + '/tls.key', '-out', world.folder + '/tls.pem'],
                       check=True, capture_output=True)
        os.chmod(world.folder + '/tls.key', 0o600)

    @staticmethod
    def peer(world, path='/'):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(('127.0.0.1', world.port), PATIENCE) as sock, context.wrap_socket(sock) as tls:
            tls.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())
            answer = b''
            while chunk := tls.recv(65536):
                answer += chunk
            return tls.getpeercert(True), answer

    def test_hangup(self):
        """SIGHUP: a new certificate is used, and open requests go on. If it is broken, the old one stays in use."""
        world = World('tls_certificate = tls.pem\ntls_key = tls.key\n', start=False)
        self.make(world, 'first')
        world.is_up = lambda: world.process.poll() is None and not refuses_tcp(world)
        world.start()
        first, answer = self.peer(world)
        self.assertIn(b'Strict-Transport-Security', answer)
        self.assertTrue(answer.startswith(b'HTTP/1.1 200'))
        answer = self.peer(world, '/api/v1/session')[1]
        self.assertTrue(answer.startswith(b'HTTP/1.1 401'))
        self.assertIn(b'Strict-Transport-Security', answer)
        self.make(world, 'second')
        world.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.peer(world)[0] != first, 'the new certificate is used')
        second = self.peer(world)[0]
        world.write('tls.pem', 'nonsense\n')
        world.process.send_signal(signal.SIGHUP)
        wait_until(lambda: 'is kept' in world.messages(), 'the broken one is named')
        self.assertEqual(self.peer(world)[0], second)
        self.assertEqual(Client(world, unix=True).raw('GET', '/').status, 200)
        self.assertEqual(world.stop(), 0)


def refuses_tcp(world):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', world.port)) != 0


class Activation(unittest.TestCase):
    def test_sockets_of_systemd(self):
        """LISTEN_FDS: only the passed sockets are used, and not those of the configuration."""
        world = World(start=False)
        with socket.socket() as passed:
            passed.bind(('127.0.0.1', 0))
            passed.listen()
            port = passed.getsockname()[1]
            command = f'exec 3<&{passed.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" -c "$1"'
            process = subprocess.Popen(['bash', '-c', command, world.program, world.config], pass_fds=[passed.fileno()])
        try:
            def up():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE)
                    connection.request('GET', '/')
                    return connection.getresponse().status == 200
                return False
            wait_until(up, 'it serves the socket that was passed')
            self.assertTrue(refuses_tcp(world))
        finally:
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_notify(self):
        """By a path, and by a name that is not in the file system."""
        world = World(start=False)
        for address in world.folder + '/notify', '@' + world.folder:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(address.replace('@', '\0'))
                notify.settimeout(PATIENCE)
                world.start(env={**os.environ, 'NOTIFY_SOCKET': address})
                self.assertEqual(notify.recv(100), b'READY=1')
                world.stop()
                self.assertEqual(notify.recv(100), b'STOPPING=1')


if __name__ == '__main__':
    unittest.main()
