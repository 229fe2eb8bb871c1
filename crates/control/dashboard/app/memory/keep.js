/**
 * @file How long something is kept, as people write and read it, and what a kept value is. Pure. It
 * deliberately asks nothing of any cache.
 */

/** @type {{[unit: string]: number}} */
const UNITS = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Seconds from `90`, `5m`, `1h 30m`, `2 d`.
 * @param {string} typed
 * @returns {{seconds?: number, says?: string}} Nothing of both where nothing was typed.
 */
export function secondsOf(typed) {
  const text = typed.trim().toLowerCase();
  if (text === '') return {};
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(min|[smhdw])?\s*/g)];
  const seconds = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? 's'] ?? 1), 0);
  if (parts.map(([whole]) => whole).join('') !== text || !Number.isFinite(seconds) || seconds < 1) {
    return { says: 'write seconds, or such as 5m, 1h 30m, 2d' };
  }
  return { seconds: Math.round(seconds) };
}

/**
 * What is left of a key's time, from what Redis says: -1 for no end, -2 for no key.
 * @param {number|null|undefined} seconds
 */
export function ttlText(seconds) {
  if (seconds === undefined || seconds === null || seconds === -1) return 'no end';
  if (seconds < 0) return 'gone';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  for (const [unit, size, smaller, less] of /** @type {[string, number, string, number][]} */ ([
    ['d', 86_400, 'h', 3600],
    ['h', 3600, 'min', 60],
    ['min', 60, 's', 1],
  ])) {
    if (seconds >= size) {
      const rest = Math.floor((seconds % size) / less);
      return `${Math.floor(seconds / size)} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ''}`;
    }
  }
  return `${seconds} s`;
}

/**
 * A value as a person reads it: JSON in lines, texts as they are.
 * @param {any} value
 */
export function valueText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/**
 * Tags from a line: separated by commas or blanks, each once.
 * @param {string} typed
 * @returns {string[]}
 */
export function tagsOf(typed) {
  return [...new Set(typed.split(/[\s,]+/).map((tag) => tag.replace(/^#/, '')).filter(Boolean))];
}

/**
 * A pattern for the cache from what a person types: a word finds what contains it.
 * @param {string} typed
 */
export function patternOf(typed) {
  const text = typed.trim();
  if (text === '') return '*';
  return /[*?[\]]/.test(text) ? text : `*${text}*`;
}
