/** @file How it went: calls, latency, errors, memory and CPU over a window of the stored history, with the
 * newest point as it comes. */
import { html, useEffect, useState } from '../html.js';
import { useGet } from '../api.js';
import { topics, useLive } from '../store.js';
import { Chart } from '../ui/chart.js';
import { bytes, count, millis } from '../ui/format.js';
import { Choice, Failure } from '../ui/parts.js';

/** How much is shown: name → milliseconds. @type {Record<string, number>} */
const WINDOWS = { '15m': 15 * 60_000, '24h': 24 * 3_600_000, '7d': 7 * 86_400_000 };

/**
 * Stored points with those that came since, none older than the window.
 * @param {any[]} stored
 * @param {any[]} fresh
 * @param {number} windowMs
 */
export function joined(stored, fresh, windowMs) {
  const first = fresh[0]?.at_ms ?? Infinity;
  const all = [...stored.filter((point) => point.at_ms < first), ...fresh];
  const end = all.at(-1)?.at_ms ?? 0;
  return all.filter((point) => point.at_ms >= end - windowMs);
}

/** The charts and the choice of their window. */
export function Charts() {
  const [chosen, choose] = useState('15m');
  useLive('history');
  const { data, problem, reload } = useGet(`/api/history?window=${chosen}`);
  useEffect(() => {
    // The longer windows have coarse points: they are asked for again, seldom.
    const timer = chosen === '15m' ? 0 : setInterval(reload, 60_000);
    return () => clearInterval(timer);
  }, [chosen]);
  const windowMs = WINDOWS[chosen] ?? 0;
  const fresh = chosen === '15m' ? (topics.history?.value?.points ?? []) : [];
  const points = joined(data?.points ?? [], fresh, windowMs);
  const shared = { points, stepMs: data?.step_ms ?? 10_000, windowMs };
  return html`<section class="stack" aria-label="History">
    <div class="page-head tight">
      <h2>History</h2>
      <${Choice} label="Window" value=${chosen} onChange=${choose} options=${[['15m', '15 minutes'], ['24h', '24 hours'], ['7d', '7 days']]} />
    </div>
    ${problem && html`<${Failure} problem=${problem} retry=${reload} />`}
    ${!problem &&
    html`<div class="charts">
      <${Chart} ...${shared} title="Calls" scale="whole" format=${count} series=${[{ key: 'calls', label: 'calls', swatch: '1', fill: true }]} />
      <${Chart} ...${shared} title="Latency" format=${millis} series=${[{ key: 'p50_ms', label: 'p50', swatch: '2' }, { key: 'p95_ms', label: 'p95', swatch: '1' }, { key: 'p99_ms', label: 'p99', swatch: '3' }]} />
      <${Chart} ...${shared} title="Errors" scale="whole" format=${count} series=${[{ key: 'errors', label: 'errors', swatch: 'bad', fill: true }]} />
      <${Chart} ...${shared} title="Memory" scale="bytes" format=${bytes} series=${[{ key: 'memory_bytes', label: 'memory', swatch: '1', fill: true }]} />
      <${Chart} ...${shared} title="CPU" format=${(/** @type {any} */ value) => (value === null || value === undefined ? '–' : `${count(value)} %`)} series=${[{ key: 'cpu_percent', label: 'CPU', swatch: '2', fill: true }]} />
    </div>`}
  </section>`;
}
