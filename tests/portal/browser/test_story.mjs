// SPDX-License-Identifier: ISC
// What somebody does who has never seen the portal, in Chromium and in Firefox: signs in as a reseller,
// gives a customer a token, finds out why another one is denied, rotates a third, and signs out.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {button, choose, dialogIs, focusIs, launch, launchFirefox, noDialog, row} from './browser.mjs';
import {LONG, start} from './world.mjs';

let world;
before(async () => {
  world = await start();
});
after(async () => {
  await world?.stop();
});

async function story(page, name) {
  const faults = [];
  page.setDefaultTimeout(60e3);
  page.on('pageerror', error => faults.push(error.message));
  await page.goto(world.link('north'));
  await button(page, 'Sign in').click();
  await page.getByRole('heading', {name: 'Tokens', level: 1}).waitFor();

  await page.getByRole('link', {name: 'Customers'}).click();
  await page.getByRole('searchbox').fill('spare');
  await page.getByRole('link', {name: 'Act for spare'}).click();
  await page.getByText('You are acting for spare').waitFor();
  await button(page, 'New token').click();
  await page.getByLabel('Name', {exact: true}).fill(name);
  await button(page, 'Create').click();
  await dialogIs(page, 'Token created');
  assert.match(await page.locator('dialog output').innerText(), /^esptk_\w{11}_\w{36}$/);
  await button(page, 'Done').click();
  await row(page, name).getByText('Active').waitFor();
  await button(page, 'Stop acting for spare').click();

  await page.getByRole('searchbox').fill('bolt');
  await page.getByRole('link', {name: 'Act for bolt'}).click();
  await row(page, LONG)
    .getByText(/^Expired/)
    .waitFor();
  await choose(page, LONG, 'Test a metric');
  await page.getByLabel('Metric', {exact: true}).fill('kpi.peak_audience');
  await button(page, 'Ask').click();
  await page.getByText(/^No, .* expired/).waitFor();
  await page.getByRole('link', {name: 'Tokens', exact: true}).click();

  await choose(page, 'prod dashboard', 'Rotate');
  await dialogIs(page, 'Rotate “prod dashboard”');
  await button(page, 'Rotate').click();
  await dialogIs(page, 'New secret for “prod dashboard”');
  await page.keyboard.press('Escape');
  await noDialog(page);
  await page.getByText('Old secret').waitFor();

  await button(page, 'Sign out').click();
  await focusIs(page, 'You are signed out');
  assert.deepEqual(faults, []);
  assert.match(world.ctl(['list', 'spare']), new RegExp(name));
}

for (const [name, open] of [
  ['Chromium', launch],
  ['Firefox', launchFirefox],
]) {
  test(name, async () => {
    const browser = await open();
    try {
      await story(await browser.newPage({viewport: {width: 1280, height: 800}}), `made in ${name}`);
    } finally {
      await browser.close();
    }
  });
}
