/**
 * @file Tasks for a goal, written as lines, with what will be made of them shown beside. It deliberately
 * reads lines only: everything else a task can have is set on the task.
 */

import { post } from '../api.js';
import { html, useMemo, useState } from '../html.js';
import { plural } from '../ui/format.js';
import { Act } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { tasksOf } from './plan.js';

/**
 * @param {{id: string, open: boolean, done: () => void}} props
 */
export function BreakDown({ id, open, done }) {
  const [text, setText] = useState('');
  const { tasks, troubles } = useMemo(() => tasksOf(text), [text]);
  const add = async () => {
    const path = `/api/goals/${encodeURIComponent(id)}/tasks`;
    const said = await doing(`Added ${plural(tasks.length, 'task')}`, () => post(path, { subtasks: tasks }, { key: crypto.randomUUID() }));
    if (said === undefined) return;
    setText('');
    done();
  };
  return html`<details class="panel break-down" open=${open}>
    <summary>Break down</summary>
    <div class="panel-body">
    <label for="break-down">Tasks, one a line</label>
    <textarea id="break-down" rows="5" aria-describedby="break-down-how" value=${text} placeholder=${'Design the table (3d) !high\nWrite it after 1\nTest it (5h) after 1, 2'}
      onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}></textarea>
    <p class="dim" id="break-down-how">Effort in brackets (<code>3d</code>, <code>5h</code>), <code>!high</code> or <code>!low</code>, <code>after 1, TASK-0004</code> for what must be done first: a line of this list, or a task that is there.</p>
    ${tasks.length > 0 &&
    html`<ol class="preview" aria-label="What will be added">${tasks.map(
      (task, index) => html`<li key=${index}>${task.description || html`<span class="bad">no description</span>`}
        <span class="dim">${[task.estimated_effort, task.priority !== 'medium' && task.priority, task.dependencies.length > 0 && `after ${task.dependencies.map((one) => (typeof one === 'number' ? one + 1 : one)).join(', ')}`].filter(Boolean).join(' · ')}</span></li>`,
    )}</ol>`}
    ${troubles.length > 0 && html`<p class="field-wrong" role="alert">${troubles.join('; ')}</p>`}
    <div class="row"><span class="grow"></span><${Act} class="primary" disabled=${tasks.length === 0 || troubles.length > 0 || tasks.some((task) => !task.description)} onClick=${add}>Add ${plural(tasks.length, 'task')}<//></div>
    </div>
  </details>`;
}
