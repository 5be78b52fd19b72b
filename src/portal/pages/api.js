// SPDX-License-Identifier: ISC
// Calls of /api/v1. What went wrong is a Problem whose message is a sentence for the reader.
import {capital, count, serverTime} from './words.js';

export class Problem extends Error {
  constructor(message, field, more = {}) {
    super(message);
    this.field = field; // the name of the input that it is about
    Object.assign(this, more); // code, wait (seconds), changed, now
  }
}

export const session = {ended: null, seen: null, number: 0}; // session.js sets the two functions
const keys = new WeakMap();

// options: body; match: the token or entity that must not have changed; once: an object that stands for
// one intention, so that sending it again (after a lost answer, say) does it once.
export async function call(method, path, {body, match, once} = {}) {
  const mine = session.number,
    headers = {},
    text = method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(body ?? {});
  if (text != null) headers['Content-Type'] = 'application/json';
  if (match) headers['If-Match'] = `"${match.revision}"`;
  if (once) headers['Idempotency-Key'] = keyOf(once, path + text);
  const answer = await send('/api/v1' + path, {
    method,
    headers,
    body: text,
    cache: 'no-store',
    credentials: 'same-origin',
    redirect: 'error',
  });
  serverTime(answer.headers.get('Date'));
  const value = await parse(answer);
  // The session ended while this was under way: what came is not shown any more.
  if (mine !== session.number) throw new Problem('The session has ended.', null, {code: 'signed-out'});
  if (answer.status === 401) session.ended();
  if (!answer.ok) throw problem(answer, value ?? {});
  session.seen();
  return value;
}

function keyOf(once, request) {
  if (keys.get(once)?.request !== request) keys.set(once, {request, key: crypto.randomUUID()});
  return keys.get(once).key;
}
async function send(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Problem('The portal does not answer. Try again.', null, {code: 'offline'});
  }
}
async function parse(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw new Problem(`The portal’s answer could not be read (status ${answer.status}). Try again.`, null, {
      code: 'internal',
    });
  }
}

const WORDS = {
  missing: 'Not found. It does not exist, or you may not see it.',
  'signed-out': 'Your session has ended.',
  internal: 'The portal failed. Try again; if it fails again, tell your platform.',
};
function problem(answer, {code = 'internal', detail, field, retry_after: wait, changed, now}) {
  const said = detail ? capital(detail) + (/[.!?]$/.test(detail) ? '' : '.') : WORDS.internal;
  const text =
    (WORDS[code] ?? said) +
    (code === 'wait' && wait && !/\d/.test(said) ? ` Try again in ${count(wait, 'second')}.` : '');
  return new Problem(text, field, {code, detail, wait, changed, now});
}
