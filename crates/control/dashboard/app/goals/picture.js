/**
 * @file The tasks of a goal as a picture: what waits for what, with the critical path. The library that
 * places the nodes is loaded when a picture is looked at first. It deliberately decides no order: the
 * server says what depends on what, and what is critical.
 */

import { useGet } from '../api.js';
import { html, useEffect, useMemo, useState } from '../html.js';
import { plural } from '../ui/format.js';
import { Empty, Failure, Loading } from '../ui/parts.js';
import { placed } from './layout.js';
import { inWords, toneOf, workText } from './plan.js';

/** @typedef {import('./plan.js').Task} Task */

/**
 * @param {{id: string, version: unknown, tasks: Task[], pick: (id: string) => void, chosen: string}} props
 */
export function Picture({ id, version, tasks, pick, chosen }) {
  const said = useGet(`/api/goals/${encodeURIComponent(id)}/graph`, version);
  const [library, setLibrary] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  useEffect(() => {
    import('../../vendor/dagre.js').then(
      (module) => setLibrary(module),
      (error) => setProblem({ message: `the picture cannot be drawn: ${error.message}`, hint: 'the list shows the same' }),
    );
  }, []);
  const picture = useMemo(() => library && said.data && placed(said.data, library.default), [library, said.data]);
  const failed = problem ?? (said.data ? null : said.problem);
  if (failed) return html`<${Failure} problem=${failed} retry=${said.reload} />`;
  if (!picture) return html`<${Loading} rows=${4} />`;
  if (picture.nodes.length === 0) return html`<${Empty} title="Nothing to draw" />`;
  const { critical_minutes: minutes, critical_path: path = [] } = said.data;
  return html`<figure class="panel picture">
    <figcaption class="row">
      ${path.length > 0
        ? html`<span><span class="critical-key" aria-hidden="true"></span>Critical path: ${plural(path.length, 'task')}${minutes ? `, ${workText(minutes)} of work` : ''}</span>`
        : html`<span class="dim">Nothing waits for anything: all can be done at once.</span>`}
      <span class="grow"></span>
      ${picture.left_out > 0 && html`<span class="dim">${plural(picture.left_out, 'task')} left out: the list has all</span>`}
    </figcaption>
    <div class="graph" tabindex="0" role="region" aria-label="Graph of the tasks">
      <svg width=${picture.width} height=${picture.height} viewBox=${`0 0 ${picture.width} ${picture.height}`} role="group" aria-label="Tasks and what waits for what">
        <defs>
          ${['', 'critical'].map((kind) => html`<marker key=${kind} id=${`arrow${kind}`} class=${`graph-arrow ${kind}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M 0 0 L 8 4 L 0 8 z" /></marker>`)}
        </defs>
        ${picture.arrows.map((arrow) => html`<path key=${`${arrow.from} ${arrow.to}`} class=${`graph-edge ${arrow.critical ? 'critical' : ''}`} d=${arrow.path} marker-end=${arrow.critical ? 'url(#arrowcritical)' : 'url(#arrow)'} />`)}
        ${picture.nodes.map((node) => html`<${Node} key=${node.id} node=${node} task=${tasks.find((task) => task.id === node.id)} pick=${pick} chosen=${node.id === chosen} />`)}
      </svg>
    </div>
  </figure>`;
}

/**
 * @param {{node: import('./layout.js').Placed, task?: Task, pick: (id: string) => void, chosen: boolean}} props
 */
function Node({ node, task, pick, chosen }) {
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    pick(node.id);
  };
  const after = task?.dependencies?.length ? `, after ${task.dependencies.join(', ')}` : '';
  const label = `${node.id}: ${node.title}, ${inWords(node.status)}${node.critical ? ', critical' : ''}${after}`;
  return html`<g class=${`task-node ${node.critical ? 'critical' : ''}`} data-tone=${toneOf(node.status)} data-chosen=${String(chosen)} role="button" tabindex="0" aria-label=${label}
    aria-pressed=${String(chosen)} transform=${`translate(${node.x} ${node.y})`} onClick=${() => pick(node.id)} onKeyDown=${key}>
    <rect class="box" width=${node.width} height=${node.height} rx="6" />
    <rect class="edge" x="0.6" y="0.6" width="5" height=${node.height - 1.2} rx="2" />
    <text x="14" y="18" class="node-id">${node.id} · ${inWords(node.status)}</text>
    ${node.lines.map((line, index) => html`<text key=${index} x="14" y=${36 + index * 16}>${line}</text>`)}
  </g>`;
}
