// SPDX-License-Identifier: ISC
// Every state, at 320 and 1440 px, light and dark: no violation that axe knows, nothing wider than the
// window or its cell, no complaint of the browser.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {crowded, noFaults, overflow, person, stage, violations} from './browser.mjs';
import {states} from './states.mjs';

let world, browser;
const people = new Map();
stage(it => ({world, browser} = it));

async function as(who, width) {
  const key = `${who} ${width}`,
    [entity, viewer] = who.split('+');
  if (!people.has(key))
    people.set(key, await person(browser, world, entity, {viewer, viewport: {width, height: 900}}));
  return people.get(key);
}

for (const width of [1440, 320]) {
  for (const state of states) {
    test(`${state.name}, ${width} px`, async () => {
      const context = await as(state.who, width),
        page = await context.at(state.at, async page => {
          await state.before?.(page);
          await state.route?.(page);
        });
      await state.do?.(page, width);
      await page.getByText(state.see).first().waitFor();
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({colorScheme, reducedMotion: 'reduce'});
        assert.deepEqual(await violations(page), [], colorScheme);
      }
      assert.ok((await overflow(page)) <= 0, 'something is wider than the window');
      assert.deepEqual(await crowded(page), [], 'a text runs into the next cell');
      noFaults(context);
      await page.close();
    });
  }
}
