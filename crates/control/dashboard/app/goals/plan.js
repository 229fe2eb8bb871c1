/**
 * @file Goals and tasks as values: what may become what, the columns of the board, progress, and tasks
 * written as lines. Pure. It deliberately decides nothing that the server `goals` decides; it only spares
 * a person an answer that is known to be no.
 */

/** Where a goal can be. */
export const GOAL_STATUSES = ['planned', 'in_progress', 'completed', 'cancelled'];
/** Where a task can be, in the order of the board. */
export const TASK_STATUSES = ['pending', 'in_progress', 'blocked', 'completed', 'failed', 'cancelled'];
/** The first is done first. */
export const PRIORITIES = ['high', 'medium', 'low'];
/** Tasks that one break-down takes; more are refused by the server. */
export const TASKS_MAX = 500;

/**
 * @typedef {object} Goal
 * @property {string} id
 * @property {string} description
 * @property {string} status
 * @property {string} priority
 * @property {{[status: string]: number}} [progress]
 * @property {string} [created_at]
 * @property {string} [updated_at]
 * @property {string} [owner]
 * @property {string} [due]
 * @property {string} [why]
 * @property {string[]} [labels]
 * @property {number} [version]
 */

/**
 * @typedef {object} Task
 * @property {string} id
 * @property {string} description
 * @property {string} status
 * @property {string} priority
 * @property {string} [goal_id]
 * @property {string[]} [dependencies]
 * @property {string|null} [estimated_effort]
 * @property {boolean} [ready]
 * @property {{holder: string}} [claim]
 * @property {string} [type]
 * @property {{name: string, kind: string, state: string}[]} [gates]
 * @property {any} [result]
 * @property {string} [updated_at]
 */

/** What the server lets follow (its table of transitions). @type {{[status: string]: string[]}} */
const NEXT = {
  pending: ['in_progress', 'completed', 'blocked', 'failed', 'cancelled'],
  in_progress: ['completed', 'failed', 'blocked', 'pending', 'cancelled'],
  blocked: ['pending', 'in_progress', 'failed', 'cancelled'],
  completed: ['pending', 'in_progress'],
  failed: ['pending', 'in_progress', 'cancelled'],
  cancelled: ['pending'],
};

/**
 * What a task can become; what it is stands first.
 * @param {string} status
 * @returns {string[]}
 */
export function choicesFrom(status) {
  return [status, ...(NEXT[status] ?? TASK_STATUSES.filter((one) => one !== status))];
}

/**
 * The status one column further, for the keys.
 * @param {string} status
 * @param {1|-1} way
 * @returns {string|null}
 */
export function beside(status, way) {
  const order = TASK_STATUSES;
  for (let at = order.indexOf(status) + way; at >= 0 && at < order.length; at += way) {
    const found = order[at];
    if (found && choicesFrom(status).includes(found)) return found;
  }
  return null;
}

/** How a status looks. @param {string} status @returns {'ok'|'busy'|'warn'|'bad'|'idle'} */
export function toneOf(status) {
  /** @type {{[status: string]: 'ok'|'busy'|'warn'|'bad'|'idle'}} */
  const tones = { in_progress: 'busy', blocked: 'warn', completed: 'ok', failed: 'bad' };
  return tones[status] ?? 'idle';
}

/** @param {string} word */
export function inWords(word) {
  return word.replaceAll('_', ' ');
}

/**
 * The board: a column per status; those that nothing is in are left out unless work usually goes there.
 * @param {Task[]} tasks
 * @returns {{status: string, tasks: Task[]}[]}
 */
export function columns(tasks) {
  const usual = new Set(['pending', 'in_progress', 'completed']);
  return TASK_STATUSES.map((status) => ({
    status,
    tasks: tasks.filter((task) => task.status === status).sort(byUrgency),
  })).filter((column) => usual.has(column.status) || column.tasks.length > 0);
}

/**
 * @param {Task} one
 * @param {Task} other
 */
function byUrgency(one, other) {
  const rank = (/** @type {Task} */ task) => PRIORITIES.indexOf(task.priority);
  return Number(other.ready ?? false) - Number(one.ready ?? false) || rank(one) - rank(other) || (one.id < other.id ? -1 : 1);
}

/**
 * How far a goal is. What was cancelled is not work any more.
 * @param {{[status: string]: number}} [progress]
 * @returns {{done: number, of: number, percent: number, failed: number, working: number, waiting: number}}
 */
export function progressOf(progress = {}) {
  const count = (/** @type {string} */ status) => progress[status] ?? 0;
  const of = Math.max(0, count('total') - count('cancelled'));
  const done = count('completed');
  const percent = of === 0 ? 0 : Math.round((done / of) * 100);
  return { done, of, percent, failed: count('failed'), working: count('in_progress'), waiting: count('blocked') };
}

/**
 * @typedef {object} NewTask
 * @property {string} description
 * @property {string} priority
 * @property {string} [estimated_effort]
 * @property {(number|string)[]} dependencies Places in this list from 0, or ids of tasks that are there.
 */

/**
 * Tasks as lines, one each: `Write it (3d) !high after 1, TASK-0004`.
 * @param {string} text
 * @returns {{tasks: NewTask[], troubles: string[]}}
 */
export function tasksOf(text) {
  const lines = text.split('\n').map((line) => line.trim().replace(/^(?:[-*•]|\d+[.)])\s+/, '')).filter(Boolean);
  /** @type {string[]} */
  const troubles = [];
  if (lines.length > TASKS_MAX) troubles.push(`${lines.length} tasks are too many at once: at most ${TASKS_MAX}`);
  const tasks = lines.map((line, index) => taskOf(line, index, lines.length, troubles));
  return { tasks, troubles };
}

/**
 * @param {string} line
 * @param {number} index
 * @param {number} count
 * @param {string[]} troubles
 * @returns {NewTask}
 */
function taskOf(line, index, count, troubles) {
  let rest = line;
  /** @type {(number|string)[]} */
  const dependencies = [];
  const after = /\s+after\s+((?:TASK-\d+|#?\d+)(?:\s*,\s*(?:TASK-\d+|#?\d+))*)\s*$/i.exec(rest);
  if (after) {
    rest = rest.slice(0, after.index);
    for (const name of (after[1] ?? '').split(/\s*,\s*/)) {
      const place = Number(name.replace('#', '')) - 1;
      if (/^task-/i.test(name)) dependencies.push(name.toUpperCase());
      else if (place === index) troubles.push(`line ${index + 1} waits for itself`);
      else if (place < 0 || place >= count) troubles.push(`line ${index + 1} waits for line ${name}, which is not there`);
      else dependencies.push(place);
    }
  }
  const priority = /\s+!(high|medium|low)\b/i.exec(rest);
  if (priority) rest = rest.replace(priority[0], '');
  const effort = /\s+\((\d+(?:\.\d+)?\s*(?:min|m|h|d|w)(?:\s*\d+\s*(?:min|m|h|d|w))*)\)/i.exec(rest);
  if (effort) rest = rest.replace(effort[0], '');
  return {
    description: rest.trim(),
    priority: priority?.[1]?.toLowerCase() ?? 'medium',
    ...(effort?.[1] ? { estimated_effort: effort[1] } : {}),
    dependencies: [...new Set(dependencies)],
  };
}

/**
 * Minutes of work, as a person says them: a day has eight hours.
 * @param {number} minutes
 */
export function workText(minutes) {
  if (!Number.isFinite(minutes) || minutes <= 0) return '0 h';
  if (minutes < 60) return `${Math.round(minutes)} min`;
  if (minutes < 16 * 60) return `${Math.round(minutes / 6) / 10} h`;
  return `${Math.round(minutes / 48) / 10} days`;
}

/** @typedef {{id: string, title: string, status: string, critical?: boolean}} Node */
/** @typedef {{nodes: Node[], edges: {from: string, to: string}[], critical_path?: string[]}} Drawable */

/**
 * The graph of a goal as it is drawn: the critical path first, then what is left to do, so that what is
 * cut off of a large one is what is done.
 * @param {Drawable} graph
 */
export function pictured(graph) {
  const path = graph.critical_path ?? [];
  const critical = new Set(path.length > 1 ? path : []);
  const rank = (/** @type {Node} */ node) =>
    critical.has(node.id) ? 0 : node.status === 'completed' || node.status === 'cancelled' ? 2 : 1;
  const nodes = graph.nodes.toSorted((one, other) => rank(one) - rank(other)).map((node) => ({
    ...node,
    critical: critical.has(node.id),
    word: { in_progress: 'in_progress', completed: 'ok', failed: 'failed', blocked: 'warn' }[node.status] ?? 'idle',
    dashed: node.status === 'cancelled',
  }));
  const follows = (/** @type {{from: string, to: string}} */ edge) => {
    const at = path.indexOf(edge.from);
    return at >= 0 && path[at + 1] === edge.to;
  };
  return { nodes, edges: graph.edges.map((edge) => ({ ...edge, critical: follows(edge) })) };
}
