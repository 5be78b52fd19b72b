// SPDX-License-Identifier: ISC
// Dialogs that end something: rotate, the end of an old secret, remove. Those that destroy focus Cancel.
import {call} from './api.js';
import {cancelOr, dialog, form} from './dialog.js';
import {facts, h, notice, own, quoted, toast} from './dom.js';
import {confirmRemoval} from './removal.js';
import {created} from './secret.js';
import {redraw, state} from './state.js';
import {count, DAY, HOUR, lastUsed, live, moment, now, onDate, uses} from './words.js';

// --- rotate ---

const DAYLONG = 24 * HOUR;
function overlaps() {
  const most = state.me.max_overlap == null ? null : state.me.max_overlap * 1000;
  const all = [HOUR, DAYLONG, 7 * DAY].filter(ms => most == null || ms <= most);
  if (most && !all.includes(most)) all.push(most);
  return [...all, 0];
}
const spanWord = ms =>
  ms === 0
    ? 'No overlap'
    : ms > DAYLONG && ms % DAY === 0
      ? count(ms / DAY, 'day')
      : count(Math.round(ms / HOUR), 'hour');
// as esp-tokenctl takes it: whole hours
const overlapText = ms => (ms === 0 ? '0' : `${Math.max(1, Math.floor(ms / HOUR))}h`);

const until = ms =>
  ms === 0
    ? [h('b', 'The old secret stops working now.'), ' Programs are denied until they use the new one.']
    : [
        'The old secret works until ',
        h('b', moment(now() + ms) + ' UTC'),
        '. Change your programs to the new one before then.',
      ];

export function rotate(token, old, back) {
  const all = overlaps(),
    first = all.includes(DAYLONG) ? DAYLONG : all[0];
  const line = h('p', {'aria-live': 'polite'}, until(first));
  const choice = ms =>
    h(
      'label',
      h('input', {type: 'radio', name: 'overlap', value: ms, checked: ms === first, autofocus: ms === first}),
      spanWord(ms),
    );
  dialog(
    ['Rotate ', quoted(token.name)],
    close =>
      form(
        async data => {
          const answer = await call('POST', `/tokens/${token.id}/rotate`, {
            body: {overlap: overlapText(Number(data.get('overlap')))},
            once: close,
          });
          close();
          const {old: rest} = answer,
            {id} = answer.token;
          created(['New secret for ', quoted(token.name)], answer.token, {
            back: ['eye ' + id, 'menu ' + id],
            more: h(
              'p',
              rest
                ? ['The old secret works until ', h('b', moment(Date.parse(rest.expires)) + ' UTC'), '.']
                : 'The old secret has ended.',
            ),
          });
          redraw();
        },
        h('p', 'The token keeps its name and note, and gets a new secret that hosts accept immediately.'),
        h(
          'fieldset.field',
          {onchange: event => line.replaceChildren(...until(Number(event.target.value)))},
          h('legend', 'How long the old secret keeps working'),
          h('div.segments', all.map(choice)),
        ),
        h(
          'div.box.stack',
          line,
          facts([
            ['Last used', lastUsed(token)],
            ['Uses', uses(token.uses)],
          ]),
        ),
        old &&
          notice(
            'warn',
            'i-warn',
            h(
              'p',
              `An older secret works until ${moment(Date.parse(old.expires))} UTC. This rotation ends it immediately.`,
            ),
          ),
        cancelOr(close, 'Rotate'),
      ),
    {back},
  );
}

// --- the end of an old secret ---

const recent = (token, days) => token.last_used && now() - Date.parse(token.last_used) < days * DAY;

export function retire(old, token, back) {
  const used = old.last_used
    ? [
        h('b', 'It was last used ', live(old.last_used)),
        recent(old, 1) ? ', so a program still needs it.' : '.',
      ]
    : old.uses == null
      ? 'Whether a program still uses it is not known.'
      : 'It was never used.';
  dialog(
    ['End the old secret of ', quoted(token.name)],
    close =>
      form(
        async () => {
          await call('POST', `/tokens/${old.id}/retire`, {once: close});
          close();
          toast('The old secret has ended.');
          redraw();
        },
        h(
          'p',
          'It works until ',
          h('b', moment(Date.parse(old.expires)) + ' UTC'),
          '. If you end it now, programs that still use it are denied immediately. The new secret keeps working.',
        ),
        notice(recent(old, 1) ? 'warn' : '', recent(old, 1) ? 'i-warn' : 'i-info', h('p', used)),
        cancelOr(close, 'End it now', 'danger'),
      ),
    {back},
  );
}

// --- remove ---

export function remove(token, entity, back) {
  const last = entity.tokens <= 1;
  const tick = {
    text: [
      h('b', 'This is the last token of ', own(entity.name), '.'),
      ' Until it has a new one, its programs cannot read analytics.',
    ],
    label: ['Yes, leave ', own(entity.name), ' without a token'],
    missing: `To leave ${entity.name} without a token, tick the box.`,
  };
  const used = h('p', 'This token was used recently. To replace its secret only, rotate it.');
  const removal = {
    text: 'Programs that use this token are denied immediately. A removed token cannot be restored.',
    shown: [
      ['Id', h('code', token.id)],
      ['Last used', h('b', lastUsed(token))],
      ['Uses', uses(token.uses)],
      ['Created', onDate(token.created)],
    ],
    more: recent(token, 7) && !last && notice('warn', 'i-warn', used),
    tick: last && tick,
    instead: token.status !== 'inactive' && {
      text: 'Switch it off instead',
      act: () => call('PATCH', `/tokens/${token.id}`, {body: {status: 'inactive'}, match: token}),
      said: 'Switched off. To switch it on again, use Edit.',
    },
    act: () => call('DELETE', `/tokens/${token.id}${last ? '?last=yes' : ''}`, {match: token}),
  };
  confirmRemoval(token.name, removal, back);
}
