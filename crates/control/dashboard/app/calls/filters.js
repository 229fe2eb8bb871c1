/** @file Which calls a person wants to see: as a question to `/api/records`, as a link, and for what comes
 * in live. Pure. It deliberately knows nothing of cursors. */

/** What can be filtered by, in the order in which it is shown. */
export const NAMES = /** @type {const} */ (['server', 'tool', 'principal', 'outcome', 'method', 'q']);

/** @typedef {{[name in typeof NAMES[number]]?: string}} Filter */

/**
 * A record as a list has it.
 * @typedef {object} Call
 * @property {string} id
 * @property {string} at
 * @property {string} method
 * @property {string|null} [server]
 * @property {string|null} [name]
 * @property {string} [principal]
 * @property {string} outcome
 * @property {boolean} [cached]
 * @property {number} [bytes_in]
 * @property {number} [bytes_out]
 * @property {string} [cause]
 * @property {string} [trace_id]
 * @property {string} [client_era]
 * @property {string} [server_era]
 * @property {number} total_us
 * @property {import('./timeline.js').Stage[]} [stages]
 * @property {any} [arguments]
 * @property {any} [result]
 */

/**
 * Only what is set.
 * @param {Filter} filter
 * @returns {URLSearchParams}
 */
export function query(filter) {
  const params = new URLSearchParams();
  for (const name of NAMES) {
    const value = filter[name]?.trim();
    if (value) params.set(name, value);
  }
  return params;
}

/**
 * @param {URLSearchParams} params
 * @returns {Filter}
 */
export function filterOf(params) {
  return Object.fromEntries(NAMES.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : [])));
}

/**
 * Whether a call that just came in belongs to what is shown. The server decides for what is stored; this
 * says the same for the tail.
 * @param {Call} call
 * @param {Filter} filter
 */
export function fits(call, filter) {
  const same = (/** @type {unknown} */ value, /** @type {string|undefined} */ wanted) =>
    !wanted?.trim() || String(value ?? '') === wanted.trim();
  const q = filter.q?.trim().toLowerCase();
  const words = [call.server, call.name, call.principal, call.outcome, call.method, call.cause, call.id, call.trace_id];
  return (
    same(call.server, filter.server) &&
    (same(call.name, filter.tool) || String(call.name ?? '').endsWith(`__${filter.tool?.trim()}`)) &&
    same(call.principal, filter.principal) &&
    same(call.outcome, filter.outcome) &&
    same(call.method, filter.method) &&
    (!q || words.some((word) => String(word ?? '').toLowerCase().includes(q)))
  );
}

/**
 * How an outcome is to be seen.
 * @param {string} outcome
 * @returns {'ok'|'warn'|'bad'|'idle'}
 */
export function toneOf(outcome) {
  if (outcome === 'ok') return 'ok';
  if (/cancel|input_required|parked|partial/.test(outcome)) return 'warn';
  if (/limit|busy|denied|refused|quarantine/.test(outcome)) return 'warn';
  return outcome ? 'bad' : 'idle';
}

/**
 * New calls among those that are there: each once, the newest first.
 * @param {Call[]} there
 * @param {Call[]} fresh In any order.
 * @returns {Call[]} `there` itself where nothing is new.
 */
export function merged(there, fresh) {
  const known = new Set(there.map((call) => call.id));
  const news = fresh.filter((call) => !known.has(call.id));
  if (news.length === 0) return there;
  return [...news, ...there].sort((one, other) => newer(one.at, other.at) || newer(one.id, other.id));
}

/** Calls of a live snapshot at most: with so many, there may have been more before them. */
const SNAPSHOT_MAX = 50;

/**
 * Whether calls may be missing between those that are there and the fresh ones, which are stored a moment
 * after they are told.
 * @param {Call[]} there
 * @param {Call[]} fresh In any order.
 */
export function gaping(there, fresh) {
  if (fresh.length < SNAPSHOT_MAX) return false;
  const known = new Set(there.map((call) => call.id));
  return !fresh.some((call) => known.has(call.id));
}

/** @param {string} one @param {string} other */
function newer(one, other) {
  return one < other ? 1 : one > other ? -1 : 0;
}
