// SPDX-License-Identifier: ISC
// What the screens share: who is signed in, the tier table, and for whom the person acts.
export const state = {
  me: null, // GET /session; null: nobody is signed in
  tiers: [], // lowest rank first
  acting: null, // the customer that a reseller acts for
  draw: null, // draws the present screen again; app.js sets it
};
export const redraw = async () => state.me && state.draw();
export const owner = () => state.acting ?? state.me.entity;
export const mayChange = () => state.me.role === 'manager';

export const tierNamed = name => state.tiers.find(tier => tier.name === name);
export const tierLabel = entity => entity.tier_label ?? `${entity.tier} (not in the tier table)`;

// A customer has none of its own; nor does the one that a reseller acts for.
export const hasCustomers = (acting = state.acting) => state.me.kind === 'reseller' && !acting;

const PAGES = ['tokens', 'metrics', 'customers', 'activity'];
// The address of a screen: #/tokens, #/for/bolt/tokens, #/metrics/ID
export const address = (page, {entity = state.acting, item} = {}) =>
  '#/' +
  [...(entity ? ['for', entity] : []), page, ...(item ? [item] : [])].map(encodeURIComponent).join('/');
export function parseAddress(hash) {
  let parts;
  try {
    parts = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {
    parts = [];
  }
  let entity = parts[0] === 'for' ? parts.splice(0, 2)[1] : null;
  if (entity === state.me.entity) entity = null;
  const known = PAGES.includes(parts[0]) && (parts[0] !== 'customers' || hasCustomers(entity));
  return {entity, page: known ? parts[0] : 'tokens', item: parts[1]};
}
