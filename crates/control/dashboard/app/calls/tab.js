/** @file The tab Calls: what was called, as it happens and as it is stored; one call opened with where its
 * time went. It deliberately shows what the switchboard lets this person see, and guesses nothing. */

import { query as queryOf, get, useGet } from '../api.js';
import { html, useEffect, useMemo, useState } from '../html.js';
import { go, href, setQuery } from '../route.js';
import { topics, useLive } from '../store.js';
import { bytes, clockMs, plural } from '../ui/format.js';
import { Act, Empty, Failure, Loading, Search, StaleNote } from '../ui/parts.js';
import { filterOf, fits, gaping, merged, query as asked, toneOf } from './filters.js';
import { Opened } from './opened.js';
import { tookText } from './timeline.js';

/** Calls of one page. */
const PAGE = 50;
/** Calls of the largest page that the switchboard gives. */
const PAGE_MAX = 500;
/** Calls that stay while others come in, unless somebody asked for more. */
const TAIL_MAX = 200;
/** Calls that are shown at most; older ones are found with the filter. */
const SHOWN_MAX = 2000;

/** @typedef {import('./filters.js').Call} Call */
/** @typedef {import('./filters.js').Filter} Filter */

/**
 * @param {{rest: string[], query: Record<string, string>}} props
 */
export function Tab({ rest, query }) {
  const filter = filterOf(new URLSearchParams(query));
  const [paused, setPaused] = useState(false);
  const list = useCalls(filter, paused);
  const at = rest[0] ?? '';
  const servers = useGet('/api/servers');
  const names = (servers.data?.servers ?? []).map((/** @type {any} */ server) => server.name);
  return html`<div class="page-head"><h1>Calls</h1></div>
  <div class=${`split ${at ? 'split-open' : ''}`}>
    <div class="split-list">
      <${Filters} filter=${filter} names=${names} calls=${list.calls} />
      <div class="row">
        <button aria-pressed=${String(paused)} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}</button>
        <p class="dim grow" role="status">${paused ? 'Paused. ' : ''}${plural(list.calls.length, 'call')} shown${list.held > 0 ? `, ${list.held} new` : ''}</p>
        <${StaleNote} />
      </div>
      <${Rows} list=${list} at=${at} query=${query} filtered=${String(asked(filter)) !== ''} />
    </div>
    <section class="split-detail" aria-label="Call">
      ${at
        ? html`<${Opened} key=${at} id=${at} known=${list.calls.find((call) => call.id === at)} back=${href('calls', query)} />`
        : html`<${Empty} title="Choose a call"><p>Where its time went, what it asked and what came back appear here.</p><//>`}
    </section>
  </div>`;
}

/**
 * What is shown of a filter: at most `most`; `cut`, where something was pushed out.
 * @typedef {{key: string, calls: Call[], next: string|null|undefined, cut: boolean, most: number}} Shown
 */

/**
 * What is stored and fits the filter, with what comes in.
 * @param {Filter} filter
 * @param {boolean} paused
 */
function useCalls(filter, paused) {
  useLive('calls');
  const key = String(asked(filter));
  const first = useGet(`/api/records?${key ? `${key}&` : ''}limit=${PAGE}`);
  const [last, setShown] = useState(/** @type {Shown} */ ({ key: '', calls: [], next: undefined, cut: false, most: TAIL_MAX }));
  const shown = last.key === key ? last : { key, calls: [], next: undefined, cut: false, most: TAIL_MAX };
  const live = topics.calls?.value?.items;
  const fresh = useMemo(() => (live ?? []).filter((/** @type {Call} */ call) => fits(call, filter)), [live, key]);
  useEffect(() => {
    const stored = merged(shown.calls, first.data?.records ?? []);
    const all = paused ? stored : merged(stored, fresh);
    if (all === shown.calls && last.key === key) return;
    // What comes in pushes the oldest out; and what came in faster than it was stored may leave a gap.
    const gap = !paused && gaping(stored, fresh);
    setShown({ ...shown, calls: all.slice(0, shown.most), cut: shown.cut || gap || all.length > shown.most });
  }, [fresh, first.data, paused, key]);
  const next = shown.cut ? 'newest' : shown.next === undefined ? first.data?.next : shown.next;
  const more = async () => {
    // Where something was pushed out, the cursor is beyond a gap: begin again, with a large page.
    const page = shown.cut ? { limit: PAGE_MAX } : { limit: PAGE, before: next };
    const said = await get(`/api/records${queryOf({ ...Object.fromEntries(asked(filter)), ...page })}`);
    // What is stored may still be behind what came in: then there is more to ask for in a moment.
    const came = (topics.calls?.value?.items ?? []).filter((/** @type {Call} */ call) => fits(call, filter));
    const cut = shown.cut && gaping(said.records, came);
    setShown((/** @type {Shown} */ now) => ({ key, calls: merged(now.key === key ? now.calls : [], said.records).slice(0, SHOWN_MAX), next: said.next, cut, most: SHOWN_MAX }));
  };
  const held = paused ? merged(shown.calls, fresh).length - shown.calls.length : 0;
  const full = shown.calls.length >= SHOWN_MAX;
  return { calls: shown.calls, next: full ? null : next, more, held, problem: first.problem, loading: first.loading, reload: first.reload };
}

/**
 * @param {{filter: Filter, names: string[], calls: Call[]}} props
 */
function Filters({ filter, names, calls }) {
  const set = (/** @type {Filter} */ change) => setQuery({ ...filter, ...change });
  const seen = (/** @type {(call: Call) => unknown} */ of) =>
    [...new Set(calls.map(of).filter((value) => typeof value === 'string' && value))].sort();
  const box = (/** @type {'tool'|'principal'|'outcome'} */ name, /** @type {string} */ label, /** @type {(call: Call) => unknown} */ of) => html`
    <input type="text" list=${`calls-${name}`} aria-label=${label} placeholder=${label} value=${filter[name] ?? ''} autocomplete="off"
      onChange=${(/** @type {any} */ event) => set({ [name]: event.currentTarget.value })} />
    <datalist id=${`calls-${name}`}>${seen(of).map((value) => html`<option value=${value}></option>`)}</datalist>`;
  return html`<div class="finder" role="search">
    <${Search} label="Search calls" value=${filter.q ?? ''} onInput=${(/** @type {string} */ q) => set({ q })} />
    <div class="finder-row">
      <select aria-label="Server" value=${filter.server ?? ''} onChange=${(/** @type {any} */ event) => set({ server: event.currentTarget.value })}>
        <option value="">all servers</option>
        ${[...new Set([...names, ...(filter.server ? [filter.server] : [])])].map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
      ${box('tool', 'tool', (call) => call.name)} ${box('principal', 'who', (call) => call.principal)} ${box('outcome', 'outcome', (call) => call.outcome)}
      ${String(asked(filter)) !== '' && html`<button class="small" onClick=${() => go(href('calls'))}>Clear</button>`}
    </div>
  </div>`;
}

/**
 * @param {{list: ReturnType<typeof useCalls>, at: string, query: Record<string, string>, filtered: boolean}} props
 */
function Rows({ list, at, query, filtered }) {
  if (list.problem && list.calls.length === 0) return html`<${Failure} problem=${list.problem} retry=${list.reload} />`;
  if (list.loading && list.calls.length === 0) return html`<${Loading} rows=${8} />`;
  if (list.calls.length === 0) {
    // One request reads so much and no more: what fits may be older.
    const older = list.next && html`<p><${Act} onClick=${list.more}>Look further back<//></p>`;
    return filtered
      ? html`<${Empty} title="No call fits"><p>Try another filter, or <a href=${href('calls')}>see all calls</a>.</p>${older}<//>`
      : html`<${Empty} title="Nothing was called yet"><p>Calls of clients appear here as they happen. <a href=${href('tools')}>Run a tool</a> to see one.</p><//>`;
  }
  return html`<nav class="rows-scroll" aria-label="Calls">
    <ul class="rows">
      ${list.calls.map(
        (call) => html`<li key=${call.id}>
          <a class="row-link" href=${href('calls', call.id, query)} aria-current=${call.id === at ? 'true' : undefined}>
            <span class="row-main">
              <span class="row-name">${call.name ?? call.method}</span>
              <span class="row-sub">${[call.server, call.principal].filter(Boolean).join(' · ')}${call.cached ? ' · kept result' : ''}</span>
            </span>
            <span class="row-side">
              <span class="state" data-tone=${toneOf(call.outcome)}>${call.outcome.replaceAll('_', ' ')}</span>
              <span class="row-sub"><span title=${`${bytes(call.bytes_out)} back`}>${tookText(call.total_us)}</span> · ${clockMs(call.at)}</span>
            </span>
          </a>
        </li>`,
      )}
    </ul>
    ${list.next && html`<${Act} onClick=${list.more}>Load more<//>`}
  </nav>`;
}
