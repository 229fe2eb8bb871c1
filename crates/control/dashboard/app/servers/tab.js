/** @file The servers: all of them as a table, as cards on a phone, or as the graph of what needs what; and
 * one of them with everything about it. */
import { html, useState } from '../html.js';
import { post } from '../api.js';
import { go, href, setQuery } from '../route.js';
import { samples, serverList, useLive } from '../store.js';
import { useNow } from '../ui/clock.js';
import { confirm } from '../ui/dialog.js';
import { count, duration, kib, plural, words } from '../ui/format.js';
import { narrow } from '../ui/narrow.js';
import { Act, Choice, Empty, Panel, Search, StaleNote, State, Tag, Waiting } from '../ui/parts.js';
import { Sparkline } from '../ui/sparkline.js';
import { doing } from '../ui/toasts.js';
import { Actions } from './actions.js';
import { Dependencies } from './dependencies.js';
import { Detail } from './detail.js';

/** The tab. @param {{rest: string[], query: Record<string, string>}} props */
export function Tab({ rest, query }) {
  useLive('servers');
  const [name] = rest;
  return name ? html`<${Detail} key=${name} name=${name} query=${query} />` : html`<${All} query=${query} />`;
}

/**
 * The servers that fit what was typed and chosen.
 * @param {any[]} servers
 * @param {string} text
 * @param {string} state empty: every one
 */
export function fitting(servers, text, state) {
  const wanted = text.trim().toLowerCase();
  return servers.filter((server) => {
    if (state && server.state !== state) return false;
    const said = [server.name, server.target, server.description, server.transport, server.state, ...(server.tags ?? [])];
    return !wanted || said.some((one) => one?.toLowerCase().includes(wanted));
  });
}

/** @param {{query: Record<string, string>}} props */
function All({ query }) {
  const [text, setText] = useState('');
  const servers = serverList();
  const state = query.state ?? '';
  const view = query.view ?? 'list';
  const change = (/** @type {Record<string, string>} */ to) => setQuery({ state, view, ...to });
  const states = [...new Set(servers?.map((server) => server.state))].sort();
  const shown = fitting(servers ?? [], text, state);
  return html`<div class="page-head">
      <h1>Servers ${servers && html`<span class="dim">${servers.length}</span>`}</h1>
      <${StaleNote} />
      <span class="grow"></span>
      <${Everyone} />
    </div>
    <div class="row above">
      <${Search} label="Filter servers" value=${text} onInput=${setText} />
      <select aria-label="State" value=${state} onChange=${(/** @type {any} */ event) => change({ state: event.currentTarget.value })}>
        <option value="">every state</option>
        ${states.map((word) => html`<option key=${word} value=${word}>${words(word)}</option>`)}
      </select>
      <${Choice} label="View" value=${view} onChange=${(/** @type {string} */ to) => change({ view: to })} options=${[['list', 'List'], ['graph', 'Dependencies']]} />
    </div>
    ${body(servers, shown, view)}`;
}

/** @param {any[]|null} servers @param {any[]} shown @param {string} view */
function body(servers, shown, view) {
  if (!servers) return html`<${Panel} label="Servers"><${Waiting} /><//>`;
  if (!servers.length) {
    return html`<${Panel} label="Servers"><${Empty} title="No server is declared yet">Add one in a terminal: <code>switchboard add NAME -- COMMAND</code>, or look for those of other tools: <code>switchboard discover</code><//><//>`;
  }
  if (view === 'graph') return html`<${Dependencies} servers=${servers} />`;
  if (!shown.length) return html`<${Panel} label="Servers"><${Empty} title="No server fits the filter"><a href=${href('servers')}>Show all</a><//><//>`;
  return narrow.value ? html`<ul class="server-cards">${shown.map((server) => html`<${Card} key=${server.name} server=${server} />`)}</ul>` : html`<${Table} servers=${shown} />`;
}

/** What is done to all of them at once. */
function Everyone() {
  const all = async (/** @type {string} */ wish, /** @type {string} */ done) => {
    const agreed =
      wish === 'start' ||
      (await confirm({ title: `${wish === 'stop' ? 'Stop' : 'Restart'} every server?`, text: 'Calls in flight are finished first, as long as they take no longer than the stop timeout.', action: `${words(wish)} all`, danger: wish === 'stop' }));
    if (agreed) await doing(done, () => post(`/api/servers/${wish}`, {}));
  };
  return html`<div class="row">
    <${Act} onClick=${() => all('start', 'Every server is told to start')}>Start all<//>
    <${Act} onClick=${() => all('restart', 'Every server is told to restart')}>Restart all<//>
    <${Act} onClick=${() => all('stop', 'Every server is told to stop')}>Stop all<//>
  </div>`;
}

/** @param {{servers: any[]}} props */
function Table({ servers }) {
  return html`<${Panel} label="Servers" class="scroll">
    <table class="servers">
      <thead>
        <tr><th>Server</th><th>State</th><th>Health</th><th>Up</th><th>Memory</th><th class="spare">CPU</th><th class="spare">Speaks</th><th class="number spare">Tools</th><th class="number spare">Restarts</th><th><span class="sr-only">Actions</span></th></tr>
      </thead>
      <tbody>${servers.map((server) => html`<${Row} key=${server.name} server=${server} />`)}</tbody>
    </table>
  <//>`;
}

/** @param {{server: any}} props */
function Row({ server }) {
  const open = (/** @type {any} */ event) => {
    if (!event.target.closest('a, button')) go(href('servers', server.name));
  };
  return html`<tr onClick=${open} data-server=${server.name}>
    <td><div class="server-name"><a href=${href('servers', server.name)}>${server.name}</a><span class="dim clip" title=${server.target}>${server.description ?? server.target}</span></div></td>
    <td><${State} word=${server.state} /></td>
    <td class="reason"><${Health} server=${server} /></td>
    <td class="nowrap"><${Uptime} server=${server} /></td>
    <td><${Meter} server=${server} of="memory" /></td>
    <td class="spare"><${Meter} server=${server} of="cpu" /></td>
    <td class="nowrap spare">${server.transport} <span class="dim">${server.era ?? ''}</span></td>
    <td class="number spare">${server.tools}</td>
    <td class="number spare">${server.restarts || html`<span class="dim">0</span>`}</td>
    <td class="actions"><${Actions} server=${server} brief=${true} /></td>
  </tr>`;
}

/** @param {{server: any}} props */
function Card({ server }) {
  return html`<li class="panel server-card" data-server=${server.name}>
    <div class="row"><a class="grow" href=${href('servers', server.name)}>${server.name}</a><${State} word=${server.state} /></div>
    <${Health} server=${server} />
    <div class="row meters">
      <span>${server.transport} ${server.era ?? ''}</span><span>${plural(server.tools, 'tool')}</span><span><${Uptime} server=${server} /></span>
      ${server.memory_kib && html`<span>${kib(server.memory_kib)}</span>`}
    </div>
    <${Actions} server=${server} />
  </li>`;
}

/** The level where it says more than the state, why, and what to do. @param {{server: any}} props */
export function Health({ server }) {
  const why = server.reason ?? (server.health === 'healthy' ? '' : server.health_reason);
  const next = why ? (server.hint ?? server.health_action) : '';
  return html`<div class="health">
    ${server.health !== 'unknown' && html`<${State} word=${server.health} />`}
    ${server.breaker && html` <${Tag} tone="bad" text="breaker open" title=${server.breaker} />`}
    ${server.changed_tools?.length > 0 && html` <${Tag} tone="warn" text=${`${plural(server.changed_tools.length, 'tool')} changed`} />`}
    ${why && html`<p class="why" title=${why}>${why}</p>`}
    ${next && html`<p class="dim next">${next}</p>`}
  </div>`;
}

/** Counted here from the moment since when it is ready. @param {{server: any}} props */
export function Uptime({ server }) {
  const now = useNow();
  if (server.state !== 'ready') return html`<span class="dim">–</span>`;
  return html`<span title=${`since ${server.since}`}>${duration(now - Date.parse(server.since))}</span>`;
}

/** @param {{server: any, of: 'memory'|'cpu'}} props */
function Meter({ server, of }) {
  const value = of === 'memory' ? server.memory_kib : server.cpu_percent;
  if (value === null || value === undefined) return html`<span class="dim">–</span>`;
  const text = of === 'memory' ? kib(value) : `${count(value)} %`;
  return html`<div class="meter"><span>${text}</span><${Sparkline} values=${samples.value[server.name]?.[of]} label=${`${of} over time, now ${text}`} /></div>`;
}
