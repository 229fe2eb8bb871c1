/** @file The logs of all servers as one stream. Filters apply here and at once; what is older than what the
 * page holds is asked for. */
import { html, useMemo, useState } from '../html.js';
import { get, lines, query as asked } from '../api.js';
import { setQuery } from '../route.js';
import { serverList, topics, useLive } from '../store.js';
import { plural } from '../ui/format.js';
import { Act, Choice, Panel, Search, StaleNote, Waiting } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { LogRows } from './rows.js';
import { asText, matcher, merged, selected } from './select.js';

/** Lines that are asked for at once. */
const PAGE = 500;
/** Older lines that are held beside the live ones. */
const OLDER_MAX = 5000;

/** The tab. @param {{query: Record<string, string>}} props */
export function Tab({ query }) {
  useLive('logs', 'servers');
  const [text, setText] = useState('');
  const [level, setLevel] = useState('debug');
  const [older, setOlder] = useState(/** @type {any[]} */ ([]));
  const [held, hold] = useState(/** @type {any[]|null} */ (null));
  const [after, clearAt] = useState('');
  const server = query.server ?? '';
  const search = useMemo(() => matcher(text), [text]);
  const live = topics.logs?.value?.items;
  const all = [...older, ...(held ?? live ?? [])];
  const ofServer = server ? all.filter((line) => line.server === server) : all;
  const rows = selected(all, { server, level, fits: search.fits, after });
  const waiting = held ? (live?.length ?? 0) - held.length : 0;
  return html`<div class="page-head"><h1>Logs</h1><${StaleNote} /></div>
    <div class="row above">
      <${Search} label="Search, or /pattern/" value=${text} onInput=${setText} />
      <select aria-label="Server" value=${server} onChange=${(/** @type {any} */ event) => setQuery({ server: event.currentTarget.value })}>
        <option value="">all servers</option>
        ${(serverList() ?? []).map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}
      </select>
      <${Choice} label="Level" value=${level} onChange=${setLevel} options=${[['debug', 'All'], ['info', 'Info'], ['warn', 'Warnings'], ['error', 'Errors']]} />
      <span class="grow"></span>
      <button aria-pressed=${String(!!held)} onClick=${() => hold(held ? null : (live ?? []))}>${held ? `Go on${waiting > 0 ? ` (${waiting} new)` : ''}` : 'Pause'}</button>
      <button onClick=${() => download(rows)} disabled=${!rows.length}>Download</button>
      <button onClick=${() => (setOlder([]), clearAt(all.at(-1)?.at ?? ''))} disabled=${!rows.length}>Clear</button>
    </div>
    ${search.problem && html`<p class="failure" role="alert">The pattern cannot be read: ${search.problem}</p>`}
    <${Panel} label="Log">
      ${live
        ? html`<${LogRows} rows=${rows} label="Log of all servers" hold=${!!held} more=${!after && html`<${Older} key=${server} first=${ofServer[0]} server=${server} count=${ofServer.length} held=${older.length} add=${(/** @type {any[]} */ found) => setOlder(merged(found, older).slice(-OLDER_MAX))} />`} empty=${all.length ? 'No line fits what is chosen' : 'No server has said anything yet'} />`
        : html`<${Waiting} rows=${10} />`}
    <//>
    <p class="dim log-count" role="status">${plural(rows.length, 'line')}${topics.logs?.value?.missed ? `, ${topics.logs.value.missed} were too fast to be shown` : ''}</p>`;
}

/** Asks for what came before: for more of the last lines than there are here. `count`: how many those are.
 * @param {{first: any, server: string, count: number, held: number, add: (lines: any[]) => void}} props */
function Older({ first, server, count, held, add }) {
  const [done, setDone] = useState(false);
  if (!first || done || held >= OLDER_MAX) return html`<p class="log-note">${first ? 'Nothing older is held here' : ''}</p>`;
  const load = () =>
    doing('Older lines are shown', async () => {
      const path = server ? `/api/logs/${encodeURIComponent(server)}` : '/api/log';
      const last = lines(await get(`${path}${asked({ n: count + PAGE })}`, { text: true }));
      const found = last.filter((line) => line.at < first.at).map((line) => ({ server, ...line }));
      if (!found.length) setDone(true);
      add(found);
    });
  return html`<p class="log-note"><${Act} class="small" onClick=${load}>Load older lines<//></p>`;
}

/** Saves lines as a file. @param {any[]} rows */
function download(rows) {
  const url = URL.createObjectURL(new Blob([asText(rows)], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `switchboard-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.log`;
  link.click();
  URL.revokeObjectURL(url);
}
