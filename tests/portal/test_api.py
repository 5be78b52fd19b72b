# SPDX-License-Identifier: ISC
"""Every path of the API, its refusals, and its words. lib.py validates each answer."""
import json
import unittest

from lib import FILES, TEXT, Case, Client


class Session(Case):
    def test_link(self):
        link = self.world.link('north', '--viewer')
        client = self.world.use(link)
        session = client.get('/session')
        self.assertEqual((session['entity'], session['kind'], session['role'], session['how']),
                         ('north', 'reseller', 'viewer', 'link'))
        self.assertFalse(session['reveal'])
        self.assertEqual(session['default_expiry'], 365 * 86400)
        self.assertEqual(self.world.use(link, 404).json()['field'], 'link')
        client.ask('DELETE', '/session', expect=204)
        client.get('/session', 401)
        client.ask('DELETE', '/session', expect=401)

    def test_proxy(self):
        session = self.world.proxy('acme', 'Grace H.', 'viewer').get('/session')
        self.assertEqual((session['entity'], session['person'], session['role'], session['how']),
                         ('acme', 'Grace H.', 'viewer', 'proxy'))
        self.assertIsNone(session['ends'])
        self.assertEqual(session['reseller'], 'north')

    def test_nobody(self):
        for path in '/session', '/tiers', '/entities', '/entities/acme', '/entities/acme/tokens', '/entities/acme/log':
            self.assertEqual(Client(self.world).get(path, 401)['code'], 'signed-out')
        for value in '', 'x' * 43, 'x' * 5000:
            Client(self.world, {'Cookie': f'__Host-esp-token-portal={value}'}).get('/session', 401)

    def test_touch(self):
        client = self.world.sign_in('north')
        client.get('/session?touch=no')
        self.assertEqual(client.get('/session?touch=yes', 400)['field'], 'touch')
        client.get('/session?tuch=no', 400)
        client.get('/session?touch=no&touch=no', 400)


class Tokens(Case):
    def setUp(self):
        self.north = self.world.proxy('north', 'ops')

    def test_life(self):
        """Create, show, edit, rotate, retire, reveal, remove."""
        north, world = self.north, self.world
        made = north.ask('POST', '/entities/bolt/tokens', {'name': 'web', 'note': 'wall', 'expires': '90d'}, 201)
        token = made.json()
        text = token.pop('token')
        self.assertEqual(made.headers['Location'], f'/api/v1/tokens/{token["id"]}')
        self.assertEqual(made.headers['ETag'], f'"{token["revision"]}"')
        path = f'/tokens/{token["id"]}'
        self.assertEqual(north.get(path), token)
        shown = world.token('bolt', 'web')
        self.assertEqual(shown, {key: token[key] for key in shown})
        self.assertTrue(world.ctl('verify', stdin=text).startswith('allow'))
        self.assertEqual(north.post(path + '/reveal', None, 200)['token'], text)
        edited = north.patch(path, {'name': 'wall', 'note': None, 'status': 'inactive', 'expires': None})
        self.assertEqual((edited['name'], edited['note'], edited['status'], edited['expires'], edited['off_by']),
                         ('wall', '', 'inactive', None, 'reseller'))
        north.patch(path, {'status': 'active'})
        rotated = north.post(path + '/rotate', {'overlap': '24h'})
        new = rotated['token']
        self.assertEqual((rotated['old']['id'], rotated['old']['of'], rotated['old']['status']),
                         (token['id'], new['id'], 'retiring'))
        self.assertNotEqual(new['token'], text)
        rows = [(row['id'], row['of']) for row in north.get('/entities/bolt/tokens')['tokens'] if row['name'] == 'wall']
        self.assertEqual(rows, [(new['id'], None), (token['id'], new['id'])])
        self.assertEqual(north.get(path)['of'], new['id'])
        north.patch(path, {'note': 'x'}, 409)
        self.assertEqual(north.post(path + '/retire', None, 200)['retired']['id'], token['id'])
        self.assertEqual(world.run_ctl('verify', stdin=text).returncode, 1)
        north.post(f'/tokens/{new["id"]}/retire', None, 404)
        self.assertIsNone(north.post(f'/tokens/{new["id"]}/rotate', {'overlap': '0'})['old'])
        last = world.token('bolt', 'wall')
        self.assertEqual(north.delete(f'/tokens/{last["id"]}')['removed']['name'], 'wall')
        north.get(f'/tokens/{last["id"]}', 404)

    def test_refusals(self):
        north = self.north
        path = '/entities/acme/tokens'
        full = north.post(path, {'name': 'more'}, 409)
        self.assertEqual(full['detail'], 'acme has 1 of the 1 token that tier Lite allows; please contact your account '
                                         'manager')
        self.assertEqual(full['upgrade'], 'please contact your account manager')
        path = '/entities/bolt/tokens'
        taken = north.post(path, {'name': 'default'}, 409)
        self.assertEqual((taken['detail'], taken['field']),
                         ('bolt has a token of that name already; choose another name', 'name'))
        text = north.post(f'/tokens/{self.world.token("bolt")["id"]}/reveal', None, 200)['token']
        for body, field in (({'name': ''}, 'name'), ({'name': ' x'}, 'name'), ({'name': 'x' * 101}, 'name'),
                            ({'name': 'a\u202eb'}, 'name'), ({'name': 'x', 'note': 'n' * 201}, 'note'),
                            ({'name': 'x', 'expires': 'soon'}, 'expires'), ({'name': 'x', 'expires': '2001-01-01'}, 'expires'),
                            ({'note': 'x'}, 'name'), ({'name': 5}, 'name'), ({'name': None}, 'name'),
                            ({'name': 'x', 'status': 'active'}, None), ({'name': 'x' * 2000}, 'name'),
                            ({'name': text}, 'name'), ({'name': 'x', 'note': 'see ' + text}, 'note'), ([], None), ('x', None)):
            problem = north.post(path, body, 400)
            self.assertEqual(problem.get('field'), field, (body, problem))
        token = self.world.token('acme')['id']
        last = north.delete(f'/tokens/{token}', 409)
        self.assertIn('this is the last token of acme', last['detail'])
        self.assertNotIn('--', last['detail'])
        self.assertEqual(north.delete(f'/tokens/{token}?last=no', 400)['field'], 'last')
        for body, field in (({'status': 'off'}, 'status'), ({}, None), ({'name': 'x' * 101}, 'name')):
            self.assertEqual(north.patch(f'/tokens/{token}', body, 400).get('field'), field)
        self.assertEqual(north.post(f'/tokens/{token}/rotate', {'overlap': 'long'}, 400)['field'], 'overlap')
        self.assertEqual(north.post(f'/tokens/{token}/rotate', {'overlap': '60d'}, 409)['field'], 'overlap')
        for name in '15R4YyLIodi', 'short', 'a' * 40, '%00', '..':
            north.get(f'/tokens/{name}', 404)

    def test_names_of_others(self):
        """Names are plain text: markup in them is returned unchanged."""
        for name in '<img src=x onerror=alert(1)>', '夜間バッチ 🎬', 'لوحة القياس', '"; DROP', '</script>':
            made = self.north.post('/entities/bolt/tokens', {'name': name})
            self.assertEqual(self.north.get(f'/tokens/{made["id"]}')['name'], name)
            self.north.delete(f'/tokens/{made["id"]}')

    def test_precondition(self):
        """Two people edit the same token: the second one gets a conflict that names the first one."""
        token = self.north.post('/entities/bolt/tokens', {'name': 'shared'})
        path = f'/tokens/{token["id"]}'
        match = {'If-Match': f'"{token["revision"]}"'}
        edited = self.world.proxy('bolt', 'grace').patch(path, {'note': 'mine'}, headers=match)
        problem = self.north.patch(path, {'note': 'yours'}, 412, headers=match)
        self.assertEqual(problem['changed']['by'], {'level': 'entity', 'entity': 'bolt', 'person': 'grace'})
        self.assertEqual(problem['changed']['command'], 'edit')
        self.assertEqual(problem['now'], edited)
        self.assertEqual(self.north.get(path)['note'], 'mine')
        self.north.delete(path, 412, headers=match)
        self.north.patch(path, {'note': 'any'}, headers={'If-Match': '*'})
        now = self.north.get(path)
        self.north.patch(path, {'note': 'yours'}, headers={'If-Match': f'"{now["revision"]}"'})
        for wrong in 'x', '"short"', f'W/"{now["revision"]}"', '':
            self.north.patch(path, {'note': 'z'}, 412, headers={'If-Match': wrong})
        # a customer does not learn who at its reseller did it
        old = self.north.get(path)
        self.north.patch(path, {'note': 'again'})
        problem = self.world.proxy('bolt', 'grace').patch(path, {'note': 'w'}, 412,
                                                          headers={'If-Match': f'"{old["revision"]}"'})
        self.assertEqual(problem['changed']['by'], {'level': 'reseller', 'entity': 'north', 'person': None})
        self.world.ctl('edit', 'bolt/shared', '--note', 'ours')
        problem = self.north.patch(path, {'note': 'w'}, 412, headers={'If-Match': f'"{old["revision"]}"'})
        self.assertEqual(problem['changed']['by'], {'level': 'platform', 'entity': None, 'person': None})
        self.north.delete(path)

    def test_idempotency(self):
        key = {'Idempotency-Key': 'k1'}
        first = self.north.ask('POST', '/entities/bolt/tokens', {'name': 'once'}, 201, key)
        again = self.north.ask('POST', '/entities/bolt/tokens', {'name': 'once'}, 201, key)
        self.assertEqual(first.json(), again.json())
        self.assertEqual(first.headers['ETag'], again.headers['ETag'])
        self.north.post('/entities/bolt/tokens', {'name': 'twice'}, 409, headers=key)
        self.north.post('/entities/acme/tokens', {'name': 'once'}, 409, headers=key)
        self.world.proxy('north', 'other').post('/entities/bolt/tokens', {'name': 'once'}, 409, headers=key)
        self.north.post('/entities/bolt/tokens', {'name': 'x'}, 400, headers={'Idempotency-Key': 'x' * 65})
        path = f'/tokens/{first.json()["id"]}/rotate'
        rotated = self.north.post(path, {}, headers={'Idempotency-Key': 'k2'})
        self.assertEqual(self.north.post(path, {}, headers={'Idempotency-Key': 'k2'}), rotated)
        self.north.post(path, {}, 409)  # without the key: the secret is retiring already
        self.north.delete(f'/tokens/{rotated["token"]["id"]}')

    def test_explain(self):
        token = self.world.token('acme')['id']
        explained = self.north.post(f'/tokens/{token}/explain', {'metric': 'asn.traffic'}, 200)
        self.assertEqual((explained['allowed'], explained['reason'], explained['up']), (False, 'metric', 'Advanced'))
        self.assertEqual(explained['detail'], 'tier Lite does not show asn.traffic; tier Advanced does')
        self.assertTrue(self.north.post(f'/tokens/{token}/explain', {'metric': 'kpi.peak_audience'}, 200)['allowed'])
        self.assertEqual(self.north.post(f'/tokens/{token}/explain', {'metric': 'No!'}, 400)['field'], 'metric')
        self.assertEqual(self.world.token('acme')['uses'] or 0, 0)
        self.north.patch(f'/tokens/{token}', {'status': 'inactive'})
        explained = self.north.post(f'/tokens/{token}/explain', {'metric': 'kpi.x'}, 200)
        self.assertEqual([check['outcome'] for check in explained['checks']], ['fail'] + 4 * ['not reached'])
        self.north.patch(f'/tokens/{token}', {'status': 'active'})

    def test_explain_suspended(self):
        """What each check says, for tokens with different owners and statuses."""
        def details(token):
            checks = self.north.post(f'/tokens/{token}/explain', {'metric': 'kpi.peak_audience'}, 200)['checks']
            return [(check['outcome'], check['detail']) for check in checks[1:3]]
        self.world.ctl('create', 'bolt', 'forever', '--expires', 'never')
        token = self.world.token('bolt', 'forever')['id']
        self.assertEqual(details(token), [('pass', 'it never expires'), ('pass', 'customer bolt and its reseller north are active')])
        self.assertEqual(details(self.world.token('north')['id'])[1], ('pass', 'reseller north is active'))
        self.north.patch('/entities/bolt', {'status': 'inactive'})
        self.assertEqual(details(token)[1], ('fail', 'customer bolt is suspended'))
        self.north.patch('/entities/bolt', {'status': 'active'})
        self.north.delete(f'/tokens/{token}')

    def test_no_metric_anywhere(self):
        token = self.world.token('acme')['id']
        explained = self.north.post(f'/tokens/{token}/explain', {'metric': 'no.tier.shows.it'}, 200)
        self.assertEqual((explained['allowed'], explained['up']), (False, None))

    def test_switched_off_above(self):
        token = self.world.token('bolt')['id']
        self.north.patch(f'/tokens/{token}', {'status': 'inactive'})
        problem = self.world.proxy('bolt').patch(f'/tokens/{token}', {'status': 'active'}, 409)
        self.assertIn('was switched off by reseller north', problem['detail'])
        self.north.patch(f'/tokens/{token}', {'status': 'active'})


class Entities(Case):
    def setUp(self):
        self.north = self.world.proxy('north', 'ops')

    def test_customer(self):
        made = self.north.ask('POST', '/entities', {'name': 'zed', 'contact': 'ext. 4410'}, 201)
        self.assertEqual(made.headers['Location'], '/api/v1/entities/zed')
        self.assertEqual(made.json()['entity']['tier'], 'lite')
        self.assertRegex(made.json()['token']['token'], TEXT)
        entity = self.north.get('/entities/zed')
        shown = self.world.ctl_json('entity', 'show', 'zed')
        self.assertEqual(shown, {key: entity[key] for key in shown})
        match = {'If-Match': f'"{entity["revision"]}"'}
        edited = self.north.patch('/entities/zed', {'tier': 'advanced', 'contact': None}, headers=match)
        self.assertEqual((edited['tier'], edited['contact'], edited['tier_label']), ('advanced', '', 'Advanced'))
        problem = self.north.patch('/entities/zed', {'contact': 'x'}, 412, headers=match)
        self.assertEqual(problem['changed']['by']['person'], 'ops')
        self.assertEqual(problem['now']['tier'], 'advanced')
        self.north.delete('/entities/zed', 412, headers=match)
        # a new token changes the entity's counts, but not its revision
        match = {'If-Match': f'"{edited["revision"]}"'}
        self.north.post('/entities/zed/tokens', {'name': 'second'})
        off = self.north.patch('/entities/zed', {'status': 'inactive'}, headers=match)
        self.assertEqual((off['off_by'], off['suspended']), ('reseller', True))
        self.assertEqual(self.north.get('/entities/zed/tokens')['tokens'][0]['status'], 'suspended')
        self.north.patch('/entities/zed', {'name': 'zeta', 'status': 'active'})
        self.north.get('/entities/zed', 404)
        self.assertEqual(self.north.delete('/entities/zeta')['removed']['name'], 'zeta')
        self.north.get('/entities/zeta', 404)

    def test_refusals(self):
        for body, status, field in (({'name': 'acme'}, 409, 'name'), ({'name': 'none'}, 400, 'name'),
                                    ({'name': 'a b'}, 400, 'name'), ({'name': 'x', 'tier': 'gold'}, 404, 'tier'),
                                    ({'name': 'x', 'contact': 'y' * 201}, 400, 'contact'), ({}, 400, 'name')):
            self.assertEqual(self.north.post('/entities', body, status).get('field'), field, body)
        self.north.patch('/entities/north', {'tier': 'lite'}, 409)
        self.north.delete('/entities/north', 409)
        self.world.ctl('entity', 'add', 'south', '--kind', 'reseller', '--tier', 'lite')
        problem = self.world.proxy('south').post('/entities', {'name': 'sub', 'tier': 'advanced'}, 409)
        self.assertEqual(problem['field'], 'tier')
        self.world.proxy('acme').post('/entities', {'name': 'sub'}, 409)

    def test_list(self):
        for i in range(7):
            self.world.ctl('entity', 'add', f'c{i}', '--kind', 'customer', '--reseller', 'north', '--tier',
                           'advanced' if i % 2 else 'lite')
        self.world.ctl('entity', 'edit', 'c3', '--status', 'inactive')
        seen, cursor, pages = [], '', 0
        while cursor is not None:
            page = self.north.get(f'/entities?limit=2&sort=-tier{"&cursor=" + cursor if cursor else ""}')
            seen += [entity['name'] for entity in page['entities']]
            cursor, pages = page['cursor'], pages + 1
        self.assertEqual((seen, page['total'], page['all'], pages),
                         (['c5', 'c3', 'c1', 'bolt', 'c6', 'c4', 'c2', 'c0', 'acme'], 9, 9, 5))
        self.assertEqual(page['root']['name'], 'north')

        def names(query):
            return [entity['name'] for entity in self.north.get('/entities?' + query)['entities']]
        self.assertEqual(names('q=C&sort=name'), ['acme'] + [f'c{i}' for i in range(7)])
        self.assertEqual(names('show=inactive'), ['c3'])
        self.assertEqual(names('show=limit'), ['acme', 'c0', 'c2', 'c4', 'c6'])
        self.assertEqual(names('show=tier:advanced'), ['bolt', 'c1', 'c3', 'c5'])
        self.assertEqual(names('show=none'), [])
        self.assertEqual(names('sort=-status&limit=1'), ['c3'])
        self.assertEqual(names('sort=-created&limit=2'), ['c6', 'c5'])
        self.assertEqual(len(names('sort=-tokens')), 9)
        for query in 'limit=0', 'limit=201', 'limit=x', 'sort=size', 'cursor=!!', 'show=all', 'q=' + 'x' * 101, 'a=b', 'q=a&q=b', 'q=%ff', 'q=%00':
            self.north.get('/entities?' + query, 400)
        alone = self.world.proxy('acme').get('/entities')
        self.assertEqual((alone['root']['name'], alone['entities'], alone['all']), ('acme', [], 0))


class Lists(Case):
    """Pages of tokens have every token once, in each order."""

    def test_pages(self):
        world = self.world
        world.write('many.ini', '')
        with open(world.folder + '/tiers.ini', encoding='utf-8') as file:
            tiers = file.read().replace('max_tokens = 5', 'max_tokens = 500')
        world.write('tiers.ini', tiers)
        names = [f'name-{i:03}' for i in range(120)]
        world.write('names', ''.join(name + '\n' for name in names))
        world.ctl('create', 'bolt', '--from', world.folder + '/names', '-q')
        north = world.proxy('north')
        for i in range(0, 120, 40):
            north.post(f'/tokens/{world.token("bolt", names[i])["id"]}/rotate', {'overlap': '24h'})
        for sort in 'name', '-name', 'created', '-created', 'expires', 'status', 'last_used', 'uses':
            rows, cursor = [], ''
            while cursor is not None:
                page = north.get(f'/entities/bolt/tokens?limit=50&sort={sort}{"&cursor=" + cursor if cursor else ""}')
                rows += page['tokens']
                self.assertEqual((page['total'], page['all']), (121, 121))
                cursor = page['cursor']
            self.assertEqual(len({row['id'] for row in rows}), 124, sort)
            named = [row for row in rows if row['of'] is None]
            key = sort.lstrip('-')
            if key in ('name', 'created', 'expires'):
                values = [row[key] for row in named]
                self.assertEqual(values, sorted(values, reverse=sort[0] == '-'), sort)
            for before, row in zip(rows, rows[1:]):
                if row['of'] is not None:
                    self.assertEqual((row['of'], row['status']), (before['id'], 'retiring'))
        found = north.get('/entities/bolt/tokens?q=NAME-11')
        self.assertEqual((found['total'], found['all'], len(found['tokens'])), (10, 121, 10))
        for query in 'limit=0', 'sort=id', 'cursor=AAAA', 'cursor=' + 'A' * 900, 'show=limit':
            north.get('/entities/bolt/tokens?' + query, 400)


class Log(Case):
    def test_log(self):
        north, world = self.world.proxy('north', 'ops'), self.world
        token = world.token('acme')['id']
        for i in range(30):
            north.patch(f'/tokens/{token}', {'note': f'note {i}'})
        world.proxy('stranger', 'mallory').post('/entities/stranger/tokens', {'name': 'theirs'})
        entries, cursor = [], ''
        while cursor is not None:
            page = north.get(f'/entities/acme/log?limit=7{"&cursor=" + cursor if cursor else ""}')
            entries += page['entries']
            cursor = page['cursor']
        sequences = [entry['sequence'] for entry in entries]
        self.assertEqual(sequences, sorted(set(sequences), reverse=True))
        self.assertEqual(len(entries), 31)
        self.assertEqual(entries[0]['by'], {'level': 'reseller', 'entity': 'north', 'person': 'ops'})
        self.assertEqual(entries[0]['changes'][0]['after']['note'], 'note 29')
        self.assertEqual(entries[-1]['by']['level'], 'platform')
        seen = world.proxy('acme', 'a').get('/entities/acme/log?limit=1')['entries'][0]
        self.assertEqual(seen['by'], {'level': 'reseller', 'entity': 'north', 'person': None})
        answer = north.ask('GET', '/entities/acme/log?download=yes', expect=200)
        self.assertEqual(answer.json()['entries'], entries)
        self.assertEqual(answer.headers['Content-Disposition'], 'attachment; filename="esp-token-log-acme.json"')
        whole = north.ask('GET', '/entities/north/log?download=yes&customers=yes', expect=200)
        self.assertNotIn('stranger', whole.text)
        self.assertNotIn('mallory', whole.text)
        self.assertGreater(len(whole.json()['entries']), len(entries))
        about = north.get(f'/entities/acme/log?token={token}&limit=200')['entries']
        self.assertEqual(len(about), 31)
        for query in 'download=no', 'customers=no', 'token=x', 'cursor=x', 'cursor=-1', 'limit=900':
            north.get('/entities/acme/log?' + query, 400)
        self.assertEqual(north.get('/entities/acme/log?cursor=1'), {'entries': [], 'cursor': None})

    def test_download_of_many(self):
        """A download longer than a page of the log: every entry once, in one document."""
        client, token = self.world.proxy('stranger'), self.world.token('stranger')['id']
        for i in range(210):
            client.patch(f'/tokens/{token}', {'note': f'{i}'})
        entries = client.ask('GET', '/entities/stranger/log?download=yes', expect=200).json()['entries']
        sequences = [entry['sequence'] for entry in entries]
        self.assertEqual(sequences, sorted(set(sequences), reverse=True))
        self.assertGreater(len(entries), 210)

    def test_many_changes(self):
        """An entry with very many changes shows the first ones, and how many more there are."""
        world = self.world
        with open(world.folder + '/tiers.ini', encoding='utf-8') as file:
            tiers = file.read().replace('max_tokens = 5', 'max_tokens = 500')
        world.write('tiers.ini', tiers)
        world.write('many', ''.join(f'bolt/many-{i}\n' for i in range(203)))
        world.write('names', ''.join(f'many-{i}\n' for i in range(203)))
        world.ctl('create', 'bolt', '--from', world.folder + '/names', '-q')
        world.ctl('edit', '--from', world.folder + '/many', '--note', 'all')
        changes = world.proxy('bolt').get('/entities/bolt/log?limit=1')['entries'][0]['changes']
        self.assertEqual((len(changes), changes[-1]['detail']), (201, 'and 3 more changes'))

    def test_names_given_again(self):
        """An entity that gets the former name of another one sees nothing of the other's log."""
        world = self.world
        world.ctl('entity', 'add', 'old', '--kind', 'customer', '--tier', 'advanced')
        world.ctl('create', 'old', 'private-thing')
        world.ctl('entity', 'add', 'young', '--kind', 'customer', '--tier', 'advanced')
        world.ctl('create', 'old', 'private-too')
        world.ctl('entity', 'edit', 'old', '--name', 'elder')
        world.ctl('entity', 'edit', 'young', '--name', 'old')
        text = world.proxy('old').ask('GET', '/entities/old/log?download=yes', expect=200).text
        self.assertNotIn('private', text)
        self.assertIn('private-too', world.proxy('elder').ask('GET', '/entities/elder/log?download=yes').text)
        world.ctl('entity', 'remove', 'elder', '--yes')
        world.ctl('entity', 'add', 'elder', '--kind', 'customer')
        self.assertNotIn('private', world.proxy('elder').ask('GET', '/entities/elder/log?download=yes').text)

    def test_moved(self):
        """A customer moves to another reseller. Neither reseller learns of the other, or of changes made under it."""
        world = self.world
        world.ctl('entity', 'add', 'south', '--kind', 'reseller', '--tier', 'advanced')
        world.ctl('entity', 'add', 'mover', '--kind', 'customer', '--reseller', 'south', '--tier', 'advanced')
        north, south = world.proxy('north'), world.proxy('south', 'sue')
        south.post('/entities/mover/tokens', {'name': 'under-s'})
        own = world.sign_in('mover')
        world.ctl('entity', 'edit', 'mover', '--reseller', 'north')
        north.post('/entities/mover/tokens', {'name': 'under-n'})
        for path in '/entities/mover/log?limit=200', '/entities/north/log?customers=yes&limit=200', '/entities/mover/log?download=yes':
            text = north.ask('GET', path, expect=200).text
            self.assertIn('under-n', text)
            for word in 'under-s', 'south', 'sue':
                self.assertNotIn(word, text, path)
        text = south.ask('GET', '/entities/south/log?customers=yes&limit=200', expect=200).text
        self.assertNotIn('mover', text)
        text = own.ask('GET', '/entities/mover/log?limit=200', expect=200).text
        for word in 'under-n', 'under-s', 'signed in by link':
            self.assertIn(word, text)
        self.assertNotIn('sue', text)
        # back at the first reseller, which sees its own time again, but not the time between
        world.ctl('entity', 'edit', 'mover', '--reseller', 'south')
        text = south.ask('GET', '/entities/mover/log?limit=200', expect=200).text
        self.assertIn('under-s', text)
        for word in 'under-n', 'north':
            self.assertNotIn(word, text)

    def test_no_secret(self):
        """Neither the log nor a list contains a token's text or a sign-in link."""
        world, client = self.world, self.world.sign_in('bolt')
        token = client.post('/entities/bolt/tokens', {'name': 'seen'})
        client.post(f'/tokens/{token["id"]}/reveal', None, 200)
        cookie = client.headers['Cookie'].split('=')[1]
        for path in '/entities/bolt/log?download=yes', '/entities/bolt/tokens', f'/tokens/{token["id"]}', '/session':
            text = client.ask('GET', path, expect=200).text
            self.assertIsNone(TEXT.search(text), path)
            self.assertNotIn(cookie, text)
        reveals = [entry for entry in client.get('/entities/bolt/log')['entries']
                   if entry['changes'][0]['what'] == 'reveal']
        self.assertEqual(len(reveals), 1)
        for name in 'log', 'tokens.mdb', 'tokens.mdb.portal':
            with open(f'{world.folder}/{name}', 'rb') as file:
                data = file.read()
            self.assertNotIn(token['token'].encode(), data, name)
            self.assertNotIn(cookie.encode(), data, name)


class Pages(Case):
    def test_files(self):
        client = Client(self.world)
        for path, name in (('/', 'index.html'), ('/index.html', 'index.html'), ('/app.js', 'app.js'), ('/app.css', 'app.css')):
            answer = client.raw('GET', path)
            self.assertEqual((answer.status, answer.text), (200, FILES[name]))
            self.assertEqual(answer.headers['Cache-Control'], 'no-cache')
            again = client.raw('GET', path, headers={'If-None-Match': answer.headers['ETag']})
            self.assertEqual((again.status, again.text), (304, ''))
            self.assertEqual(client.raw('HEAD', path).text, '')
            self.assertEqual(client.raw('POST', path).status, 405)
        for path in ('/openapi.json', '/portal', '/../esp-token.conf', '/%2e%2e/esp-token.conf', '/..%2fesp-token.conf',
                     '/app.js/', '//app.js', '/app.js%00', '/.hidden', '/tokens'):
            self.assertEqual(client.raw('GET', path).status, 404, path)
        with open('docs/portal-api.json', encoding='utf-8') as file:
            self.assertEqual(client.ask('GET', '/openapi.json', expect=200).json(), json.load(file))

    def test_methods(self):
        client = self.world.proxy('north')
        for method, path in (('PUT', '/tiers'), ('POST', '/tiers'), ('DELETE', '/entities'), ('OPTIONS', '/tiers'),
                             ('GET', '/tokens/15R4YyLIodi/reveal'), ('TRACE', '/session'), ('PATCH', '/session')):
            self.assertEqual(client.ask(method, path).status, 405, (method, path))
        self.assertEqual(client.raw('POST', '/api/v1/openapi.json').status, 405)
        for path in '/api', '/api/v2/tiers':
            self.assertEqual(client.raw('GET', path).status, 404, path)
        for path in '/', '/nothing', '/entities/', '/entities/acme/', '/entities//tokens', '/tokens', '/entities/acme/tokens/x':
            client.ask('GET', path, expect=404)
        self.assertEqual(client.ask('HEAD', '/tiers', expect=200).text, '')


if __name__ == '__main__':
    unittest.main()
