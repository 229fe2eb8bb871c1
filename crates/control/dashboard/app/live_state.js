/** @file What the page holds of each topic, and how a frame of `/api/live` changes it: values in, values
 * out. No sockets, no time. */

/** Call records that are held. */
export const CALLS_MAX = 500;
/** Lines of logs that are held. */
export const LINES_MAX = 5000;
/** Points of live history that are held. */
export const POINTS_MAX = 500;

/** Topics of which only a version is told: whoever shows them asks again. */
export const VERSIONS = ['goals', 'memory', 'cache', 'catalog'];

/**
 * @typedef {object} Frame
 * @property {'snapshot'|'delta'|'pong'} type
 * @property {string} topic
 * @property {number} [seq]
 * @property {any} [data]
 * @property {any} [changed]
 * @property {string[]} [removed]
 * @property {any[]} [items]
 * @property {number} [missed]
 */

/**
 * What is held of a topic after a frame.
 * @param {string} topic
 * @param {any} held
 * @param {Frame} frame
 * @returns {any}
 */
export function applied(topic, held, frame) {
  switch (topic) {
    case 'calls':
      return items(held, frame, CALLS_MAX);
    case 'logs':
      return items(held, frame, LINES_MAX);
    case 'history':
      return points(held, frame);
    case 'servers':
      return servers(held, frame);
    default:
      return frame.type === 'snapshot' ? frame.data : { ...held, ...frame.changed };
  }
}

/** @param {any} held @param {Frame} frame */
function servers(held, frame) {
  if (frame.type === 'snapshot') return frame.data;
  const next = { ...held, ...frame.changed };
  for (const name of frame.removed ?? []) delete next[name];
  return next;
}

/** @param {any} held @param {Frame} frame @param {number} max */
function items(held, frame, max) {
  if (frame.type === 'snapshot') {
    const fresh = frame.data?.items ?? [];
    const missed = frame.data?.missed ?? 0;
    // What was seen before the snapshot stays: it happened.
    const first = fresh[0]?.at;
    const before = (held?.items ?? []).filter((/** @type {any} */ item) => first === undefined || item.at < first);
    return { items: [...before, ...fresh].slice(-max), missed };
  }
  const all = [...(held?.items ?? []), ...(frame.items ?? [])];
  return { items: all.slice(-max), missed: (held?.missed ?? 0) + (frame.missed ?? 0) };
}

/** @param {any} held @param {Frame} frame */
function points(held, frame) {
  if (frame.type === 'snapshot') return { points: held?.points ?? [] };
  const point = frame.changed?.point;
  if (!point) return held;
  // The last point grows until its step is over.
  const before = (held?.points ?? []).filter((/** @type {any} */ one) => one.at_ms !== point.at_ms);
  return { points: [...before, point].slice(-POINTS_MAX) };
}

/** First pause before a connection is tried again, in milliseconds. */
export const RETRY_MIN_MS = 1000;
/** Longest pause. */
export const RETRY_MAX_MS = 30_000;

/**
 * How long to wait before trying again: doubling, and a part of it by chance, so that the pages of a
 * house do not all come at once.
 * @param {number} attempt from 0
 * @param {number} chance from 0 to 1
 * @returns {number} milliseconds
 */
export function retryDelay(attempt, chance) {
  const whole = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(attempt, 16));
  return Math.round(whole * (0.75 + chance / 4));
}

/**
 * The overview as far as the daemon's status tells: for the time without live updates.
 * @param {any} status `GET /api/overview`
 * @returns {any}
 */
export function overviewOf(status) {
  if (!Array.isArray(status.servers)) return status;
  /** @type {Record<string, number>} */
  const byState = {};
  let tools = 0;
  for (const server of status.servers) {
    byState[server.state] = (byState[server.state] ?? 0) + 1;
    tools += server.tools;
  }
  const open = status.servers.filter((/** @type {any} */ server) => server.breaker);
  return {
    at: new Date().toISOString(),
    version: status.version,
    uptime_ms: status.uptime_ms,
    servers: { total: status.servers.length, by_state: byState },
    attention: attentionOf(status),
    calls_per_minute: null,
    error_rate: null,
    p95_ms: null,
    in_flight: status.servers.reduce((/** @type {number} */ sum, /** @type {any} */ server) => sum + (server.in_flight ?? 0), 0),
    sessions: status.sessions,
    catalog: { tools, tokens: null, estimated: false },
    breakers_open: open.map((/** @type {any} */ server) => server.name),
    cache: { ...status.cache, backend: null, connected: true },
    disk: null,
    memory_bytes: ((status.memory?.daemon_kib ?? 0) + (status.memory?.guard_kib ?? 0)) * 1024,
    cpu_percent: null,
    records_dropped: status.records_dropped,
    draining: status.draining,
    configuration: status.configuration ?? undefined,
  };
}

/** Words of states in which a server waits for somebody. */
const WAITING = ['failed', 'crash_loop', 'needs_auth', 'pending', 'backoff'];

/** @param {any} status */
function attentionOf(status) {
  const rows = status.servers
    .filter((/** @type {any} */ server) => WAITING.includes(server.state) || server.changed_tools?.length)
    .map((/** @type {any} */ server) => ({
      kind: server.state,
      server: server.name,
      text: server.reason ?? server.health_reason,
      command: server.hint ?? server.health_action,
    }));
  const found = (status.found ?? []).map((/** @type {any} */ one) => ({
    kind: 'found',
    text: `${one.name} is declared in ${one.file} and not approved`,
    command: `switchboard approve ${one.name}`,
  }));
  const refused = status.configuration ? [{ kind: 'configuration', text: status.configuration, command: 'switchboard config check' }] : [];
  return [...refused, ...rows, ...found];
}
