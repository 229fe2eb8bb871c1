/** @file What waits for a person: each with its reason, and with a button where the page may do it, or the
 * command to type where it may not. */
import { html } from '../html.js';
import { send } from '../api.js';
import { href } from '../route.js';
import { live } from '../store.js';
import { tone, words } from '../ui/format.js';
import { Act, Command, Panel, State } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';

/** @param {{rows: any[]}} props */
export function Attention({ rows }) {
  if (!rows.length) {
    return html`<section class="panel calm" aria-label="Needs a person"><span class="state" data-tone="ok">Nothing needs you</span><span class="dim">Nothing waits for an approval, a sign-in or a repair by hand.</span></section>`;
  }
  return html`<${Panel} title=${`Needs a person (${rows.length})`}>
    <ul class="attention">${rows.map((row, index) => html`<${Row} key=${`${row.kind} ${row.server ?? index}`} row=${row} />`)}</ul>
  <//>`;
}

/** A command among words that explain it: `see its log: switchboard logs alpha`.
 * @param {string} text @returns {[string, string]} */
export function split(text) {
  const at = text.search(/\bswitchboard [a-z]/);
  return at < 0 ? [text, ''] : [text.slice(0, at).replace(/[:\s]+$/, ''), text.slice(at)];
}

/** @param {{row: any}} props */
function Row({ row }) {
  const [words_, command] = split(row.command ?? '');
  const act = () =>
    doing(`${row.action.label}: done`, async () => {
      await send(row.action.method, row.action.path, row.action.method === 'GET' ? undefined : {});
      if (!live.open) await live.refresh();
    });
  return html`<li data-tone=${tone(row.kind)}>
    <div class="attention-what">
      <p class="row"><${State} word=${row.kind} />${row.server && html`<a href=${href('servers', row.server)}>${row.server}</a>`}</p>
      <p>${row.text ?? words(row.kind)}</p>
      ${(words_ || command) && html`<p class="row dim">${words_}${command && html`<${Command} text=${command} />`}</p>`}
    </div>
    ${row.action && html`<${Act} class="primary" onClick=${act}>${row.action.label}<//>`}
  </li>`;
}
