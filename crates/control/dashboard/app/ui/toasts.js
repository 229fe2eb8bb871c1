/** @file Short words about what was done, in a corner. A failure stays until it is read; the rest goes. */
import { html, signal } from '../html.js';
import { Problem } from '../api.js';

const SHOWN_MS = 5000;
const SHOWN_MAX = 4;

/** @typedef {{id: number, tone: 'ok'|'bad', text: string, hint?: string}} Toast */

const shown = signal(/** @type {Toast[]} */ ([]));
let last = 0;

/** @param {'ok'|'bad'} tone @param {string} text @param {string} [hint] */
export function toast(tone, text, hint) {
  const id = (last += 1);
  shown.value = [...shown.value, { id, tone, text, hint: hint ?? '' }].slice(-SHOWN_MAX);
  if (tone === 'ok') setTimeout(() => dismiss(id), SHOWN_MS);
}

/** @param {number} id */
function dismiss(id) {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/**
 * Does something and says how it went.
 * @param {string} done what to say when it is done
 * @param {() => Promise<any>} act
 * @returns {Promise<any>} what it gave; nothing when it failed
 */
export async function doing(done, act) {
  try {
    const given = await act();
    toast('ok', done);
    return given;
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem(String(error));
    toast('bad', problem.message, problem.hint);
    return undefined;
  }
}

/** The corner. */
export function Toasts() {
  return html`<div class="toasts" role="region" aria-label="Messages">
    <div aria-live="polite" aria-atomic="false">
      ${shown.value.map(
        (one) => html`<div key=${one.id} class="toast" data-tone=${one.tone} role=${one.tone === 'bad' ? 'alert' : 'status'}>
          <div>
            <p>${one.text}</p>
            ${one.hint && html`<p class="hint">${one.hint}</p>`}
          </div>
          <button class="quiet" aria-label="Dismiss" onClick=${() => dismiss(one.id)}>×</button>
        </div>`,
      )}
    </div>
  </div>`;
}
