// SPDX-License-Identifier: ISC
// A person without a mouse on the other screens; as a viewer; and signing out.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {dialogIs, focused, focusIs, noDialog, tabTo} from './browser.mjs';
import {desk, ends, menu, press, sees} from './keyboard.mjs';

const {as} = desk();

test('why is it denied: the checks, from the menu of the token', async () => {
  const at = await as('north', '#/tokens'),
    {page} = at;
  await tabTo(page, 'More actions for website');
  await menu(page, 'ArrowDown', 't', 'Enter');
  await focusIs(page, 'Metrics');
  assert.equal(await page.locator('select').evaluate(select => select.selectedOptions[0].text), 'website');
  await tabTo(page, 'Metric');
  await page.keyboard.type('qoe.stalls');
  await press(page, 'Enter');
  await sees(page, /No, “website” may not: .*Premium/);
  await page.locator('[name=metric]').fill('Not A Metric');
  await press(page, 'Enter');
  await page.waitForSelector('[name=metric][aria-invalid=true]:focus');
  await sees(page, 'Not a metric: it is 1 to 128 of a-z0-9._-, as in kpi.peak_audience.');
  await ends(at);
});

test('customers: filter, page, sort, act for one, stop', async () => {
  const at = await as('north', '#/customers'),
    {page} = at;
  await tabTo(page, 'Next');
  await press(page, 'Enter');
  await sees(page, '51–100 of 125 customers');
  await focusIs(page, 'Next');
  await press(page, 'Enter');
  await sees(page, '101–125 of 125 customers');
  await tabTo(page, 'Previous', 'Shift+Tab');
  await press(page, 'Enter');
  await sees(page, '51–100 of 125 customers');
  await tabTo(page, 'Filter by name', 'Shift+Tab');
  await page.keyboard.type('bol');
  await sees(page, '(125 in all)');
  assert.equal(await focused(page), 'Filter by name');
  await tabTo(page, 'Act for bolt');
  await press(page, 'Enter');
  await sees(page, 'You are acting for');
  await focusIs(page, 'Tokens');
  await tabTo(page, 'Stop acting for bolt', 'Shift+Tab');
  await press(page, 'Enter');
  await focusIs(page, 'Customers');
  assert.equal(await page.locator('.acting').count(), 0);
  await ends(at);
});

test('a customer: create, refused and done; edit; suspend and resume; remove', async () => {
  const at = await as('north', '#/customers'),
    {page} = at;
  await tabTo(page, 'New customer');
  await press(page, 'Enter');
  await dialogIs(page, 'New customer');
  assert.deepEqual(await page.locator('dialog option').allTextContents(), [
    'Lite – 1 token',
    'Advanced – 5 tokens',
  ]);
  await page.keyboard.type('acme');
  await press(page, 'Enter');
  await sees(page, /Entity acme exists already; choose another name/);
  await press(page, 'Control+A');
  await page.keyboard.type('aaa');
  await press(page, 'Enter');
  await dialogIs(page, 'First token of aaa');
  await press(page, 'Escape');
  await noDialog(page);
  const more = 'More actions for aaa';
  await tabTo(page, more);
  await menu(page, 'ArrowDown', 'e', 'Enter');
  await dialogIs(page, 'Edit aaa');
  await tabTo(page, 'Contact');
  await page.keyboard.type('ext. 7');
  await press(page, 'Enter');
  await noDialog(page);
  await focusIs(page, more);
  await sees(page, 'ext. 7');
  for (const [item, title, seen] of [
    ['Suspend', 'Suspend aaa', 'Suspended by you'],
    ['End the suspension', 'End the suspension of aaa', 'Active'],
  ]) {
    await menu(page, 'ArrowDown', ...(item === 'Suspend' ? ['s'] : ['e', 'e']));
    await focusIs(page, item);
    await press(page, 'Enter');
    await dialogIs(page, title);
    await tabTo(page, item);
    await press(page, 'Enter');
    await noDialog(page);
    await page.locator('tr[data-name=aaa]').getByText(seen).waitFor();
    await focusIs(page, more);
  }
  await menu(page, 'ArrowUp', 'Enter');
  await dialogIs(page, 'Remove “aaa”');
  await focusIs(page, 'Cancel');
  await tabTo(page, 'Remove');
  await press(page, 'Enter');
  await page.waitForSelector('[name=tick]:focus');
  await press(page, 'Space');
  await tabTo(page, 'Remove');
  await press(page, 'Enter');
  await noDialog(page);
  await page.waitForSelector('tr[data-name=aaa]', {state: 'detached'});
  await focusIs(page, 'New customer');
  await ends(at);
});

test('activity: older entries, and the download of the server', async () => {
  const at = await as('north', '#/activity'),
    {page} = at;
  await tabTo(page, 'Show older entries');
  const rows = await page.locator('tbody tr').count();
  await press(page, 'Enter');
  await page.waitForFunction(rows => document.querySelectorAll('tbody tr').length > rows, rows);
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY');
  await tabTo(page, 'Download', 'Shift+Tab');
  const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Enter')]);
  assert.equal(download.suggestedFilename(), 'esp-token-log-north.json');
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  assert.ok(JSON.parse(Buffer.concat(chunks)).entries.length > rows / 2);
  await ends(at);
});

test('a viewer finds nothing to change, and no text', async () => {
  const at = await as('bolt', '#/tokens', {viewer: true}),
    {page} = at;
  assert.equal(await page.getByRole('button', {name: /New|Show the text|End it now/}).count(), 0);
  await tabTo(page, 'More actions for prod dashboard');
  await menu(page, 'ArrowDown');
  assert.deepEqual(await page.getByRole('menuitem').allTextContents(), ['Test a metric', 'Activity']);
  await ends(at);
});

test('sign out', async () => {
  const at = await as('bolt', '#/tokens'),
    {page} = at;
  await tabTo(page, 'Sign out');
  await press(page, 'Enter');
  await focusIs(page, 'You are signed out');
  await page.reload();
  await focusIs(page, 'You are not signed in');
  await ends(at);
});
