// SPDX-License-Identifier: ISC
// The head of every page: who is signed in, the tabs, and for whom one acts.
import {$, button, h, icon, own} from './dom.js';
import {address, hasCustomers, mayChange, state, tierLabel} from './state.js';

const TABS = {tokens: 'Tokens', metrics: 'Metrics', customers: 'Customers', activity: 'Activity'};

export function frame(page, signOut) {
  const {me, acting} = state;
  const names = Object.keys(TABS).filter(name => name !== 'customers' || hasCustomers());
  $('top').replaceChildren(
    h(
      'div.wrap.bar',
      brand(address('tokens', {entity: null})),
      h('div.owner', h('b', own(me.entity)), h('span.chip', tierLabel(me))),
      h(
        'div.person',
        own(me.person),
        !mayChange() && h('span.chip', 'View only'),
        me.how === 'link' && button([icon('i-out'), 'Sign out'], signOut, 'less', {key: 'sign out'}),
      ),
    ),
    ...(acting ? [banner(acting)] : []),
    h(
      'nav.tabs.wrap',
      {'aria-label': 'Pages'},
      h(
        'ul',
        names.map(name =>
          h(
            'li',
            h(
              'a',
              {href: address(name), 'aria-current': name === page && 'page', 'data-key': 'tab ' + name},
              TABS[name],
            ),
          ),
        ),
      ),
    ),
  );
  document.title = `${TABS[page]} · ${acting ?? me.entity} · API Tokens`;
}
function banner(acting) {
  const stop = () => {
    location.hash = address('customers', {entity: null});
  };
  return h(
    'section.acting',
    {'aria-label': 'Acting for a customer'},
    h(
      'div.wrap',
      icon('i-for'),
      h(
        'p',
        'You are acting for ',
        h('b', own(acting)),
        ', a customer of ',
        own(state.me.entity),
        '. The log records your actions under your name.',
      ),
      button(h('span', 'Stop acting for ', own(acting)), stop, 'less', {key: 'stop acting'}),
    ),
  );
}
const brand = href => h('a.brand', {href}, icon('i-key'), 'API Tokens');

// Before anybody is signed in, and afterwards: nothing in the head leads anywhere.
export function emptyFrame(title) {
  $('top').replaceChildren(h('div.wrap.bar', h('span.brand', icon('i-key'), 'API Tokens')));
  document.title = `${title} · API Tokens`;
}
