// SPDX-License-Identifier: ISC
// Modal dialogs and the forms in them.
import {button, focusKey, h, icon, iconButton, stylesheet, wipe} from './dom.js';

await stylesheet('forms.css');

let serial = 0;

// Opens a dialog. `fill` gets a function that closes it, and returns what it holds. options:
// back: keys that get the focus afterwards, the first that is there; hold: returns true to stay open;
// closed: called when it has closed; role: of the dialog.
export function dialog(title, fill, {back = [], hold, closed, role} = {}) {
  const id = `dialog-${++serial}`,
    opener = document.activeElement;
  const keys = [opener?.dataset?.key, ...back];
  const close = () => element.close(),
    leave = () => hold?.() || close();
  const element = h('dialog', {'aria-labelledby': id, role});
  element.append(
    h('div.title', h('h2', {id}, title), iconButton('i-close', 'Close', leave)),
    fill(close, element),
    h('div.toast', {role: 'status'}),
  );
  element.addEventListener('cancel', event => {
    if (hold?.()) event.preventDefault();
  });
  element.addEventListener('close', () => {
    closed?.();
    wipe(element);
    if (!document.querySelector('dialog[open]')) focusKey(...keys);
  });
  document.body.append(element);
  element.showModal();
  (element.querySelector('[autofocus]') ?? element.querySelector('.ends .button:not(.danger)'))?.focus();
  return element;
}

export const ends = (...children) => h('div.ends', children);
export const submit = (text, kind = 'main') => h('button', {type: 'submit', class: `button ${kind}`}, text);
export const cancelOr = (close, ...action) => ends(button('Cancel', close), submit(...action));

// A label over its input, with a hint. `live`: the hint changes, and is read out then.
export function field(label, input, hint, live) {
  const id = `field-${++serial}`,
    described = [];
  input.id = id;
  const below = hint && h('p.hint', {id: id + '-hint', 'aria-live': live && 'polite'}, hint);
  if (below) described.push(below.id);
  const fault = h('p.fault', {id: id + '-fault', role: 'alert'});
  input.setAttribute('aria-describedby', [...described, fault.id].join(' '));
  return h('div.field', h('label', {for: id}, label), input, below, fault);
}
export const textInput = (name, value = '', more = {}) =>
  h('input', {
    name,
    value,
    dir: 'auto',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    ...more,
  });

// A form that cannot be sent twice at once. `send` throws a Problem; it is shown under the field that
// it is about, which gets the focus, or above the buttons. form.attempt(f) does the same for another
// action of the form.
export function form(send, ...children) {
  const general = h('p.fault', {role: 'alert'});
  let busy = false;
  const element = h(
    'form.stack',
    {
      novalidate: true,
      onsubmit(event) {
        event.preventDefault();
        element.attempt(() => send(new FormData(element)));
      },
    },
    children,
  );
  element.attempt = async action => {
    if (busy) return;
    clear(element);
    busy = true;
    element.setAttribute('aria-busy', 'true');
    try {
      await action();
    } catch (error) {
      refuse(element, general, error);
    } finally {
      busy = false;
      element.removeAttribute('aria-busy');
    }
  };
  element.querySelector('.ends').before(general);
  return element;
}
function clear(element) {
  for (const input of element.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  for (const fault of element.querySelectorAll('.fault')) fault.replaceChildren();
}
export const tell = (place, text) =>
  place.replaceChildren(...(text ? [icon('i-warn'), h('span', text)] : []));
function refuse(element, general, error) {
  const input = error.field && element.querySelector(`[name="${error.field}"]`);
  const place = input && element.querySelector(`#${input.id}-fault`);
  tell(place ?? general, error.message);
  if (!input) return;
  input.setAttribute('aria-invalid', 'true');
  input.focus();
}
