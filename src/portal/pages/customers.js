// SPDX-License-Identifier: ISC
// The screen Customers of a reseller. The server filters, sorts and pages.
import {call} from './api.js';
import {button, focusedKey, focusKey, h, head, icon, menuButton, own} from './dom.js';
import {address, mayChange, state, tierLabel} from './state.js';
import {cell, pager, pages, row, table} from './table.js';
import {entityStatus, meter, onDate} from './words.js';
import {trouble} from './session.js';

const forms = () => import('./customer-forms.js');
const SIZE = 50;
const view = {q: '', show: '', sort: 'name', at: pages(key => load(key)), asked: 0};
let box;

const query = () =>
  `/entities?${new URLSearchParams({
    ...(view.q && {q: view.q}),
    ...(view.show && {show: view.show}),
    sort: view.sort,
    limit: SIZE,
    ...(view.at.cursor && {cursor: view.at.cursor}),
  })}`;

export default async function customers() {
  const page = await call('GET', query());
  box = h('div.card', list(page));
  return [
    head(
      'Customers',
      mayChange() &&
        button([icon('i-plus'), 'New'], async () => (await forms()).newCustomer(), 'main', {
          key: 'new',
          'aria-label': 'New customer',
        }),
    ),
    tools(),
    box,
  ];
}

// Only the list is drawn again, so that whoever types in the filter is not disturbed. The last question
// wins, in whatever order the answers come.
async function load(wish) {
  const mine = ++view.asked;
  let content;
  try {
    content = list(await call('GET', query()));
  } catch (error) {
    content = trouble(error, () => load());
  }
  if (mine !== view.asked || !box.isConnected) return;
  const key = wish ?? (box.contains(document.activeElement) && focusedKey());
  box.replaceChildren(...[content].flat());
  if (key) focusKey(key);
}
function filtered(changes) {
  Object.assign(view, changes);
  view.at.reset();
  return load();
}

let find, show;
function tools() {
  let wait;
  const options = [
    ['', 'All customers'],
    ['limit', 'At their limit'],
    ['none', 'Without a token'],
    ['inactive', 'Suspended'],
    ...state.tiers.map(tier => ['tier:' + tier.name, `On ${tier.label}`]),
  ];
  find = h('input', {
    type: 'search',
    'aria-label': 'Filter by name',
    placeholder: 'Filter by name',
    value: view.q,
    autocomplete: 'off',
    maxlength: 64,
    'data-key': 'filter',
    oninput() {
      clearTimeout(wait);
      wait = setTimeout(() => filtered({q: find.value.trim()}), 250);
    },
  });
  show = h(
    'select',
    {'aria-label': 'Show', 'data-key': 'show', onchange: () => filtered({show: show.value})},
    options.map(([value, text]) => h('option', {value, selected: view.show === value}, text)),
  );
  return h('div.tools', h('div.search', icon('i-find'), find), show);
}

const COLUMNS = [
  {text: 'Name', sort: 'name'},
  {text: 'Tier', sort: 'tier'},
  {text: 'Tokens', sort: 'tokens'},
  {text: 'Status', sort: 'status'},
  {text: 'Created', sort: 'created'},
  {text: 'Actions', hidden: true},
];

function list(page) {
  if (!page.all) return empty();
  const whole = view.at.first && !view.q && !view.show;
  const rows = [
    ...(whole ? [entityRow(page.root, true)] : []),
    ...page.entities.map(entity => entityRow(entity)),
  ];
  const sort = {by: view.sort, to: by => filtered({sort: by})};
  const found = page.entities.length
    ? table('customers', `Customers of ${state.me.entity}`, COLUMNS, rows, sort)
    : nothing();
  return [
    found,
    pager(view.at, {
      shown: page.entities.length,
      size: SIZE,
      of: page.total,
      all: page.all,
      next: page.cursor,
      noun: 'customer',
    }),
  ];
}
const empty = () =>
  h(
    'div.empty',
    icon('i-for'),
    h('h2', 'No customers yet'),
    h('p', 'A customer has tokens of its own, on your tier or a lower one.'),
    mayChange() &&
      button([icon('i-plus'), 'New customer'], async () => (await forms()).newCustomer(), 'main', {
        key: 'new first',
      }),
  );
function nothing() {
  const all = () => {
    find.value = show.value = '';
    filtered({q: '', show: ''});
    find.focus();
  };
  return h(
    'div.empty',
    h('h2', 'No customer matches'),
    h('p', 'Upper and lower case are the same.'),
    button('Show all', all, '', {key: 'show all'}),
  );
}

function entityRow(entity, root) {
  const name = root
    ? [h('b.name', own(entity.name)), h('span.muted', ' – you')]
    : h(
        'a.name',
        {
          href: address('tokens', {entity: entity.name}),
          'aria-label': `Act for ${entity.name}`,
          'data-key': 'act ' + entity.name,
        },
        own(entity.name),
      );
  const most = entity.max_tokens;
  return row(
    {'data-name': entity.name, class: entity.suspended ? 'denied' : null},
    cell(
      '',
      'wide beside',
      h('span', {class: root ? null : 'twig'}, name),
      entity.contact && h('span.second', own(entity.contact)),
    ),
    cell('Tier', '', tierLabel(entity)),
    cell(
      'Tokens',
      '',
      meter(entity.tokens, most),
      most == null ? String(entity.tokens) : `${entity.tokens} of ${most}`,
    ),
    cell('Status', '', entityStatus(entity, state.me.entity)),
    cell('Created', '', onDate(entity.created)),
    h(
      'td.actions',
      {role: 'cell'},
      !root && menuButton(`More actions for ${entity.name}`, 'menu ' + entity.name, actions(entity)),
    ),
  );
}

function actions(entity) {
  const back = ['menu ' + entity.name, 'new'];
  const off = entity.status === 'inactive',
    mine = entity.off_by !== 'platform';
  return [
    {
      icon: 'i-for',
      text: 'Act for it',
      act: () => {
        location.hash = address('tokens', {entity: entity.name});
      },
    },
    ...(mayChange()
      ? [
          {icon: 'i-edit', text: 'Edit', act: async () => (await forms()).editCustomer(entity, back)},
          ...(mine || !off
            ? [
                {
                  icon: 'i-bar',
                  text: off ? 'End the suspension' : 'Suspend',
                  act: async () => (await forms()).suspend(entity, back),
                },
              ]
            : []),
          null,
          {
            icon: 'i-bin',
            text: 'Remove',
            danger: true,
            act: async () => (await forms()).removeCustomer(entity, back),
          },
        ]
      : []),
  ];
}
