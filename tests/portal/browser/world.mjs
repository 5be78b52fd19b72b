// SPDX-License-Identifier: ISC
// A store with resellers, customers and tokens, and the real portal in front of it. Every start() is a
// world of its own: its folder, its port, its processes.
import {execFileSync, spawn} from 'node:child_process';
import {appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';

const OUT = path.resolve(process.env.OUT ?? 'build/release');

// portal: keys of [portal]; tokens: keys of [tokens] with other values; contents: what fills the store.
export async function start({portal = {}, tokens = {}, contents = fill} = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'esp-token-pages.')),
    config = path.join(folder, 'esp-token.conf');
  chmodSync(folder, 0o755);
  const run = (args, input) =>
    execFileSync(path.join(OUT, 'esp-tokenctl'), args, {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const ctl = (args, input = '') => run(['-c', config, ...args], input);
  run(['init', folder], '');
  const line = ([key, value]) => [new RegExp(`^${key} .*`, 'm'), `${key} = ${value}`];
  const given = Object.entries(tokens).map(line);
  writeFileSync(
    config,
    given.reduce((text, change) => text.replace(...change), readFileSync(config, 'utf8')),
  );
  const port = await freePort(),
    url = `http://localhost:${port}`;
  const keys = {
    listen: `127.0.0.1:${port}`,
    identity: 'link',
    public_url: url,
    user: 'nobody',
    example_url: 'https://analytics.esp.example/v1/metrics/kpi.peak_audience',
    ...portal,
  };
  appendFileSync(
    config,
    ['', '[portal]', ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), ''].join('\n'),
  );
  contents(ctl, folder);
  const log = [],
    server = spawn(path.join(OUT, 'esp-token-portal'), ['-c', config], {stdio: ['ignore', 'pipe', 'pipe']});
  for (const stream of [server.stdout, server.stderr]) stream.on('data', data => log.push(String(data)));
  await listening(server, port, log);
  return {
    url,
    ctl,
    log,
    folder,
    link: (entity, ...more) => ctl(['-q', 'portal', 'link', entity, ...more]).trim(),
    async stop() {
      if (server.exitCode == null)
        await new Promise(done => {
          server.on('exit', done);
          server.kill('SIGTERM');
        });
      rmSync(folder, {recursive: true, force: true});
      return server.exitCode;
    },
  };
}

const freePort = () =>
  new Promise((done, fail) => {
    const probe = net
      .createServer()
      .on('error', fail)
      .listen(0, '127.0.0.1', () => {
        const {port} = probe.address();
        probe.close(() => done(port));
      });
  });
async function listening(server, port, log) {
  const deadline = Date.now() + 60e3;
  for (;;) {
    if (server.exitCode != null || Date.now() > deadline)
      throw new Error(`esp-token-portal does not listen: ${log.join('')}`);
    const open = await new Promise(done => {
      const socket = net
        .connect(port, '127.0.0.1')
        .on('connect', () => {
          socket.destroy();
          done(true);
        })
        .on('error', () => done(false));
    });
    if (open) return;
    await new Promise(done => setTimeout(done, 50));
  }
}

// A host asks for the token with this text, three times. Unlike `verify`, that counts.
const HOST = `import esp_token, sys
text = sys.stdin.read()
with esp_token.Validator(sys.argv[1], plugin=sys.argv[2]) as validator:
    assert all(validator.validate(text) for _ in range(3))`;
export const use = (folder, text) =>
  execFileSync(
    'python3',
    ['-Bc', HOST, path.join(folder, 'esp-token.conf'), path.join(OUT, 'esp_validator.so')],
    {input: text, env: {...process.env, PYTHONPATH: 'plugins/python'}},
  );

export const XSS = '<img src=x onerror=alert(1)>';
export const LONG =
  'a-very-long-name-that-somebody-made-by-a-script-for-the-quarterly-report-of-the-north-east-region';

function fill(ctl, folder) {
  const add = (name, ...more) =>
    ctl(['entity', 'add', name, '--kind', 'customer', '--reseller', 'north', ...more]);
  appendFileSync(
    path.join(folder, 'tiers.ini'),
    '\n[premium]\nlabel = Premium\nrank = 30\nmax_tokens = unlimited\nmetrics = qoe.*\n',
  );
  ctl(['entity', 'add', 'north', '--kind', 'reseller', '--tier', 'advanced']);
  ctl([
    'create',
    'north',
    'website',
    '--expires',
    '12d',
    '--note',
    'Public status page, owned by the web team',
  ]);
  ctl(['create', 'north', '夜間バッチ 🎬', '--note', '毎日 02:00 UTC']);
  ctl(['create', 'north', 'لوحة القياس']);
  ctl(['edit', 'north/لوحة القياس', '--status', 'inactive', '--as', 'north']);
  for (let i = 1; i <= 60; i++) ctl(['edit', 'north/default', '--note', `checked ${i} times`]);
  add('acme', '--contact', 'ops@acme.example');
  add('bolt', '--tier', 'advanced', '--contact', 'Video team, ext. 4410');
  const [text] = ctl(['show', 'bolt/default', '--reveal']).match(/esptk_\w+/);
  use(folder, text);
  ctl(['edit', 'bolt/default', '--name', 'prod dashboard', '--note', 'Wall display in the NOC']);
  ctl(['rotate', 'bolt/prod dashboard', '--overlap', '7d']);
  ctl(['create', 'bolt', XSS, '--note', '</script><b>bold?</b>']);
  expired(ctl, 'bolt', LONG);
  add('zed');
  ctl(['entity', 'edit', 'zed', '--status', 'inactive', '--as', 'north']);
  add('nimbus');
  ctl(['remove', 'nimbus/default', '--yes', '--last']);
  add('spare', '--tier', 'advanced');
  ctl(['entity', 'add', 'bulk', '--kind', 'customer', '--tier', 'premium']);
  file(
    folder,
    'tokens',
    120,
    i => `job-${String(i).padStart(3, '0')}`,
    name => ctl(['create', 'bulk', '--from', name]),
  );
  file(
    folder,
    'customers',
    120,
    i => `cust${i} customer north ${i % 3 ? 'lite' : 'advanced'}`,
    name => ctl(['entity', 'add', '--from', name]),
  );
}
function file(folder, name, count, line, use) {
  const at = path.join(folder, name);
  writeFileSync(at, Array.from({length: count}, (_, i) => line(i) + '\n').join(''));
  use(at);
}
// create refuses a time in the past; an import may hold one.
function expired(ctl, entity, name) {
  const token = {
    entity,
    name,
    id: '0acBHBjQc21',
    sha256: '0'.repeat(64),
    created: '2026-01-01T00:00:00Z',
    expires: '2026-02-01T00:00:00Z',
  };
  ctl(
    ['import', '-'],
    [{export: 'esp-token', version: 1, sealed: false}, {token}]
      .map(line => JSON.stringify(line) + '\n')
      .join(''),
  );
}
