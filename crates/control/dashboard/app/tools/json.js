/**
 * @file JSON as a tree that opens, level by level. Large values stay quick: what is closed is not drawn.
 * It deliberately shows texts as texts, whatever stands in them.
 */

import { html, useState } from '../html.js';

/** Members that are drawn at once; a button shows more. */
const MEMBERS = 100;
/** Letters of a text that are drawn at once. */
const LETTERS = 2000;

/**
 * @param {{value: any, name?: string, open?: number}} props `open`: levels that are open at first.
 */
export function Json({ value, name, open = 2 }) {
  if (value === null || typeof value !== 'object') return html`<div class="json-row"><${Name} of=${name} /><${Leaf} value=${value} /></div>`;
  return html`<${Branch} value=${value} name=${name} open=${open} />`;
}

/** @param {{value: any, name?: string, open: number}} props */
function Branch({ value, name, open }) {
  const [shown, setShown] = useState(open > 0);
  const [most, setMost] = useState(MEMBERS);
  const list = Array.isArray(value);
  const keys = Object.keys(value);
  const count = list ? `${keys.length} ${keys.length === 1 ? 'entry' : 'entries'}` : `${keys.length} ${keys.length === 1 ? 'member' : 'members'}`;
  if (keys.length === 0) return html`<div class="json-row"><${Name} of=${name} /><span class="json-quiet">${list ? '[ ]' : '{ }'}</span></div>`;
  return html`<details class="json-branch" open=${shown} onToggle=${(/** @type {any} */ event) => setShown(event.currentTarget.open)}>
    <summary><${Name} of=${name} /><span class="json-quiet">${list ? `[ ${count} ]` : `{ ${count} }`}</span></summary>
    ${shown &&
    html`<div class="json-inside">
      ${keys.slice(0, most).map((key) => html`<${Json} key=${key} value=${value[key]} name=${key} open=${open - 1} />`)}
      ${keys.length > most &&
      html`<button type="button" class="small" onClick=${() => setMost(most + MEMBERS * 5)}>${keys.length - most} more</button>`}
    </div>`}
  </details>`;
}

/** @param {{of?: string}} props */
function Name({ of }) {
  return of === undefined ? null : html`<span class="json-name">${of}: </span>`;
}

/** @param {{value: any}} props */
function Leaf({ value }) {
  const [all, setAll] = useState(false);
  if (typeof value !== 'string') return html`<span class=${`json-${value === null ? 'quiet' : typeof value}`}>${String(value)}</span>`;
  const long = value.length > LETTERS && !all;
  return html`<span class="json-string">"${long ? `${value.slice(0, LETTERS)}…` : value}"</span>
    ${long && html` <button type="button" class="small" onClick=${() => setAll(true)}>all ${value.length} letters</button>`}`;
}
