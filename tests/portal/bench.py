# SPDX-License-Identifier: ISC
"""Measures the portal: a page of tokens of a large store, list requests a second, memory with many sessions.
ESPT_BENCH_TOKENS is the size of the store (a million); half of it belongs to one entity."""
import concurrent.futures
import hashlib
import os
import statistics
import subprocess
import tempfile
import time

from lib import API, OUT, Client, World

TOKENS = int(os.environ.get('ESPT_BENCH_TOKENS', '1000000'))
SESSIONS = 1000
EACH = 50


def fill(world):
    """Imports the tokens: half of them belong to `whale`, the others to entities with 50 each."""
    world.write('tiers.ini', '[lite]\nlabel = Lite\nrank = 1\nmax_tokens = unlimited\ndefault = yes\nmetrics = *\n')

    def entity(name):
        return ('{"entity":{"name":"%s","kind":"customer","reseller":null,"tier":"lite","status":"active",'
                '"created":"2026-01-01T00:00:00Z"}}\n' % name)

    def token(name, number):
        digest = hashlib.sha256(f'{name} {number}'.encode()).hexdigest()
        return '{"token":{"foreign":true,"entity":"%s","name":"token %07d","sha256":"%s"}}\n' % (name, number, digest)
    with tempfile.NamedTemporaryFile('w', dir=world.folder, suffix='.jsonl') as lines:
        lines.write(entity('whale'))
        for i in range(TOKENS // 2):
            lines.write(token('whale', i))
        for e in range(TOKENS // 2 // EACH):
            lines.write(entity(f'e{e}'))
            for i in range(EACH):
                lines.write(token(f'e{e}', i))
        lines.flush()
        world.ctl('import', lines.name)


def median_ms(act, rounds=200):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def pages(world):
    command = median_ms(lambda: world.ctl('list', 'e1', '--json'), 40)
    row = {'esp-tokenctl list e1': command}
    for name, path in (('the same over HTTP', '/entities/e1/tokens'), ('50 of the whale', '/entities/whale/tokens'),
                       ('50 in the middle of the whale', None)):
        client = world.proxy('whale' if 'whale' in name else 'e1')
        if path is None:
            cursor = client.get('/entities/whale/tokens?limit=200')['cursor']
            path = f'/entities/whale/tokens?cursor={cursor}'
        client.get(path)
        row[name] = median_ms(lambda: client.raw('GET', API + path, keep=True))
    for name, value in row.items():
        limit = 3 * command
        print(f'{name:32} {value:8.2f} ms   (at most {limit:.2f})' if value is not command else f'{name:32} {value:8.2f} ms')


def seconds_of(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def requests(world):
    """Measures requests a second, and the processor time of a request, which depends less on other load."""
    before = [seconds_of(pid) for pid in world.children()]
    cookie = world.sign_in('e1').headers['Cookie']
    done = subprocess.run(['wrk', '-t1', '-c32', '-d10s', '-H', f'Cookie: {cookie}', f'http://127.0.0.1:{world.port}{API}/entities/e1/tokens?limit=50'],
                          capture_output=True, text=True, check=True)
    rate = [line.split()[1] for line in done.stdout.splitlines() if line.startswith('Requests/sec')][0]
    print(f'{"list requests a second":32} {float(rate):8.0f}      (at least 1000)')
    answered = [int(line.split()[0]) for line in done.stdout.splitlines() if ' requests in ' in line][0]
    spent = [1000 * (seconds_of(pid) - first) / answered for pid, first in zip(world.children(), before)]
    print(f'{"processor time of a request":32} {spent[0]:8.3f} ms   of the broker that reads, {spent[2]:.3f} ms of the worker')
    print(''.join(line + '\n' for line in done.stdout.splitlines() if 'Non-2xx' in line), end='')


def memory_of(pid, world):
    """Two figures in KiB: the process's share (Pss) of its memory without the store, and its share of the store. No page
    of the store may be dirty or anonymous: the kernel could not reclaim it."""
    own = cached = 0
    with open(f'/proc/{pid}/smaps', encoding='utf-8') as file:
        is_store = False
        for line in file:
            word, *rest = line.split()
            if not word.endswith(':'):
                is_store = len(rest) > 4 and rest[4] == world.folder + '/tokens.mdb'
            elif word == 'Pss:' and is_store:
                cached += int(rest[0])
            elif word == 'Pss:':
                own += int(rest[0])
            elif word in ('Private_Dirty:', 'Shared_Dirty:', 'Anonymous:') and is_store:
                assert int(rest[0]) == 0, line
    return own, cached


def memory(world):
    def one(i):
        client = world.sign_in(f'e{i % 100}')
        client.get(f'/entities/e{i % 100}/tokens')
        return client
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(one, range(SESSIONS)))
    kept = [client.connection() for client in clients[:900]]
    for connection, client in zip(kept, clients):
        connection.request('GET', API + '/session', headers=client.headers)
        connection.getresponse().read()
    own = cached = 0
    for pid in [world.process.pid, *world.children()]:
        more, store = memory_of(pid, world)
        own, cached = own + more, cached + store
    print(f'{"memory with 1000 sessions":32} {own / 1024:8.1f} MiB  (at most 64)')
    print(f'{"pages of the store, mapped":32} {cached / 1024:8.1f} MiB  (clean pages of the file: the kernel takes them back when it needs them)')


def main():
    if subprocess.run(['sh', '-c', 'command -v wrk'], capture_output=True, check=False).returncode != 0:
        subprocess.run(['tools/deps.sh', 'wrk'], check=True)
    world = World(start=False)
    begun = time.monotonic()
    fill(world)
    print(f'{OUT}: a store of {TOKENS} tokens, made in {time.monotonic() - begun:.0f} s')
    world.start()
    pages(world)
    requests(world)
    memory(world)
    world.stop()


if __name__ == '__main__':
    main()
