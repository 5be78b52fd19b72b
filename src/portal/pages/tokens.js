// SPDX-License-Identifier: ISC
// The screen Tokens: the tokens of an entity, each with its old secret under it.
import {call} from './api.js';
import {button, early, focusKey, h, head, icon, iconButton, menuButton, notice, own, toast} from './dom.js';
import {address, mayChange, owner, redraw, state, tierLabel} from './state.js';
import {cell, pager, pages, row, table} from './table.js';
import {count, lastUsed, live, meter, onDate, tokenStatus, uses, who} from './words.js';

const forms = () => import('./token-forms.js'),
  steps = () => import('./token-steps.js'),
  texts = () => import('./secret.js');
const SIZE = 50;
const view = {
  entity: null,
  sort: 'name',
  q: '',
  search: null,
  at: pages(key => redraw().then(() => focusKey(key))),
};

function query() {
  if (view.entity !== owner()) {
    Object.assign(view, {entity: owner(), q: '', sort: 'name', search: null});
    view.at.reset();
  }
  const filter = {q: view.q, sort: view.sort, limit: SIZE, ...(view.at.cursor && {cursor: view.at.cursor})};
  return `/entities/${encodeURIComponent(owner())}/tokens?${new URLSearchParams(filter)}`;
}

export default async function tokens() {
  const page = await call('GET', query());
  const {entity} = page;
  const why = whyNoMore(entity);
  return [
    head('Tokens', used(entity), mayChange() && newButton(entity, why)),
    entity.suspended ? suspended(entity) : why && mayChange() && limit(why),
    page.all > SIZE && (view.search ??= search()),
    page.all ? list(page) : empty(entity),
    below(entity, why),
  ];
}

// Why it gets no further token, in the words of esp-tokenctl; null: it may have one.
function whyNoMore({
  name,
  tier,
  tier_known: known,
  tokens: has,
  max_tokens: most,
  tier_label: label,
  upgrade,
}) {
  if (!known) return `The tier ${tier} of ${name} is not in the tier table; ask your account manager.`;
  if (most == null || has < most) return null;
  const allowed = `${name} has ${has} of the ${count(most, 'token')} that tier ${label} allows`;
  return upgrade ? `${allowed}; ${upgrade}.` : `${allowed}.`;
}
const limit = why => notice('', 'i-info', h('p', {id: 'why'}, h('b', 'No more tokens are possible. '), why));

const used = entity =>
  h(
    'p',
    meter(entity.tokens, entity.max_tokens),
    h('b', entity.max_tokens == null ? String(entity.tokens) : `${entity.tokens} of ${entity.max_tokens}`),
    ` used on ${tierLabel(entity)}`,
  );

// At the limit the button keeps the focus, and says why.
function newButton(entity, why) {
  const act = async () => (why ? toast(why) : (await forms()).newToken(entity));
  return button([icon('i-plus'), 'New'], act, 'main', {
    key: 'new',
    ...early(forms),
    'aria-label': 'New token',
    'aria-disabled': why ? 'true' : null,
    'aria-describedby': why ? 'why' : null,
  });
}

function below(entity, why) {
  if (why && mayChange()) return entity.suspended && h('p.hint.under', {id: 'why'}, why);
  const more = entity.upgrade && `For more tokens or a higher tier, ${entity.upgrade}.`;
  return h('p.hint.under', !mayChange() && 'You have read-only access. ', more);
}

const empty = entity =>
  h(
    'div.card.empty',
    icon('i-key'),
    h('h2', 'No tokens yet'),
    h(
      'p',
      'With a token, a program reads the analytics of ',
      own(entity.name),
      '. To create one, you only choose a name.',
    ),
    mayChange() &&
      button([icon('i-plus'), 'New token'], async () => (await forms()).newToken(entity), 'main', {
        key: 'new first',
      }),
  );

function suspended(entity) {
  const reseller = entity.status === 'active';
  const by = reseller ? null : who(entity.off_by, entity.name, entity.reseller, state.me.entity);
  const end = async () => (await import('./customer-forms.js')).suspend(entity);
  return notice(
    'bad',
    'i-bar',
    h(
      'p',
      h('b', own(reseller ? entity.reseller : entity.name), ' is suspended', by && [' by ', by], '.'),
      ' The tokens are denied. Nothing is lost: they work again when the suspension ends.',
    ),
    entity.off_by === 'reseller' &&
      entity.name !== state.me.entity &&
      mayChange() &&
      h('div.row', button('End the suspension', end, 'less', {key: 'resume'})),
  );
}

// Kept while the list is drawn again, so that whoever types in it is not disturbed.
function search() {
  let wait;
  const input = h('input', {
    type: 'search',
    'aria-label': 'Filter tokens',
    placeholder: 'Name, note or id',
    autocomplete: 'off',
    'data-key': 'filter',
    oninput() {
      clearTimeout(wait);
      wait = setTimeout(() => {
        view.q = input.value.trim();
        view.at.reset();
        redraw();
      }, 250);
    },
  });
  return h('div.tools', h('div.search', icon('i-find'), input));
}

const COLUMNS = [
  {text: 'Name', sort: 'name'},
  {text: 'Status', sort: 'status'},
  {text: 'Expires', sort: 'expires'},
  {text: 'Last used', sort: 'last_used'},
  {text: 'Uses', sort: 'uses', number: true},
  {text: 'Created', sort: 'created'},
  {text: 'Actions', hidden: true},
];

function list(page) {
  const live = page.tokens.filter(token => token.of == null);
  const rows = live.flatMap(token => {
    const old = page.tokens.find(other => other.of === token.id);
    return [tokenRow(token, page.entity, old), old && oldRow(old, token)];
  });
  const sort = {
    by: view.sort,
    to(by) {
      view.sort = by;
      view.at.reset();
      redraw();
    },
  };
  const found = live.length
    ? table('tokens', `Tokens of ${page.entity.name}`, COLUMNS, rows.filter(Boolean), sort)
    : h('p.empty.muted', 'No token matches.');
  return h(
    'div.card',
    found,
    page.all > SIZE &&
      pager(view.at, {
        shown: live.length,
        size: SIZE,
        of: page.total,
        all: page.all,
        next: page.cursor,
        noun: 'token',
      }),
  );
}

const times = token => [
  cell('Last used', '', lastUsed(token)),
  cell('Uses', 'number', uses(token.uses)),
  cell('Created', '', onDate(token.created)),
];

function tokenRow(token, entity, old) {
  return row(
    {
      'data-id': token.id,
      class:
        [old && 'has-old', token.status === 'active' || 'denied'].filter(c => c?.length).join(' ') || null,
    },
    cell(
      '',
      'wide beside',
      h('span.name', own(token.name)),
      h('span.second', h('code', token.id), token.note && own(token.note)),
    ),
    cell('Status', '', tokenStatus(token, entity, state.me.entity)),
    cell(
      'Expires',
      '',
      onDate(token.expires),
      token.expires && h('span.second', live(token.expires)),
    ),
    times(token),
    h('td.actions', {role: 'cell'}, actions(token, entity, old)),
  );
}

function actions(token, entity, old) {
  const {id, name} = token,
    shows = state.me.reveal && token.revealable,
    back = ['eye ' + id, 'menu ' + id, 'new'];
  const items = [
    shows && {icon: 'i-copy', text: 'Copy', act: async () => (await texts()).copyText(token)},
    mayChange() && {
      icon: 'i-edit',
      text: 'Edit',
      act: async () => (await forms()).editToken(token, entity, back),
    },
    mayChange() && {
      icon: 'i-turn',
      text: 'Rotate',
      act: async () => (await steps()).rotate(token, old, back),
    },
    {
      icon: 'i-test',
      text: 'Test a metric',
      act: () => {
        location.hash = address('metrics', {item: id});
      },
    },
    {
      icon: 'i-list',
      text: 'Activity',
      act: () => {
        location.hash = address('activity', {item: id});
      },
    },
    ...(mayChange()
      ? [
          null,
          {
            icon: 'i-bin',
            text: 'Remove',
            danger: true,
            act: async () => (await steps()).remove(token, entity, back),
          },
        ]
      : []),
  ].filter(item => item !== false);
  return [
    shows &&
      iconButton('i-eye', `Show the text of ${name}`, async () => (await texts()).eye(token, back), {
        key: 'eye ' + id,
      }),
    menuButton(`More actions for ${name}`, 'menu ' + id, items),
  ];
}

const oldRow = (old, token) =>
  row(
    {class: 'old', 'data-id': old.id},
    cell('', 'wide beside', h('span.twig', 'Old secret'), h('span.second', h('code', old.id))),
    cell('Status', '', tokenStatus(old)),
    cell('Ends', '', live(old.expires)),
    times(old),
    h(
      'td.actions',
      {role: 'cell'},
      mayChange() &&
        button('End it now', async () => (await steps()).retire(old, token, ['menu ' + token.id]), 'less', {
          key: 'end ' + old.id,
          'aria-label': `End it now: the old secret of ${token.name}`,
        }),
    ),
  );
