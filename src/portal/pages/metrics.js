// SPDX-License-Identifier: ISC
// The screen Metrics: what the tier shows, and whether a token may see a metric.
import {call} from './api.js';
import {field, form, submit, textInput} from './dialog.js';
import {h, head, icon, quoted, stylesheet} from './dom.js';
import {owner, state, tierLabel, tierNamed} from './state.js';
import {capital} from './words.js';

await stylesheet('metrics.css');
const MOST = 200;

export default async function metrics({item}) {
  const path = `/entities/${encodeURIComponent(owner())}/tokens?limit=${MOST}`;
  const {entity, tokens, cursor} = await call('GET', path),
    live = tokens.filter(token => token.of == null);
  // The token that the address names, if it is not on the first page
  if (item && !live.some(token => token.id === item))
    live.unshift(await call('GET', `/tokens/${encodeURIComponent(item)}`));
  return [
    head('Metrics', h('p.muted', `What tier ${tierLabel(entity)} shows`)),
    h(
      'div.columns',
      shows(entity),
      h(
        'section.card',
        {'aria-labelledby': 'ask'},
        h('h2', {id: 'ask'}, 'May this token see this metric?'),
        live.length ? question(live, item, cursor) : h('p.muted', 'There is no token to ask about yet.'),
      ),
    ),
  ];
}

function shows(entity) {
  const own = tierNamed(entity.tier);
  const group = (tier, title, kind) =>
    h(
      'div.field',
      h('h2', title),
      h(
        `ul.patterns${kind}`,
        tier.metrics.map(pattern => h('li', pattern)),
      ),
    );
  const groups = state.tiers
    .filter(tier => tier.metrics.length)
    .map(tier =>
      !own || tier.rank > own.rank
        ? group(tier, `Only with ${tier.label}`, '.not')
        : group(tier, tier.label, ''),
    );
  const higher = own && state.tiers.some(tier => tier.rank > own.rank);
  return h(
    'section.card',
    {'aria-label': 'What the tier shows'},
    !own && h('p', `The tier ${entity.tier} is not in the tier table, so the tokens are denied.`),
    groups,
    higher && entity.upgrade && h('p.hint', `For a higher tier, ${entity.upgrade}.`),
  );
}

function question(tokens, item, more) {
  const select = h(
    'select',
    {name: 'token'},
    tokens.map(token => h('option', {value: token.id, selected: token.id === item}, token.name)),
  );
  const metric = textInput('metric', '', {
    list: 'known',
    placeholder: 'For example kpi.peak_audience',
    maxlength: 128,
    dir: 'ltr',
  });
  const answer = h('div.stack', {'aria-live': 'polite'});
  const ask = async data => {
    answer.replaceChildren();
    const name = data.get('metric').trim(),
      token = tokens.find(token => token.id === data.get('token'));
    const found = await call('POST', `/tokens/${token.id}/explain`, {body: {metric: name}});
    answer.replaceChildren(h('p.verdict', verdict(found, token)), h('ul.checks', found.checks.map(check)));
  };
  return [
    form(
      ask,
      field(
        'Token',
        select,
        more &&
          `The first ${MOST} tokens are listed. For another, choose “Test a metric” in the list of tokens.`,
      ),
      field(
        'Metric',
        metric,
        'The answer is the one that a host would give. It needs no secret and counts no use.',
      ),
      h(
        'datalist',
        {id: 'known'},
        known().map(name => h('option', {value: name})),
      ),
      h('div.ends.start', submit('Ask')),
    ),
    answer,
  ];
}
// Names that the tiers list in full; a pattern names none.
const known = () => state.tiers.flatMap(tier => tier.metrics).filter(pattern => !pattern.endsWith('*'));

function verdict(found, token) {
  if (found.allowed) return ['Yes, ', quoted(token.name), ` may see ${found.metric}.`];
  const more =
    found.reason === 'metric' && found.up && !found.detail.includes(found.up)
      ? `; tier ${found.up} does`
      : '';
  const ask = found.reason === 'metric' && found.up && found.upgrade ? `; ${found.upgrade}` : '';
  return ['No, ', quoted(token.name), ` may not: ${found.detail}${more}${ask}.`];
}
const PICTURES = {pass: 'i-yes', fail: 'i-close', 'not reached': 'i-later'};
const check = ({check: name, outcome, detail}) =>
  h(
    'li',
    {class: outcome === 'not reached' ? 'later' : outcome},
    icon(PICTURES[outcome], outcome),
    h('code', name),
    h('span', outcome === 'not reached' && !detail ? 'Not reached' : capital(detail)),
  );
