// SPDX-License-Identifier: ISC
// The store of the pictures, as a reseller and its customers would have it. The names that attack or are too
// long belong to the tests' store, in world.mjs.
import {use} from './world.mjs';

const CUSTOMERS = [
  ['alpine-tv', 'advanced', 'video-ops@alpine-tv.example'],
  ['blue-harbor', 'lite', 'it@blue-harbor.example'],
  ['city-news', 'lite', 'newsroom@city-news.example'],
  ['festival-live', 'advanced', 'stage@festival-live.example'],
  ['kids-channel', 'lite', 'Platform team, ext. 4410'],
  ['lakeside-sports', 'advanced', 'broadcast@lakeside.example'],
  ['open-lectures', 'lite', 'media@open-lectures.example'],
  ['river-cinema', 'advanced', 'ops@river-cinema.example'],
];

export function fill(ctl, folder) {
  ctl(['entity', 'add', 'meridian', '--kind', 'reseller', '--tier', 'advanced']);
  ctl(['edit', 'meridian/default', '--name', 'status page', '--note', 'Public page, owned by the web team']);
  for (const [name, tier, contact] of CUSTOMERS) {
    const owner = ['--kind', 'customer', '--reseller', 'meridian'];
    ctl(['entity', 'add', name, ...owner, '--tier', tier, '--contact', contact]);
  }
  ctl(['entity', 'edit', 'kids-channel', '--status', 'inactive', '--as', 'meridian']);
  ctl(['create', 'festival-live', 'stage monitors']);
  ctl(['create', 'festival-live', 'app backend']);
  ctl(['create', 'lakeside-sports', 'match report']);
  dashboard(ctl, folder);
}

// The customer of the first picture: a token that was rotated, one that expires soon, one that is off.
function dashboard(ctl, folder) {
  const [text] = ctl(['show', 'alpine-tv/default', '--reveal']).match(/esptk_\w+/);
  use(folder, text);
  ctl(['edit', 'alpine-tv/default', '--name', 'analytics dashboard', '--note', 'Wall display, control room']);
  ctl(['rotate', 'alpine-tv/analytics dashboard', '--overlap', '7d']);
  use(folder, ctl(['show', 'alpine-tv/analytics dashboard', '--reveal']).match(/esptk_\w+/)[0]);
  ctl(['create', 'alpine-tv', 'billing export', '--expires', '12d', '--note', 'Monthly report for finance']);
  ctl(['create', 'alpine-tv', 'partner feed', '--note', 'Contract ended in October']);
  ctl(['edit', 'alpine-tv/partner feed', '--status', 'inactive', '--as', 'meridian']);
}
