// SPDX-License-Identifier: ISC
// What the tests by keyboard share.
import {noFaults, person, stage} from './browser.mjs';

// People at pages of one world: as('bolt', '#/tokens') gives {context, page}.
export function desk() {
  const it = {};
  stage(got => Object.assign(it, got));
  return {
    async as(entity, hash, {before, ...options} = {}) {
      const context = await person(it.browser, it.world, entity, options);
      return {context, page: await context.at(hash, before)};
    },
  };
}
export async function ends({context, page}) {
  noFaults(context);
  await page.close();
  await context.close();
}

export const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
// Opens the menu whose button has the focus.
export const menu = async (page, first, ...keys) => {
  await press(page, first);
  await page.waitForSelector('[role=menu] :focus');
  await press(page, ...keys);
};
export const text = (page, where = 'main') => page.locator(where).last().innerText();
export const sees = (page, what) => page.getByText(what).last().waitFor();
