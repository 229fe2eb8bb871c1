/** @file Charts over time, drawn by uPlot, which is loaded when the first one is shown. A chart says its last
 * values in words as well: the canvas is for those who see it. */
import { html, useEffect, useRef, useState } from '../html.js';
import { colour, shownTheme } from '../theme.js';
import { clock } from './format.js';

/**
 * @typedef {object} Series
 * @property {string} key member of a point
 * @property {string} label
 * @property {string} swatch `1`, `2`, `3` or `bad`: the colour
 * @property {boolean} [fill]
 */

/**
 * Columns of points, as uPlot wants them: seconds first. Where points are missing for longer than two steps
 * the line has a gap.
 * @param {any[]} points in the order of time
 * @param {string[]} keys
 * @param {number} stepMs
 * @returns {(number|null)[][]}
 */
export function columns(points, keys, stepMs) {
  /** @type {(number|null)[][]} */
  const made = [[], ...keys.map(() => [])];
  let last = null;
  for (const point of points) {
    if (last !== null && stepMs > 0 && point.at_ms - last > 2.5 * stepMs) {
      made[0]?.push((last + stepMs) / 1000);
      keys.forEach((_, index) => made[index + 1]?.push(null));
    }
    made[0]?.push(point.at_ms / 1000);
    keys.forEach((key, index) => made[index + 1]?.push(point[key] ?? null));
    last = point.at_ms;
  }
  return made;
}

/** Distances between the lines of a chart of bytes: powers of two. */
const BYTE_STEPS = Array.from({ length: 42 }, (_, power) => 2 ** power);
/** Of a chart of things that come whole. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** @param {Series[]} series @param {(value: any) => string} format @param {[number, number]} range @param {number[]|undefined} incrs */
function options(series, format, range, incrs) {
  const axis = { stroke: colour('--dim'), font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: colour('--line'), width: 1 } };
  const line = (/** @type {Series} */ one) => {
    const stroke = colour(`--chart-${one.swatch}`);
    const fill = one.fill ? stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)') : undefined;
    return { label: one.label, stroke, fill, width: 1.6, points: { show: false } };
  };
  return {
    width: 300,
    height: 160,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { x: { time: true, range: () => range }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.15 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((at) => label(at, range)) },
      { ...axis, size: 62, space: 34, ...(incrs && { incrs }), values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(format) },
    ],
    series: [{}, ...series.map(line)],
  };
}

/** @param {number} at seconds @param {[number, number]} range */
function label(at, range) {
  const date = new Date(at * 1000);
  const days = range[1] - range[0] > 2 * 86_400;
  return days ? date.toLocaleDateString([], { weekday: 'short', day: 'numeric' }) : date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false });
}

/**
 * One chart.
 * @param {{title: string, points: any[], series: Series[], format: (value: any) => string, stepMs: number, windowMs: number, scale?: 'bytes'|'whole', aside?: any}} props
 */
export function Chart({ title, points, series, format, stepMs, windowMs, scale, aside }) {
  const place = useRef(/** @type {HTMLDivElement|null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [Plot, setPlot] = useState(/** @type {any} */ (null));
  const last = points.at(-1);
  const end = last ? last.at_ms / 1000 : 0;
  const data = columns(points, series.map((one) => one.key), stepMs);
  useEffect(() => {
    import('../../vendor/uplot.js').then((module) => setPlot(() => module.default));
  }, []);
  useEffect(() => {
    const box = place.current;
    if (!Plot || !box || !points.length) return undefined;
    const made = new Plot({ ...options(series, format, [end - windowMs / 1000, end], scale && { bytes: BYTE_STEPS, whole: WHOLE_STEPS }[scale]), width: box.clientWidth }, data, box);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: 160 }));
    resize.observe(box);
    return () => {
      resize.disconnect();
      made.destroy();
    };
    // A new end moves the window: small enough to draw anew.
  }, [Plot, shownTheme.value, end, points.length, windowMs]);
  const said = series.map((one) => `${one.label} ${format(last?.[one.key])}`).join(', ');
  return html`<div class="panel chart">
    <div class="chart-head">
      <h2>${title}</h2>
      <div class="chart-legend">
        ${series.map((one) => html`<span key=${one.key} class=${`swatch-${one.swatch}`}>${one.label} <b>${format(last?.[one.key])}</b></span>`)}
        ${aside}
      </div>
    </div>
    <div class="chart-area" ref=${place} role="img" aria-label=${last ? `${title} at ${clock(last.at_ms)}: ${said}` : `${title}: nothing yet`}></div>
    ${!points.length && html`<p class="chart-empty">Nothing happened yet</p>`}
  </div>`;
}
