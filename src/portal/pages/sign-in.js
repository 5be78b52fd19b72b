// SPDX-License-Identifier: ISC
// Signing in by a link. The link opens a page with a button, because mail scanners open links: what
// they can do without pressing it changes nothing.
import {call} from './api.js';
import {button, h, icon} from './dom.js';
import {gate, tellOthers} from './session.js';

export function signInGate(secret, done) {
  const fault = h('p.fault', {role: 'alert'});
  const signIn = async () => {
    fault.replaceChildren();
    try {
      await call('POST', '/session', {body: {link: secret}});
    } catch (error) {
      return refused(error, fault);
    }
    secret = '';
    tellOthers('in');
    await done();
  };
  gate(
    'Sign in',
    h('p', 'Your platform made this link for you. You can use it once.'),
    fault,
    button('Sign in', signIn, 'main'),
  );
}
function refused(error, fault) {
  if (error.code !== 'missing') return fault.replaceChildren(icon('i-warn'), h('span', error.message));
  gate(
    'This sign-in link is no longer valid',
    h(
      'p',
      'It has been used or has expired. If you did not use it, report that when you ask for a new link.',
    ),
    h('p.muted', 'Ask your account manager for a new link.'),
  );
}
