// SPDX-License-Identifier: ISC
// Takes the pictures of docs/portal: node pictures.mjs FOLDER. Each has a name, who is signed in, the
// address, what must be seen, and the steps to it.
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {button, choose, launch, nameNew, person} from './browser.mjs';
import {fill} from './sample.mjs';
import {start} from './world.mjs';

const rotate = page => choose(page, 'analytics dashboard', 'Rotate');
const removeLast = page => choose(page, 'default', 'Remove');
async function ask(page) {
  await page.getByLabel('Metric', {exact: true}).fill('asn.traffic');
  await button(page, 'Ask').click();
}
const PICTURES = [
  ['activity', 'meridian', '#/activity', 'Download'],
  ['tokens', 'alpine-tv', '#/tokens', 'Old secret'],
  ['tokens-320-dark', 'alpine-tv', '#/tokens', 'Old secret', null, {width: 320, colorScheme: 'dark'}],
  ['rotate-dark', 'alpine-tv', '#/tokens', 'This rotation ends it', rotate, {colorScheme: 'dark'}],
  ['remove-last', 'blue-harbor', '#/tokens', 'This is the last token of', removeLast, {width: 768}],
  ['metrics', 'blue-harbor', '#/metrics', 'No, “default” may not', ask],
  ['customers-dark', 'meridian', '#/customers', 'river-cinema', null, {colorScheme: 'dark'}],
  ['acting', 'meridian', '#/for/alpine-tv/tokens', 'You are acting for'],
  ['created', 'river-cinema', '#/tokens', 'Copy the text now', page => nameNew(page, 'nightly report')],
];
const folder = process.argv[2];
mkdirSync(folder, {recursive: true});
const world = await start({contents: fill}),
  browser = await launch();
for (const [name, entity, at, see, steps, {width = 1280, colorScheme = 'light'} = {}] of PICTURES) {
  const context = await person(browser, world, entity, {
    viewport: {width, height: width < 500 ? 900 : 800},
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.at(at);
  await steps?.(page);
  await page.getByText(see).first().waitFor();
  await page.screenshot({path: path.join(folder, name + '.png')});
  await context.close();
}
await browser.close();
await world.stop();
