// SPDX-License-Identifier: ISC
// The dialogs that hold a token's text. MUST: a text stands in an open dialog only, never in a URL, in
// storage or in a variable that outlives the dialog.
import {call} from './api.js';
import {dialog, ends, tell} from './dialog.js';
import {button, facts, h, icon, own, quoted, toast} from './dom.js';
import {state} from './state.js';
import {onDate, relative} from './words.js';

const CLEAR = 45e3,
  SHOWN = 30e3;
const bytes = text => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
const digest = async text => new Uint8Array(await bytes(text)).join();

// Copies a text, or one that is on its way: Safari wants the call within the click. A token is cleared
// from the clipboard later, if the browser already lets the page read it, and only if it is still there:
// what is kept meanwhile is its digest.
export async function copy(text, what) {
  const blob = Promise.resolve(text).then(text => new Blob([text], {type: 'text/plain'}));
  try {
    await navigator.clipboard.write([new ClipboardItem({'text/plain': blob})]);
  } catch {
    const failed = await blob.then(
      () => null,
      error => error,
    );
    toast(failed?.message ?? 'The browser did not allow copying. Select the text and copy it.');
    return false;
  }
  if (what !== 'Token') toast(`${what} copied.`);
  else if (await mayClear()) {
    clearLater(await digest(await text));
    toast('Token copied. The clipboard will be cleared in 45 seconds.');
  } else
    toast(
      'Token copied. This browser does not let the page clear the clipboard; clear it yourself after use.',
    );
  return true;
}
async function mayClear() {
  try {
    return (await navigator.permissions.query({name: 'clipboard-read'})).state === 'granted';
  } catch {
    return false;
  }
}
const clearLater = sum =>
  setTimeout(async () => {
    try {
      if ((await digest(await navigator.clipboard.readText())) === sum)
        await navigator.clipboard.writeText('');
    } catch {
      /* the page is not in front: the clipboard is not ours to touch */
    }
  }, CLEAR);

function secretRow(text, copied) {
  const place = h('output.text', {tabindex: 0, 'aria-label': 'Token text'}, text);
  return h(
    'div.secret',
    place,
    button(
      [icon('i-copy'), 'Copy'],
      async () => {
        if (await copy(place.textContent, 'Token')) copied?.();
      },
      'main',
      {autofocus: true},
    ),
  );
}

// After create and rotate. Without the eye the text is shown only once, so the first attempt to close the
// dialog before the text was copied only warns.
export function created(title, token, {back, more} = {}) {
  let held = !state.me.reveal;
  const warning = h('p.fault', {role: 'alert'});
  const hold = () => {
    if (!held) return false;
    held = false;
    tell(
      warning,
      'The text has not been copied and cannot be shown again. To continue without it, close again.',
    );
    return true;
  };
  dialog(
    title,
    close =>
      h(
        'div.stack',
        h(
          'p',
          state.me.reveal
            ? 'Copy the text now and store it where your program reads it. The eye button shows it again, and the log records it.'
            : h('strong', 'Copy the text now. It cannot be shown again.'),
        ),
        secretRow(token.token, () => {
          held = false;
        }),
        facts([
          ['Name', own(token.name)],
          ['Expires', onDate(token.expires), token.expires && ` (${relative(Date.parse(token.expires))})`],
        ]),
        more,
        state.me.example_url && tryIt(),
        warning,
        ends(button('Done', () => hold() || close())),
      ),
    {back, hold},
  );
}
function tryIt() {
  const line = `curl -H "Authorization: Bearer $ESP_TOKEN" ${state.me.example_url}`;
  return h(
    'div.field',
    h('h3', 'Try it'),
    h('p.hint', 'First set the variable ESP_TOKEN to the text. The command itself contains no secret.'),
    h(
      'div.secret',
      h('code.text.command', {tabindex: 0}, line),
      button([icon('i-copy'), 'Copy'], () => copy(line, 'Line'), '', {'aria-label': 'Copy the line'}),
    ),
  );
}

const reveal = token => call('POST', `/tokens/${token.id}/reveal`);

// The eye: the text for 30 seconds.
export function eye(token, back) {
  const box = h('div.stack');
  let timer,
    over = false;
  const put = (...children) => {
    const had = !box.firstChild || box.contains(document.activeElement);
    for (const text of box.querySelectorAll('.text')) text.textContent = '';
    box.replaceChildren(...children);
    if (had) box.querySelector('.button')?.focus();
  };
  const hidden = (why, word) =>
    put(
      h(
        'div.secret',
        h('output.text.muted', {tabindex: 0, 'aria-label': 'Token text, hidden'}, '•'.repeat(24)),
        button(word, show),
      ),
      h('p.hint', {role: 'status'}, why),
    );
  async function show() {
    let answer;
    try {
      answer = await reveal(token);
    } catch (error) {
      return over || hidden(error.message, 'Show');
    }
    if (over) return;
    put(
      secretRow(answer.token),
      h('div.timer', {'aria-hidden': 'true'}, h('i')),
      h('p.hint', 'Hides in 30 seconds.'),
      logged(),
    );
    timer = setTimeout(() => hidden('Hidden after 30 seconds.', 'Show again'), SHOWN);
  }
  dialog(['Text of ', quoted(token.name)], close => h('div.stack', box, ends(button('Done', close))), {
    back,
    closed: () => {
      over = true;
      clearTimeout(timer);
    },
  });
  show();
}
const logged = () =>
  h(
    'p.row.small.muted',
    icon('i-info'),
    h('span.grow', 'The log records this view under ', own(state.me.person), '.'),
  );

export const copyText = token =>
  copy(
    reveal(token).then(answer => answer.token),
    'Token',
  );
