/** @file What is remembered: newest first, or found by words; new ones are written here and old ones
 * deleted. It deliberately shows the memories of this person's own space, as the server gives them. */

import { get, post, query as queryOf, send, useGet } from '../api.js';
import { html, useEffect, useState } from '../html.js';
import { onceKey } from '../once.js';
import { setQuery } from '../route.js';
import { topics, useLive } from '../store.js';
import { confirm } from '../ui/dialog.js';
import { moment, plural } from '../ui/format.js';
import { Act, Empty, Failure, Loading, Panel, Search, StaleNote, Tag } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { secondsOf, tagsOf } from './keep.js';

/** Memories of one page. */
const PAGE = 50;
/** How long typing rests before it is searched, in milliseconds. */
const REST_MS = 200;

/**
 * @typedef {object} Memory
 * @property {string} id
 * @property {string} text
 * @property {string[]} [tags]
 * @property {string} [created_at]
 * @property {string} [expires_at]
 * @property {number} [score]
 * @property {boolean} [truncated]
 * @property {{principal?: string, client?: string}} [source]
 * @property {{id: string, kind: string, text: string}[]} [links]
 */

/** @param {{query: Record<string, string>}} props */
export function Memories({ query }) {
  useLive('memory');
  const version = topics.memory?.value?.version;
  const { q = '', kind = '' } = query;
  const [typed, setTyped] = useState(q);
  useEffect(() => {
    const timer = setTimeout(() => typed !== q && setQuery({ q: typed, kind }), REST_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const path = `/api/memory${queryOf({ q, kind, limit: PAGE })}`;
  const said = useGet(path, version);
  const [more, setMore] = useState(/** @type {{of: any, memories: Memory[], next: string|null}} */ ({ of: null, memories: [], next: null }));
  const fresh = more.of === said.data;
  /** @type {Memory[]} */
  const memories = [...(said.data?.memories ?? []), ...(fresh ? more.memories : [])];
  const next = fresh && more.of ? more.next : said.data?.next;
  const load = async () => {
    const page = await get(`/api/memory${queryOf({ q, kind, limit: PAGE, before: next })}`);
    setMore({ of: said.data, memories: fresh ? [...more.memories, ...page.memories] : page.memories, next: page.next });
  };
  return html`<div class="kept-columns">
    <div>
      <div class="row"><${Search} label="Search memories" value=${typed} onInput=${setTyped} />
        ${kind && html`<button class="tag" title="Show all tags" onClick=${() => setQuery({ q })}>${kind} ✕</button>`}<${StaleNote} /></div>
      ${said.problem?.status === 404 && !said.data && html`<${Empty} title="No server for memories"><p>${said.problem.message}: ${said.problem.hint}</p><//>`}
      ${said.problem && said.problem.status !== 404 && !said.data && html`<${Failure} problem=${said.problem} retry=${said.reload} />`}
      ${said.loading && !said.data && html`<${Loading} rows=${5} />`}
      ${said.data && memories.length === 0 && html`<${Empty} title=${q || kind ? `Nothing is remembered with ${q ? 'these words' : 'this tag'}` : 'Nothing is remembered yet'}>
        <p>${q || kind ? 'Try fewer words, or all tags.' : 'Clients save memories with the tools of the server memory; you can write one here.'}</p><//>`}
      <ul class="memories" aria-label="Memories">
        ${memories.map((memory) => html`<${One} key=${memory.id} memory=${memory} query=${query} done=${said.reload} />`)}
      </ul>
      ${next && html`<${Act} onClick=${load}>Load more<//>`}
      ${said.data && memories.length > 0 && html`<p class="dim" role="status">${plural(memories.length, 'memory', 'memories')}${said.data.total > memories.length && !q && !kind ? ` of ${said.data.total}` : ''}</p>`}
    </div>
    ${(said.data || said.problem?.status !== 404) && html`<${NewMemory} done=${said.reload} />`}
  </div>`;
}

/** @param {{memory: Memory, query: Record<string, string>, done: () => void}} props */
function One({ memory, query, done }) {
  const remove = async () => {
    if (!(await confirm({ title: 'Forget this memory?', text: memory.text.slice(0, 200), action: 'Forget it', danger: true }))) return;
    await doing('Forgotten', () => send('DELETE', `/api/memory/${encodeURIComponent(memory.id)}`));
    done();
  };
  const { source, links = [] } = memory;
  return html`<li class="panel memory">
    <p class="memory-text">${memory.text}${memory.truncated ? ' …' : ''}</p>
    ${links.length > 0 && html`<p class="dim">${links.map((link) => `${link.kind}: ${link.text}`).join('; ')}</p>`}
    <p class="row">
      ${memory.tags?.map((tag) => html`<button class="tag" key=${tag} title="Only those with this tag" onClick=${() => setQuery({ ...query, kind: tag })}>${tag}</button>`)}
      ${memory.expires_at && html`<${Tag} text=${`until ${moment(memory.expires_at)}`} />`}
      <span class="dim">${moment(memory.created_at)}${source?.principal ? ` · ${source.principal}${source.client ? ` with ${source.client}` : ''}` : ''}</span>
      <span class="grow"></span>
      <${Act} class="small outline-danger" label=${`Forget: ${memory.text.slice(0, 40)}`} onClick=${remove}>Forget<//>
    </p>
  </li>`;
}

/** @param {{done: () => void}} props */
function NewMemory({ done }) {
  const [text, setText] = useState('');
  const [tags, setTags] = useState('');
  const [keep, setKeep] = useState('');
  const { seconds, says } = secondsOf(keep);
  const save = async () => {
    const body = { text: text.trim(), tags: tagsOf(tags), ...(seconds ? { ttl: seconds } : {}) };
    if ((await doing('Remembered', () => post('/api/memory', body, { key: onceKey() }))) === undefined) return;
    setText('');
    setTags('');
    done();
  };
  return html`<${Panel} title="Remember something" class="entry"><div class="panel-body">
    <label for="memory-text">Text</label>
    <textarea id="memory-text" rows="4" value=${text} onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}></textarea>
    <label for="memory-tags">Tags <span class="dim">separated by commas</span></label>
    <input id="memory-tags" type="text" autocomplete="off" value=${tags} onInput=${(/** @type {any} */ event) => setTags(event.currentTarget.value)} />
    <label for="memory-keep">Keep for <span class="dim">always, unless you say such as 7d</span></label>
    <input id="memory-keep" type="text" autocomplete="off" value=${keep} aria-invalid=${says ? 'true' : undefined} aria-describedby=${says ? 'memory-keep-wrong' : undefined} onInput=${(/** @type {any} */ event) => setKeep(event.currentTarget.value)} />
    ${says && html`<p class="field-wrong" id="memory-keep-wrong">${says}</p>`}
    <div class="row"><span class="grow"></span><${Act} class="primary" disabled=${!text.trim() || !!says} onClick=${save}>Remember<//></div>
  </div><//>`;
}
