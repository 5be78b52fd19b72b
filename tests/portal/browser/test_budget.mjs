// SPDX-License-Identifier: ISC
// The first view stays below 60 KB, and nothing moves while it is drawn or a screen is changed.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {button, dialogIs, noDialog, noFaults, person, stage} from './browser.mjs';

const BUDGET = 60e3;
let world, browser;
stage(it => ({world, browser} = it));

const settled = page =>
  page.evaluate(
    () =>
      new Promise(done =>
        requestIdleCallback(() => requestAnimationFrame(() => requestAnimationFrame(done))),
      ),
  );

test('bytes of the first view', async () => {
  const context = await person(browser, world, 'north'),
    bodies = [];
  const page = await context.at('#/tokens', page =>
    page.on('response', response => bodies.push(response.body().then(body => [response.url(), body.length]))),
  );
  await page.getByText('website').waitFor();
  await page.waitForLoadState('networkidle');
  const all = await Promise.all(bodies),
    sum = all.reduce((total, [, length]) => total + length, 0);
  assert.ok(sum < BUDGET, `${sum} bytes: ${all.map(one => one.join(' ')).join(', ')}`);
  assert.ok(all.length > 10, 'the page was not seen to load');
  assert.ok(
    all.every(([url]) => url.startsWith(world.url)),
    'something came from elsewhere',
  );
  console.log(`# first view: ${sum} bytes in ${all.length} answers`);
  await context.close();
});

for (const [name, width, height] of [
  ['wide', 1440, 900],
  ['narrow', 320, 640],
  ['4K', 3840, 2160],
]) {
  test(`nothing moves: ${name}`, async () => {
    const context = await person(browser, world, 'north', {viewport: {width, height}});
    const page = await context.at('#/tokens', page =>
      page.addInitScript(() => {
        window.shifts = [];
        new PerformanceObserver(list => {
          for (const entry of list.getEntries())
            if (!entry.hadRecentInput)
              window.shifts.push([
                entry.value,
                entry.sources.map(source => source.node?.outerHTML?.slice(0, 80)),
              ]);
        }).observe({type: 'layout-shift', buffered: true});
      }),
    );
    await page.getByText('website').waitFor();
    await settled(page);
    for (const tab of ['Metrics', 'Customers', 'Activity', 'Tokens']) {
      await page.evaluate(
        tab => [...document.querySelectorAll('.tabs a')].find(link => link.textContent === tab).click(),
        tab,
      );
      await page.getByRole('heading', {name: tab, level: 1}).waitFor();
      await settled(page);
    }
    await page.evaluate(() => document.querySelector('[data-key=new]').click());
    await dialogIs(page, 'New token');
    await settled(page);
    await page.keyboard.press('Escape');
    await noDialog(page);
    assert.equal(
      await page.evaluate(() => PerformanceObserver.supportedEntryTypes.includes('layout-shift')),
      true,
    );
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    noFaults(context);
    await context.close();
  });
}

test('without a pointer’s colours, motion or scheme: forced colours and reduced motion', async () => {
  const context = await person(browser, world, 'bolt', {forcedColors: 'active', reducedMotion: 'reduce'}),
    page = await context.at('#/tokens');
  await button(page, 'Show the text of prod dashboard').click();
  await page.getByText('Hides in 30 seconds.').waitFor();
  const style = await page.evaluate(() => [
    getComputedStyle(document.querySelector('.timer i')).animationTimingFunction,
    getComputedStyle(document.querySelector('.toast')).transitionDuration,
  ]);
  assert.deepEqual(style, ['steps(6)', '0s']);
  await context.close();
});
