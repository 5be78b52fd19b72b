// SPDX-License-Identifier: ISC
// Takes the pictures of docs/portal: node pictures.mjs FOLDER. The states are those of the tests.
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {launch, person} from './browser.mjs';
import {states} from './states.mjs';
import {start} from './world.mjs';

const PICTURES = [
  ['tokens of a customer', 'tokens', {}],
  ['tokens of a customer', 'tokens-320-dark', {width: 320, colorScheme: 'dark'}],
  ['created', 'created', {}],
  ['rotate', 'rotate-dark', {colorScheme: 'dark'}],
  ['remove the last', 'remove-last', {width: 768}],
  ['metric denied', 'metrics', {}],
  ['customers', 'customers-dark', {colorScheme: 'dark'}],
  ['acting', 'acting', {}],
  ['activity', 'activity', {}],
];
const folder = process.argv[2];
mkdirSync(folder, {recursive: true});
const world = await start(),
  browser = await launch();
for (const [name, file, {width = 1280, colorScheme = 'light'}] of PICTURES) {
  const state = states.find(state => state.name === name),
    [entity] = state.who.split('+');
  const context = await person(browser, world, entity, {
    viewport: {width, height: width < 500 ? 900 : 800},
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.at(state.at);
  await state.do?.(page, 'report');
  await page.getByText(state.see).first().waitFor();
  await page.screenshot({path: path.join(folder, file + '.png')});
  await context.close();
}
await browser.close();
await world.stop();
