// SPDX-License-Identifier: ISC
// A person without a mouse does everything on the screen Tokens, meets every refusal, and always knows
// where the focus is.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {dialogIs, focused, focusIs, noDialog, tabTo} from './browser.mjs';
import {desk, ends, menu, press, sees, text} from './keyboard.mjs';
import {XSS} from './world.mjs';

const {as} = desk();

test('the skip link, the order of the stops, and moving by tabs', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await press(page, 'Tab');
  assert.equal(await focused(page), 'Skip to the content');
  await press(page, 'Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.reload();
  await page.waitForSelector('main h1');
  const order = [
    'Skip to the content',
    'API Tokens',
    'Sign out',
    'Tokens',
    'Metrics',
    'Activity',
    'New token',
    'Name',
    'Status',
    'Expires',
    'Last used',
    'Uses',
    'Created',
  ];
  for (const name of order) {
    await press(page, 'Tab');
    assert.equal(await focused(page), name);
  }
  await tabTo(page, 'Metrics', 'Shift+Tab');
  await press(page, 'Enter');
  await page.locator('h1:focus', {hasText: 'Metrics'}).waitFor();
  await ends(at);
});

test('sort: the head keeps the focus and says the order', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await tabTo(page, 'Created');
  for (const order of ['ascending', 'descending']) {
    await press(page, 'Enter');
    await page.waitForSelector(`th[aria-sort=${order}] button:focus`);
  }
  assert.equal(await focused(page), 'Created');
  await ends(at);
});

test('new: a refusal marks the name; then the token is created, copied and gone from the page', async () => {
  const at = await as('spare', '#/tokens'),
    {page} = at;
  await tabTo(page, 'New token');
  await press(page, 'Enter');
  await dialogIs(page, 'New token');
  await page.keyboard.type('default');
  await press(page, 'Enter');
  await page.waitForSelector('[name=name][aria-invalid=true]:focus');
  assert.match(await text(page, 'dialog'), /spare has a token of that name already; choose another name\./i);
  await press(page, 'Control+A');
  await page.keyboard.type(' blank first');
  await press(page, 'Enter');
  await sees(page, /Not a token name: it is 1 to 100 bytes/);
  await press(page, 'Control+A');
  await page.keyboard.type('nightly');
  await press(page, 'Enter');
  await dialogIs(page, 'Token created');
  await focusIs(page, 'Copy');
  await press(page, 'Enter');
  await sees(page, 'The clipboard will be cleared in 45 seconds.');
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^esptk_\w{11}_\w{36}$/);
  await press(page, 'Escape');
  await noDialog(page);
  await focusIs(page, 'New token');
  await sees(page, 'nightly');
  await ends(at);
});

test('the limit: New keeps the focus and says why', async () => {
  const at = await as('acme', '#/tokens'),
    {page} = at;
  await tabTo(page, 'New token');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-disabled')), 'true');
  const described = await page.evaluate(
    () => document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent,
  );
  assert.match(
    described,
    /acme has 1 of the 1 token that tier Lite allows; please contact your account manager\./,
  );
  await press(page, 'Enter');
  await page.locator('#toast', {hasText: 'acme has 1 of the 1 token'}).waitFor();
  assert.equal(await page.locator('dialog').count(), 0);
  await ends(at);
});

test('the menu: arrows, Home, End, letters, Escape, Tab', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await tabTo(page, 'More actions for prod dashboard');
  for (const [key, item] of [
    ['ArrowDown', 'Copy'],
    ['End', 'Remove'],
    ['Home', 'Copy'],
    ['ArrowUp', 'Remove'],
    ['ArrowDown', 'Copy'],
    ['r', 'Rotate'],
    ['r', 'Remove'],
    ['t', 'Test a metric'],
  ]) {
    await press(page, key);
    await focusIs(page, item);
  }
  await press(page, 'Escape');
  await focusIs(page, 'More actions for prod dashboard');
  await page.waitForSelector('[role=menu]', {state: 'detached'});
  await menu(page, 'ArrowUp');
  await focusIs(page, 'Remove');
  await press(page, 'Tab');
  await page.waitForSelector('[role=menu]', {state: 'detached'});
  await ends(at);
});

test('the eye: hidden again after 30 seconds, shown again, and the focus goes back', async () => {
  const {context, page} = await as('bolt', '#/tokens', {before: page => page.clock.install()});
  await tabTo(page, 'Show the text of prod dashboard');
  await press(page, 'Enter');
  await dialogIs(page, 'Text of “prod dashboard”');
  await focusIs(page, 'Copy');
  assert.match(await text(page, 'dialog'), /esptk_/);
  await page.clock.fastForward(31e3);
  await focusIs(page, 'Show again');
  assert.doesNotMatch(await page.content(), /esptk_/);
  await press(page, 'Enter');
  await focusIs(page, 'Copy');
  assert.match(await text(page, 'dialog'), /esptk_/);
  await press(page, 'Escape');
  await noDialog(page);
  await focusIs(page, 'Show the text of prod dashboard');
  await ends({context, page});
});

test('edit: a wrong day is refused, a right one saved', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await tabTo(page, `More actions for ${XSS}`);
  await menu(page, 'ArrowDown', 'e', 'Enter');
  await dialogIs(page, `Edit “${XSS}”`);
  await tabTo(page, 'Expires');
  await page.keyboard.type('01022020');
  await press(page, 'Enter');
  await page.waitForSelector('[name=expires][aria-invalid=true]:focus');
  await sees(page, 'The expiration is in the past; choose a later day.');
  await press(page, 'ArrowLeft', 'ArrowLeft');
  await page.keyboard.type('01022099');
  await tabTo(page, 'Save');
  await press(page, 'Enter');
  await noDialog(page);
  await focusIs(page, `More actions for ${XSS}`);
  await sees(page, '2 Jan 2099');
  await ends(at);
});

test('switch off, and on again', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  for (const [key, seen] of [
    ['ArrowDown', 'Switched off by you'],
    ['ArrowUp', 'Active'],
  ]) {
    await tabTo(page, 'More actions for prod dashboard');
    await menu(page, 'ArrowDown', 'e', 'Enter');
    await dialogIs(page, 'Edit “prod dashboard”');
    await page.locator('[name=status]:checked').focus();
    await press(page, key, 'Enter');
    await noDialog(page);
    await page.locator('tr', {hasText: 'prod dashboard'}).getByText(seen).first().waitFor();
  }
  await ends(at);
});

test('rotate again, then end the old secret', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await tabTo(page, 'More actions for prod dashboard');
  await menu(page, 'ArrowDown', 'r', 'Enter');
  await dialogIs(page, 'Rotate “prod dashboard”');
  await sees(page, 'This rotation ends it immediately.');
  await focusIs(page, '24 hours');
  await press(page, 'ArrowRight', 'ArrowRight', 'ArrowRight');
  await sees(page, 'The old secret stops working now.');
  await press(page, 'ArrowLeft', 'Enter');
  await dialogIs(page, 'New secret for “prod dashboard”');
  await focusIs(page, 'Copy');
  await press(page, 'Escape');
  await noDialog(page);
  await focusIs(page, 'Show the text of prod dashboard');
  await tabTo(page, 'End it now: the old secret of prod dashboard');
  await press(page, 'Enter');
  await dialogIs(page, 'End the old secret of “prod dashboard”');
  await focusIs(page, 'Cancel');
  await press(page, 'Enter');
  await focusIs(page, 'End it now: the old secret of prod dashboard');
  await press(page, 'Enter');
  await dialogIs(page, 'End the old secret of “prod dashboard”');
  await tabTo(page, 'End it now');
  await press(page, 'Enter');
  await noDialog(page);
  await page.waitForFunction(() => !document.querySelector('tr.old'));
  await ends(at);
});

test('remove: Cancel has the focus; the last token needs the tick', async () => {
  const at = await as('acme', '#/tokens'),
    {page} = at;
  await tabTo(page, 'More actions for default');
  await menu(page, 'ArrowUp', 'Enter');
  await dialogIs(page, 'Remove “default”');
  await focusIs(page, 'Cancel');
  await tabTo(page, 'Remove');
  await press(page, 'Enter');
  await sees(page, 'To leave acme without a token, tick the box.');
  await page.waitForSelector('[name=tick]:focus');
  await press(page, 'Space');
  await tabTo(page, 'Remove');
  await press(page, 'Enter');
  await noDialog(page);
  await sees(page, 'No tokens yet');
  await focusIs(page, 'New token');
  await ends(at);
});

test('switch off instead of removing', async () => {
  const at = await as('spare', '#/tokens'),
    {page} = at;
  await tabTo(page, 'More actions for default');
  await menu(page, 'ArrowUp', 'Enter');
  await tabTo(page, 'Switch it off instead');
  await press(page, 'Enter');
  await noDialog(page);
  await page.locator('tr', {hasText: 'default'}).getByText('Switched off by you').waitFor();
  await ends(at);
});
