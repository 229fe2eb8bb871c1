/**
 * @file The tab Memory and cache: what servers remember, and what is kept for a while. It deliberately
 * shows two things in one place, since people look for both with the same question.
 */

import { html } from '../html.js';
import { go, href } from '../route.js';
import { Choice } from '../ui/parts.js';
import { Cache } from './cache.js';
import { Memories } from './memories.js';

/**
 * @param {{rest: string[], query: Record<string, string>}} props
 */
export function Tab({ rest, query }) {
  const which = rest[0] === 'cache' ? 'cache' : 'memories';
  return html`<div class="kept">
    <div class="page-head"><h1>Memory and cache</h1>
    <${Choice} label="What to look at" value=${which} options=${[['memories', 'Memories'], ['cache', 'Cache']]} onChange=${(/** @type {string} */ to) => go(href('memory', to))} /></div>
    ${which === 'cache' ? html`<${Cache} name=${rest.slice(1).join('/')} query=${query} />` : html`<${Memories} query=${query} />`}
  </div>`;
}
