/** @file The overview: the whole set-up at one glance, what needs a person, and how it went lately. */
import { html } from '../html.js';
import { href } from '../route.js';
import { topics, useLive } from '../store.js';
import { useNow } from '../ui/clock.js';
import { bytes, count, duration, millis, percent, tone, words } from '../ui/format.js';
import { StaleNote, Waiting } from '../ui/parts.js';
import { Attention } from './attention.js';
import { Charts } from './charts.js';

/** The tab. */
export function Tab() {
  useLive('overview');
  const overview = topics.overview?.value;
  return html`<div class="page-head"><h1>Overview</h1><${StaleNote} /></div>
    ${overview ? html`<div class="stack"><${Cards} overview=${overview} /><${Attention} rows=${overview.attention ?? []} /><${Charts} /></div>` : html`<${Waiting} rows=${8} />`}`;
}

/** @param {{overview: any}} props */
function Cards({ overview }) {
  const { servers, catalog, cache, disk } = overview;
  const states = Object.entries(servers.by_state).sort((left, right) => right[1] - left[1]);
  const ready = servers.by_state.ready ?? 0;
  const open = overview.breakers_open ?? [];
  return html`<div class="cards">
    <${Card} title="Servers" to=${href('servers')} value=${`${ready}`} unit=${`of ${servers.total} ready`} wide=${true}>
      <div class="bar-of-states" role="img" aria-label=${states.map(([word, many]) => `${many} ${words(word)}`).join(', ')}>
        ${states.map(([word, many]) => html`<i key=${word} data-tone=${tone(word)} style=${{ flexGrow: String(many) }}></i>`)}
      </div>
      <div class="row chips">${states.map(([word, many]) => html`<a key=${word} class="chip" data-tone=${tone(word)} href=${href('servers', { state: word })}><b>${many}</b> ${words(word)}</a>`)}</div>
    <//>
    <${Card} title="Calls" value=${count(overview.calls_per_minute)} unit="per minute" note=${`${overview.in_flight ?? 0} in flight, ${overview.sessions ?? 0} sessions`} />
    <${Card} title="Errors" value=${percent(overview.error_rate)} unit="of calls" tone=${overview.error_rate > 0.05 ? 'bad' : ''} note=${overview.records_dropped ? `${overview.records_dropped} records dropped` : 'in the last minutes'} />
    <${Card} title="Latency" value=${millis(overview.p95_ms)} unit="p95" note="with the time of the server" />
    <${Card} title="Catalog" value=${count(catalog?.tools)} unit="tools" note=${catalog?.tokens ? `${catalog.estimated ? 'about ' : ''}${count(catalog.tokens)} tokens for a model` : 'tokens are not counted yet'} />
    <${Card} title="Breakers" value=${String(open.length)} unit="open" tone=${open.length ? 'bad' : ''} note=${open.length ? open.join(', ') : 'all servers take calls'} />
    <${Card} title="Cache" value=${percent(cache?.hits + cache?.misses > 0 ? cache.hit_rate : null)} unit="hits" tone=${cache?.connected === false ? 'bad' : ''} note=${cacheNote(cache)} />
    <${Card} title="Disk" value=${bytes(disk?.free_bytes)} unit="free" tone=${disk && disk.free_bytes / disk.total_bytes < 0.05 ? 'bad' : ''} note=${disk ? `of ${bytes(disk.total_bytes)}` : 'of the data folder'} />
    <${Card} title="Switchboard" value=${bytes(overview.memory_bytes)} unit="memory" note=${html`<${Own} overview=${overview} />`} />
  </div>`;
}

/** The part of CPU, and how long it has been up, counted here. @param {{overview: any}} props */
function Own({ overview }) {
  const now = useNow();
  const { cpu_percent: cpu, uptime_ms: uptime, at } = overview;
  return html`${cpu === null || cpu === undefined ? '' : `${count(cpu)} % CPU, `}up ${duration(uptime + Math.max(0, now - Date.parse(at)))}`;
}

/** @param {any} cache */
function cacheNote(cache) {
  if (!cache) return '';
  if (cache.connected === false) return `${cache.backend ?? 'the cache'} is not reachable`;
  const parts = [`${count(cache.entries)} entries`, cache.memory_bytes ? bytes(cache.memory_bytes) : '', cache.backend ?? ''];
  return parts.filter(Boolean).join(', ');
}

/** @param {{title: string, value: string, unit: string, note?: any, tone?: string, to?: string, wide?: boolean, children?: any}} props */
function Card({ title, value, unit, note, tone: look, to, wide, children }) {
  return html`<div class=${`panel card ${wide ? 'wide' : ''}`} data-tone=${look || undefined}>
    <h2>${to ? html`<a href=${to}>${title}</a>` : title}</h2>
    <p class="figure"><b>${value}</b> <span>${unit}</span></p>
    ${note && html`<p class="note clip" title=${typeof note === 'string' ? note : undefined}>${note}</p>`}
    ${children}
  </div>`;
}
