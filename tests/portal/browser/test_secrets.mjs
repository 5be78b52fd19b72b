// SPDX-License-Identifier: ISC
// A token's text stands in an open dialog and nowhere else; a name never becomes markup.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {button, choose, dialogIs, nameNew, noDialog, noFaults, person, stage} from './browser.mjs';
import {XSS} from './world.mjs';

let world, browser, context;
const TEXT = /esptk_\w{11}_\w{36}|esplk_/;
stage(async it => {
  ({world, browser} = it);
  context = await person(browser, world, 'bolt');
});

// Where a text could stay: the document, every node that was ever put into it, inputs, storage, the
// address, the history, the cache of answers.
const watch = page =>
  page.addInitScript(() => {
    window.nodes = [];
    new MutationObserver(records => {
      for (const record of records) window.nodes.push(...record.addedNodes);
    }).observe(document, {childList: true, subtree: true});
  });
async function leftovers(page) {
  return page.evaluate(async () => {
    const kept = window.nodes
      .map(node => [
        node.textContent,
        ...(node.querySelectorAll ? [...node.querySelectorAll('input')].map(input => input.value) : []),
      ])
      .flat();
    const caches = await window.caches.keys(),
      bases = await indexedDB.databases();
    return [
      document.documentElement.outerHTML,
      ...kept,
      location.href,
      JSON.stringify(history.state),
      JSON.stringify({...localStorage}),
      JSON.stringify({...sessionStorage}),
      document.cookie,
      window.name,
      ...caches,
      ...bases.map(base => base.name),
      ...performance.getEntriesByType('resource').map(entry => entry.name),
    ].join('\n');
  });
}
async function nothingLeft(page) {
  await noDialog(page);
  assert.doesNotMatch(await leftovers(page), TEXT);
}

test('the link leaves the address before anything is pressed', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(world.link('bolt'));
  await page.getByRole('button', {name: 'Sign in'}).waitFor();
  assert.equal(page.url(), world.url + '/#/tokens');
  assert.doesNotMatch(await page.content(), TEXT);
  await page.getByRole('button', {name: 'Sign in'}).click();
  await page.waitForSelector('.tabs');
  await page.goBack().catch(() => null);
  assert.doesNotMatch(page.url(), TEXT);
  await page.context().close();
});

test('eye, closed and timed out', async () => {
  const page = await context.at('#/tokens', async page => {
    await watch(page);
    await page.clock.install();
  });
  await button(page, 'Show the text of prod dashboard').click();
  await page.getByText('Hides in 30 seconds.').waitFor();
  assert.match(await leftovers(page), TEXT);
  await page.clock.fastForward(31e3);
  await page.getByText('Hidden after 30 seconds.').waitFor();
  assert.doesNotMatch(await leftovers(page), TEXT);
  await button(page, 'Show again').click();
  await page.getByText('Hides in 30 seconds.').waitFor();
  await page.keyboard.press('Escape');
  await nothingLeft(page);
  await page.close();
});

test('the clipboard is cleared after 45 seconds, if the text is still there', async () => {
  const page = await context.at('#/tokens', page => page.clock.install());
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  for (const kept of [false, true]) {
    await choose(page, 'prod dashboard', 'Copy');
    await page.getByText('The clipboard will be cleared in 45 seconds.').waitFor();
    assert.match(await clipboard(), TEXT);
    if (kept) await page.evaluate(() => navigator.clipboard.writeText('something else'));
    await page.clock.fastForward(46e3);
    await page.waitForFunction(
      async kept => (await navigator.clipboard.readText()) === (kept ? 'something else' : ''),
      kept,
    );
  }
  await page.close();
});

test('created and rotated', async () => {
  const spare = await person(browser, world, 'spare'),
    page = await spare.at('#/tokens', watch);
  await nameNew(page, 'secret');
  await dialogIs(page, 'Token created');
  assert.match(await leftovers(page), TEXT);
  await page.keyboard.press('Escape');
  await nothingLeft(page);
  await choose(page, 'secret', 'Rotate');
  await button(page, 'Rotate').click();
  await dialogIs(page, 'New secret for “secret”');
  await button(page, 'Done').click();
  await nothingLeft(page);
  noFaults(spare);
  await spare.close();
});

test('leaving the page with a text in a dialog', async () => {
  const page = await context.at('#/tokens');
  await button(page, 'Show the text of prod dashboard').click();
  await page.getByText('Hides in 30 seconds.').waitFor();
  await page.goto('about:blank');
  await page.goBack();
  await page.waitForSelector('.tabs');
  assert.doesNotMatch(await page.content(), TEXT);
  await page.close();
});

test('a name that looks like markup stays text in every place that shows it', async () => {
  const page = await context.at('#/tokens');
  const isText = async where => {
    await page.locator(where).getByText(XSS).first().waitFor();
    assert.equal(await page.locator('img, main b b, bdi *').count(), 0);
  };
  await isText('main');
  for (const item of ['Edit', 'Rotate', 'Remove']) {
    await choose(page, XSS, item);
    await isText('dialog h2');
    await page.keyboard.press('Escape');
    await noDialog(page);
  }
  await choose(page, XSS, 'Test a metric');
  await page.locator('option', {hasText: XSS}).waitFor({state: 'attached'});
  await page.getByLabel('Metric', {exact: true}).fill('kpi.x');
  await page.keyboard.press('Enter');
  await isText('main .verdict');
  await page.getByRole('link', {name: 'Activity'}).click();
  await isText('main');
  noFaults(context);
  await page.close();
});

test('Trusted Types: the pages make no markup, and could not', async () => {
  const page = await context.at('#/tokens');
  const refused = await page.evaluate(() => {
    try {
      document.querySelector('h1').innerHTML = '<b>x</b>';
      return false;
    } catch (error) {
      return error instanceof TypeError;
    }
  });
  assert.equal(refused, true);
  context.faults.length = 0;
  await page.close();
});
