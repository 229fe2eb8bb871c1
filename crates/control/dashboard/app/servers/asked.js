/** @file What is asked for when somebody looks at a part of a server: the gates before a call, what it can
 * do, and its configuration as it is in force. Secrets are masked before they come here. */
import { html } from '../html.js';
import { query, useGet } from '../api.js';
import { Command, Empty, Facts, Failure, Loading, Panel, State, Tag } from '../ui/parts.js';
import { split } from '../overview/attention.js';

/** @param {{server: any}} props */
export function Gates({ server }) {
  const { data, problem, reload } = useGet(`/api/why${query({ name: server.name })}`, `${server.state} ${server.health} ${server.breaker}`);
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Why"><${Loading} /><//>`;
  const [said] = data.reasons;
  if (!said) return html`<${Empty} title="Nothing is known about it" />`;
  return html`<${Panel} title="Can it be called?" aside=${html`<${Tag} tone=${said.callable ? 'ok' : 'bad'} text=${said.callable ? 'yes' : 'no'} /><span class="dim">for ${said.principal}</span>`} class="scroll">
    <table class="gates">
      <thead><tr><th>Gate</th><th>Verdict</th><th>What it says</th></tr></thead>
      <tbody>${said.gates.map((/** @type {any} */ gate) => html`<${Gate} key=${gate.gate} gate=${gate} />`)}</tbody>
    </table>
  <//>`;
}

/** @param {{gate: any}} props */
function Gate({ gate }) {
  const [text, command] = split(gate.next ?? '');
  return html`<tr>
    <td>${gate.gate}</td>
    <td><${State} word=${gate.verdict} /></td>
    <td>
      <p>${gate.says}</p>
      ${gate.decided_by && html`<p class="dim mono">${gate.decided_by}</p>`}
      ${gate.next && html`<p class="row dim">${text}${command && html`<${Command} text=${command} />`}</p>`}
    </td>
  </tr>`;
}

/** @param {{server: any}} props */
export function Capabilities({ server }) {
  const { data, problem, reload } = useGet('/api/capabilities', server.state);
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Capabilities"><${Loading} /><//>`;
  const said = data.servers.find((/** @type {any} */ one) => one.name === server.name);
  if (!said) return html`<${Empty} title="Nothing is known about it" />`;
  const info = said.server_info;
  return html`<div class="stack">
    <${Panel} title="What it said of itself">
      <div class="panel-body"><${Facts} rows=${[
        ['Name', info?.title ?? info?.name ?? 'It has not said yet'],
        ['Version', info?.version],
        ['Era', said.era],
        ['Tools', String(said.tools)],
        ['Prompts', String(said.prompts)],
        ['Resources', String(said.resources)],
        ['Templates', String(said.templates)],
      ]} /></div>
    <//>
    <${Panel} title="Capabilities"><pre class="panel-body" tabindex="0">${JSON.stringify(said.capabilities, null, 2)}</pre><//>
  </div>`;
}

/** Whether a value says something: an empty list or object does not. @param {any} value */
const isSaid = (value) => value !== null && value !== undefined && !(typeof value === 'object' && Object.keys(value).length === 0);

/** @param {{server: any}} props */
export function Configuration({ server }) {
  const { data, problem, reload } = useGet('/api/config');
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Configuration"><${Loading} rows=${8} /><//>`;
  const entry = data.servers?.[server.name];
  if (!entry) return html`<${Empty} title="It has no entry in the configuration in force" />`;
  const rows = Object.entries(entry).filter(([name, value]) => name !== 'origin' && isSaid(value));
  return html`<${Panel} title="Configuration in force" aside=${html`<span class="dim">declared at ${entry.origin}; secrets are masked</span>`} class="scroll">
    <table class="settings">
      <thead><tr><th>Key</th><th>Value</th></tr></thead>
      <tbody>
        ${rows.map(([name, value]) => html`<tr key=${name}><td class="mono">${name}</td><td class="mono">${typeof value === 'object' ? JSON.stringify(value) : String(value)}</td></tr>`)}
      </tbody>
    </table>
  <//>`;
}
