# SPDX-License-Identifier: ISC
"""The portal at a site of a fleet: its changes go through the journal, and it sees those of other sites. The journal is
tests/fleet/bad_journal.c, a journal in a folder that fails on demand."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from lib import OUT, ROOT, World, wait_until

sys.path.insert(0, os.path.join(ROOT, 'plugins/python'))
import esp_token  # pylint: disable=wrong-import-position


class Fleet(unittest.TestCase):
    def setUp(self):
        self.journal = tempfile.mkdtemp(prefix='esp-journal-')
        self.addCleanup(shutil.rmtree, self.journal, True)
        self.here, self.there = self.site('hq-1'), self.site('hq-2')
        self.here.populate()
        self.here.ctl('fleet', 'key')
        self.here.ctl('fleet', 'init')
        for name in 'reveal.pub', 'reveal.key', 'fleet.pub':
            shutil.copy(os.path.join(self.here.folder, name), self.there.folder)
        self.there.ctl('fleet', 'join')
        self.admit('add', 'hq-2')

    def tearDown(self):
        self.here.stop()
        for world in self.here, self.there:
            self.fault(world)
            self.assertEqual(world.ctl_json('check'), {'findings': []})
        self.assertTrue(self.here.ctl_json('fleet', 'check')['same'])

    def site(self, name):
        world = World('[fleet]\njournal = bad\nname = ' + name + '\n', start=False)
        for plugin in 'esp_journal_bad.so', 'esp_journal_dir.so':
            shutil.copy(os.path.join(OUT, plugin), os.path.join(world.folder, 'bin'))
        self.fault(world)
        return world

    def fault(self, world, word=None):
        world.write('journal.conf', f'path = {self.journal}\n' + (f'fault = {word}\n' if word else ''), 0o600)

    def admit(self, verb, name):
        key = self.there.ctl('fleet', 'key').split()[1]
        self.here.ctl('fleet', 'site', verb, name, *([key] if verb == 'add' else []))

    def start(self, fault=None):
        self.fault(self.here, fault)
        self.here.start()
        return self.here.proxy('acme')

    def entry(self, world):
        """The number of the last entry that the store has, without reading the journal."""
        return world.ctl_json('--stale', 'fleet', 'status')['entry']['number']

    def entries(self):
        return self.there.ctl_json('fleet', 'status')['journal']['last']

    # --- what works ---

    def test_changes_of_here(self):
        """Every kind of change arrives at the other site, with the person who made it."""
        self.start()
        client, north = self.here.proxy('bolt', 'lena'), self.here.sign_in('north')
        before = self.entries()
        token = client.post('/entities/bolt/tokens', {'name': 'made'})
        client.patch(f'/tokens/{token["id"]}', {'note': 'changed'})
        client.post(f'/tokens/{token["id"]}/reveal', None, 200)
        rotated = client.post(f'/tokens/{token["id"]}/rotate', {'overlap': '1d'})
        client.post(f'/tokens/{token["id"]}/retire', None, 200)
        client.delete(f'/tokens/{self.here.token("bolt")["id"]}')
        north.post('/entities', {'name': 'fresh'})
        north.patch('/entities/fresh', {'contact': 'a@example.com'})
        north.delete('/entities/fresh')
        self.assertEqual(self.entries(), before + 9)
        log = self.there.ctl('log', '-n', '9')
        self.assertEqual(log.count('lena'), 7, log)  # a rotation has two lines
        self.assertEqual(self.there.ctl_json('show', 'bolt/made')['id'], rotated['token']['id'])
        self.assertTrue(self.there.ctl_json('fleet', 'check')['same'])

    def test_changes_of_there(self):
        """Changes of another site appear here without a command. If it suspends an entity, the sessions here end."""
        client = self.start()
        session = self.here.sign_in('acme')
        self.there.ctl('edit', 'acme/default', '--note', 'from there')
        token = self.here.token('acme')['id']
        wait_until(lambda: client.get(f'/tokens/{token}')['note'] == 'from there', 'the portal follows the journal')
        self.there.ctl('entity', 'edit', 'acme', '--status', 'inactive')
        self.there.ctl('entity', 'edit', 'acme', '--status', 'active')
        wait_until(lambda: session.ask('GET', '/session').status == 401, 'the session ends')

    def test_uses_of_there(self):
        """Uses counted at other machines are shown here. If an edge has not reported, uses are unknown, not 0."""
        text = self.there.ctl('create', 'bolt', 'busy', '-q').strip()
        host = esp_token.Validator(self.there.config, plugin=os.path.join(OUT, 'esp_validator.so'))
        for _ in range(3):
            self.assertTrue(host.validate(text))
        host.close()
        self.there.ctl('usage', 'fold')  # reports, too
        self.start()
        client, token = self.here.proxy('bolt'), self.there.ctl_json('show', 'bolt/busy')['id']
        wait_until(lambda: client.get(f'/tokens/{token}')['uses'] == 3, 'the uses of the other site are known')
        self.assertRegex(client.get(f'/tokens/{token}')['last_used'], '^20')
        changed = client.patch(f'/tokens/{token}', {'note': 'x'})
        self.assertEqual(changed['uses'], 3)
        self.here.stop()
        self.there.ctl('fleet', 'edge', 'add', 'edge-1', 'ab' * 32)
        self.start()
        wait_until(lambda: client.get(f'/tokens/{token}')['uses'] is None, 'the edge has not reported')
        self.assertIsNone(client.get(f'/tokens/{token}')['last_used'])
        self.here.stop()
        os.truncate(os.path.join(self.here.folder, 'tokens.mdb.uses'), 20)
        self.there.ctl('fleet', 'edge', 'remove', 'edge-1')
        self.start()
        wait_until(lambda: client.get(f'/tokens/{token}')['uses'] == 3, 'a damaged file is replaced')

    def test_rules_of_there(self):
        """Rules count all changes of the other site, even those that have not appeared here yet."""
        self.start()
        client = self.here.proxy('bolt')
        for i in range(4):
            self.there.ctl('create', 'bolt', f'there {i}')
        answer = client.ask('POST', '/entities/bolt/tokens', {'name': 'one too many'})
        self.assertEqual((answer.status, answer.code), (409, 'refused'))
        self.assertIn('5 of the 5', answer.text)

    # --- what fails ---

    def change(self, client, note='x'):
        return client.ask('PATCH', f'/tokens/{self.here.token("acme")["id"]}', {'note': note})

    def test_journal_is_away(self):
        """Without the journal nothing is changed, and the answer says so. Reading works, and links stay valid."""
        link = self.here.link('acme')
        client = self.start('failed')
        before = self.entries()
        answer = self.change(client)
        self.assertEqual((answer.status, answer.code), (503, 'unusable'))
        self.assertIn('nothing was changed', answer.json()['detail'])
        for secret in self.journal, 'journal.conf', 'hq-1', 'the line is down':
            self.assertNotIn(secret, answer.text)
        self.assertIn('the line is down', self.here.messages())
        self.assertEqual(client.get('/entities/acme/tokens')['tokens'][0]['note'], '')
        self.here.use(link, 503)
        self.assertEqual(self.entries(), before)
        self.fault(self.here)
        wait_until(lambda: self.change(client).status == 200, 'the journal is used again')
        self.here.use(link).get('/session')

    def test_unread(self):
        """A journal that cannot be read: one message says so, and no reader waits."""
        client = self.start('unread')
        wait_until(lambda: 'behind the fleet' in self.here.messages(), 'the portal says that it may be behind')
        client.get('/entities/acme/tokens')
        self.assertEqual(self.change(client).status, 503)
        self.assertEqual(self.here.messages().count('behind the fleet'), 1)

    def test_answer_is_lost(self):
        """504: it is not known whether the change was made. It was, and appears; repeating it breaks a rule."""
        self.start('lost')
        client = self.here.proxy('bolt')
        answer = client.ask('POST', '/entities/bolt/tokens', {'name': 'unsure'}, headers={'Idempotency-Key': 'once'})
        self.assertEqual((answer.status, answer.code), (504, 'unsure'))
        self.assertIn('not known', answer.json()['detail'])
        self.assertNotIn('esp-tokenctl', answer.text)
        self.assertIn('fleet status --pin', self.here.messages())
        self.fault(self.here)

        def made():
            return [t for t in client.get('/entities/bolt/tokens')['tokens'] if t['name'] == 'unsure']
        wait_until(made, 'the change appears')
        again = client.ask('POST', '/entities/bolt/tokens', {'name': 'unsure'}, headers={'Idempotency-Key': 'once'})
        self.assertEqual((again.status, again.code), (409, 'refused'))
        self.assertEqual(len(made()), 1)

    def test_no_answer(self):
        """504, and the entry never arrived: the change does not appear, and can be made later."""
        client = self.start('silent')
        before = self.entries()
        self.assertEqual(self.change(client).status, 504)
        self.fault(self.here)
        wait_until(lambda: self.change(client, 'now').status == 200, 'the journal is used again')
        self.assertEqual(self.entries(), before + 1)

    def test_killed(self):
        """The broker is killed after the journal has taken the change: it appears when the next one has started."""
        client = self.start('killed')
        answer = self.change(client, 'survives')
        self.assertEqual(answer.status, 503)
        self.fault(self.here)
        token = self.here.token('acme')['id']
        wait_until(lambda: client.ask('GET', f'/tokens/{token}').json().get('note') == 'survives', 'the change appears')

    def test_not_stored(self):
        """The journal has the change, but it cannot be stored here: the answer is 200, and it is stored later."""
        client = self.start('full')
        answer = self.change(client, 'done elsewhere')
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn('in force in the fleet', self.here.messages())
        self.assertEqual(self.there.token('acme')['note'], 'done elsewhere')
        self.fault(self.here)
        os.kill(self.here.children()[1], signal.SIGKILL)  # it keeps the fault until it ends
        token = self.here.token('acme')['id']
        wait_until(lambda: client.ask('GET', f'/tokens/{token}').json().get('note') == 'done elsewhere', 'it is taken up')

    # --- machines that may not write ---

    def refuses(self, client, words):
        answer = self.change(client)
        self.assertEqual((answer.status, answer.code), (503, 'unusable'), answer.text)
        self.assertIn('nothing was changed', answer.json()['detail'])
        self.assertNotIn('hq-', answer.text)
        self.assertIn(words, self.here.messages())
        client.get('/entities/acme/tokens')

    def test_no_site(self):
        """The fleet has removed this site: 503, for the administrator to mend, and no refusal by a rule."""
        client = self.start()
        self.there.ctl('fleet', 'site', 'remove', 'hq-1')
        wait_until(lambda: self.entry(self.here) == self.entries(), 'the portal follows')
        self.refuses(client, 'no site of the fleet')
        key = self.here.ctl('fleet', 'key').split()[1]
        self.there.ctl('fleet', 'site', 'add', 'hq-1', key)
        self.assertEqual(self.change(client).status, 200)

    def test_without_section(self):
        """A store of a fleet, and a portal that was started without [fleet]."""
        with open(self.here.config, encoding='utf-8') as file:
            text = file.read()
        self.here.write('esp-token.conf', text.split('[fleet]\njournal = bad')[0])
        client = self.start()
        with contextlib.suppress(AssertionError):
            self.refuses(client, 'has no [fleet]')
            self.here.write('esp-token.conf', text)
            return
        self.here.write('esp-token.conf', text)
        self.fail(self.here.messages())

    def test_edge(self):
        """An edge has no names and no texts: the portal does not start there, and says why."""
        edge = self.site('edge-1')
        for name in 'fleet.pub', 'reveal.pub':
            shutil.copy(os.path.join(self.here.folder, name), edge.folder)
        edge.ctl('fleet', 'join', '--edge', '--yes')
        done = subprocess.run([edge.program, '-c', edge.config], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn('this is an edge', done.stderr)

    def test_rules_are_rules(self):
        """A refusal by a rule has the same status as without a fleet."""
        answer = self.start().ask('POST', '/entities/acme/tokens', {'name': 'second'})
        self.assertEqual((answer.status, answer.code), (409, 'refused'))


if __name__ == '__main__':
    unittest.main()
