// SPDX-License-Identifier: ISC
// The dialog before something is removed. It shows what goes, focuses Cancel, and offers the reversible
// way instead. Where more than usual goes with it, a box must be ticked.
import {Problem} from './api.js';
import {dialog, ends, form, submit} from './dialog.js';
import {button, facts, h, notice, quoted, toast} from './dom.js';
import {redraw} from './state.js';

// text: what it means. shown: facts about the thing. more: a further notice, or nothing. tick: {text,
// label, missing}, or nothing. instead: {text, act, said}, or nothing. act: removes it.
export function confirmRemoval(name, {text, shown, more, tick, instead, act}, back) {
  dialog(
    ['Remove ', quoted(name)],
    close => {
      const done = async (action, said) => {
        await action();
        close();
        toast(said);
        redraw();
      };
      const send = data => {
        if (tick && !data.get('tick')) throw new Problem(tick.missing, 'tick');
        return done(act, 'Removed.');
      };
      const off = () => element.attempt(() => done(instead.act, instead.said));
      const other = instead && h('button.link.apart', {type: 'button', onclick: off}, instead.text);
      const buttons = ends(other, button('Cancel', close), submit('Remove', 'danger'));
      const element = form(send, h('p', text), h('div.box', facts(shown)), more, tick && box(tick), buttons);
      return element;
    },
    {back},
  );
}

function box({text, label}) {
  const input = {type: 'checkbox', name: 'tick', id: 'tick', value: 'yes', 'aria-describedby': 'tick-fault'};
  const choice = h('div.choices', h('label', h('input', input), h('span', label)));
  return notice(
    'bad',
    'i-warn',
    h('p', text),
    h('div.field', choice, h('p.fault', {id: 'tick-fault', role: 'alert'})),
  );
}
