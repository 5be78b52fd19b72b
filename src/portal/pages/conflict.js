// SPDX-License-Identifier: ISC
// What a form does when its token or entity was changed while it was open (412).
import {button, facts, h, notice, own, toast} from './dom.js';
import {redraw} from './state.js';
import {actor, date, relative} from './words.js';

const SHOWN = {
  name: 'Name',
  note: 'Note',
  contact: 'Contact',
  expires: 'Expires',
  status: 'Status',
  tier: 'Tier',
};

// Sends the changes, on condition that the thing is still as it was when the form was opened. `send` gets
// that state.
// place: the element of the form that shows the conflict.
export async function save(before, send, place, close) {
  const done = () => {
    close();
    toast('Saved. The change is in force.');
    redraw();
  };
  try {
    await send(before);
    done();
  } catch (error) {
    if (error.code !== 'changed') throw error;
    const form = place.closest('form'),
      again = () => form.attempt(() => save(error.now, send, place, close));
    place.replaceChildren(
      clash(before, error, again, () => {
        close();
        redraw();
      }),
    );
    place.querySelector('button').focus();
  }
}

function clash(before, {changed, now}, again, theirs) {
  const differ = now ? Object.keys(SHOWN).filter(key => key in now && now[key] !== before[key]) : [];
  const value = key =>
    key !== 'expires' ? own(now[key]) : now.expires ? date(Date.parse(now.expires)) : 'Never';
  const who = changed
    ? [
        h('b', own(actor(changed.by))),
        ` ${now ? 'changed' : 'removed'} this ${relative(Date.parse(changed.at))}`,
      ]
    : 'This was changed';
  return h(
    'div',
    {role: 'alert'},
    notice(
      'warn',
      'i-warn',
      h('p', who, ', after you opened the form. Your changes are not saved.'),
      differ.length > 0 && facts(differ.map(key => [SHOWN[key] + ' now', value(key)])),
      h(
        'div.row',
        now && button('Save my changes anyway', again, 'less'),
        button('Discard my changes', theirs, 'less'),
      ),
    ),
  );
}
