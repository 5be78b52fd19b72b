// SPDX-License-Identifier: ISC
// The menu of a menu button, as the ARIA practices describe it. It is in the top layer (popover), so
// no card or table cuts it off, and the browser closes it on Escape and on a click elsewhere.
import {h, icon, stylesheet} from './dom.js';

await stylesheet('menu.css');

// items: {icon, text, act, danger}, or null for a line. last: the focus begins at the end.
export function openMenu(opener, items, last) {
  const list = h('div.menu', {
    role: 'menu',
    popover: 'auto',
    'aria-label': opener.getAttribute('aria-label'),
    onkeydown: event => move(list, event),
    ontoggle: event => event.newState === 'closed' && closed(list, opener),
  });
  list.append(...items.map(entry => item(entry, list, opener)));
  opener.after(list);
  list.showPopover();
  opener.setAttribute('aria-expanded', 'true');
  place(list, opener);
  [...list.querySelectorAll('button')].at(last ? -1 : 0).focus();
}

function item(entry, list, opener) {
  if (!entry) return h('hr', {role: 'separator'});
  const act = () => {
    list.hidePopover();
    opener.focus();
    entry.act();
  };
  const properties = {
    type: 'button',
    role: 'menuitem',
    tabindex: -1,
    class: entry.danger && 'danger',
    onclick: act,
  };
  return h('button', properties, icon(entry.icon), entry.text);
}

function closed(list, opener) {
  const had = list.contains(document.activeElement) || document.activeElement === document.body;
  opener.setAttribute('aria-expanded', 'false');
  list.remove();
  if (had && opener.isConnected && !document.querySelector('dialog[open]')) opener.focus();
}

function move(list, event) {
  if (event.key === 'Tab') return list.hidePopover();
  const all = [...list.querySelectorAll('button')];
  const at = all.indexOf(document.activeElement);
  const letter = event.key.length === 1 && event.key !== ' ' && event.key.toLowerCase();
  const begins = entry => entry.textContent.toLowerCase().startsWith(letter);
  const keys = {
    ArrowDown: all[(at + 1) % all.length],
    ArrowUp: all.at(at - 1),
    Home: all[0],
    End: all.at(-1),
  };
  const to = keys[event.key] ?? (letter && (all.slice(at + 1).find(begins) ?? all.find(begins)));
  if (!to) return;
  event.preventDefault();
  to.focus();
}

function place(list, opener) {
  const button = opener.getBoundingClientRect();
  const size = list.getBoundingClientRect();
  const below = button.bottom + size.height + 8 <= innerHeight;
  list.style.left = `${Math.max(8, button.right - size.width)}px`;
  list.style.top = `${below ? button.bottom + 4 : Math.max(8, button.top - size.height - 4)}px`;
}
