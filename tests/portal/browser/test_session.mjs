// SPDX-License-Identifier: ISC
// A session that ends while somebody works, whatever is open then; the store or the portal away.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import path from 'node:path';
import {button, choose, dialogIs, focusIs, nameNew, noDialog, noFaults, person, stage} from './browser.mjs';
import {unusable} from './states.mjs';

let world, browser;
stage(it => ({world, browser} = it));

const ENDED = 'Your session has ended';
// Nothing of the session may be left: no dialog, no name of the entity, no text.
async function isOver(page, heading = ENDED) {
  await focusIs(page, heading);
  assert.equal(await page.locator('dialog').count(), 0);
  const text = await page.evaluate(() => document.documentElement.outerHTML);
  assert.doesNotMatch(text, /esptk_|prod dashboard|bolt/);
}
// as another tab, without a word to this one
const endElsewhere = page => page.evaluate(() => fetch('/api/v1/session', {method: 'DELETE'}));

test('while the text of a token is shown', async () => {
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens');
  await button(page, 'Show the text of prod dashboard').click();
  await page.getByText('Hides in 30 seconds.').waitFor();
  const second = await context.at('#/tokens');
  await button(second, 'Sign out').click();
  await isOver(second, 'You are signed out');
  await isOver(page);
  noFaults(context);
  await context.close();
});

test('while a form is open, found out when it is sent', async () => {
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens');
  await choose(page, 'prod dashboard', 'Edit');
  await dialogIs(page, 'Edit “prod dashboard”');
  await endElsewhere(page);
  await page.getByLabel('Note', {exact: true}).fill('not saved');
  await page.keyboard.press('Enter');
  await isOver(page);
  noFaults(context);
  await context.close();
});

for (const [what, call, act] of [
  ['a new token', /\/bolt\/tokens$/, page => nameNew(page, 'too late')],
  ['a text', /\/reveal$/, page => button(page, 'Show the text of prod dashboard').click()],
]) {
  test(`while the answer with ${what} is on its way: it is not shown`, async () => {
    const context = await person(browser, world, 'bolt');
    const page = await context.at('#/tokens');
    let answer, answered;
    const held = new Promise(done => (answer = done));
    const made = new Promise(done => (answered = done));
    const hold = async route => {
      const response = await route.fetch();
      answered();
      await held;
      await route.fulfill({response});
    };
    const here = await context.at('#/tokens', page => page.route(call, hold));
    await act(here);
    await made;
    await button(page, 'Sign out').click();
    await isOver(here);
    const seen = here.waitForResponse(call);
    answer();
    await (await seen).finished();
    await isOver(here);
    noFaults(context);
    await context.close();
  });
}

test('a warning before it ends; staying; then the end without a call', async () => {
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens', page => page.clock.install());
  await page.clock.fastForward('28:30');
  await dialogIs(page, 'Your session is about to end');
  await focusIs(page, 'Stay signed in');
  await page.keyboard.press('Enter');
  await noDialog(page);
  await page.clock.fastForward('20:00');
  assert.equal(await page.locator('dialog').count(), 0);
  await page.clock.fastForward('12:00');
  await isOver(page);
  noFaults(context);
  await context.close();
});

test('times in words stay true, without a call', async () => {
  world.ctl(['create', 'bolt', 'short-lived', '--expires', '25m']);
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens', page => page.clock.install()),
    row = page.getByRole('row').filter({hasText: 'short-lived'});
  await row.getByText('Ends in 25 minutes').waitFor();
  const calls = [];
  page.on('request', request => calls.push(request.url()));
  await page.clock.fastForward('20:00');
  await row.getByText('Ends in 5 minutes').waitFor();
  assert.equal(await row.getByText('in 5 minutes', {exact: true}).count(), 1);
  await page.clock.fastForward('06:00');
  await row.getByText('Expired 1 minute ago').waitFor();
  assert.deepEqual(calls, []);
  noFaults(context);
  await context.close();
  world.ctl(['remove', 'bolt/short-lived', '-y']);
});

test('a link that was used, and one that never was', async () => {
  const context = await browser.newContext(),
    page = await context.newPage(),
    link = world.link('bolt');
  const press = async url => {
    await page.goto('about:blank');
    await page.goto(url);
    await button(page, 'Sign in').click();
  };
  await press(link);
  await page.waitForSelector('.tabs');
  await context.clearCookies();
  for (const dead of [link, `${world.url}/#/link/esplk_${'A'.repeat(43)}`, `${world.url}/#/link/nonsense`]) {
    await press(dead);
    await focusIs(page, 'This sign-in link is no longer valid');
  }
  await context.close();
});

test('a customer cannot reach what is another’s by its address', async () => {
  const context = await person(browser, world, 'acme');
  for (const hash of [
    '#/for/bolt/tokens',
    '#/for/north/activity',
    '#/for/zed/metrics',
    '#/metrics/AAAAAAAAAAA',
    '#/for/%E0%A4%A/tokens',
  ]) {
    const page = await context.at(hash);
    if (hash.includes('%E0')) await page.getByRole('heading', {name: 'Tokens'}).waitFor();
    else await page.getByText('Not found. It does not exist, or you may not see it.').waitFor();
    assert.doesNotMatch(await page.locator('main').innerText(), /dashboard|website/);
    assert.equal(await page.locator('.acting').count(), 0);
    await page.close();
  }
  const page = await context.at('#/customers');
  await page.getByRole('heading', {name: 'Tokens', level: 1}).waitFor();
  assert.equal(await page.getByRole('link', {name: 'Customers'}).count(), 0);
  noFaults(context);
  await context.close();
});

test('a store that cannot be used is tried again, and the page goes on', async () => {
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens', async page => {
      await page.clock.install();
      await unusable(page);
    });
  await page.getByText('The token store is unavailable.').waitFor();
  await page.getByText('The store is being restored.').waitFor();
  await page.unroute(/\/tokens\?/);
  await page.clock.runFor(31e3);
  await page.getByText('prod dashboard').waitFor();
  noFaults(context);
  await context.close();
});

test('the store is replaced by restore while a form is open', async () => {
  const backup = path.join(world.folder, 'backup.mdb');
  world.ctl(['backup', backup]);
  world.ctl(['create', 'bolt', 'made later']);
  const context = await person(browser, world, 'bolt'),
    page = await context.at('#/tokens');
  await choose(page, 'made later', 'Edit');
  await page.getByLabel('Note', {exact: true}).fill('of a token that is gone');
  world.ctl(['restore', backup, '--yes']);
  await page.keyboard.press('Enter');
  await page.locator('dialog .fault', {hasText: 'Not found.'}).first().waitFor();
  await page.keyboard.press('Escape');
  await noDialog(page);
  await page.reload();
  await page.getByText('prod dashboard').first().waitFor();
  assert.equal(await page.getByText('made later').count(), 0);
  await nameNew(page, 'after the restore');
  await dialogIs(page, 'Token created');
  await page.keyboard.press('Escape');
  noFaults(context);
  await context.close();
});

test('a portal that does not answer: the form is kept, and sending again does it once', async () => {
  const context = await person(browser, world, 'spare'),
    page = await context.at('#/tokens');
  let lost = 1;
  await page.route(
    /\/spare\/tokens$/,
    async route => {
      if (route.request().method() !== 'POST' || !lost--) return route.continue();
      await route.fetch(); // the portal did it, but its answer is lost
      await route.abort();
    },
    {times: 2},
  );
  await nameNew(page, 'once');
  await page.locator('dialog .fault', {hasText: 'The portal does not answer. Try again.'}).waitFor();
  await page.keyboard.press('Enter');
  await dialogIs(page, 'Token created');
  await page.keyboard.press('Escape');
  await noDialog(page);
  assert.equal(await page.locator('tr', {hasText: 'once'}).count(), 1);
  await context.close();
});
