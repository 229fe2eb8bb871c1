/**
 * @file Where each task of a graph stands and how its arrows run, as numbers for an SVG. Pure: the library
 * that places nodes is handed in. It deliberately draws nothing.
 */

/** Nodes that are drawn: beyond it a picture shows nothing, and placing them takes seconds. */
export const NODES_MAX = 200;
/** Width of a node in units of the picture. */
export const WIDTH = 184;
/** Letters in a line of a node, and how many lines there are. */
const LINE_CHARS = 24;
const LINES = 2;

/** @typedef {{id: string, title: string, status: string, priority?: string, critical?: boolean}} Node */
/** @typedef {{from: string, to: string}} Edge */
/** @typedef {{nodes: Node[], edges: Edge[], critical_path?: string[], critical_minutes?: number}} Graph */
/** @typedef {Node & {x: number, y: number, width: number, height: number, lines: string[]}} Placed */
/** @typedef {{from: string, to: string, critical: boolean, path: string}} Arrow */

/**
 * @param {Graph} graph
 * @param {any} dagre `@dagrejs/dagre`.
 * @returns {{width: number, height: number, nodes: Placed[], arrows: Arrow[], left_out: number}}
 */
export function placed(graph, dagre) {
  const critical = new Set(graph.critical_path ?? graph.nodes.filter((node) => node.critical).map((node) => node.id));
  const shown = chosen(graph.nodes, critical);
  const known = new Map(shown.map((node) => [node.id, node]));
  const edges = graph.edges.filter((edge) => known.has(edge.from) && known.has(edge.to) && edge.from !== edge.to);
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 56, marginx: 12, marginy: 12 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of shown) {
    const lines = wrapped(node.title);
    plan.setNode(node.id, { width: WIDTH, height: 34 + lines.length * 16, lines });
  }
  for (const edge of edges) plan.setEdge(edge.from, edge.to);
  dagre.layout(plan);
  const nodes = shown.map((node) => {
    const { x, y, width, height, lines } = plan.node(node.id);
    return { ...node, critical: critical.has(node.id), x: x - width / 2, y: y - height / 2, width, height, lines };
  });
  const arrows = edges.map((edge) => ({
    ...edge,
    critical: onPath(edge, graph.critical_path ?? [], critical),
    path: curve(plan.edge(edge.from, edge.to).points),
  }));
  const { width, height } = plan.graph();
  return {
    width: finite(width),
    height: finite(height),
    nodes,
    arrows,
    left_out: graph.nodes.length - shown.length,
  };
}

/** @param {number} value */
function finite(value) {
  return Number.isFinite(value) ? Math.ceil(value) : 0;
}

/**
 * The critical path first, then what is not done, then the rest.
 * @param {Node[]} nodes
 * @param {Set<string>} critical
 */
function chosen(nodes, critical) {
  if (nodes.length <= NODES_MAX) return nodes;
  const rank = (/** @type {Node} */ node) =>
    critical.has(node.id) ? 0 : node.status === 'completed' || node.status === 'cancelled' ? 2 : 1;
  return nodes
    .map((node, index) => ({ node, index }))
    .sort((one, other) => rank(one.node) - rank(other.node) || one.index - other.index)
    .slice(0, NODES_MAX)
    .map(({ node }) => node);
}

/**
 * Whether both ends follow each other on the critical path.
 * @param {Edge} edge
 * @param {string[]} path
 * @param {Set<string>} critical
 */
function onPath(edge, path, critical) {
  if (path.length === 0) return critical.has(edge.from) && critical.has(edge.to);
  const at = path.indexOf(edge.from);
  return at >= 0 && path[at + 1] === edge.to;
}

/**
 * A line through the points, round at each.
 * @param {{x: number, y: number}[]} points
 */
export function curve(points) {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (!first || !last) return '';
  const at = (/** @type {{x: number, y: number}} */ point) => `${round(point.x)} ${round(point.y)}`;
  let path = `M ${at(first)}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    const middle = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : last;
    path += ` Q ${at(point)} ${at(middle)}`;
  });
  return rest.length === 0 ? `${path} L ${at(last)}` : path;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

/**
 * A title in lines of a node.
 * @param {string} title
 * @returns {string[]}
 */
export function wrapped(title) {
  /** @type {string[]} */
  const lines = [];
  for (const word of title.split(/\s+/).filter(Boolean)) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + word.length < LINE_CHARS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const shown = lines.slice(0, LINES).map((line) => cut(line, LINE_CHARS));
  if (lines.length > LINES && shown.length > 0) {
    shown[shown.length - 1] = cut(`${shown[shown.length - 1]} …`, LINE_CHARS);
  }
  return shown.length > 0 ? shown : ['(no title)'];
}

/**
 * @param {string} text
 * @param {number} most
 */
function cut(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('').trimEnd()}…`;
}
