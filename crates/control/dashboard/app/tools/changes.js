/**
 * @file Tools whose definitions are not as they were approved: what changed, line by line, and the button
 * that approves it. It deliberately approves all of a server at once, as the command line does.
 */

import { post, useGet } from '../api.js';
import { html } from '../html.js';
import { href } from '../route.js';
import { confirm } from '../ui/dialog.js';
import { plural } from '../ui/format.js';
import { Act, Empty, Failure, Loading, Panel, Tag } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { diff, folded, linesOf } from './diff.js';

/** How a line of a difference looks, and what is said of it to those who do not see that. */
const LOOKS = new Map([['+', 'diff-new'], ['-', 'diff-old'], ['…', 'diff-gap']]);
const SAYS = new Map([['+', 'added: '], ['-', 'removed: ']]);

/** @typedef {{server: string, tool: string, kind: string, before?: any, after: any}} Change */

/**
 * @param {{reload: () => void, version: unknown}} props
 */
export function Changes({ reload, version }) {
  const said = useGet('/api/catalog/changes', version);
  /** @type {Change[]} */
  const changes = said.data?.changes ?? [];
  const servers = [...new Set(changes.map((change) => change.server))];
  if (said.problem && !said.data) return html`<${Failure} problem=${said.problem} retry=${said.reload} />`;
  if (said.loading && !said.data) return html`<${Loading} />`;
  const again = () => {
    said.reload();
    reload();
  };
  return html`
    <p class="split-back"><a href=${href('tools')}>‹ All tools</a></p>
    <header class="detail-head">
      <h2>Changed definitions</h2>
      <p class="prose">A definition is text that models read and obey. One that changed since it was approved is kept back until you have seen it.</p>
    </header>
    ${servers.length === 0 && html`<${Empty} title="Nothing waits"><p>Every tool is as it was approved.</p><//>`}
    ${servers.map((server) => html`<${Of} key=${server} server=${server} changes=${changes.filter((one) => one.server === server)} done=${again} />`)}
  `;
}

/**
 * @param {{server: string, changes: Change[], done: () => void}} props
 */
function Of({ server, changes, done }) {
  const count = plural(changes.length, 'definition');
  const approve = async () => {
    const text = 'Clients see and call them from now on as they are shown.';
    if (!(await confirm({ title: `Approve ${count} of ${server}?`, text, action: 'Approve' }))) return;
    await doing(`Approved ${count} of ${server}`, () => post(`/api/servers/${encodeURIComponent(server)}/approve-tools`));
    done();
  };
  const button = html`<${Act} class="primary" onClick=${approve}>Approve ${count}<//>`;
  return html`<${Panel} title=${server} aside=${button}>
    ${changes.map((change) => html`<${Difference} key=${change.tool} change=${change} />`)}
  <//>`;
}

/** @param {{change: Change}} props */
function Difference({ change }) {
  const lost = change.kind === 'changed' && !change.before;
  const lines = folded(diff(linesOf(lost ? change.after : change.before), linesOf(change.after)), lost ? Infinity : 3);
  return html`<h3 class="mono diff-head">${change.tool} <${Tag} text=${change.kind} tone="warn" /></h3>
    ${lost && html`<p class="dim diff-note">What was approved is not there to compare: only its digest is kept over a restart. This is the definition now.</p>`}
    <pre class="diff" tabindex="0" aria-label=${`What changed in ${change.tool}`}>${lines.map(
      (line) => html`<span class=${`diff-line ${LOOKS.get(line.mark) ?? ''}`}><span class="sr-only">${SAYS.get(line.mark) ?? ''}</span>${line.mark} ${line.text}${'\n'}</span>`,
    )}</pre>`;
}
