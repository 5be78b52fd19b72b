// SPDX-License-Identifier: ISC
// Two browsers that change the same token: the second one sees who was faster, and chooses.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {button, choose, dialogIs, nameNew, noDialog, noFaults, person, row, stage} from './browser.mjs';

let world, browser, one, two, other;
stage(async it => {
  ({world, browser} = it);
  other = await person(browser, world, 'north');
  one = await person(browser, world, 'bolt');
  two = await other.at('#/for/bolt/tokens');
});

async function note(page, text) {
  await page.getByLabel('Note', {exact: true}).fill(text);
  await page.keyboard.press('Enter');
}
async function bothEdit() {
  const page = await one.at('#/tokens');
  for (const each of [page, two]) {
    await choose(each, 'prod dashboard', 'Edit');
    await dialogIs(each, 'Edit “prod dashboard”');
  }
  return page;
}
const CLASH = /changed this .*, after you opened the form\. Your changes are not saved\./;

test('what was not saved is not saved, until the second one insists', async () => {
  const page = await bothEdit();
  await note(page, 'by bolt');
  await noDialog(page);
  await note(two, 'by north');
  const clash = two.locator('dialog').getByText(CLASH);
  await clash.waitFor();
  assert.match(await two.locator('dialog .facts').first().innerText(), /Note now\s+by bolt/);
  await page.reload();
  await row(page, 'by bolt').waitFor();
  await button(two, 'Save my changes anyway').click();
  await noDialog(two);
  await page.reload();
  await row(page, 'by north').waitFor();
  await page.close();
});

test('the second one keeps what the first one did', async () => {
  const page = await bothEdit();
  await note(page, 'by bolt again');
  await noDialog(page);
  await note(two, 'lost');
  await two.getByText(CLASH).waitFor();
  await button(two, 'Discard my changes').click();
  await noDialog(two);
  await row(two, 'by bolt again').waitFor();
  await page.close();
});

test('insisting on a token that was changed a third time is a clash again', async () => {
  const page = await bothEdit();
  await note(page, 'third, once');
  await noDialog(page);
  await note(two, 'mine');
  await two.getByText(CLASH).waitFor();
  await choose(page, 'prod dashboard', 'Edit');
  await note(page, 'third, twice');
  await noDialog(page);
  await button(two, 'Save my changes anyway').click();
  await two.getByText('third, twice').waitFor();
  await button(two, 'Discard my changes').click();
  await noDialog(two);
  await page.close();
});

test('a token that was removed meanwhile', async () => {
  const page = await one.at('#/tokens');
  await nameNew(page, 'short-lived');
  await dialogIs(page, 'Token created');
  await page.keyboard.press('Escape');
  await two.reload();
  await choose(two, 'short-lived', 'Edit');
  await choose(page, 'short-lived', 'Remove');
  await button(page, 'Remove').click();
  await noDialog(page);
  await note(two, 'too late');
  await two.locator('dialog .fault', {hasText: 'Not found.'}).first().waitFor();
  await two.keyboard.press('Escape');
  await noDialog(two);
  noFaults(one);
  noFaults(other);
});
