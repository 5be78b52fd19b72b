// SPDX-License-Identifier: ISC
// Debian's Chromium, people who are signed in, and what a test asks of a page. The npm packages lie in
// the folder that NPM_FOLDER names, not among the sources.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {after, before} from 'node:test';
import {start} from './world.mjs';

const require = createRequire(path.resolve(process.env.NPM_FOLDER ?? 'build/portal-browser', 'package.json'));
const {chromium, firefox} = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
// Debian's Firefox speaks WebDriver BiDi only; Playwright calls that a channel.
export const launchFirefox = () =>
  firefox.launch({
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    channel: 'moz-firefox',
    timeout: 180e3,
  });

// A world and a browser for the tests of a file. use({world, browser}) gets them.
export function stage(use, settings) {
  let world;
  let browser;
  before(async () => {
    world = await start(settings);
    browser = await (process.env.PORTAL_BROWSER === 'firefox' ? launchFirefox : launch)();
    await use({world, browser});
  });
  after(async () => {
    await browser?.close();
    assert.equal(await world?.stop(), 0, 'the portal did not end well');
  });
}

// A browser of its own in which somebody is signed in. `faults` collects what a page complains of.
export async function person(browser, world, entity, {viewer, ...options} = {}) {
  const context = await browser.newContext({viewport: {width: 1440, height: 900}, ...options});
  context.setDefaultTimeout(60e3);
  context.faults = [];
  if (process.env.PORTAL_BROWSER !== 'firefox')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], {origin: world.url});
  const page = await open(context);
  await page.goto(world.link(entity, ...(viewer ? ['--viewer'] : [])));
  await page.getByRole('button', {name: 'Sign in'}).click();
  await page.waitForSelector('.tabs');
  await page.close();
  context.at = async (hash, before) => {
    const page = await open(context);
    await before?.(page);
    await page.goto(world.url + '/' + hash);
    await page.waitForSelector('main h1');
    return page;
  };
  return context;
}
async function open(context) {
  const page = await context.newPage();
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) context.faults.push(message.text());
  });
  page.on('pageerror', error => context.faults.push(String(error.stack)));
  page.on('dialog', dialog => {
    context.faults.push('alert: ' + dialog.message());
    dialog.dismiss();
  });
  return page;
}

// The browser itself reports each answer of 400 and more; the tests cause those on purpose.
export function noFaults(context) {
  const real = context.faults.filter(text => !/Failed to load resource/.test(text));
  assert.deepEqual(real, []);
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const RUN = `axe.run(document, {runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations']})`;
// By the protocol of the browser: the page's own rules would not let axe in.
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const evaluate = expression =>
    session.send('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
  await evaluate(axe);
  const {result} = await evaluate(`${RUN}.then(found => JSON.stringify(found.violations))`);
  await session.detach();
  return JSON.parse(result.value).map(({id, nodes}) => [
    id,
    nodes.length,
    nodes[0].html.slice(0, 200),
    nodes[0].failureSummary,
  ]);
}
export const overflow = page =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
// The cells whose text runs into the next one
export const crowded = page =>
  page.$$eval('td', cells => cells.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent));

// --- the keyboard ---

// The name of what has the focus, nearly as a screen reader says it
export const focused = page =>
  page.evaluate(() => {
    const e = document.activeElement;
    return e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent.trim();
  });
export async function tabTo(page, name, key = 'Tab') {
  for (let i = 0; i < 400; i++) {
    await page.keyboard.press(key);
    if ((await focused(page)) === name) return;
  }
  assert.fail(`the key ${key} does not lead to “${name}”`);
}
export const focusIs = (page, name) =>
  page
    .waitForFunction(name => {
      const e = document.activeElement;
      return (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent.trim()) === name;
    }, name)
    .catch(async () => assert.equal(await focused(page), name));
export const dialogIs = (page, title) =>
  page.waitForFunction(
    title => [...document.querySelectorAll('dialog[open] h2')].pop()?.textContent === title,
    title,
  );
export const noDialog = page => page.waitForFunction(() => !document.querySelector('dialog'));

// --- what a menu and a row do ---
export const row = (page, name) =>
  page
    .locator('tbody tr')
    .filter({has: page.getByText(name, {exact: true})})
    .first();
export async function choose(page, name, item) {
  await page.getByRole('button', {name: `More actions for ${name}`, exact: true}).click();
  await page.getByRole('menuitem', {name: item, exact: true}).click();
}
export async function nameNew(page, name) {
  await button(page, 'New token').click();
  await dialogIs(page, 'New token');
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
}
export const button = (page, name) => page.getByRole('button', {name, exact: true}).last();
