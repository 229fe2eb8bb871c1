/** @file Numbers, times and words as people read them. Pure; each says `–` for what is not known. */

/** What stands where nothing is known. */
export const NONE = '–';

const KIB = 1024;

/** @param {number|null|undefined} bytes */
export function bytes(bytes) {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= KIB && unit < units.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** @param {number|null|undefined} kib */
export const kib = (kib) => bytes(kib === null || kib === undefined ? null : kib * KIB);

/** A count: 950, 12.3 k, 4.1 M. @param {number|null|undefined} count */
export function count(count) {
  if (count === null || count === undefined || !Number.isFinite(count)) return NONE;
  if (Math.abs(count) < 10_000) return `${Math.round(count * 10) / 10}`;
  if (Math.abs(count) < 1e6) return `${(count / 1000).toFixed(1)} k`;
  return `${(count / 1e6).toFixed(1)} M`;
}

/** A share of 0 to 1. @param {number|null|undefined} share */
export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  const value = share * 100;
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`;
}

/** @param {number|null|undefined} ms */
export function millis(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** How long: 45 s, 12 m 3 s, 5 h 2 m, 3 d 4 h. @param {number|null|undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** The time of day of a moment. @param {string|number|null|undefined} at */
export function clock(at) {
  const date = new Date(at ?? NaN);
  return Number.isNaN(date.valueOf()) ? NONE : date.toLocaleTimeString([], { hour12: false });
}

/** The same with milliseconds. @param {string|number|null|undefined} at */
export function clockMs(at) {
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.valueOf())) return NONE;
  return `${date.toLocaleTimeString([], { hour12: false })}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Day and time of a moment. @param {string|number|null|undefined} at */
export function moment(at) {
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.valueOf())) return NONE;
  return date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium', hour12: false });
}

/** One and many: plural(2, 'tool') is `2 tools`. @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** A word of the protocol as a word for people: `crash_loop` is `crash loop`. @param {string|null|undefined} word */
export const words = (word) => (word ?? NONE).replaceAll('_', ' ');

/** @type {Record<string, string>} */
const TONES = {
  ready: 'ok', healthy: 'ok', good: 'ok', pass: 'ok', ok: 'ok', completed: 'ok',
  starting: 'busy', stopping: 'busy', draining: 'busy', connecting: 'busy', in_progress: 'busy', installing: 'busy',
  degraded: 'warn', needs_auth: 'warn', pending: 'warn', slow: 'warn', warn: 'warn', backoff: 'warn', found: 'warn', changed: 'warn',
  failed: 'bad', crash_loop: 'bad', unhealthy: 'bad', critical: 'bad', fail: 'bad', error: 'bad', timeout: 'bad', not_connected: 'bad', signed_out: 'bad',
};

/** How a state looks: `ok`, `busy`, `warn`, `bad` or `idle`. @param {string|null|undefined} word */
export const tone = (word) => TONES[word ?? ''] ?? 'idle';
