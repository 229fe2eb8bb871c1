/** @file The log of one server: its last lines, and those to come. */
import { html, useState } from '../html.js';
import { lines, useGet } from '../api.js';
import { href } from '../route.js';
import { topics, useLive } from '../store.js';
import { LogRows } from '../logs/rows.js';
import { Failure, Loading, Panel, Search } from '../ui/parts.js';

/** Lines that are asked for. */
const LINES = 500;

/**
 * Past lines and those that came since, without those that are in both.
 * @param {any[]} past
 * @param {any[]} fresh
 */
export function continued(past, fresh) {
  const last = past.at(-1);
  if (!last) return fresh;
  const seen = new Set(past.filter((line) => line.at === last.at).map((line) => line.text));
  return [...past, ...fresh.filter((line) => line.at > last.at || (line.at === last.at && !seen.has(line.text)))];
}

/** @param {{name: string}} props */
export function ServerLog({ name }) {
  useLive('logs');
  const [text, setText] = useState('');
  const { data, problem, reload } = useGet(`/api/logs/${encodeURIComponent(name)}?n=${LINES}`, undefined, { text: true });
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (data === null) return html`<${Panel} label="Log"><${Loading} rows=${8} /><//>`;
  const past = lines(data).map((line) => ({ ...line, server: name }));
  const fresh = (topics.logs?.value?.items ?? []).filter((/** @type {any} */ line) => line.server === name);
  const wanted = text.toLowerCase();
  const rows = continued(past, fresh).filter((line) => line.text.toLowerCase().includes(wanted));
  return html`<${Panel} title="Log" aside=${html`<${Search} label="Search this log" value=${text} onInput=${setText} /><a href=${href('logs', { server: name })}>Open in Logs</a>`}>
    <${LogRows} rows=${rows} alone=${true} label=${`Log of ${name}`} empty=${text ? 'No line fits' : 'It has said nothing yet'} />
  <//>`;
}
