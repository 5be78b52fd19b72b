// SPDX-License-Identifier: ISC
// The start of the pages, and the way from an address to a screen. A screen is a module whose default
// export gets {item} and returns its nodes; only the first one is loaded before it is asked for.
import {Problem} from './api.js';
import {$, focusedKey, h, head, refocus, toast} from './dom.js';
import {emptyFrame, frame} from './frame.js';
import {loadSession, signOut, trouble} from './session.js';
import {parseAddress, state} from './state.js';
import tokens from './tokens.js';
import {refresh} from './words.js';

const SCREENS = {
  tokens: async () => tokens,
  metrics: async () => (await import('./metrics.js')).default,
  customers: async () => (await import('./customers.js')).default,
  activity: async () => (await import('./activity.js')).default,
};
const TITLES = {tokens: 'Tokens', metrics: 'Metrics', customers: 'Customers', activity: 'Activity'};
let drawing = 0;
let toHeading = false;

// Draws the screen of the address. moved: the person went there, so the heading gets the focus; else
// what had it gets it again.
async function draw(moved) {
  const mine = ++drawing;
  const {entity, page, item} = parseAddress(location.hash);
  state.acting = entity;
  toHeading ||= moved;
  let nodes;
  try {
    nodes = await (await SCREENS[page]())({item});
  } catch (error) {
    if (error.code === 'missing') state.acting = null; // it may be no customer of ours
    nodes = [head(TITLES[page]), trouble(error, () => draw(true))];
  }
  if (mine !== drawing || !state.me) return;
  const key = focusedKey(); // a dialog may have closed meanwhile
  frame(page, signOut);
  $('main').replaceChildren(...nodes.filter(Boolean));
  $('foot')?.remove();
  $('main').after(h('footer.wrap', {id: 'foot'}, 'Dates and times are UTC.'));
  if (toHeading) scrollTo(0, 0);
  if (!document.querySelector('dialog[open]')) {
    if (toHeading) $('main').querySelector('h1').focus();
    else if (key) refocus(key);
  }
  toHeading = false;
}
state.draw = () => draw(false);

// #/link/SECRET: the secret leaves the address at once.
function signIn() {
  const [, secret] = location.hash.match(/^#\/link\/(.+)$/) ?? [];
  if (!secret) return false;
  history.replaceState(null, '', '#/tokens');
  import('./sign-in.js').then(({signInGate}) => signInGate(secret, () => start(true)));
  return true;
}

async function start(moved) {
  try {
    await loadSession();
  } catch (error) {
    if (error.code === 'signed-out') return;
    emptyFrame('API Tokens');
    return $('main').replaceChildren(
      head('API Tokens'),
      trouble(error, () => start(moved)),
    );
  }
  await draw(moved);
}

// Errors that no screen handles, such as a module that could not be loaded
addEventListener('unhandledrejection', ({reason}) => {
  if (reason.code !== 'signed-out')
    toast(reason instanceof Problem ? reason.message : 'The portal does not answer. Try again.');
});
// Without a call to the server: that would keep the session alive.
setInterval(refresh, 2e4);
addEventListener('visibilitychange', refresh);
addEventListener('hashchange', () => signIn() || (state.me && draw(true)));
// An href of #main would be an address here.
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  $('main').focus();
});
if (!signIn()) start(false);
