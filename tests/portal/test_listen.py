# SPDX-License-Identifier: ISC
"""Where the portal listens, and the files that it needs to begin: each refusal is one line that names the thing."""
import http.client
import os
import re
import shutil
import socket
import subprocess
import unittest

from lib import PATIENCE, Client, World


class Begin(unittest.TestCase):
    def setUp(self):
        self.world = World(start=False)

    def refusal(self):
        done = subprocess.run([self.world.program, '-c', self.world.config], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count('\n')), (5, '', 1), done.stderr)
        return done.stderr

    def change(self, pattern, text):
        with open(self.world.config, encoding='utf-8') as file:
            config = file.read()
        self.world.write('esp-token.conf', re.sub(pattern, text, config))

    def test_no_socket(self):
        """The portal replaces neither a file that is no socket nor the socket of a running program."""
        self.world.write('portal.sock', 'precious')
        self.assertIn('portal.sock: not a socket of this program; remove it', self.refusal())
        with open(self.world.socket, encoding='utf-8') as file:
            self.assertEqual(file.read(), 'precious')
        os.unlink(self.world.socket)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.world.socket)
            other.listen()
            self.assertIn('portal.sock', self.refusal())
            self.assertTrue(os.path.exists(self.world.socket))
        self.world.start()  # a socket without a program is replaced
        self.assertEqual(Client(self.world, unix=True).raw('GET', '/').status, 200)
        self.assertEqual(self.world.stop(), 0)

    def test_no_folder(self):
        self.change('listen = /.*', f'listen = {self.world.folder}/none/portal.sock')
        self.assertIn('none/portal.sock', self.refusal())

    def test_ipv6(self):
        if not os.path.exists('/proc/net/if_inet6'):
            self.skipTest('the kernel has no IPv6')
        self.change('listen = /', f'listen = [::1]:{self.world.port}\nlisten = /')
        self.world.start()
        connection = http.client.HTTPConnection('::1', self.world.port, timeout=PATIENCE)
        connection.request('GET', '/')
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertEqual(self.world.stop(), 0)

    def test_pages(self):
        """Pages that are missing, incomplete or too many, or that other users may change."""
        folder = os.path.join(self.world.folder, 'bin/portal')
        self.world.write('bin/portal/notes.txt', 'no page')  # ignored
        for i in range(300):
            self.world.write(f'bin/portal/more-{i}.js', '')
        self.assertIn('more than', self.refusal())
        for i in range(300):
            os.unlink(f'{folder}/more-{i}.js')
        os.chmod(folder + '/app.js', 0o666)
        self.assertIn('app.js', self.refusal())
        os.unlink(folder + '/openapi.json')
        os.unlink(folder + '/app.js')
        self.assertIn("the pages are not there; run 'make install' again", self.refusal())
        shutil.rmtree(folder)
        self.assertIn("the pages are not there; run 'make install' again", self.refusal())

    def test_root(self):
        if os.getuid() != 0:
            self.skipTest('the worker keeps the user that started the portal')
        self.change('user = nobody', 'user = root')
        self.assertIn('[portal] user is root; name a user without rights', self.refusal())


if __name__ == '__main__':
    unittest.main()
