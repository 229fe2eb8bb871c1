/** @file The board: a column per status, a card per task. A card is moved by its list of statuses, by keys,
 * or by dragging. It deliberately moves nothing before the server has said yes. */

import { html, useEffect, useRef } from '../html.js';
import { StatusChoice } from './status_choice.js';
import { beside, choicesFrom, columns, inWords, toneOf } from './plan.js';

/** @typedef {import('./plan.js').Task} Task */
/** Cards of a column that are drawn; the list has all. */
const CARDS_MAX = 100;
/** The card that keys moved: the focus goes with it into its new column. */
let moved = '';
/** What a dragged card is called. */
const KIND = 'application/x-switchboard-task';

/**
 * @param {{tasks: Task[], setStatus: (task: Task, status: string) => void, pick: (id: string) => void, chosen: string}} props
 */
export function Board({ tasks, setStatus, pick, chosen }) {
  const drop = (/** @type {DragEvent} */ event, /** @type {string} */ status) => {
    const id = event.dataTransfer?.getData(KIND);
    const task = tasks.find((one) => one.id === id);
    if (!task || task.status === status || !choicesFrom(task.status).includes(status)) return;
    event.preventDefault();
    setStatus(task, status);
  };
  const over = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes(KIND) && event.preventDefault();
  return html`<div class="board" role="region" tabindex="0" aria-label="Board">
    ${columns(tasks).map(
      (column) => html`<section class="column" key=${column.status} data-tone=${toneOf(column.status)} aria-label=${inWords(column.status)}
        onDragOver=${over} onDrop=${(/** @type {DragEvent} */ event) => drop(event, column.status)}>
        <h3><span class="column-name">${inWords(column.status)}</span> <span class="dim">${column.tasks.length}</span></h3>
        <ul>
          ${column.tasks.slice(0, CARDS_MAX).map((task) => html`<${Card} key=${task.id} task=${task} setStatus=${setStatus} pick=${pick} chosen=${task.id === chosen} />`)}
        </ul>
        ${column.tasks.length === 0 && html`<p class="dim">None</p>`}
        ${column.tasks.length > CARDS_MAX && html`<p class="dim">${column.tasks.length - CARDS_MAX} more in the list</p>`}
      </section>`,
    )}
  </div>`;
}

/**
 * @param {{task: Task, setStatus: (task: Task, status: string) => void, pick: (id: string) => void, chosen: boolean}} props
 */
function Card({ task, setStatus, pick, chosen }) {
  const title = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (moved !== task.id) return;
    moved = '';
    title.current?.focus();
  }, []);
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (!event.altKey || (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft')) return;
    event.preventDefault();
    const to = beside(task.status, event.key === 'ArrowRight' ? 1 : -1);
    if (!to) return;
    moved = task.id;
    setStatus(task, to);
  };
  const drag = (/** @type {DragEvent} */ event) => event.dataTransfer?.setData(KIND, task.id);
  return html`<li class="task-card" draggable="true" onDragStart=${drag} onKeyDown=${key} data-priority=${task.priority} data-chosen=${String(chosen)}>
    <button class="link task-title" ref=${title} aria-expanded=${String(chosen)} title="Alt and an arrow move it" onClick=${() => pick(task.id)}>${task.description}</button>
    <p class="task-about dim">
      <span class="mono">${task.id}</span>${task.estimated_effort ? html` · ${task.estimated_effort}` : ''}${waits(task)}${task.claim ? html` · ${task.claim.holder}` : ''}
    </p>
    <p class="task-foot">
      <${StatusChoice} task=${task} setStatus=${setStatus} />
      <span class="priority" data-priority=${task.priority}>${task.priority}</span>
    </p>
  </li>`;
}

/** Whether it can be begun. @param {Task} task */
function waits(task) {
  if (task.status !== 'pending') return '';
  if (task.ready) return ' · ready';
  const count = task.dependencies?.length ?? 0;
  return count > 0 ? ` · after ${count === 1 ? task.dependencies?.[0] : `${count} others`}` : ' · waits';
}
