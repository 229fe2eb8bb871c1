/**
 * @file A result of a tool on the page: its parts one below the other. It deliberately loads nothing from
 * anywhere: images stand in the result, files are made when somebody saves them.
 */

import { html, useState } from '../html.js';
import { bytes as bytesText } from '../ui/format.js';
import { saveAs } from './copy.js';
import { Json } from './json.js';
import { TEXT_CHARS_MAX, bytesOf, partsOf } from './result.js';

/** @typedef {import('./result.js').Part} Part */

/**
 * @param {{result: any}} props
 */
export function Result({ result }) {
  const { parts, structured } = partsOf(result);
  return html`<div class="result-parts">
    ${structured !== undefined && html`<div class="part"><${Json} value=${structured} /></div>`}
    ${parts.map((part, index) => html`<${Shown} key=${index} part=${part} />`)}
    ${parts.length === 0 && structured === undefined && html`<p class="dim">The result is empty.</p>`}
  </div>`;
}

/**
 * @param {{part: Part}} props
 */
function Shown({ part }) {
  switch (part.is) {
    case 'text':
      return html`<${LongText} text=${part.text} />`;
    case 'json':
      return html`<div class="part"><${Json} value=${part.value} /></div>`;
    case 'image':
      return html`<figure class="part">
        <img src=${part.source} alt=${`Image of the result, ${part.kind}`} />
        <figcaption class="dim">${part.kind}, ${bytesText(part.bytes)}</figcaption>
      </figure>`;
    case 'file':
      return html`<p class="part">
        <button type="button" onClick=${() => saveAs(part.name, part.kind, bytesOf(part))}>Save ${part.name}</button>
        <span class="dim"> ${part.kind}, ${bytesText(part.bytes)}</span>
      </p>`;
    case 'link':
      return html`<p class="part">
        ${part.follow
          ? html`<a href=${part.address} target="_blank" rel="noopener noreferrer">${part.name}</a>`
          : html`<b>${part.name}</b>`}
        <span class="dim mono"> ${part.address} ${part.kind}</span>
        ${part.description && html`<br />${part.description}`}
      </p>`;
    case 'embedded':
      return html`<div class="part">
        <p class="dim mono">${part.address} ${part.kind}</p>
        ${part.inner.map((inner, index) => html`<${Shown} key=${index} part=${inner} />`)}
      </div>`;
  }
}

/** @param {{text: string}} props */
function LongText({ text }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > TEXT_CHARS_MAX;
  return html`<div class="part">
    <pre class="text" tabindex="0">${cut ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text}</pre>
    ${cut && html`<button type="button" class="small" onClick=${() => setAll(true)}>Show all ${text.length} letters</button>`}
  </div>`;
}
