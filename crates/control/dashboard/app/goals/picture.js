/**
 * @file The tasks of a goal as a picture: what waits for what, with the critical path. It deliberately
 * decides no order: the server says what depends on what, and what is critical.
 */

import { useGet } from '../api.js';
import { html } from '../html.js';
import { href } from '../route.js';
import { plural } from '../ui/format.js';
import { Graph } from '../ui/graph.js';
import { Empty, Failure, Loading } from '../ui/parts.js';
import { inWords, pictured, workText } from './plan.js';

/** @typedef {import('./plan.js').Task} Task */

/**
 * @param {{id: string, version: unknown, tasks: Task[], query: Record<string, string>}} props
 */
export function Picture({ id, version, tasks, query }) {
  const said = useGet(`/api/goals/${encodeURIComponent(id)}/graph`, version);
  if (!said.data) return said.problem ? html`<${Failure} problem=${said.problem} retry=${said.reload} />` : html`<${Loading} rows=${4} />`;
  const { nodes, edges } = pictured(said.data);
  if (nodes.length === 0) return html`<${Empty} title="Nothing to draw" />`;
  const { critical_minutes: minutes, critical_path: path = [] } = said.data;
  const drawn = nodes.map((node) => {
    const task = tasks.find((one) => one.id === node.id);
    const note = [node.id, inWords(node.status), task?.estimated_effort].filter(Boolean).join(' · ');
    return { ...node, note, href: href('goals', id, { ...query, task: node.id }) };
  });
  return html`<section class="panel" aria-label="Graph of the tasks">
    <p class="row panel-head">
      ${path.length > 1
        ? html`<span><span class="critical-key" aria-hidden="true"></span>Critical path: ${plural(path.length, 'task')}${minutes ? `, ${workText(minutes)} of work` : ''}</span>`
        : html`<span class="dim">Nothing that is left waits for anything: all can be done at once.</span>`}
    </p>
    <${Graph} nodes=${drawn} edges=${edges} label="What must be done before what" />
  </section>`;
}
