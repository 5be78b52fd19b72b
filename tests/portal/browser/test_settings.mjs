// SPDX-License-Identifier: ISC
// What the installation and those above decide: no eye, latest expirations, shorter overlaps, who
// switched something off, and the end of a session from outside.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  button,
  choose,
  dialogIs,
  focusIs,
  nameNew,
  noDialog,
  noFaults,
  person,
  row,
  stage,
} from './browser.mjs';

let world, browser;
stage(it => ({world, browser} = it), {
  portal: {reveal: 'no'},
  tokens: {max_expiry: '90d', max_overlap: '2d', default_expiry: '30d'},
});

test('without the eye: nothing shows a text again, and leaving it uncopied is held back once', async () => {
  const context = await person(browser, world, 'spare');
  const page = await context.at('#/tokens');
  assert.equal(await page.getByRole('button', {name: /Show the text/}).count(), 0);
  await button(page, 'More actions for default').click();
  assert.equal(await page.getByRole('menuitem', {name: 'Copy'}).count(), 0);
  await page.keyboard.press('Escape');
  await nameNew(page, 'seen once');
  await dialogIs(page, 'Token created');
  await page.getByText('Copy the text now. It cannot be shown again.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('The text has not been copied').waitFor();
  await page.keyboard.press('Escape');
  await noDialog(page);
  await nameNew(page, 'copied');
  await dialogIs(page, 'Token created');
  await button(page, 'Copy').first().waitFor();
  await page.locator('dialog .button.main').click();
  await page.getByText('Token copied.').waitFor();
  await page.keyboard.press('Escape');
  await noDialog(page);
  noFaults(context);
  await context.close();
});

test('the latest expiration and the longest overlap', async () => {
  const context = await person(browser, world, 'bolt');
  const page = await context.at('#/tokens');
  await choose(page, 'prod dashboard', 'Edit');
  await page.getByText(/At most 90 days from now\./).waitFor();
  assert.equal(await page.getByRole('button', {name: /^(365 days|Never)$/}).count(), 0);
  await page.getByLabel('Expires', {exact: true}).fill('2099-01-01');
  await button(page, 'Save').click();
  await page.waitForSelector('[name=expires][aria-invalid=true]:focus');
  await page.getByText(/At most 90 days from now; choose/).waitFor();
  await button(page, '90 days').click();
  await button(page, 'Save').click();
  await noDialog(page);
  await choose(page, 'prod dashboard', 'Rotate');
  await dialogIs(page, 'Rotate “prod dashboard”');
  assert.deepEqual(await page.locator('.segments label').allInnerTexts(), [
    '1 hour',
    '24 hours',
    '2 days',
    'No overlap',
  ]);
  noFaults(context);
  await context.close();
});

test('what the platform switched off, only the platform switches on', async () => {
  world.ctl(['edit', 'north/website', '--status', 'inactive']);
  const context = await person(browser, world, 'north');
  const page = await context.at('#/tokens');
  await row(page, 'website').getByText('Switched off by the platform').waitFor();
  await choose(page, 'website', 'Edit');
  await page.getByText('Switched off by the platform. Only the platform switches it on again.').waitFor();
  assert.equal(await page.locator('[name=status]:not(:disabled)').count(), 0);
  await page.keyboard.press('Escape');
  await choose(page, 'website', 'Remove');
  await button(page, 'Remove').click();
  await page.locator('dialog .fault', {hasText: /switched off by the platform/}).waitFor();
  noFaults(context);
  await context.close();
});

test('suspended by the reseller: the session of the customer ends', async () => {
  const context = await person(browser, world, 'acme');
  const page = await context.at('#/tokens');
  await choose(page, 'default', 'Edit');
  await dialogIs(page, 'Edit “default”');
  world.ctl(['entity', 'edit', 'acme', '--status', 'inactive', '--as', 'north']);
  await page.getByLabel('Note', {exact: true}).fill('too late');
  await page.keyboard.press('Enter');
  await focusIs(page, 'Your session has ended');
  assert.equal(await page.locator('dialog').count(), 0);
  noFaults(context);
  await context.close();
});
