/**
 * @file What the cache keeps: keys with the time that is left to them, their values, and how often a
 * question was answered from it. It deliberately says nothing of kept results of tools: those are with
 * their servers.
 */

import { post, query as queryOf, send, useGet } from '../api.js';
import { html, useState } from '../html.js';
import { go, href, setQuery } from '../route.js';
import { topics, useLive } from '../store.js';
import { confirm } from '../ui/dialog.js';
import { NONE, bytes, count, percent, plural } from '../ui/format.js';
import { Act, Empty, Facts, Failure, Loading, Panel, Search, StaleNote } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { Json } from '../tools/json.js';
import { patternOf, secondsOf, ttlText } from './keep.js';

/** Keys that are listed. */
const KEYS_MAX = 500;

/** @param {{name: string, query: Record<string, string>}} props */
export function Cache({ name, query }) {
  useLive('cache');
  const version = topics.cache?.value?.version;
  const [round, setRound] = useState(0);
  const state = `${version} ${round}`;
  const stats = useGet('/api/redis/stats', state);
  const again = () => setRound((/** @type {number} */ last) => last + 1);
  const flush = async () => {
    const text = 'Every key of yours goes, with its value. Nothing brings them back.';
    if (!(await confirm({ title: 'Flush the cache?', text, action: 'Flush', danger: true }))) return;
    await doing('Your keys are gone', () => post('/api/redis/flush', { confirm: true }));
    again();
    if (name) go(href('memory', 'cache'));
  };
  return html`
    ${stats.data ? html`<${Stats} stats=${stats.data} flush=${flush} />` : stats.problem ? html`<${Failure} problem=${stats.problem} retry=${stats.reload} />` : html`<${Loading} rows=${1} />`}
    <div class="kept-columns">
      <${Keys} name=${name} query=${query} state=${state} />
      <div>
        ${name && html`<${Value} key=${name} name=${name} state=${state} again=${again} />`}
        <${NewKey} again=${again} />
      </div>
    </div>`;
}

/** @param {{stats: any, flush: () => Promise<void>}} props */
function Stats({ stats, flush }) {
  const { keyspace_hits: hits = 0, keyspace_misses: misses = 0 } = stats.stats ?? {};
  const asked = hits + misses;
  /** @type {[string, string][]} */
  const cards = [
    ['Hit rate', asked === 0 ? NONE : percent(hits / asked)],
    ['Hits', count(hits)],
    ['Misses', count(misses)],
    ['Keys', count(stats.total_keys)],
    ['Memory', stats.memory?.used_memory_mb === undefined || stats.memory?.used_memory_mb === null ? NONE : bytes(stats.memory.used_memory_mb * 1024 * 1024)],
    ['Backend', backendOf(stats.server?.version)],
  ];
  return html`<div class="panel stats">
    <dl>${cards.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    <${Act} class="outline-danger" onClick=${flush}>Flush …<//>
  </div>`;
}

/** Which cache it is. @param {string|undefined} version */
function backendOf(version) {
  if (!version) return NONE;
  return version === 'embedded' ? 'in this process' : `Redis ${version}`;
}

/** @param {{name: string, query: Record<string, string>, state: string}} props */
function Keys({ name, query, state }) {
  const q = query.q ?? '';
  const said = useGet(`/api/redis/keys${queryOf({ pattern: patternOf(q), limit: KEYS_MAX })}`, state);
  /** @type {{key: string, type: string, ttl: number}[]} */
  const keys = said.data?.keys ?? [];
  const problem = said.problem ?? (said.data?.error ? { message: said.data.error } : null);
  return html`<div>
    <div class="row"><${Search} label="Search keys, such as user:*" value=${q} onInput=${(/** @type {string} */ value) => setQuery({ q: value })} /><${StaleNote} /></div>
    ${problem && keys.length === 0 && html`<${Failure} problem=${problem} retry=${said.reload} />`}
    ${said.loading && !said.data && html`<${Loading} rows=${4} />`}
    ${said.data && !problem && keys.length === 0 && html`<${Empty} title=${q ? 'No key fits' : 'The cache is empty'}><p>${q ? 'Try another pattern: * stands for anything.' : 'Clients keep things with the tools of the server cache; you can add a key here.'}</p><//>`}
    ${keys.length > 0 &&
    html`<div class="panel table-scroll" tabindex="0" role="region" aria-label="Keys"><table>
      <thead><tr><th scope="col">Key</th><th scope="col">Type</th><th scope="col">Time left</th></tr></thead>
      <tbody>${keys.map(
        (one) => html`<tr key=${one.key} class=${one.key === name ? 'chosen' : ''}>
          <td><a class="mono" href=${href('memory', 'cache', one.key, query)} aria-current=${one.key === name ? 'true' : undefined}>${one.key}</a></td>
          <td>${one.type}</td><td>${ttlText(one.ttl)}</td></tr>`,
      )}</tbody>
    </table></div>
    <p class="dim" role="status">${plural(keys.length, 'key')}${said.data?.limited ? ', and more: narrow the search' : ''}</p>`}
  </div>`;
}

/** @param {{name: string, state: string, again: () => void}} props */
function Value({ name, state, again }) {
  const path = `/api/redis/key/${encodeURIComponent(name)}`;
  const said = useGet(path, state);
  const remove = async () => {
    if (!(await confirm({ title: `Delete ${name}?`, text: 'Its value goes with it.', action: 'Delete', danger: true }))) return;
    if ((await doing(`Deleted ${name}`, () => send('DELETE', path))) === undefined) return;
    again();
    go(href('memory', 'cache'));
  };
  const aside = html`<${Act} class="small outline-danger" onClick=${remove}>Delete<//><a href=${href('memory', 'cache')}>Close</a>`;
  return html`<${Panel} title=${name} aside=${aside}>
    ${said.problem && !said.data && html`<${Failure} problem=${said.problem} retry=${said.reload} />`}
    ${said.data &&
    html`<div class="panel-body stack"><${Facts} rows=${[['Type', said.data.type], ['Time left', ttlText(said.data.ttl)]]} />
      ${typeof said.data.value === 'string' ? html`<pre class="text" tabindex="0">${said.data.value}</pre>` : html`<${Json} value=${said.data.value} />`}</div>`}
  <//>`;
}

/** @param {{again: () => void}} props */
function NewKey({ again }) {
  const [key, setKey] = useState('');
  const [value, setValue] = useState('');
  const [keep, setKeep] = useState('');
  const { seconds, says } = secondsOf(keep);
  const save = async () => {
    const body = { key: key.trim(), value, ...(seconds ? { ttl: seconds } : {}) };
    if ((await doing(`Kept ${key.trim()}`, () => post('/api/redis/key', body))) === undefined) return;
    setKey('');
    setValue('');
    again();
  };
  const typed = (/** @type {(value: string) => void} */ set) => (/** @type {any} */ event) => set(event.currentTarget.value);
  return html`<${Panel} title="Add a key" class="entry"><div class="panel-body">
    <label for="cache-key">Key</label>
    <input id="cache-key" class="mono" type="text" autocomplete="off" value=${key} onInput=${typed(setKey)} />
    <label for="cache-value">Value <span class="dim">text or JSON</span></label>
    <textarea id="cache-value" class="mono" rows="4" spellcheck=${false} value=${value} onInput=${typed(setValue)}></textarea>
    <label for="cache-keep">Keep for <span class="dim">always, unless you say such as 5m</span></label>
    <input id="cache-keep" type="text" autocomplete="off" value=${keep} aria-invalid=${says ? 'true' : undefined} aria-describedby=${says ? 'cache-keep-wrong' : undefined} onInput=${typed(setKeep)} />
    ${says && html`<p class="field-wrong" id="cache-keep-wrong">${says}</p>`}
    <div class="row"><span class="grow"></span><${Act} class="primary" disabled=${!key.trim() || !!says} onClick=${save}>Keep<//></div>
  </div><//>`;
}
