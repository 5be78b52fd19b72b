// SPDX-License-Identifier: ISC
// The screen Activity: the entity's part of the audit log, newest first.
import {call} from './api.js';
import {button, focusKey, h, head, icon, own} from './dom.js';
import {address, hasCustomers, owner, state} from './state.js';
import {cell, row, table} from './table.js';
import {trouble} from './session.js';
import {actor, capital, count, date, time, weekday} from './words.js';

const COLUMNS = [{text: 'Time'}, {text: 'Who'}, {text: 'What'}, {text: 'Details'}];
const MANY = 5;
const view = {customers: true};

export default async function activity({item}) {
  const reseller = hasCustomers(),
    all = reseller && view.customers && !item;
  const filter = {...(all && {customers: 'yes'}), ...(item && {token: item})};
  const base = `/entities/${encodeURIComponent(owner())}/log`;
  const list = h('div.card');
  await more(list, base, filter, null);
  const whose = h(
    'p',
    'Of token ',
    h('code', item),
    '. ',
    h('a', {href: address('activity')}, 'Show everything'),
  );
  return [
    head(
      'Activity',
      item && whose,
      download(`/api/v1${base}?${new URLSearchParams({...filter, download: 'yes'})}`),
    ),
    reseller && !item && choice(),
    list,
  ];
}

// The server writes the file. Whether the session goes on is asked before, because the browser would
// keep a refusal as the file.
function download(href) {
  let sure = false;
  const link = h(
    'a.button',
    {
      href,
      download: '',
      'data-key': 'download',
      async onclick(event) {
        if (sure) {
          sure = false;
          return;
        }
        event.preventDefault();
        await call('GET', '/session');
        sure = true;
        link.click();
      },
    },
    icon('i-down'),
    'Download',
  );
  return link;
}

function choice() {
  const select = h(
    'select',
    {
      'aria-label': 'Whose',
      'data-key': 'whose',
      onchange: () => {
        view.customers = select.value === 'all';
        state.draw();
      },
    },
    h('option', {value: 'all', selected: view.customers}, 'Ours and our customers’'),
    h('option', {value: 'own', selected: !view.customers}, 'Ours'),
  );
  return h('div.tools', select);
}

// Adds the next page under what is there. The server bounds how much it looks through for one answer,
// so a page may be empty and yet not the last.
async function more(list, base, filter, from) {
  let cursor = from,
    entries = [];
  do {
    const page = await call('GET', `${base}?${new URLSearchParams({...filter, ...(cursor && {cursor})})}`);
    ({entries, cursor} = page);
  } while (!entries.length && cursor);
  list.querySelector('.pager')?.remove();
  const body = list.querySelector('tbody'),
    rows = withDays(entries, body?.dataset.day);
  if (body) body.append(...rows);
  else
    list.append(
      entries.length
        ? table('activity', `Activity of ${owner()}`, COLUMNS, rows)
        : h('p.empty.muted', 'Nothing has happened yet.'),
    );
  if (entries.length) list.querySelector('tbody').dataset.day = dayOf(entries.at(-1));
  if (cursor)
    list.append(h('div.pager', h('span.grow'), button('Show older entries', older, 'less', {key: 'older'})));
  async function older(event) {
    if (event.currentTarget.hasAttribute('aria-disabled')) return;
    event.currentTarget.setAttribute('aria-disabled', 'true');
    const seen = list.querySelectorAll('tbody tr').length;
    try {
      await more(list, base, filter, cursor);
    } catch (error) {
      return list.querySelector('.pager').replaceChildren(trouble(error, () => state.draw()));
    }
    const first = list.querySelectorAll('tbody tr')[seen];
    if (list.querySelector('[data-key=older]')) focusKey('older');
    else if (first) {
      first.tabIndex = -1;
      first.focus();
    }
  }
}

const dayOf = entry => entry.time.slice(0, 10);
function withDays(entries, last) {
  return entries.flatMap(entry => {
    const day = dayOf(entry),
      head =
        day !== last &&
        h(
          'tr.day',
          {role: 'row'},
          h(
            'th',
            {role: 'rowheader', scope: 'rowgroup', colspan: COLUMNS.length},
            weekday(Date.parse(entry.time)),
          ),
        );
    last = day;
    return [...(head ? [head] : []), entryRow(entry)];
  });
}

const DONE = {
  create: 'Created',
  edit: 'Edited',
  rotate: 'Rotated',
  retire: 'Ended an old secret',
  remove: 'Removed',
  reveal: 'Viewed a text',
  show: 'Viewed a text',
  copy: 'Copied a text',
  'sign in': 'Signed in',
  'sign out': 'Signed out',
  import: 'Imported',
  'entity add': 'Added',
  'entity edit': 'Edited',
  'entity remove': 'Removed',
};

function entryRow(entry) {
  const {by} = entry,
    moment = Date.parse(entry.time);
  const level = by.person && by.entity && by.entity !== owner() && h('span.second', own(by.entity));
  return row(
    {},
    cell('', '', h('time', {datetime: entry.time}, time(moment))),
    cell('', '', by.person ? own(by.person) : capital(actor(by)), level),
    cell('', '', DONE[entry.command] ?? capital(entry.command)),
    cell('', 'wide', changes(entry.changes)),
  );
}
function changes(all) {
  const lines = all
    .slice(0, MANY)
    .map(change => h('div', subject(change), h('span.second', differences(change))));
  return [
    lines,
    all.length > MANY &&
      h(
        'details',
        h('summary', `${count(all.length - MANY, 'further change')}`),
        all.slice(MANY).map(change => h('div', subject(change), h('span.second', differences(change)))),
      ),
  ];
}

function subject({subject: kind, before, after, word}) {
  const thing = after ?? before;
  if (!thing) return capital(word);
  if (kind === 'entity') return [capital((before ?? after).kind), ' ', own((before ?? after).name)];
  return ['Token ', own(thing.entity), '/', own((before ?? after).name), ' ', h('code', `(${thing.id})`)];
}
const FIELDS = ['name', 'status', 'tier', 'reseller', 'expires', 'note', 'contact'];
function value(key, of) {
  if (of[key] == null) return key === 'expires' ? 'never' : 'none';
  return key === 'expires' ? date(Date.parse(of[key])) : of[key] === '' ? 'empty' : own(of[key]);
}
function differences({what, before, after, detail}) {
  if (what === 'note') return own(detail);
  if (what === 'reveal') return 'text shown';
  if (what === 'remove') return 'removed';
  if (what === 'add')
    return [
      'added',
      'tier' in after ? [', tier ', value('tier', after)] : [', expires ', value('expires', after)],
    ];
  const changed = FIELDS.filter(key => key in after && before[key] !== after[key]);
  return changed.length
    ? changed.map((key, i) => [i ? '; ' : '', key, ' ', value(key, before), ' → ', value(key, after)])
    : 'changed';
}
