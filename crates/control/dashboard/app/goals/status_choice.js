/**
 * @file The list of what a task can become next. It deliberately changes nothing itself.
 */

import { html } from '../html.js';
import { choicesFrom, inWords } from './plan.js';

/** @typedef {import('./plan.js').Task} Task */

/**
 * What a task can become.
 * @param {{task: Task, setStatus: (task: Task, status: string) => void}} props
 */
export function StatusChoice({ task, setStatus }) {
  return html`<select class="small" aria-label=${`Status of ${task.id}`} value=${task.status}
    onChange=${(/** @type {any} */ event) => setStatus(task, event.currentTarget.value)}>
    ${choicesFrom(task.status).map((one) => html`<option key=${one} value=${one}>${inWords(one)}</option>`)}
  </select>`;
}
