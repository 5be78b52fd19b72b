# SPDX-License-Identifier: ISC
"""A store with a running portal, and HTTP requests whose answers are validated against the OpenAPI document."""
import atexit
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import warnings

import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, os.environ.get('OUT', 'build/release'))
API = '/api/v1'
COOKIE = '__Host-esp-token-portal'
TEXT = re.compile(r'esptk_[0-9A-Za-z]{11}_[0-9A-Za-z]{36}')
PATIENCE = 60  # seconds, for whatever is awaited on a busy machine
FILES = {'index.html': '<!doctype html>\n<title>test</title>\n', 'app.js': 'export {};\n', 'app.css': 'p {}\n'}

with open(os.path.join(ROOT, 'docs/portal-api.json'), encoding='utf-8') as document:
    OPENAPI = json.load(document)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    """Calls the condition until it returns something true, and returns that. Fails after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'{what}: not within {PATIENCE} s')


def operation(method, path):
    """The operation of the OpenAPI document for a request, or None."""
    path = path.split('?')[0]
    for template, item in OPENAPI['paths'].items():
        pattern = re.sub(r'\{\w+\}', '[^/]+', template)
        if re.fullmatch(API + pattern, path):
            return item.get('get' if method == 'HEAD' else method.lower())
    return None


def validate(method, path, answer):
    """Asserts that the document describes this answer."""
    described = operation(method, path)
    if described is None:
        assert answer.status in (404, 405), (method, path, answer.status)
        check_schema({'$ref': '#/components/schemas/Problem'}, answer.json())
        return
    response = described['responses'].get(str(answer.status))
    assert response is not None, f'{method} {path}: {answer.status} is not described: {answer.text}'
    if '$ref' in response:
        response = OPENAPI['components']['responses'][response['$ref'].rsplit('/', 1)[1]]
    for name, header in response.get('headers', {}).items():
        value = answer.headers.get(name)
        assert value is not None or not header.get('required'), f'{method} {path}: no {name}'
        if value is not None:
            check_schema(header['schema'], value)
    content = response.get('content')
    if content is None or method == 'HEAD':
        assert answer.text == '', answer.text
        return
    (kind, media), = content.items()
    assert answer.headers['Content-Type'] == kind, answer.headers
    check_schema(media['schema'], answer.json())


def check_schema(schema, value):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Debian 12 does not have its successor
        resolver = jsonschema.RefResolver('', OPENAPI)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode()

    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json()['code']


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


class Client:
    """An HTTP client of the portal: with a cookie, with the headers of a proxy, or with neither."""

    def __init__(self, world, headers=None, unix=False):
        self.world, self.headers, self.unix = world, dict(headers or {}), unix
        self.kept = None

    def connection(self):
        if self.unix:
            return UnixConnection(self.world.socket)
        return http.client.HTTPConnection('127.0.0.1', self.world.port, timeout=PATIENCE)

    def raw(self, method, path, body=None, headers=None, keep=False):
        """Sends a request as it is given. `headers` may have lists of values."""
        connection = self.kept or self.connection()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, values in {**self.headers, **(headers or {})}.items():
            for value in values if isinstance(values, list) else [values]:
                connection.putheader(name, value if isinstance(value, bytes) else value.encode())
        if body is not None:
            connection.putheader('Content-Length', str(len(body)))
        connection.endheaders(body)
        answer = Answer(connection.getresponse())
        if keep:
            self.kept = connection
        else:
            connection.close()
        return answer

    def ask(self, method, path, body=None, expect=None, headers=None, keep=False):
        """A request to the API. Its answer is validated; `expect` is the status."""
        sent = {'Sec-Fetch-Site': 'same-origin', **(headers or {})}
        data = None
        if body is not None:
            sent.setdefault('Content-Type', 'application/json')
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.raw(method, API + path, data, sent, keep)
        validate(method, API + path, answer)
        if API + path != API + '/openapi.json':
            assert answer.headers['Cache-Control'] == 'no-store'
        if expect is not None:
            assert answer.status == expect, f'{method} {path}: {answer.status} {answer.text}'
        return answer

    def get(self, path, expect=200, **more):
        return self.ask('GET', path, expect=expect, **more).json()

    def post(self, path, body, expect=201, **more):
        return self.ask('POST', path, {} if body is None else body, expect=expect, **more).json()

    def patch(self, path, body, expect=200, **more):
        return self.ask('PATCH', path, body, expect=expect, **more).json()

    def delete(self, path, expect=200, **more):
        return self.ask('DELETE', path, expect=expect, **more).json()


class World:
    """A folder with a store, and a portal over it."""

    def __init__(self, settings='', tokens='', start=True, identity='both'):
        self.folder = tempfile.mkdtemp(prefix='esp-portal-')
        atexit.register(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.socket = os.path.join(self.folder, 'portal.sock')
        self.config = os.path.join(self.folder, 'esp-token.conf')
        self.secret = 'f' * 32
        self.process = None
        self.install()
        self.ctl('init', self.folder, config=False)
        with open(self.config, encoding='utf-8') as file:
            text = file.read()
        with open(self.config, 'w', encoding='utf-8') as file:
            if tokens:
                text = re.sub(f'(?m)^{tokens.split()[0]} = .*$', tokens, text)
            file.write(re.sub(r'\[portal\].*', '', text, flags=re.S))
            file.write(f'\n[portal]\nlisten = 127.0.0.1:{self.port}\nlisten = {self.socket}\n'
                       f'identity = {identity}\npublic_url = http://localhost:{self.port}\n'
                       f'peers = {os.getuid()}\nproxy_secret = proxy.secret\n')
            file.write('user = nobody\n' + settings)
        self.write('proxy.secret', self.secret + '\n', 0o600)
        if start:
            self.start()

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def install(self):
        """Copies the program to a folder with the pages beside it, where it finds them."""
        folder = os.path.join(self.folder, 'bin')
        os.makedirs(os.path.join(folder, 'portal'), mode=0o755)
        self.program = shutil.copy(os.path.join(OUT, 'esp-token-portal'), folder)
        shutil.copy(os.path.join(ROOT, 'docs/portal-api.json'), os.path.join(folder, 'portal/openapi.json'))
        for name, text in FILES.items():
            self.write(os.path.join('bin/portal', name), text)

    def run_ctl(self, *words, config=True, stdin=None):
        chosen = ['-c', self.config] if config else []
        return subprocess.run([os.path.join(OUT, 'esp-tokenctl'), *chosen, *words], input=stdin,
                              capture_output=True, text=True, check=False)

    def ctl(self, *words, config=True, stdin=None):
        done = self.run_ctl(*words, config=config, stdin=stdin)
        assert done.returncode == 0, (words, done.returncode, done.stderr)
        return done.stdout

    def ctl_json_any(self, *words):
        """The JSON document of a command that may end with status 1, because it found something."""
        return json.loads(self.run_ctl('--json', *words).stdout)

    def ctl_json(self, *words):
        return json.loads(self.ctl('--json', *words))

    def start(self, **more):
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            self.process = subprocess.Popen([self.program, '-c', self.config], stderr=log, **more)
        atexit.register(self.stop)
        wait_until(self.is_up, 'the portal starts')

    def messages(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as file:
            return file.read()

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError('the portal has ended: ' + self.messages())
        with contextlib.suppress(OSError, http.client.HTTPException):
            return Client(self).raw('GET', '/').status == 200
        return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        status = self.process.returncode if self.process is not None else None
        self.process = None
        return status

    def children(self):
        """The supervisor's children: the broker that reads, the broker that changes, the worker."""
        order, found = {'portal-reads': 0, 'portal-changes': 1, 'portal-worker': 2}, []
        for pid in os.listdir('/proc'):
            if not pid.isdigit():
                continue
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
                    name, fields = file.read().split('(', 1)[1].rsplit(')', 1)
                state, parent = fields.split()[:2]
                if int(parent) == self.process.pid and state != 'Z' and name in order:
                    found.append((order[name], int(pid)))
        return [pid for _, pid in sorted(found)]

    # --- who asks ---

    def link(self, entity, *options):
        return self.ctl('portal', 'link', entity, '-q', *options).strip().split('/#/link/')[1]

    def sign_in(self, entity, *options):
        return self.use(self.link(entity, *options))

    def use(self, link, expect=201):
        answer = Client(self).ask('POST', '/session', {'link': link}, expect=expect)
        if expect != 201:
            return answer
        cookie = answer.headers['Set-Cookie'].split(';')[0]
        return Client(self, {'Cookie': cookie})

    def proxy(self, entity, person='ops', role='manager', unix=False):
        headers = {'X-ESP-Entity': entity, 'X-ESP-Person': person, 'X-ESP-Role': role}
        if not unix:
            headers['X-ESP-Secret'] = self.secret
        return Client(self, headers, unix)

    # --- the entities that most tests use ---

    def populate(self):
        """north: a reseller (advanced) with acme (lite) and bolt (advanced); stranger: a customer of the platform."""
        self.ctl('entity', 'add', 'north', '--kind', 'reseller', '--tier', 'advanced')
        self.ctl('entity', 'add', 'acme', '--kind', 'customer', '--reseller', 'north')
        self.ctl('entity', 'add', 'bolt', '--kind', 'customer', '--reseller', 'north', '--tier', 'advanced')
        self.ctl('entity', 'add', 'stranger', '--kind', 'customer', '--tier', 'advanced')
        return self

    def token(self, entity, name='default'):
        return self.ctl_json('show', f'{entity}/{name}')


class Case(unittest.TestCase):
    """Tests that share a world, which setUpClass() makes."""
    settings = ''
    identity = 'both'

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls.settings, identity=cls.identity).populate()

    @classmethod
    def tearDownClass(cls):
        assert cls.world.stop() == 0, 'the portal ends with status 0'
