/** @file What people did, the newest first. */
import { html, useState } from '../html.js';
import { get, query, useGet } from '../api.js';
import { moment, plural, words } from '../ui/format.js';
import { Act, Empty, Failure, Loading, Panel } from '../ui/parts.js';
import { doing, toast } from '../ui/toasts.js';

/** Events that are asked for at once. */
const PAGE = 50;

/** What else an event says. @param {any} said */
export function details(said) {
  if (said === null || typeof said !== 'object') return String(said ?? '');
  const rest = Object.entries(said).filter(([, value]) => value !== null && !(typeof value === 'object' && Object.keys(value).length === 0));
  return rest.map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ');
}

/** Asks whether an entry was changed or taken out afterwards. */
async function verify() {
  const done = await doing('The audit was verified', () => get('/api/audit/verify'));
  if (done) toast(done.whole ? 'ok' : 'bad', done.whole ? `Whole: ${plural(done.entries ?? 0, 'entry', 'entries')}` : `Entry ${done.broken} is not right`, done.why);
}

/** The list. */
export function Audit() {
  const { data, problem, reload } = useGet(`/api/audit${query({ limit: PAGE })}`);
  const [more, setMore] = useState(/** @type {{events: any[], next: string|null}|null} */ (null));
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Audit"><${Loading} rows=${8} /><//>`;
  const events = [...data.events, ...(more?.events ?? [])];
  const next = more ? more.next : data.next;
  const load = () =>
    doing('Older events are shown', async () => {
      const page = await get(`/api/audit${query({ limit: PAGE, before: next })}`);
      setMore({ events: [...(more?.events ?? []), ...page.events], next: page.next });
    });
  return html`<${Panel} title="What people did" aside=${html`<${Act} class="small" onClick=${verify}>Verify<//><button class="small" onClick=${() => (setMore(null), reload())}>Refresh</button>`} class="scroll">
    ${events.length
      ? html`<table><thead><tr><th>When</th><th>Who</th><th>Did</th><th>To</th><th>Details</th></tr></thead>
          <tbody>${events.map((event) => html`<tr key=${event.entry}>
            <td class="mono">${moment(event.at)}</td><td>${event.who}</td><td>${words(event.what)}</td>
            <td>${event.on}</td><td class="dim">${details(event.details)}</td>
          </tr>`)}</tbody></table>`
      : html`<${Empty} title="Nobody has done anything yet" />`}
    ${next && html`<div class="panel-body"><${Act} onClick=${load}>Load older events<//></div>`}
  <//>`;
}
