/** @file One goal, opened: what it is, how far, its tasks as board, graph or list, and the deeds on it. It
 * deliberately refuses nothing itself that the server would decide. */

import { post, send, useGet } from '../api.js';
import { html, useState } from '../html.js';
import { go, href, setQuery } from '../route.js';
import { confirm } from '../ui/dialog.js';
import { moment, plural } from '../ui/format.js';
import { Act, Choice, Empty, Facts, Failure, Loading, Panel } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { Json } from '../tools/json.js';
import { Board } from './board.js';
import { BreakDown } from './break_down.js';
import { Picture } from './picture.js';
import { GOAL_STATUSES, inWords, progressOf } from './plan.js';
import { StatusChoice } from './status_choice.js';

/** @typedef {import('./plan.js').Goal} Goal */
/** @typedef {import('./plan.js').Task} Task */

/**
 * @param {{id: string, version: unknown, query: Record<string, string>, changed: () => void}} props
 */
export function Opened({ id, version, query, changed }) {
  const [round, setRound] = useState(0);
  const said = useGet(`/api/goals/${encodeURIComponent(id)}`, `${version} ${round}`);
  const back = html`<p class="split-back"><a href=${href('goals')}>‹ All goals</a></p>`;
  if (!said.data) {
    return said.problem ? html`${back}<${Failure} problem=${said.problem} retry=${said.reload} />` : html`<${Loading} rows=${5} />`;
  }
  /** @type {Goal} */
  const goal = said.data.goal;
  /** @type {Task[]} */
  const tasks = said.data.tasks ?? [];
  const again = () => {
    setRound((/** @type {number} */ last) => last + 1);
    changed();
  };
  const setStatus = async (/** @type {Task} */ task, /** @type {string} */ status) => {
    await doing(`${task.id} is ${inWords(status)}`, () => send('PUT', `/api/tasks/${encodeURIComponent(task.id)}/status`, { status }));
    again();
  };
  const pick = (/** @type {string} */ task) => setQuery({ ...query, task: query.task === task ? '' : task });
  const chosen = tasks.find((task) => task.id === query.task);
  const view = query.view ?? 'board';
  return html`
    ${back}
    <${Head} goal=${goal} again=${again} />
    <div class="row">
      <${Choice} label="Show tasks as" value=${view} options=${[['board', 'Board'], ['graph', 'Graph'], ['list', 'List']]}
        onChange=${(/** @type {string} */ value) => setQuery({ ...query, view: value })} />
      <span class="dim">${plural(tasks.length, 'task')}</span>
    </div>
    ${tasks.length === 0 && html`<${Empty} title="No tasks yet"><p>Break the goal down below: one task a line.</p><//>`}
    ${tasks.length > 0 && view === 'board' && html`<${Board} tasks=${tasks} setStatus=${setStatus} pick=${pick} chosen=${query.task ?? ''} />`}
    ${tasks.length > 0 && view === 'graph' && html`<${Picture} id=${id} version=${`${version} ${round}`} tasks=${tasks} query=${query} />`}
    ${tasks.length > 0 && view === 'list' && html`<${Rows} tasks=${tasks} setStatus=${setStatus} pick=${pick} chosen=${query.task ?? ''} />`}
    ${chosen && html`<${TaskPanel} key=${chosen.id} task=${chosen} setStatus=${setStatus} again=${again} close=${() => pick(chosen.id)} />`}
    <${BreakDown} id=${id} open=${tasks.length === 0} done=${again} />
  `;
}

/**
 * @param {{goal: Goal, again: () => void}} props
 */
function Head({ goal, again }) {
  const { done, of, working, failed } = progressOf(goal.progress);
  const path = `/api/goals/${encodeURIComponent(goal.id)}`;
  const change = async (/** @type {string} */ status) => {
    await doing(`The goal is ${inWords(status)}`, () => send('PATCH', path, { status }));
    again();
  };
  const remove = async () => {
    const text = of > 0 ? `Its ${plural(of, 'task')} go with it.` : 'It has no tasks.';
    if (!(await confirm({ title: `Delete ${goal.id}?`, text, action: 'Delete', danger: true }))) return;
    if ((await doing(`Deleted ${goal.id}`, () => send('DELETE', path))) === undefined) return;
    again();
    go(href('goals'));
  };
  return html`<header class="detail-head">
    <h2>${goal.description}</h2>
    <p class="row">
      <span class="mono dim">${goal.id}</span>
      <select aria-label="Status of the goal" value=${goal.status} onChange=${(/** @type {any} */ event) => change(event.currentTarget.value)}>
        ${GOAL_STATUSES.map((one) => html`<option value=${one}>${inWords(one)}</option>`)}
      </select>
      <span class="priority" data-priority=${goal.priority}>${goal.priority}</span>
      <span class="grow"></span>
      <${Act} class="small outline-danger" onClick=${remove}>Delete<//>
    </p>
    ${of > 0 && html`<p class="progress progress-wide"><progress max=${of} value=${done} aria-label="Progress"></progress>
      <span class="dim">${done} of ${of} done${working > 0 ? `, ${working} in progress` : ''}${failed > 0 ? `, ${failed} failed` : ''}</span></p>`}
    ${goal.why && html`<p class="prose">${goal.why}</p>`}
  </header>`;
}

/**
 * @param {{tasks: Task[], setStatus: (task: Task, status: string) => void, pick: (id: string) => void, chosen: string}} props
 */
function Rows({ tasks, setStatus, pick, chosen }) {
  return html`<div class="panel table-scroll" tabindex="0" role="region" aria-label="Tasks"><table class="tasks">
    <thead><tr><th scope="col">Task</th><th scope="col">Status</th><th scope="col">Priority</th><th scope="col">Effort</th><th scope="col">After</th></tr></thead>
    <tbody>
      ${tasks.map(
        (task) => html`<tr key=${task.id} class=${task.id === chosen ? 'chosen' : ''}>
          <td><button class="link" aria-expanded=${String(task.id === chosen)} onClick=${() => pick(task.id)}>${task.description}</button><br /><span class="dim mono">${task.id}</span></td>
          <td><${StatusChoice} task=${task} setStatus=${setStatus} /></td>
          <td><span class="priority" data-priority=${task.priority}>${task.priority}</span></td>
          <td>${task.estimated_effort ?? '–'}</td>
          <td class="mono">${task.dependencies?.join(', ') || '–'}</td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

/**
 * @param {{task: Task, setStatus: (task: Task, status: string) => void, again: () => void, close: () => void}} props
 */
function TaskPanel({ task, setStatus, again, close }) {
  const remove = async () => {
    const text = 'Tasks that wait for it must be detached or deleted first.';
    if (!(await confirm({ title: `Delete ${task.id}?`, text, action: 'Delete', danger: true }))) return;
    await doing(`Deleted ${task.id}`, () => send('DELETE', `/api/tasks/${encodeURIComponent(task.id)}`));
    again();
  };
  const aside = html`<${Act} class="small outline-danger" onClick=${remove}>Delete<//><button class="small" onClick=${close}>Close</button>`;
  const gates = task.gates?.map((gate) => `${gate.name} (${gate.kind}): ${gate.state}`).join('; ');
  return html`<${Panel} title=${task.id} aside=${aside}>
    <div class="panel-body stack"><p>${task.description}</p>
    <${Facts} rows=${[
      ['Status', html`<${StatusChoice} task=${task} setStatus=${setStatus} />`],
      ['Can be begun', task.status === 'pending' ? (task.ready ? 'now' : 'not yet') : ''],
      ['Priority', task.priority],
      ['Type', task.type],
      ['Effort', task.estimated_effort],
      ['After', task.dependencies?.join(', ')],
      ['Worked on by', task.claim?.holder],
      ['Gates', gates],
      ['Changed', moment(task.updated_at)],
    ]} />
    ${task.result !== null && task.result !== undefined && html`<h3>Result</h3><${Json} value=${task.result} />`}
  </div><//>`;
}
