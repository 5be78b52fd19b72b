// SPDX-License-Identifier: ISC
// The beginning and the end of a session, and the warning before it.
import {call, session} from './api.js';
import {$, button, h, icon, notice, toast, wipe} from './dom.js';
import {emptyFrame} from './frame.js';
import {state} from './state.js';
import {now} from './words.js';

// The tabs of one browser share a session, so they share its end.
const others = new BroadcastChannel('esp-token-portal');
const idle = {span: 0, ends: null, last: null, warning: null};

export async function loadSession() {
  const me = await call('GET', '/session');
  state.tiers = (await call('GET', '/tiers')).tiers;
  state.me = me;
  idle.last = me.ends && Date.parse(me.ends);
  idle.span = me.idle_ends ? Date.parse(me.idle_ends) - Date.parse(me.now) : 0;
  if (idle.span) seen();
}

// --- the end ---

// The session has ended: whatever is open holds nothing any more.
function wipeDialogs() {
  for (const element of document.querySelectorAll('dialog')) {
    element.close();
    wipe(element);
  }
}
// Nothing of the session stays on the page: no dialog, no list, no name.
function over(title, ...text) {
  session.number++;
  state.me = state.acting = null;
  idle.warning = null;
  clearTimeout(idle.timer);
  wipeDialogs();
  $('toast').textContent = '';
  gate(title, ...text);
}
export function gate(title, ...children) {
  emptyFrame(title);
  $('foot')?.remove();
  $('main').replaceChildren(h('div.card.gate', icon('i-key'), h('h1', {tabindex: -1}, title), children));
  $('main').querySelector('h1').focus();
}
const AGAIN = 'To continue, open this page from your platform, or use a new sign-in link.';
function ended() {
  if (state.me)
    over(
      'Your session has ended',
      h('p', 'This page no longer shows anything of it. Unsaved changes are lost.'),
      h('p.muted', AGAIN),
    );
  else gate('You are not signed in', h('p.muted', AGAIN));
}
const signedOut = () => over('You are signed out', h('p.muted', AGAIN));
export async function signOut() {
  try {
    await call('DELETE', '/session');
  } catch (error) {
    if (error.code !== 'signed-out') return toast(error.message);
  }
  others.postMessage('out');
  signedOut();
}
export const tellOthers = what => others.postMessage(what);

// --- the time that is left ---

function seen() {
  if (!idle.span) return;
  idle.ends = now() + idle.span;
  others.postMessage(idle.ends);
  watch();
}
function watch() {
  clearTimeout(idle.timer);
  if (!state.me || !idle.span) return;
  const end = Math.min(idle.ends, idle.last),
    left = end - now(),
    early = Math.min(12e4, idle.span / 3);
  if (left <= 0) return ended();
  if (left > early) idle.warning?.close();
  else if (!idle.warning) warn(end === idle.last ? idle.last : null, left);
  idle.timer = setTimeout(watch, Math.min(left > early ? left - early : left, 6e4) + 50);
}
async function warn(last, left) {
  idle.warning = {close() {}}; // while its code is on its way
  const {warning} = await import('./warning.js');
  if (!state.me) return;
  idle.warning = warning({last, left, signOut, closed: () => (idle.warning = last ? idle.warning : null)});
}
session.ended = () => {
  others.postMessage('out');
  ended();
};
session.seen = seen;
others.onmessage = ({data}) => {
  if (data === 'out') {
    if (state.me) ended();
  } else if (data === 'in')
    location.reload(); // the cookie may be another entity's now
  else if (data > idle.ends) {
    idle.ends = data;
    watch();
  }
};
// A computer that slept fires its timers late.
addEventListener('visibilitychange', watch);
// What the browser keeps of a page that was left holds no text, and is drawn again when it comes back.
addEventListener('pagehide', wipeDialogs);
addEventListener('pageshow', event => {
  if (event.persisted) location.reload();
});

// --- the store or the portal cannot be used ---

export function trouble(error, again) {
  if (error.code !== 'unusable' && error.code !== 'offline')
    return notice(
      'bad',
      'i-warn',
      h('p', error.message),
      error.code !== 'missing' && h('div.row', button('Try again', again, 'less', {key: 'again'})),
    );
  let left = error.wait ?? 15;
  const line = h('span.muted'),
    say = () => {
      line.textContent = `The next try is in ${left} s.`;
    };
  const tick = () => {
    if (!line.isConnected) return clearInterval(timer);
    if (--left > 0) return say();
    clearInterval(timer);
    again();
  };
  const timer = setInterval(tick, 1000);
  say();
  const what = error.code === 'offline' ? 'The portal does not answer.' : 'The token store is unavailable.';
  return notice(
    'bad',
    'i-warn',
    h(
      'p',
      {role: 'alert'},
      h('b', what),
      error.code === 'unusable' && error.detail && ` ${error.message}`,
      ' Tokens keep working. Nothing was changed.',
    ),
    h('div.row', button('Try now', again, 'less', {key: 'again'}), line),
  );
}
