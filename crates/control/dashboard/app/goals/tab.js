/** @file The tab Goals: the goals with their progress, and one of them opened. It deliberately keeps no
 * copy of what the server `goals` decides: after each change it asks again. */

import { post, useGet } from '../api.js';
import { html, useState } from '../html.js';
import { onceKey } from '../once.js';
import { go, href, setQuery } from '../route.js';
import { topics, useLive } from '../store.js';
import { Act, Choice, Empty, Failure, Loading, Search, StaleNote } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';
import { plural } from '../ui/format.js';
import { Opened } from './opened.js';
import { GOAL_STATUSES, PRIORITIES, inWords, progressOf } from './plan.js';

/** @typedef {import('./plan.js').Goal} Goal */

/**
 * @param {{rest: string[], query: Record<string, string>}} props
 */
export function Tab({ rest, query }) {
  useLive('goals');
  const version = topics.goals?.value?.version;
  const said = useGet('/api/goals/list', version);
  const at = rest[0] ?? '';
  /** @type {Goal[]} */
  const goals = said.data?.goals ?? [];
  const head = html`<div class="page-head"><h1>Goals</h1></div>`;
  if (!said.data) {
    if (said.problem?.status === 404) return html`${head}<${Empty} title="No server for goals"><p>${said.problem.message}: ${said.problem.hint}</p><//>`;
    return html`${head}${said.problem ? html`<${Failure} problem=${said.problem} retry=${said.reload} />` : html`<${Loading} rows=${6} />`}`;
  }
  return html`${head}
  <div class=${`split ${at ? 'split-open' : ''}`}>
    <div class="split-list">
      <${List} goals=${goals} at=${at} query=${query} reload=${said.reload} />
    </div>
    <section class="split-detail" aria-label="Goal">
      ${at
        ? html`<${Opened} key=${at} id=${at} version=${version} query=${query} changed=${said.reload} />`
        : html`<${Empty} title=${goals.length > 0 ? 'Choose a goal' : 'No goals yet'}>
            <p>${goals.length > 0 ? 'Its board, its graph and its critical path appear here.' : 'Write down what is to be reached; you or an agent break it down into tasks.'}</p>
          <//>`}
    </section>
  </div>`;
}

/**
 * @param {{goals: Goal[], at: string, query: Record<string, string>, reload: () => void}} props
 */
function List({ goals, at, query, reload }) {
  const { q = '', status = '' } = query;
  const [open, setOpen] = useState(goals.length === 0);
  const set = (/** @type {Record<string, string>} */ change) => setQuery({ ...query, ...change });
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = goals.filter(
    (goal) => (!status || goal.status === status) && words.every((word) => `${goal.id} ${goal.description}`.toLowerCase().includes(word)),
  );
  const count = (/** @type {string} */ one) => goals.filter((goal) => goal.status === one).length;
  /** @type {[string, string][]} */
  const statuses = [['', 'all'], ...GOAL_STATUSES.filter((one) => count(one) > 0 || one === status).map((one) => /** @type {[string, string]} */ ([one, `${inWords(one)} ${count(one)}`]))];
  return html`
    <div class="finder">
      <div class="row">
        <${Search} label="Search goals" value=${q} onInput=${(/** @type {string} */ value) => set({ q: value })} />
        <button class=${open ? '' : 'primary'} aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>${open ? 'Close' : 'New goal'}</button>
      </div>
      ${goals.length > 0 && html`<${Choice} label="Status" value=${status} options=${statuses} onChange=${(/** @type {string} */ value) => set({ status: value })} />`}
    </div>
    ${open && html`<${NewGoal} done=${(/** @type {Goal|undefined} */ goal) => {
      setOpen(false);
      reload();
      if (goal?.id) go(href('goals', goal.id));
    }} />`}
    <p class="dim" role="status">${shown.length === goals.length ? plural(goals.length, 'goal') : `${shown.length} of ${plural(goals.length, 'goal')}`} <${StaleNote} /></p>
    ${shown.length === 0 && goals.length > 0 && html`<${Empty} title="No goal fits"><p>Try other words or another status.</p><//>`}
    <nav class="rows-scroll" aria-label="Goals">
      <ul class="rows">
        ${shown.map(
          (goal) => html`<li key=${goal.id}>
            <a class="row-link" href=${href('goals', goal.id, query)} aria-current=${goal.id === at ? 'true' : undefined}>
              <span class="row-main"><span class="row-name row-text">${goal.description}</span><span class="row-sub">${goal.id} · ${inWords(goal.status)} · ${goal.priority}</span></span>
              <span class="row-side"><${Progress} goal=${goal} /></span>
            </a>
          </li>`,
        )}
      </ul>
    </nav>
  `;
}

/**
 * How far a goal is, as a bar and in words.
 * @param {{goal: Goal}} props
 */
export function Progress({ goal }) {
  const { done, of, percent, failed } = progressOf(goal.progress);
  if (of === 0) return html`<span class="dim">no tasks</span>`;
  return html`<span class="progress">
    <progress max=${of} value=${done} aria-label=${`${done} of ${plural(of, 'task')} done`}></progress>
    <span class="dim">${percent} %${failed > 0 ? html` <span class="bad">${failed} failed</span>` : ''}</span>
  </span>`;
}

/** @param {{done: (goal: Goal|undefined) => void}} props */
function NewGoal({ done }) {
  const [description, setDescription] = useState('');
  const [priority, setPriority] = useState('medium');
  const create = async () => {
    const said = await doing('Created the goal', () => post('/api/goals', { description: description.trim(), priority }, { key: onceKey() }));
    if (said) done(said.goal);
  };
  return html`<div class="panel new-goal">
    <label for="new-goal">What is to be reached</label>
    <textarea id="new-goal" rows="2" value=${description} onInput=${(/** @type {any} */ event) => setDescription(event.currentTarget.value)}></textarea>
    <div class="row">
      <label>Priority <select value=${priority} onChange=${(/** @type {any} */ event) => setPriority(event.currentTarget.value)}>${PRIORITIES.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
      <span class="grow"></span>
      <${Act} class="primary" disabled=${!description.trim()} onClick=${create}>Create<//>
    </div>
  </div>`;
}
