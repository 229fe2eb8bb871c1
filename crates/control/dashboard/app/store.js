/** @file What the page knows: a signal for each topic, filled by `live.js` and, while there is no live
 * connection, by REST. Tabs say with `useLive` what they show; nothing else is asked for. */
import { batch, signal, useEffect } from './html.js';
import { comeback, get, lines } from './api.js';
import { Live } from './live.js';
import { VERSIONS, applied, overviewOf } from './live_state.js';
import { token } from './token.js';

/** Samples of one server that are kept for its sparklines. */
const SAMPLES_MAX = 60;

/** @type {Record<string, {value: any}>} */
export const topics = {
  overview: signal(null),
  servers: signal(null),
  calls: signal(null),
  logs: signal(null),
  history: signal(null),
  goals: signal(null),
  memory: signal(null),
  cache: signal(null),
  catalog: signal(null),
};

/** How the page is connected. */
export const connection = signal(/** @type {import('./live.js').Connection} */ ({ state: 'connecting', since: Date.now(), retryAt: null }));
/** Memory in KiB and CPU in percent of each server, the last ones that were told. */
export const samples = signal(/** @type {Record<string, {memory: number[], cpu: number[]}>} */ ({}));

/** @param {string} topic @param {any} frame */
function take(topic, frame) {
  const held = topics[topic];
  if (!held) return;
  batch(() => {
    held.value = applied(topic, held.value, frame);
    if (topic === 'servers') samples.value = sampled(samples.value, frame.data ?? frame.changed ?? {});
  });
}

/**
 * The samples with those of these servers added.
 * @param {Record<string, {memory: number[], cpu: number[]}>} before
 * @param {Record<string, any>} servers
 */
export function sampled(before, servers) {
  const next = { ...before };
  for (const [name, server] of Object.entries(servers)) {
    const last = next[name] ?? { memory: [], cpu: [] };
    next[name] = { memory: longer(last.memory, server.memory_kib), cpu: longer(last.cpu, server.cpu_percent) };
  }
  return next;
}

/** @param {number[]} list @param {number|null|undefined} value */
const longer = (list, value) => (value === null || value === undefined ? list : [...list, value].slice(-SAMPLES_MAX));

/** How a topic is asked for over REST, as the data of a snapshot. @type {Record<string, () => Promise<any>>} */
const ASK = {
  overview: async () => overviewOf(await get('/api/overview')),
  servers: async () => {
    const said = await get('/api/servers');
    return Object.fromEntries(said.servers.map((/** @type {any} */ server) => [server.name, server]));
  },
  calls: async () => {
    const said = await get('/api/records?limit=200');
    return { items: said.records.toReversed(), missed: 0 };
  },
  logs: async () => ({ items: lines(await get('/api/log?n=200', { text: true })), missed: 0 }),
  history: async () => ({}),
};

/** Asks for topics over REST; fails when the switchboard does not answer at all.
 * @param {string[]} wanted */
async function refresh(wanted) {
  const asked = wanted.map(async (topic) => {
    // Whoever shows these asks again when the number changes.
    if (VERSIONS.includes(topic)) return take(topic, { type: 'snapshot', data: { version: `at ${Date.now()}` } });
    const ask = ASK[topic];
    if (ask) take(topic, { type: 'snapshot', data: await ask() });
    return undefined;
  });
  const done = await Promise.allSettled(asked);
  const failed = done.find((one) => one.status === 'rejected');
  if (failed && failed.status === 'rejected') throw failed.reason;
}

/** The address of the live connection. */
function socketUrl() {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/live`;
}

export const live = new Live({
  connect: () => new WebSocket(socketUrl(), token.value ? ['switchboard', `bearer.${token.value}`] : ['switchboard']),
  later: (run, ms) => setTimeout(run, ms),
  cancel: (handle) => clearTimeout(handle),
  now: () => Date.now(),
  random: () => Math.random(),
  take: (frame) => take(frame.topic, frame),
  refresh,
  say: (said) => {
    const wasAway = connection.peek().state === 'stale';
    connection.value = said;
    if (wasAway && said.state !== 'stale' && said.state !== 'connecting') comeback.value += 1;
  },
});

/** Connects, and stays connected. */
export function startLive() {
  let first = true;
  // What this does must not count as what it depends on: an effect would.
  token.subscribe(() => {
    if (first) live.start();
    else live.again();
    first = false;
  });
  addEventListener('online', () => live.wake());
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && live.wake());
}

/**
 * Says what a component shows, while it is there.
 * @param {...string} wanted topics
 */
export function useLive(...wanted) {
  useEffect(() => live.want(wanted), [wanted.join()]);
}

/** Servers by name, in the order of their names; none before they are known.
 * @returns {any[]|null} */
export function serverList() {
  const held = topics.servers?.value;
  return held && Object.values(held).sort((left, right) => left.name.localeCompare(right.name));
}
