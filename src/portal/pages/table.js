// SPDX-License-Identifier: ISC
// Tables that become cards on a narrow screen, and their pages. The roles are written out, because a
// browser drops those of a table whose rows are grids.
import {button, h} from './dom.js';
import {count, number} from './words.js';

// columns: {text, sort, number, hidden}. sort: {by, to(by)}; a leading - turns the order round.
export function table(kind, caption, columns, rows, sort) {
  return h(
    `table.${kind}-table`,
    {role: 'table'},
    h('caption.unseen', caption),
    h(
      'thead',
      {role: 'rowgroup'},
      h(
        'tr',
        {role: 'row'},
        columns.map(column => heading(column, sort)),
      ),
    ),
    h('tbody', {role: 'rowgroup'}, rows),
  );
}
function heading(column, sort) {
  const up = sort?.by === column.sort,
    down = sort?.by === '-' + column.sort;
  const order = column.sort && (up ? 'ascending' : down ? 'descending' : null);
  const to = () => sort.to((up ? '-' : '') + column.sort);
  return h(
    'th',
    {scope: 'col', role: 'columnheader', class: column.number && 'number', 'aria-sort': order},
    column.hidden
      ? h('span.unseen', column.text)
      : sort && column.sort
        ? h('button', {type: 'button', 'data-key': 'sort ' + column.sort, onclick: to}, column.text)
        : column.text,
  );
}
export const row = (properties, ...cells) => h('tr', {role: 'row', ...properties}, cells);
// The label stands in a card only; a table has it in the column's head.
export const cell = (label, kind, ...children) =>
  h('td', {role: 'cell', class: kind || null, 'data-label': label || null}, children);

// Steps through pages by the server's cursors. A cursor leads forward only, so those of the pages
// before are kept.
export function pages(load) {
  const back = [];
  let cursor = null;
  return {
    get cursor() {
      return cursor;
    },
    get first() {
      return back.length === 0;
    },
    reset() {
      back.length = 0;
      cursor = null;
    },
    next(to) {
      back.push(cursor);
      cursor = to;
      return load('page next');
    },
    previous() {
      cursor = back.pop() ?? null;
      return load('page previous');
    },
    get depth() {
      return back.length;
    },
  };
}

// The bar under a table. `of` counts what matches, `all` what there is.
export function pager(at, {shown, size, of, all, next, noun}) {
  const from = at.depth * size,
    few = of != null && all != null && of < all;
  const text = shown
    ? `${number(from + 1)}–${number(from + shown)}${of == null ? '' : ` of ${count(of, noun)}`}`
    : `0 of ${count(all ?? 0, noun)}`;
  const step = (word, key, able, act) =>
    button(word, () => able && act(), 'less', {key, 'aria-disabled': able ? null : 'true'});
  return h(
    'div.pager',
    h('span', {role: 'status'}, text, few && shown ? ` (${number(all)} in all)` : ''),
    h('span.grow'),
    step('Previous', 'page previous', !at.first, () => at.previous()),
    step('Next', 'page next', next != null, () => at.next(next)),
  );
}
