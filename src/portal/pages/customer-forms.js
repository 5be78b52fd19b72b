// SPDX-License-Identifier: ISC
// Dialogs about a customer: create, edit, suspend, remove.
import {call} from './api.js';
import {save} from './conflict.js';
import {cancelOr, dialog, field, form, textInput} from './dialog.js';
import {h, own, toast} from './dom.js';
import {confirmRemoval} from './removal.js';
import {created} from './secret.js';
import {redraw, state, tierNamed} from './state.js';
import {count, onDate} from './words.js';

const at = entity => `/entities/${encodeURIComponent(entity.name)}`;
const CONTACT = 'For people only: whom to ask about this customer.';

// A customer never ranks above its reseller, so no higher tier is offered.
function tierField(present) {
  const own = tierNamed(state.me.tier),
    tiers = state.tiers.filter(tier => !own || tier.rank <= own.rank || tier.name === present);
  if (present && !tierNamed(present))
    tiers.unshift({name: present, label: `${present} (not in the tier table)`});
  const most = tier =>
    tier.max_tokens === undefined
      ? ''
      : tier.max_tokens == null
        ? ' – any number of tokens'
        : ` – ${count(tier.max_tokens, 'token')}`;
  return field(
    'Tier',
    h(
      'select',
      {name: 'tier'},
      tiers.map(tier =>
        h('option', {value: tier.name, selected: tier.name === present}, tier.label + most(tier)),
      ),
    ),
    `${state.me.tier_label ?? state.me.tier} or lower: a customer cannot have a higher tier than its reseller.`,
  );
}
const standard = () => state.tiers.find(tier => tier.default)?.name;

export function newCustomer(back) {
  dialog(
    'New customer',
    close =>
      form(
        async data => {
          const body = {
            name: data.get('name').trim(),
            tier: data.get('tier'),
            ...(data.get('contact') && {contact: data.get('contact')}),
          };
          const {entity, token} = await call('POST', '/entities', {body, once: close});
          close();
          created(['First token of ', own(entity.name)], token, {
            back: ['act ' + entity.name, 'new'],
            more: h('p.hint', 'Every new customer gets one token. Pass its text on in a safe way.'),
          });
          redraw();
        },
        field(
          'Name',
          textInput('name', '', {autofocus: true, required: true, dir: 'ltr'}),
          '1 to 64 of A–Z a–z 0–9 . _ - beginning with a letter or digit',
        ),
        tierField(standard()),
        field('Contact', textInput('contact'), CONTACT),
        cancelOr(close, 'Create'),
      ),
    {back},
  );
}

export function editCustomer(entity, back) {
  const place = h('div');
  dialog(
    ['Edit ', own(entity.name)],
    close =>
      form(
        async data => {
          const changes = Object.fromEntries(
            ['name', 'tier', 'contact']
              .filter(key => data.get(key) !== entity[key])
              .map(key => [key, data.get(key)]),
          );
          if (!Object.keys(changes).length) return close();
          await save(
            entity,
            before => call('PATCH', at(entity), {body: changes, match: before}),
            place,
            close,
          );
        },
        place,
        field(
          'Name',
          textInput('name', entity.name, {autofocus: true, dir: 'ltr'}),
          'Tokens keep working under a new name.',
        ),
        tierField(entity.tier),
        field('Contact', textInput('contact', entity.contact), CONTACT),
        cancelOr(close, 'Save'),
      ),
    {back},
  );
}

export function suspend(entity, back) {
  const off = entity.status === 'inactive',
    title = off ? 'End the suspension of ' : 'Suspend ';
  const words = off
    ? [
        'Its tokens (',
        String(entity.tokens),
        ') work again immediately, except those that are switched off or expired.',
      ]
    : [
        'Its tokens (',
        String(entity.tokens),
        ') are denied immediately, and its sign-in links and sessions end. Nothing is removed. You can end the suspension at any time.',
      ];
  dialog(
    [title, own(entity.name)],
    close =>
      form(
        async () => {
          await call('PATCH', at(entity), {body: {status: off ? 'active' : 'inactive'}, match: entity});
          close();
          toast(off ? 'The suspension has ended.' : 'Suspended.');
          redraw();
        },
        h('p', words),
        cancelOr(close, off ? 'End the suspension' : 'Suspend', off ? 'main' : 'danger'),
      ),
    {back},
  );
}

export function removeCustomer(entity, back) {
  const tokens = count(entity.tokens, 'token');
  const removal = {
    text: 'Programs that use its tokens are denied immediately. A removed customer cannot be restored.',
    shown: [
      ['Tokens', String(entity.tokens)],
      ['Contact', own(entity.contact || 'None')],
      ['Created', onDate(entity.created)],
    ],
    tick: entity.tokens > 0 && {
      text: [h('b', own(entity.name), ` has ${tokens}.`), ' They are removed with it.'],
      label: `Yes, remove ${tokens}`,
      missing: `To remove ${entity.name} with ${tokens}, tick the box.`,
    },
    instead: entity.status === 'active' && {
      text: 'Suspend it instead',
      act: () => call('PATCH', at(entity), {body: {status: 'inactive'}, match: entity}),
      said: 'Suspended.',
    },
    act: () => call('DELETE', at(entity), {match: entity}),
  };
  confirmRemoval(entity.name, removal, back);
}
