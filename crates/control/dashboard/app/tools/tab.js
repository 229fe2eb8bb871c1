/** @file The tab Tools: every tool of every server, found by words and meaning, with its definition, its price in
 * tokens and a form to run it. It deliberately keeps no state but what the address says. */

import { useGet } from '../api.js';
import { html, useMemo, useState } from '../html.js';
import { href, setQuery } from '../route.js';
import { topics, useLive } from '../store.js';
import { plural } from '../ui/format.js';
import { Empty, Failure, Loading, Search, StaleNote, Tag } from '../ui/parts.js';
import { bandText, useAsked } from './asked.js';
import { Changes } from './changes.js';
import { Detail } from './detail.js';
import { byServer, callName, effectOf, found, keyOf, merged } from './find.js';

/** Tools that are listed at once; a search finds the others. */
const SHOWN_MAX = 400;

/**
 * @param {{rest: string[], query: Record<string, string>}} props
 */
export function Tab({ rest, query }) {
  useLive('catalog');
  const version = topics.catalog?.value?.version;
  const tools = useGet('/api/tools', version);
  const tokens = useGet('/api/tokens', version);
  const list = tools.data?.tools ?? [];
  const prices = useMemo(() => pricesOf(tokens.data), [tokens.data]);
  const at = rest.join('/');
  const tool = list.find((/** @type {any} */ one) => keyOf(one) === at || one.name === at);
  const head = html`<div class="page-head"><h1>Tools</h1></div>`;
  if (!tools.data) {
    return html`${head}${tools.problem ? html`<${Failure} problem=${tools.problem} retry=${tools.reload} />` : html`<${Loading} rows=${8} />`}`;
  }
  const waiting = list.filter((/** @type {any} */ one) => one.unapproved);
  return html`${head}
  <div class=${`split ${at ? 'split-open' : ''}`}>
    <div class="split-list">
      <${Picker} list=${list} prices=${prices} total=${tokens.data} query=${query} at=${at} waiting=${waiting.length} />
    </div>
    <section class="split-detail" aria-label="Tool">
      ${at === 'changes'
        ? html`<${Changes} reload=${tools.reload} version=${version} />`
        : tool
          ? html`<${Detail} key=${keyOf(tool)} tool=${tool} price=${prices.get(keyOf(tool))} estimated=${tokens.data?.estimated} />`
          : at
            ? html`<${Empty} title=${`There is no tool ${at}`}><p>Its server may not be configured, or waits for approval. <a href=${href('servers')}>See the servers</a></p><//>`
            : html`<${Empty} title="Choose a tool"><p>Its definition, its price in tokens and a form to run it appear here.</p><//>`}
    </section>
  </div>`;
}

/**
 * What each definition costs, by SERVER.OWN and by public name.
 * @param {any} said `GET /api/tokens`
 * @returns {Map<string, number>}
 */
function pricesOf(said) {
  const prices = new Map();
  for (const server of said?.servers ?? []) {
    for (const tool of server.tools ?? []) {
      prices.set(tool.name, tool.tokens);
      prices.set(`${server.server}.${tool.own ?? tool.name}`, tool.tokens);
    }
  }
  return prices;
}

/**
 * The search and the list under it.
 * @param {{list: import('./find.js').Tool[], prices: Map<string, number>, total: any, query: Record<string, string>, at: string, waiting: number}} props
 */
function Picker({ list, prices, total, query, at, waiting }) {
  const [text, setText] = useState(query.q ?? '');
  const { server = '', only = '' } = query;
  const set = (/** @type {Record<string, string>} */ change) => setQuery({ ...query, ...change });
  const asked = useAsked(text, server);
  const byWords = useMemo(() => found(list, { text, server, only }), [list, text, server, only]);
  const fits = useMemo(() => merged(list, byWords, asked, only), [list, byWords, asked, only]);
  const servers = [...new Set(list.map((tool) => tool.server))];
  return html`
    <div class="finder" role="search">
      <${Search} label="Search tools" value=${text} onInput=${(/** @type {string} */ q) => {
        setText(q);
        set({ q });
      }} />
      <div class="finder-row">
        <select aria-label="Server" value=${server} onChange=${(/** @type {any} */ event) => set({ server: event.currentTarget.value })}>
          <option value="">all servers</option>
          ${servers.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
        <select aria-label="What it may do" value=${only} onChange=${(/** @type {any} */ event) => set({ only: event.currentTarget.value })}>
          <option value="">any effect</option>
          <option value="reads">reads</option>
          <option value="writes">writes</option>
          <option value="destroys">destroys</option>
          <option value="unsaid">unsaid</option>
          <option value="waiting">waits for approval</option>
        </select>
      </div>
      <p class="dim" role="status">
        ${fits.length === list.length ? plural(list.length, 'tool') : `${fits.length} of ${plural(list.length, 'tool')}`}${total ? ` · ${total.total.toLocaleString()} tokens${total.estimated ? ', estimated' : ''}` : ''}${bandText(asked) ? ` · ${bandText(asked)}` : ''} <${StaleNote} />
      </p>
    </div>
    ${waiting > 0 &&
    html`<a class="banner" data-tone="warn" href=${href('tools', 'changes')}>${waiting === 1 ? '1 tool waits' : `${waiting} tools wait`} for approval: see what changed</a>`}
    <${List} fits=${fits} none=${list.length === 0} prices=${prices} at=${at} query=${{ ...query, q: text }} />
  `;
}

/** @typedef {ReturnType<typeof merged>} Fits */

/**
 * @param {{fits: Fits, none: boolean, prices: Map<string, number>, at: string, query: Record<string, string>}} props
 */
function List({ fits, none, prices, at, query }) {
  if (fits.length === 0 && none) return html`<${Empty} title="No tools yet"><p>Servers offer tools once they run. <a href=${href('servers')}>See the servers</a></p><//>`;
  if (fits.length === 0) return html`<${Empty} title="No tool fits"><p>Try fewer words, or another server.</p><//>`;
  const shown = fits.slice(0, SHOWN_MAX);
  const { server, only, q } = query;
  const link = (/** @type {import('./find.js').Tool} */ tool) => href('tools', keyOf(tool), { q, server, only });
  const row = (/** @type {Fits[number]} */ { tool, hit }) => html`<li key=${keyOf(tool)}>
    <a class="row-link" href=${link(tool)} aria-current=${keyOf(tool) === at || tool.name === at ? 'true' : undefined}>
      <span class="row-main"><span class="row-name">${tool.own}</span>${tool.unapproved && html` <${Tag} text=${tool.unapproved} tone="warn" />`}</span>
      <span class="row-side inline"><span class="effect" data-effect=${effectOf(tool)} title=${effectOf(tool)}></span>${prices.get(keyOf(tool)) ?? prices.get(callName(tool)) ?? ''}</span>
    </a>
    ${hit && html`<p class="row-why" title="Score and reasons of the search">${q ? `${tool.server} · ` : ''}${hit.score.toFixed(2)} · ${hit.reasons.map((reason) => reason.text).join('; ')}</p>`}
  </li>`;
  // What is searched for is best first; what is browsed stands under its server.
  const body = q
    ? html`<ul class="rows">${shown.map(row)}</ul>`
    : byServer(shown.map(({ tool }) => tool)).map((group) => html`<h2 class="rows-title" key=${group.server}>${group.server} <span class="dim">${group.tools.length}</span></h2><ul class="rows">${group.tools.map((tool) => row({ tool, hit: undefined }))}</ul>`);
  return html`<nav class="rows-scroll" aria-label="Tools">${body}
    ${fits.length > SHOWN_MAX && html`<p class="dim">${fits.length - SHOWN_MAX} more: search for them.</p>`}
  </nav>`;
}
