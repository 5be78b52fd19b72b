// SPDX-License-Identifier: ISC
// Building nodes. Nothing here or elsewhere makes markup of a text, so a name can only become text;
// Trusted Types (see the Content-Security-Policy) turn a mistake into an error.

const SVG = 'http://www.w3.org/2000/svg';

// h('p.hint.small', {id: 'x', onclick: f}, 'text', node, [more]): an element. Properties are set as
// attributes, or as listeners where they begin with "on"; null and false leave a property or a child out.
export function h(tag, ...children) {
  const [name, ...classes] = tag.split('.'),
    element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  const properties = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(properties)) {
    if (value == null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return element;
}

// A picture of the sprite in index.html. Without a label it is decoration.
export function icon(name, label) {
  const svg = document.createElementNS(SVG, 'svg'),
    use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', 'icon');
  use.setAttribute('href', '#' + name);
  svg.append(use);
  if (label) {
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
  } else svg.setAttribute('aria-hidden', 'true');
  return svg;
}

export const $ = id => document.getElementById(id);
// A text that somebody chose. It keeps its own direction, and cannot turn that of the text around it.
export const own = text => h('bdi', {dir: 'auto'}, text);
export const quoted = text => ['“', own(text), '”'];

// `key` names a control, so that the focus finds it again after the screen was drawn again.
export const button = (text, onclick, kind = '', more = {}) =>
  h('button', {type: 'button', class: `button ${kind}`.trim(), onclick, ...keyed(more)}, text);
export const iconButton = (name, label, onclick, more = {}) =>
  h(
    'button',
    {type: 'button', class: 'button only', 'aria-label': label, onclick, ...keyed(more)},
    icon(name),
  );
const keyed = ({key, ...more}) => ({'data-key': key, ...more});

// Loads a module before it is needed, when the focus or the pointer reaches its control. Whoever needs it then
// learns of a failure.
export const early = load => ({
  onfocus: () => load().catch(() => null),
  onpointerenter: () => load().catch(() => null),
});

// A button that opens a menu. The browser closes an open menu before the click arrives.
const menus = () => import('./menu.js');
export function menuButton(label, key, items) {
  const open = async last => {
    const {openMenu} = await menus();
    if (opener.isConnected && opener.getAttribute('aria-expanded') === 'false') openMenu(opener, items, last);
  };
  let wasOpen = false;
  const opener = iconButton('i-more', label, () => wasOpen || open(false), {
    key,
    ...early(menus),
    'aria-haspopup': 'menu',
    'aria-expanded': 'false',
    onpointerdown: () => {
      wasOpen = opener.getAttribute('aria-expanded') === 'true';
    },
    onkeydown: event => {
      wasOpen = false;
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
      event.preventDefault();
      open(event.key === 'ArrowUp');
    },
  });
  return opener;
}

export const notice = (kind, name, ...children) =>
  h('div', {class: `notice ${kind}`.trim()}, icon(name), h('div.grow.tight', children));
export const facts = rows =>
  h(
    'dl.facts',
    rows.filter(Boolean).map(([what, ...value]) => [h('dt', what), h('dd', value)]),
  );
export const head = (title, ...more) => h('div.head', h('h1', {tabindex: -1}, title), more);

// What has the focus, for focusKey(). Keys hold ids and names, so they are compared and not selected by.
export const focusedKey = () => document.activeElement?.dataset?.key;
let wanted = [];
// Gives the focus to the first of the keys that is there, else to the heading.
export function focusKey(...keys) {
  const all = [...document.querySelectorAll('[data-key]')];
  const found = keys
    .filter(Boolean)
    .map(key => all.find(e => e.dataset.key === key))
    .find(Boolean);
  wanted = keys;
  (found ?? document.querySelector('main h1'))?.focus();
}
// After the screen was drawn again. Where `key` is gone, a dialog that led to it has named others.
export const refocus = key => focusKey(key, ...(wanted.includes(key) ? wanted : []));

let fade;
// Says something for a moment. In a modal dialog the rest of the page is inert, so the dialog has a
// region of its own.
export function toast(text) {
  const region = [...document.querySelectorAll('dialog[open] .toast')].pop() ?? $('toast');
  region.textContent = text;
  clearTimeout(fade);
  fade = setTimeout(() => {
    region.textContent = '';
  }, 5000);
}

// No text of a token stays in the document, not even in a node that something still holds.
export function wipe(element) {
  for (const input of element.querySelectorAll('input')) input.value = '';
  for (const text of element.querySelectorAll('.text')) text.textContent = '';
  element.replaceChildren();
  element.remove();
}

// Loads a style sheet that the first view does without.
export const stylesheet = href =>
  new Promise(done =>
    document.head.append(h('link', {rel: 'stylesheet', href, onload: done, onerror: done})),
  );
