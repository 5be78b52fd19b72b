// SPDX-License-Identifier: ISC
// The warning before a session ends: because nothing is done, which a button mends, or for good.
import {call} from './api.js';
import {dialog, ends} from './dialog.js';
import {button, h, toast} from './dom.js';
import {span, time} from './words.js';

// last: when the session ends for good, in milliseconds; null: nothing was done. left: milliseconds.
export function warning({last, left, signOut, closed}) {
  const stay = () => call('GET', '/session').catch(error => toast(error.message));
  const why = last ? `Your session lasts until ${time(last)} UTC at most.` : 'Nothing was done for a while.';
  const buttons = close =>
    last
      ? [button('Close', close, 'main', {autofocus: true})]
      : [button('Sign out', signOut), button('Stay signed in', stay, 'main', {autofocus: true})];
  const text = h(
    'p',
    why,
    last ? ' It ends in ' : ' Your session ends in ',
    h('b', span(left)),
    '. Unsaved changes will be lost.',
  );
  const fill = close => h('div.stack', text, ends(buttons(close)));
  return dialog('Your session is about to end', fill, {
    role: 'alertdialog',
    hold: () => !last && (stay(), true),
    closed,
  });
}
