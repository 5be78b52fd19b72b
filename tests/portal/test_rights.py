# SPDX-License-Identifier: ISC
"""Who may do what: customers, resellers, viewers; and when links and sessions end."""
import concurrent.futures
import os
import re
import unittest

from lib import TEXT, Case, Client, World

# every change of the API, on what belongs to `entity` and its token `id`
CHANGES = [('POST', '/entities/{entity}/tokens', {'name': 'theirs'}), ('PATCH', '/entities/{entity}', {'contact': 'x'}),
           ('DELETE', '/entities/{entity}', None), ('PATCH', '/tokens/{id}', {'note': 'x'}), ('DELETE', '/tokens/{id}?last=yes', None),
           ('POST', '/tokens/{id}/rotate', {}), ('POST', '/tokens/{id}/retire', {}), ('POST', '/tokens/{id}/reveal', {})]
READS = [('GET', '/entities/{entity}', None), ('GET', '/entities/{entity}/tokens', None), ('GET', '/entities/{entity}/log', None),
         ('GET', '/entities/{entity}/log?download=yes', None), ('GET', '/entities/{entity}/log?customers=yes', None),
         ('GET', '/tokens/{id}', None), ('POST', '/tokens/{id}/explain', {'metric': 'kpi.x'})]


class Others(Case):
    def each(self, client, entity, requests, status):
        token = self.world.token(entity)['id']
        for method, path, body in requests:
            answer = client.ask(method, path.format(entity=entity, id=token), body)
            self.assertEqual(answer.status, status, (method, path, answer.text))
            self.assertIsNone(TEXT.search(answer.text))
            yield answer

    def test_not_theirs(self):
        """Every URL of another entity gives 404, as if the thing did not exist, and changes nothing."""
        before = self.world.ctl('export')
        for me, others in (('acme', ('bolt', 'north', 'stranger')), ('stranger', ('acme', 'north')), ('north', ('stranger',))):
            for client in self.world.proxy(me), self.world.sign_in(me):
                for other in others:
                    for answer in self.each(client, other, READS + CHANGES, 404):
                        self.assertNotIn(other, answer.text.replace('acme', '') if me == 'acme' else answer.text)
                        self.assertEqual(answer.code, 'missing')
        self.assertEqual(self.world.ctl('export'), before)

    def test_missing_looks_the_same(self):
        client = self.world.proxy('acme')
        self.assertEqual(client.get('/entities/bolt', 404), client.get('/entities/nobody', 404))
        token = self.world.token('bolt')['id']
        self.assertEqual(client.get(f'/tokens/{token}', 404), client.get('/tokens/15R4YyLIodi', 404))

    def test_viewer(self):
        """A viewer sees everything except token texts, and cannot change anything."""
        before = self.world.ctl('export')
        for client in self.world.proxy('north', role='viewer'), self.world.sign_in('north', '--viewer'):
            for answer in self.each(client, 'acme', CHANGES + [('POST', '/entities', {'name': 'x'})], 403):
                self.assertEqual((answer.code, answer.json()['detail']), ('forbidden', 'you may look, not change'))
            list(self.each(client, 'acme', READS, 200))
        self.assertEqual(self.world.ctl('export'), before)

    def test_customer_is_no_reseller(self):
        self.assertEqual([e['name'] for e in self.world.proxy('acme').get('/entities')['entities']], [])
        self.world.proxy('acme').patch('/entities/acme', {'tier': 'advanced'}, 409)
        self.world.proxy('north').patch('/entities/north', {'status': 'inactive'}, 409)

    def test_tokens_never_sign_in(self):
        text = self.world.proxy('acme').post(f'/tokens/{self.world.token("acme")["id"]}/reveal', None, 200)['token']
        Client(self.world).post('/session', {'link': text}, 404)
        for header in {'Authorization': f'Bearer {text}'}, {'Cookie': f'__Host-esp-token-portal={text}'}, {'X-ESP-Secret': text}:
            Client(self.world, header).get('/session', 401)

    def test_limits(self):
        """What an entity may set for itself is capped, as with --as."""
        world = World(tokens='max_expiry = 30d').populate()
        client = world.proxy('bolt')
        self.assertEqual(client.get('/session')['max_expiry'], 30 * 86400)
        problem = client.post('/entities/bolt/tokens', {'name': 'long', 'expires': '90d'}, 409)
        self.assertEqual(problem['field'], 'expires')
        client.post('/entities/bolt/tokens', {'name': 'long', 'expires': None}, 409)
        client.post('/entities/bolt/tokens', {'name': 'short', 'expires': '29d'})
        self.assertEqual(world.stop(), 0)


class Sessions(Case):
    def test_once(self):
        """If many clients use one link at once, one of them is signed in."""
        link = self.world.link('acme')
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: Client(self.world).ask('POST', '/session', {'link': link}).status, range(32)))
        self.assertEqual(answers.count(201), 1)
        self.assertEqual(set(answers) - {201}, {404, 429} & set(answers))

    def test_get_changes_nothing(self):
        link = self.world.link('acme')
        for path in '/', f'/?link={link}', f'/api/v1/session?link={link}':
            Client(self.world).raw('GET', path)
        self.world.use(link)

    def ended_by(self, act, back=None, entity='acme'):
        clients = [self.world.sign_in(entity), self.world.sign_in(entity, '--viewer')]
        link = self.world.link(entity)
        act()
        if back:
            back()
        for client in clients:
            answer = client.ask('GET', '/session', expect=401)
            self.assertIn('Max-Age=0', answer.headers['Set-Cookie'])
        self.assertIn(self.world.use(link, None).status, (404, 429))

    def status(self, entity, status):
        return lambda: self.world.ctl('entity', 'edit', entity, '--status', status)

    def test_suspended(self):
        self.ended_by(self.status('acme', 'inactive'))
        self.status('acme', 'active')()
        self.world.sign_in('acme').get('/session')

    def test_suspended_briefly(self):
        """A suspension ends sessions, even if they sent no request while it lasted."""
        self.ended_by(self.status('acme', 'inactive'), self.status('acme', 'active'))

    def test_reseller_suspended(self):
        self.ended_by(self.status('north', 'inactive'), self.status('north', 'active'))

    def test_suspended_by_reseller(self):
        north = self.world.proxy('north')
        self.ended_by(lambda: north.patch('/entities/acme', {'status': 'inactive'}),
                      lambda: north.patch('/entities/acme', {'status': 'active'}))

    def test_others_go_on(self):
        client, north = self.world.sign_in('stranger'), self.world.sign_in('north')
        self.status('acme', 'inactive')()
        self.status('acme', 'active')()
        client.get('/session')
        north.get('/session')

    def test_removed(self):
        """A new entity with the name of a removed one does not get its sessions."""
        self.world.ctl('entity', 'add', 'gone', '--kind', 'customer')
        self.ended_by(lambda: self.world.ctl('entity', 'remove', 'gone', '--yes'),
                      lambda: self.world.ctl('entity', 'add', 'gone', '--kind', 'customer'), 'gone')

    def test_renamed(self):
        """A session stays with its renamed entity, and does not go to another one that takes the old name."""
        self.world.ctl('entity', 'add', 'before', '--kind', 'customer')
        client = self.world.sign_in('before')
        self.world.ctl('entity', 'edit', 'before', '--name', 'after')
        self.world.ctl('entity', 'add', 'before', '--kind', 'customer')
        self.assertEqual(client.get('/session')['entity'], 'after')
        client.get('/entities/before', 404)

    def test_renamed_and_suspended(self):
        """One command renames and suspends; the entity is active again before the sessions send a request."""
        self.world.ctl('entity', 'add', 'first', '--kind', 'customer')
        self.ended_by(lambda: self.world.ctl('entity', 'edit', 'first', '--name', 'second', '--status', 'inactive'),
                      self.status('second', 'active'), 'first')

    def test_end(self):
        clients = [self.world.sign_in('bolt') for _ in range(3)]
        self.world.link('bolt')
        sessions = self.world.ctl_json('portal', 'sessions', 'bolt')['sessions']
        self.assertEqual(sorted(s['kind'] for s in sessions), ['link'] + 3 * ['session'])
        person = clients[0].get('/session')['person']
        self.world.ctl('portal', 'end', person.removeprefix('link-'))
        clients[0].get('/session', 401)
        clients[1].get('/session')
        self.world.ctl('portal', 'end', 'bolt')
        clients[1].get('/session', 401)
        self.assertEqual(self.world.ctl_json('portal', 'sessions', 'bolt')['sessions'], [])
        self.assertEqual(self.world.run_ctl('portal', 'end', 'bolt').returncode, 3)

    def test_link_of_suspended(self):
        self.status('stranger', 'inactive')()
        self.assertEqual(self.world.run_ctl('portal', 'link', 'stranger').returncode, 4)
        self.status('stranger', 'active')()
        self.assertEqual(self.world.run_ctl('portal', 'link', 'nobody').returncode, 3)
        for span in '0m', '8d', 'x', '':
            self.assertEqual(self.world.run_ctl('portal', 'link', 'stranger', '--for', span).returncode, 2)

    def test_file_is_removed(self):
        client = self.world.sign_in('acme')
        os.unlink(self.world.folder + '/tokens.mdb.portal')
        client.get('/session', 401)
        self.world.sign_in('acme').get('/session')


class Rate(Case):
    def test_rate(self):
        """The rate of failed attempts is limited; a good link still works."""
        answers = [Client(self.world).ask('POST', '/session', {'link': 'esplk_' + 43 * 'x'}) for _ in range(40)]
        self.assertEqual({answer.status for answer in answers}, {404, 429})
        last = answers[-1]
        self.assertEqual(last.status, 429)
        self.assertEqual(int(last.headers['Retry-After']), last.json()['retry_after'])
        self.world.sign_in('acme').get('/session')


class Times(unittest.TestCase):
    def test_times(self):
        """Unused links, idle sessions and old sessions end in time."""
        world = World('idle = 1m\nsession = 2m\n').populate()
        path = world.folder + '/tokens.mdb.portal'
        session, link = world.sign_in('acme'), world.link('acme', '--for', '1m')
        made = session.get('/session')
        self.assertLessEqual(made['idle_ends'], made['ends'])

        def age(kind, field):
            """Moves a time of every record of that kind back by an hour, and computes the checksum again."""
            with open(path, 'r+b') as file:
                data = bytearray(file.read())
                for at in range(256, len(data), 256):
                    if data[at] == kind:
                        place = at + 40 + 8 * field
                        value = int.from_bytes(data[place:place + 8], 'little') - 3600
                        data[place:place + 8] = value.to_bytes(8, 'little')
                        data[at + 252:at + 256] = crc32c(bytes(data[at:at + 252])).to_bytes(4, 'little')
                file.seek(0)
                file.write(data)
        age(1, 3)
        self.assertEqual(world.use(link, 404).status, 404)
        age(2, 2)
        session.get('/session', 401)
        session = world.sign_in('acme')
        age(2, 3)
        session.get('/session', 401)
        # a record whose checksum is wrong is no session
        session = world.sign_in('acme')
        with open(path, 'r+b') as file:
            data = bytearray(file.read())
            for at in range(256, len(data), 256):
                if data[at] == 2:
                    data[at + 1] ^= 1
            file.seek(0)
            file.write(data)
        session.get('/session', 401)
        self.assertEqual(world.stop(), 0)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Reveal(Case):
    def test_rate(self):
        token = self.world.token('acme')['id']
        client = self.world.sign_in('acme')
        answers = [client.ask('POST', f'/tokens/{token}/reveal', {}) for _ in range(12)]
        self.assertEqual([answer.status for answer in answers][:10], 10 * [200])
        self.assertEqual(answers[-1].status, 429)
        self.assertGreaterEqual(int(answers[-1].headers['Retry-After']), 1)
        self.world.sign_in('acme').post(f'/tokens/{token}/reveal', None, 200)  # another person
        shown = re.findall(r'text shown', self.world.ctl('log'))
        self.assertEqual(len(shown), 11)

    def test_imported(self):
        """The text of a foreign token cannot be revealed, because the store does not have it."""
        line = '{"token": {"foreign": true, "entity": "bolt", "name": "old", "sha256": "%s"}}\n' % (64 * 'a')
        self.world.ctl('import', '-', stdin=line)
        token = self.world.token('bolt', 'old')
        client = self.world.proxy('bolt')
        self.assertFalse(client.get(f'/tokens/{token["id"]}')['revealable'])
        client.post(f'/tokens/{token["id"]}/reveal', None, 409)


class RevealOff(Case):
    settings = 'reveal = no\n'

    def test_off(self):
        client = self.world.proxy('acme')
        self.assertFalse(client.get('/session')['reveal'])
        token = self.world.token('acme')['id']
        self.assertEqual(client.post(f'/tokens/{token}/reveal', None, 403)['code'], 'forbidden')
        self.assertNotIn('text shown', self.world.ctl('log'))


class Restore(Case):
    def test_restore(self):
        """The store is replaced while a session is open: the session goes on, unless its entity was switched off."""
        world = self.world
        client, north = world.sign_in('acme'), world.sign_in('north')
        backup = world.folder + '/backup.mdb'
        world.ctl('backup', backup)
        made = north.post('/entities/bolt/tokens', {'name': 'later'})
        north.patch('/entities/bolt', {'contact': 'later'})
        world.ctl('restore', backup, '--yes')
        self.assertEqual(client.get('/session')['entity'], 'acme')
        north.get(f'/tokens/{made["id"]}', 404)
        north.post('/entities/bolt/tokens', {'name': 'later'})
        self.assertIn('later', north.ask('GET', '/entities/bolt/log', expect=200).text)
        # switched off after the backup, and on again by the restore: the session has ended
        world.ctl('entity', 'edit', 'acme', '--status', 'inactive')
        client.get('/session', 401)
        world.ctl('restore', backup, '--yes')
        client.get('/session', 401)
        world.sign_in('acme').get('/session')
        self.assertEqual(world.ctl_json('check'), {'findings': []})

    def test_log_after_restore(self):
        """The former owners of a name are read from the current log, not from the one before the restore."""
        world = self.world
        north, backup = world.proxy('north'), world.folder + '/names.mdb'
        world.ctl('backup', backup)
        for i in range(10):
            north.patch('/entities/bolt', {'contact': f'before {i}'})
        world.ctl('entity', 'edit', 'bolt', '--name', 'bolt9')
        self.assertIn('before 3', north.ask('GET', '/entities/bolt9/log', expect=200).text)
        world.ctl('restore', backup, '--yes')
        world.ctl('entity', 'remove', 'bolt', '--yes')
        world.ctl('entity', 'add', 'bolt', '--kind', 'customer', '--reseller', 'north')
        for i in range(15):  # longer than the log that was read before the restore
            north.patch('/entities/acme', {'contact': f'after {i}'})
        changes = [change for entry in north.get('/entities/bolt/log')['entries'] for change in entry['changes']]
        self.assertEqual([change['subject'] for change in changes], ['entity', 'token'])
        world.ctl('restore', backup, '--yes')


if __name__ == '__main__':
    unittest.main()
