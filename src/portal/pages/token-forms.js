// SPDX-License-Identifier: ISC
// Dialogs that create and edit a token.
import {call, Problem} from './api.js';
import {save} from './conflict.js';
import {cancelOr, dialog, field, form, textInput} from './dialog.js';
import {button, facts, h, notice, own, quoted, toast} from './dom.js';
import {created} from './secret.js';
import {redraw, state, tierLabel} from './state.js';
import {count, date, DAY, isoDay, now, relative, who} from './words.js';

export function newToken(entity, back) {
  const most = entity.max_tokens,
    span = state.me.default_expiry,
    end = span == null ? null : now() + span * 1000;
  const filled = facts([
    ['Belongs to', own(entity.name)],
    ['Status', 'Active, as soon as it is created'],
    ['Expires', end == null ? 'Never' : `${date(end)} (${relative(end)})`],
    ['Note', 'Empty'],
    ['Metrics', `Those of tier ${tierLabel(entity)}`],
    ['Then used', `${entity.tokens + 1}${most == null ? '' : ` of ${most}`} on ${tierLabel(entity)}`],
  ]);
  dialog(
    'New token',
    close =>
      form(
        async data => {
          const token = await call('POST', `/entities/${encodeURIComponent(entity.name)}/tokens`, {
            body: {name: data.get('name')},
            once: close,
          });
          close();
          created('Token created', token, {back: ['new']});
          redraw();
        },
        field(
          'Name',
          textInput('name', '', {required: true, autofocus: true}),
          'For example the program that will use it. Each name can be used once.',
        ),
        h(
          'div.box.stack',
          h('p.hint', 'These values are set automatically. Use Edit to change them later.'),
          filled,
        ),
        cancelOr(close, 'Create'),
      ),
    {back},
  );
}

export function editToken(token, entity, back) {
  const note = textInput('note', token.note),
    expires = expiry(token),
    status = statusField(token, entity);
  const clash = h('div');
  dialog(
    ['Edit ', quoted(token.name)],
    close =>
      form(
        async data => {
          const changes = {
            ...changed(token, data, ['name', 'note']),
            ...expires.change(),
            ...status.change(data),
          };
          const send = base => call('PATCH', `/tokens/${token.id}`, {body: changes, match: base});
          if (!Object.keys(changes).length) return close();
          await save(token, send, clash, close);
        },
        clash,
        field('Name', textInput('name', token.name, {autofocus: true})),
        field('Note', note, 'For people only. Programs do not see it.'),
        expires.element,
        status.element,
        cancelOr(close, 'Save'),
      ),
    {back},
  );
}
function changed(before, data, names) {
  return Object.fromEntries(
    names.filter(name => data.get(name) !== before[name]).map(name => [name, data.get(name)]),
  );
}

// --- the expiration: a day, or never where that is allowed ---

function expiry(token) {
  const most = state.me.max_expiry && Math.floor((state.me.max_expiry * 1000) / DAY),
    before = token.expires ? token.expires.slice(0, 10) : '';
  const last = most == null ? null : isoDay(now() + most * DAY);
  const input = h('input', {
    name: 'expires',
    type: 'date',
    value: before,
    min: isoDay(now() + DAY),
    max: last ?? '9999-12-31',
  });
  const element = field('Expires', input, ' ', true),
    hint = element.querySelector('.hint');
  const never = before === '' || most == null;
  const tell = () => {
    const day = input.value;
    hint.textContent =
      (day
        ? `Ends on ${date(Date.parse(day))}, 00:00 UTC (${relative(Date.parse(day))}).`
        : never
          ? 'Empty: it never expires.'
          : 'Choose a day.') + (most == null ? '' : ` At most ${count(most, 'day')} from now.`);
  };
  const set = day => () => {
    input.value = day;
    tell();
  };
  const quick = [30, 90, 365]
    .filter(days => most == null || days <= most)
    .map(days => button(count(days, 'day'), set(isoDay(now() + days * DAY)), 'less'));
  input.addEventListener('input', tell);
  hint.before(h('div.row', quick, most == null && button('Never', set(''), 'less')));
  tell();
  return {
    element,
    change() {
      if (input.value === before) return {};
      if (input.validity.badInput || (!input.value && !never)) throw new Problem('Choose a day.', 'expires');
      if (input.value && input.value < input.min)
        throw new Problem('The expiration is in the past; choose a later day.', 'expires');
      if (last && input.value > last)
        throw new Problem(
          `At most ${count(most, 'day')} from now; choose ${date(Date.parse(last))} or an earlier day.`,
          'expires',
        );
      return {expires: input.value ? input.value + 'T00:00:00Z' : null};
    },
  };
}

// --- the status ---

function statusField(token, entity) {
  const off = token.off_by != null,
    locked = off && !maySwitchOn(token, entity);
  const choice = (value, checked, text, hint) =>
    h(
      'label',
      h('input', {type: 'radio', name: 'status', value, checked, disabled: locked}),
      h('span', text, hint && h('span.hint', ' – ', hint)),
    );
  const by = () => who(token.off_by, token.entity, entity.reseller, state.me.entity);
  const element = h(
    'fieldset.field',
    h('legend', 'Status'),
    h(
      'div.choices',
      choice('active', !off, 'Active'),
      choice(
        'inactive',
        off,
        'Switched off',
        'denied immediately. It still counts towards the limit, and you can switch it on again.',
      ),
    ),
    locked &&
      h(
        'p.hint',
        'Switched off by ',
        by(),
        '. Only ',
        by(),
        token.off_by === 'platform' ? '' : ' or the platform',
        ' switches it on again.',
      ),
  );
  return {
    element,
    change: data =>
      locked || (data.get('status') === 'inactive') === off ? {} : {status: data.get('status')},
  };
}
// Whoever switched it off, or a level above (specification §5.9)
const LEVELS = ['entity', 'reseller', 'platform'];
const maySwitchOn = (token, entity) =>
  LEVELS.indexOf(token.off_by) <= (entity.name === state.me.entity ? 0 : 1);
