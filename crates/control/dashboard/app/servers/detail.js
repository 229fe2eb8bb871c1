/** @file One server with everything about it: how it is and why, its instances, log, configuration,
 * capabilities, checks, and the gates before a call. */
import { html } from '../html.js';
import { href } from '../route.js';
import { serverList } from '../store.js';
import { useNow } from '../ui/clock.js';
import { count, duration, kib, moment, plural } from '../ui/format.js';
import { Choice, Empty, Facts, Panel, StaleNote, State, Tag, Waiting } from '../ui/parts.js';
import { go } from '../route.js';
import { Actions } from './actions.js';
import { Capabilities, Configuration, Gates } from './asked.js';
import { Checks } from './checks.js';
import { ServerLog } from './server_log.js';
import { Health, Uptime } from './tab.js';

/** @type {[string, string][]} */
const VIEWS = [['summary', 'Summary'], ['log', 'Log'], ['health', 'Health'], ['why', 'Why'], ['capabilities', 'Capabilities'], ['config', 'Configuration']];

/** @param {{name: string, query: Record<string, string>}} props */
export function Detail({ name, query }) {
  const servers = serverList();
  const server = servers?.find((one) => one.name === name);
  if (!servers) return html`<${Waiting} />`;
  if (!server) return html`<${Empty} title=${`There is no server “${name}”`}><a href=${href('servers')}>Show all servers</a><//>`;
  const view = query.view ?? 'summary';
  return html`<p class="crumb"><a href=${href('servers')}>Servers</a></p>
    <div class="page-head">
      <div class="row"><h1>${server.name}</h1><${State} word=${server.state} /><${StaleNote} /></div>
      <${Actions} server=${server} />
    </div>
    <div class="row above"><${Choice} label="Part" value=${view} options=${VIEWS} onChange=${(/** @type {string} */ to) => go(href('servers', name, { view: to }))} /></div>
    ${part(view, server)}`;
}

/** @param {string} view @param {any} server */
function part(view, server) {
  switch (view) {
    case 'log':
      return html`<${ServerLog} name=${server.name} />`;
    case 'health':
      return html`<${Checks} server=${server} />`;
    case 'why':
      return html`<${Gates} server=${server} />`;
    case 'capabilities':
      return html`<${Capabilities} server=${server} />`;
    case 'config':
      return html`<${Configuration} server=${server} />`;
    default:
      return html`<${Summary} server=${server} />`;
  }
}

/** @param {{server: any}} props */
function Summary({ server }) {
  const now = useNow();
  const offered = [plural(server.tools, 'tool'), plural(server.prompts, 'prompt'), plural(server.resources, 'resource'), plural(server.templates, 'template')];
  const wait = server.next_try_ms === null || server.next_try_ms === undefined ? null : Date.parse(server.since) + server.in_state_ms + server.next_try_ms - now;
  return html`<div class="stack">
    <${Panel} title="How it is">
      <div class="panel-body stack">
        <${Health} server=${server} />
        ${wait !== null && wait > 0 && html`<p>It is tried again in ${duration(wait)}.</p>`}
        ${server.drift && html`<p><${Tag} tone="warn" text="other program" /> ${server.drift}</p>`}
        ${server.not_enforced?.length > 0 && html`<p class="dim">Not enforced on this machine: ${server.not_enforced.join('; ')}</p>`}
        <${Facts} rows=${[
          ['Up', html`<${Uptime} server=${server} />`],
          ['In this state since', moment(server.since)],
          ['Memory', kib(server.memory_kib)],
          ['CPU', server.cpu_percent === null || server.cpu_percent === undefined ? null : `${count(server.cpu_percent)} %`],
          ['Processes', server.processes],
          ['Calls', `${count(server.calls)}, ${count(server.failures)} failed, ${server.in_flight ?? 0} now`],
          ['Restarts', String(server.restarts)],
          ['Kept results', server.cache && `${server.cache.entries}, ${Math.round(server.cache.hit_rate * 100)} % hits`],
          ['Breaker', server.breaker],
        ]} />
      </div>
    <//>
    <${Panel} title="What it is">
      <div class="panel-body"><${Facts} rows=${[
        ['What for', server.description],
        ['Runs', html`<code>${server.target}</code>`, true],
        ['Speaks', `${server.transport}${server.era ? `, ${server.era}` : ''}`],
        ['Offers', offered.join(', ')],
        ['Own endpoint', html`<code>/mcp/${server.public}</code>`],
        ['Declared at', server.origin],
        ['Group', server.group],
        ['Tags', server.tags?.join(', ')],
        ['Changed tools', server.changed_tools?.length ? html`<a href=${href('tools', { server: server.name })}>${server.changed_tools.join(', ')}</a>` : null],
      ]} /></div>
    <//>
    ${server.instance_states?.length > 0 && html`<${Instances} server=${server} />`}
  </div>`;
}

/** @param {{server: any}} props */
function Instances({ server }) {
  return html`<${Panel} title=${`Instances (${server.instance_states.length})`} class="scroll">
    <table>
      <thead><tr><th>Instance</th><th>State</th><th class="number">Process</th><th class="number">Calls now</th><th class="number">Restarts</th><th>Why</th></tr></thead>
      <tbody>
        ${server.instance_states.map(
          (/** @type {any} */ one) => html`<tr key=${one.index}>
            <td>${one.index}</td><td><${State} word=${one.state} /></td><td class="number mono">${one.pid ?? '–'}</td>
            <td class="number">${one.in_flight}</td><td class="number">${one.restarts}</td><td class="dim">${one.reason ?? '–'}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  <//>`;
}
