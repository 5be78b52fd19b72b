// SPDX-License-Identifier: ISC
// Every state of the pages that looks different. Each is reached from a fresh page: who is signed in
// (+viewer), the address, the steps, and what must be seen then. `route` answers a call in the portal's
// place, for what a sound portal does not do when it is asked to.
import {LONG, XSS} from './world.mjs';
import {button, choose, dialogIs, nameNew} from './browser.mjs';

const problem = (status, code, detail, more = {}) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({type: `urn:esp-token:problem:${code}`, title: code, status, code, detail, ...more}),
});
const answer = (pattern, response) => page => page.route(pattern, route => route.fulfill(response));
export const unusable = answer(
  /\/tokens\?/,
  problem(503, 'unusable', 'the store is being restored', {retry_after: 30}),
);

export const states = [
  {name: 'tokens', who: 'north', at: '#/tokens', see: 'website'},
  {name: 'tokens of a customer', who: 'bolt', at: '#/tokens', see: 'Old secret'},
  {name: 'limit', who: 'acme', at: '#/tokens', see: 'No more tokens are possible.'},
  {
    name: 'limit said',
    who: 'acme',
    at: '#/tokens',
    do: page => button(page, 'New token').click({force: true}),
    see: 'No more tokens are possible.',
  },
  {name: 'no tokens', who: 'nimbus', at: '#/tokens', see: 'No tokens yet'},
  {name: 'many tokens', who: 'bulk', at: '#/tokens', see: '1–50 of 121 tokens'},
  {
    name: 'no token matches',
    who: 'bulk',
    at: '#/tokens',
    do: page => page.getByRole('searchbox').fill('nothing like it'),
    see: 'No token matches.',
  },
  {name: 'viewer', who: 'bolt+viewer', at: '#/tokens', see: 'View only'},
  {name: 'acting', who: 'north', at: '#/for/bolt/tokens', see: 'You are acting for'},
  {name: 'acting for a suspended one', who: 'north', at: '#/for/zed/tokens', see: 'zed is suspended by you.'},
  {name: 'not there', who: 'north', at: '#/for/nobody/tokens', see: 'Not found.'},
  {
    name: 'store unusable',
    who: 'north',
    at: '#/tokens',
    route: unusable,
    see: 'The token store is unavailable.',
  },
  {
    name: 'menu',
    who: 'bolt',
    at: '#/tokens',
    do: page => page.getByRole('button', {name: 'More actions for prod dashboard'}).click(),
    see: 'Rotate',
  },
  {
    name: 'new',
    who: 'north',
    at: '#/tokens',
    do: page => button(page, 'New token').click(),
    see: 'These values are set automatically.',
  },
  {
    name: 'new refused',
    who: 'north',
    at: '#/tokens',
    do: page => nameNew(page, 'website'),
    see: 'choose another name',
  },
  {
    name: 'edit',
    who: 'bolt',
    at: '#/tokens',
    do: page => choose(page, 'prod dashboard', 'Edit'),
    see: 'For people only. Programs do not see it.',
  },
  {name: 'conflict', who: 'spare', at: '#/tokens', do: conflict, see: 'Your changes are not saved.'},
  {
    name: 'eye',
    who: 'bolt',
    at: '#/tokens',
    do: page => button(page, 'Show the text of prod dashboard').click(),
    see: 'Hides in 30 seconds.',
  },
  {
    name: 'eye refused',
    who: 'bolt',
    at: '#/tokens',
    route: answer(/\/reveal$/, problem(429, 'wait', 'too many views just now', {retry_after: 40})),
    do: page => button(page, 'Show the text of prod dashboard').click(),
    see: 'Try again in 40 seconds.',
  },
  {
    name: 'rotate',
    who: 'bolt',
    at: '#/tokens',
    do: page => choose(page, 'prod dashboard', 'Rotate'),
    see: 'This rotation ends it immediately.',
  },
  {
    name: 'end the old secret',
    who: 'bolt',
    at: '#/tokens',
    do: page => button(page, 'End it now: the old secret of prod dashboard').click(),
    see: 'The new secret keeps working.',
  },
  {
    name: 'remove',
    who: 'bolt',
    at: '#/tokens',
    do: page => choose(page, XSS, 'Remove'),
    see: 'cannot be restored.',
  },
  {
    name: 'remove the last',
    who: 'acme',
    at: '#/tokens',
    do: page => choose(page, 'default', 'Remove'),
    see: 'This is the last token of',
  },
  {
    name: 'remove the last, refused',
    who: 'acme',
    at: '#/tokens',
    do: page => choose(page, 'default', 'Remove').then(() => button(page, 'Remove').click()),
    see: 'tick the box.',
  },
  {name: 'metrics', who: 'acme', at: '#/metrics', see: 'Only with Advanced'},
  {
    name: 'metric allowed',
    who: 'acme',
    at: '#/metrics',
    do: page => ask(page, 'kpi.peak_audience'),
    see: 'Yes, “default” may see',
  },
  {
    name: 'metric denied',
    who: 'acme',
    at: '#/metrics',
    do: page => ask(page, 'asn.traffic'),
    see: 'No, “default” may not',
  },
  {name: 'customers', who: 'north', at: '#/customers', see: '1–50 of 125 customers'},
  {
    name: 'customers found',
    who: 'north',
    at: '#/customers',
    do: page => page.getByRole('searchbox').fill('CUST11'),
    see: '(125 in all)',
  },
  {
    name: 'no customer found',
    who: 'north',
    at: '#/customers',
    do: page => page.getByRole('searchbox').fill('nobody'),
    see: 'No customer matches',
  },
  {name: 'customers of a viewer', who: 'north+viewer', at: '#/customers', see: '1–50 of 125 customers'},
  {
    name: 'new customer',
    who: 'north',
    at: '#/customers',
    do: page => button(page, 'New customer').click(),
    see: 'a customer cannot have a higher tier than its reseller',
  },
  {
    name: 'edit customer',
    who: 'north',
    at: '#/customers',
    do: page => choose(page, 'bolt', 'Edit'),
    see: 'Tokens keep working under a new name.',
  },
  {
    name: 'suspend',
    who: 'north',
    at: '#/customers',
    do: page => choose(page, 'bolt', 'Suspend'),
    see: 'are denied immediately',
  },
  {
    name: 'remove customer',
    who: 'north',
    at: '#/customers',
    do: page => choose(page, 'bolt', 'Remove').then(() => button(page, 'Remove').click()),
    see: 'tick the box.',
  },
  {name: 'activity', who: 'north', at: '#/activity', see: 'Download'},
  {
    name: 'activity of a token',
    who: 'bolt',
    at: '#/tokens',
    do: page => choose(page, LONG, 'Activity'),
    see: 'Show everything',
  },
  {
    name: 'still there',
    who: 'bolt',
    at: '#/tokens',
    before: page => page.clock.install(),
    do: page => page.clock.fastForward('28:30'),
    see: 'Your session is about to end',
  },
  // those below change the store
  {
    name: 'created',
    who: 'spare',
    at: '#/tokens',
    do: (page, tag) => nameNew(page, `nightly ${tag}`),
    see: 'Copy the text now',
  },
  {
    name: 'rotated',
    who: 'spare',
    at: '#/tokens',
    do: page => choose(page, 'default', 'Rotate').then(() => button(page, 'Rotate').click()),
    see: 'New secret for',
  },
];

async function ask(page, metric) {
  await page.getByLabel('Metric', {exact: true}).fill(metric);
  await page.keyboard.press('Enter');
}
// Somebody else changes the token while the form is open.
export async function conflict(page) {
  await choose(page, 'default', 'Edit');
  await dialogIs(page, 'Edit “default”');
  await page.evaluate(async () => {
    const {tokens} = await (await fetch('/api/v1/entities/spare/tokens')).json();
    await fetch(`/api/v1/tokens/${tokens.find(token => token.name === 'default').id}`, {
      method: 'PATCH',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({note: `moved ${Math.random()}`}),
    });
  });
  await page.getByLabel('Note', {exact: true}).fill('mine');
  await page.keyboard.press('Enter');
}
