// SPDX-License-Identifier: ISC
// Times, numbers and statuses in words. Every date and time is UTC, as in esp-tokenctl and its log.
import {h, icon, own} from './dom.js';

export const DAY = 864e5,
  HOUR = 36e5;
const format = options => new Intl.DateTimeFormat('en-GB', {timeZone: 'UTC', ...options}).format;
const dayMonth = format({day: 'numeric', month: 'short'});
const clock = format({hour: '2-digit', minute: '2-digit'});
export const date = format({day: 'numeric', month: 'short', year: 'numeric'});
export const weekday = format({weekday: 'long', day: 'numeric', month: 'long', year: 'numeric'});
export const time = clock;
export const isoDay = ms => new Date(ms).toISOString().slice(0, 10);

let offset = 0;
// The server's clock counts: a browser's may be wrong by hours.
export const serverTime = header => {
  if (header) offset = Date.parse(header) - Date.now();
};
export const now = () => Date.now() + offset;
// The date, too, where it helps: 6 Dec, 11:06
export const moment = ms => `${Math.abs(ms - now()) < 300 * DAY ? dayMonth(ms) : date(ms)}, ${clock(ms)}`;

export const number = n => n.toLocaleString('en');
export const count = (n, noun) => `${number(n)} ${noun}${n === 1 ? '' : 's'}`;
export const capital = text => text[0].toUpperCase() + text.slice(1);

export function span(ms) {
  const minutes = Math.abs(ms) / 6e4;
  if (minutes < 90) return count(Math.max(1, Math.round(minutes)), 'minute');
  if (minutes < 2880) return count(Math.round(minutes / 60), 'hour');
  return count(Math.round(minutes / 1440), 'day');
}
export function relative(ms) {
  const left = ms - now();
  return left > 0 ? 'in ' + span(left) : left > -6e4 ? 'just now' : span(left) + ' ago';
}
const stamp = (iso, text, more) =>
  h('time.line', {datetime: iso, title: moment(Date.parse(iso)) + ' UTC', ...more}, text);
export const onDate = iso => (iso ? stamp(iso, date(Date.parse(iso))) : 'Never');

// A time in words that refresh() keeps true. The word before it may differ once it is past.
export const live = (iso, coming = '', past = coming) =>
  stamp(iso, said(iso, coming, past), {'data-coming': coming, 'data-past': past});
const said = (iso, coming, past) => (Date.parse(iso) > now() ? coming : past) + relative(Date.parse(iso));
export function refresh() {
  for (const node of document.querySelectorAll('time[data-coming]')) {
    const text = said(node.dateTime, node.dataset.coming, node.dataset.past);
    if (node.textContent !== text) node.textContent = text;
  }
}
// null: uses are not counted, or those of other machines are not known.
export const uses = n => (n == null ? 'Not known' : number(n));
export const lastUsed = token =>
  token.last_used ? live(token.last_used) : token.uses == null ? 'Not known' : 'Never';

const mark = (kind, shape, ...text) => h('span.status.' + kind, icon(shape), h('span', text));
// A token's status, with its reason. `viewer` is the entity that looks at it.
export function tokenStatus(token, entity, viewer) {
  const ends = token.expires && Date.parse(token.expires);
  switch (token.status) {
    case 'retiring':
      return mark('off', 's-old', `Works until ${moment(ends)}`);
    case 'inactive':
      return mark(
        'off',
        's-off',
        'Switched off by ',
        who(token.off_by, token.entity, entity?.reseller, viewer),
      );
    case 'expired':
      return mark('bad', 's-bad', live(token.expires, 'Ends ', 'Expired '));
    case 'suspended':
      return mark(
        'bad',
        's-bad',
        'Suspended: ',
        own(entity?.status === 'active' ? entity.reseller : token.entity),
        ' is switched off',
      );
    default:
      return ends && ends - now() <= 30 * DAY
        ? mark('soon', 's-soon', live(token.expires, 'Ends ', 'Expired '))
        : mark('good', 's-on', 'Active');
  }
}
export const entityStatus = (entity, viewer) =>
  entity.status === 'active'
    ? mark('good', 's-on', 'Active')
    : mark('bad', 's-bad', 'Suspended by ', who(entity.off_by, entity.name, entity.reseller, viewer));

// off_by is entity, reseller or platform.
export function who(level, entity, reseller, viewer) {
  const name = level === 'entity' ? entity : level === 'reseller' ? reseller : null;
  return name == null ? 'the platform' : name === viewer ? 'you' : own(name);
}

// Who did it: {level, entity, person}. A customer does not see the logins of those above it.
export const actor = ({level, entity, person}) =>
  person ?? (level === 'platform' ? 'the platform' : (entity ?? 'your reseller'));

export function meter(used, most) {
  if (most == null || most > 12) return null;
  return h(
    'span.meter',
    {'aria-hidden': 'true'},
    Array.from({length: most}, (_, i) => h('i', {class: i < used ? 'on' : null})),
  );
}
