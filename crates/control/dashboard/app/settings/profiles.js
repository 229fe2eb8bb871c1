/** @file What each declared profile shows its clients and why, and what their list costs a model. Nothing is
 * changed here: profiles stand in the configuration. */
import { html } from '../html.js';
import { useGet } from '../api.js';
import { count, plural } from '../ui/format.js';
import { Panel, Tag } from '../ui/parts.js';

/** The profiles; nothing where none is declared. */
export function Profiles() {
  const { data } = useGet('/api/overview');
  /** @type {any[]} */
  const profiles = data?.profiles ?? [];
  if (profiles.length === 0) return null;
  return html`<${Panel} title="Profiles" class="scroll">
    <table><thead><tr><th>Profile</th><th>Listed</th><th>Tokens</th><th>Why</th></tr></thead>
      <tbody>${profiles.map((profile) => html`<${Row} key=${profile.profile} profile=${profile} />`)}</tbody></table>
  <//>`;
}

/** @param {{profile: any}} props */
function Row({ profile }) {
  const { tools = 0, pinned = [], unknown = [], clients = [] } = profile;
  return html`<tr>
    <td class="mono">${profile.profile}</td>
    <td><${Tag} text=${profile.mode} title=${`exposure = ${profile.exposure}`} /> <span class="dim">of ${plural(tools, 'tool')}${pinned.length ? `, ${pinned.length} pinned` : ''}</span></td>
    <td>${count(profile.tokens_listed)} <span class="dim">of ${count(profile.tokens_all)}</span></td>
    <td>${profile.why}
      ${unknown.length > 0 && html`<p class="dim">It names what there is not: ${unknown.join(', ')}</p>`}
      ${clients.map((/** @type {any} */ one) => html`<p class="dim" key=${one.client ?? ''}>${one.client ?? 'clients without a name'}: ${one.mode}, ${one.why}</p>`)}
    </td>
  </tr>`;
}
