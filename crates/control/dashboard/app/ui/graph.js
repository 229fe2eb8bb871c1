/** @file Draws things that depend on each other: layers by dagre, which is loaded when the first graph is
 * shown, lines and boxes as SVG. The same is said as a list to those who do not see it. */
import { html, useEffect, useState } from '../html.js';
import { tone } from './format.js';
import { Loading } from './parts.js';

/** Nodes that are drawn at most: beyond that a graph says less than a list. */
export const NODES_MAX = 300;

const NODE_HEIGHT = 44;
const LETTER = 7;

/**
 * @typedef {object} Node
 * @property {string} id
 * @property {string} title
 * @property {string} [note] smaller, below
 * @property {string} [word] a state: decides the colour
 * @property {string} [href]
 * @property {boolean} [critical]
 * @property {boolean} [dashed]
 */
/** @typedef {{from: string, to: string, critical?: boolean}} Edge */
/** @typedef {{nodes: (Node & {x: number, y: number, width: number, height: number})[], edges: (Edge & {path: string})[], width: number, height: number}} Drawing */

/** @param {string} text @param {number} letters */
const cut = (text, letters) => (text.length > letters ? `${text.slice(0, letters - 1)}…` : text);

/**
 * Where everything is drawn.
 * @param {typeof import('../../vendor/dagre.js')} dagre
 * @param {Node[]} nodes
 * @param {Edge[]} edges
 * @param {'LR'|'TB'} direction
 * @returns {Drawing}
 */
export function drawn(dagre, nodes, edges, direction) {
  const graph = new dagre.Graph({ directed: true });
  graph.setGraph({ rankdir: direction, nodesep: 14, ranksep: 48, marginx: 6, marginy: 6 });
  graph.setDefaultEdgeLabel(() => ({}));
  const shown = nodes.slice(0, NODES_MAX);
  for (const node of shown) {
    const letters = Math.max(cut(node.title, 28).length, (cut(node.note ?? '', 32).length * 11) / 12);
    graph.setNode(node.id, { width: Math.max(96, letters * LETTER + 36), height: NODE_HEIGHT });
  }
  const kept = edges.filter((edge) => graph.hasNode(edge.from) && graph.hasNode(edge.to) && edge.from !== edge.to);
  for (const edge of kept) graph.setEdge(edge.from, edge.to, {});
  dagre.layout(graph);
  const size = graph.graph();
  return {
    nodes: shown.map((node) => ({ ...node, ...graph.node(node.id) })),
    edges: kept.map((edge) => ({ ...edge, path: curve(graph.edge(edge.from, edge.to).points) })),
    width: Math.ceil(size.width ?? 0),
    height: Math.ceil(size.height ?? 0),
  };
}

/** A smooth line through points. @param {{x: number, y: number}[]} points */
function curve(points) {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first.x} ${first.y}`;
  for (let at = 0; at < rest.length - 1; at += 1) {
    const here = rest[at];
    const next = rest[at + 1];
    if (!here || !next) break;
    const last = at === rest.length - 2;
    const [x, y] = last ? [next.x, next.y] : [(here.x + next.x) / 2, (here.y + next.y) / 2];
    path += `Q${here.x} ${here.y} ${x} ${y}`;
  }
  return path;
}

/**
 * A graph: an edge goes from what needs to what is needed, or as `label` says.
 * @param {{nodes: Node[], edges: Edge[], label: string, direction?: 'LR'|'TB'}} props
 */
export function Graph({ nodes, edges, label, direction = 'LR' }) {
  const [dagre, setDagre] = useState(/** @type {any} */ (null));
  useEffect(() => {
    import('../../vendor/dagre.js').then((module) => setDagre(module));
  }, []);
  if (!dagre) return html`<${Loading} />`;
  const drawing = drawn(dagre, nodes, edges, direction);
  return html`<figure class="graph" aria-label=${label} tabindex="0" role="group">
    <svg width=${drawing.width} height=${drawing.height} viewBox=${`0 0 ${drawing.width} ${drawing.height}`} aria-hidden=${nodes.some((node) => node.href) ? undefined : 'true'}>
      <defs>
        ${['', 'critical'].map(
          (kind) => html`<marker key=${kind} id=${`arrow${kind}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path class=${`graph-arrow ${kind}`} d="M0 0L8 4L0 8Z" />
          </marker>`,
        )}
      </defs>
      ${drawing.edges.map(
        (edge) => html`<path key=${`${edge.from} ${edge.to}`} class=${`graph-edge ${edge.critical ? 'critical' : ''}`} d=${edge.path} marker-end=${`url(#arrow${edge.critical ? 'critical' : ''})`} />`,
      )}
      ${drawing.nodes.map((node) => html`<${Box} key=${node.id} node=${node} />`)}
    </svg>
    <ul class="sr-only">
      ${edges.map((edge) => html`<li key=${`${edge.from} ${edge.to}`}>${titleOf(nodes, edge.from)} → ${titleOf(nodes, edge.to)}</li>`)}
    </ul>
    ${nodes.length > NODES_MAX && html`<figcaption class="dim">${nodes.length - NODES_MAX} more are not drawn</figcaption>`}
  </figure>`;
}

/** @param {Node[]} nodes @param {string} id */
const titleOf = (nodes, id) => nodes.find((node) => node.id === id)?.title ?? id;

/** @param {{node: any}} props */
function Box({ node }) {
  const inside = html`<g class=${`graph-node ${node.critical ? 'critical' : ''} ${node.dashed ? 'dashed' : ''}`} data-tone=${tone(node.word)} transform=${`translate(${node.x - node.width / 2} ${node.y - node.height / 2})`}>
    ${node.title.length > 28 && html`<title>${node.title}</title>`}
    <rect width=${node.width} height=${node.height} rx="7" />
    <circle cx="14" cy=${node.note ? 17 : 22} r="4" />
    <text x="26" y=${node.note ? 21 : 26}>${cut(node.title, 28)}</text>
    ${node.note && html`<text class="note" x="26" y="36">${cut(node.note, 32)}</text>`}
  </g>`;
  return node.href ? html`<a href=${node.href}>${inside}</a>` : inside;
}
