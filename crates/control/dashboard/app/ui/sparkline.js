/** @file A small line without axes: how a number went. */
import { html } from '../html.js';

const WIDTH = 84;
const HEIGHT = 22;

/**
 * The path of some values in a box, from zero.
 * @param {number[]} values
 * @param {number} width
 * @param {number} height
 * @returns {string}
 */
export function linePath(values, width, height) {
  const most = Math.max(...values, Number.MIN_VALUE) * 1.1;
  const step = width / Math.max(1, values.length - 1);
  return values.map((value, index) => `${index ? 'L' : 'M'}${(index * step).toFixed(1)} ${(height - (value / most) * height).toFixed(1)}`).join('');
}

/** @param {{values: number[]|undefined, label: string}} props */
export function Sparkline({ values, label }) {
  if (!values?.length) return null;
  const path = linePath(values.length === 1 ? [values[0] ?? 0, values[0] ?? 0] : values, WIDTH, HEIGHT);
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${label}>
    <path class="area" d=${`${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} /><path d=${path} />
  </svg>`;
}
