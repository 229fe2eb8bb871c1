/** @file Which lines are shown, and as what they are saved. Values in, values out. */

/** Levels, the least first. */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];

/** How much a level matters; a word that is none counts as `info`. @param {string|undefined} word */
export function weight(word) {
  const at = LEVELS.indexOf(word ?? 'info');
  return at < 0 ? 2 : at;
}

/**
 * What a search means: `/…/` is a regular expression, anything else is text. One that cannot be read
 * fits nothing and says why.
 * @param {string} text
 * @returns {{fits: (line: string) => boolean, problem: string|null}}
 */
export function matcher(text) {
  const pattern = /^\/(.+)\/(i?)$/.exec(text);
  if (pattern) {
    try {
      const expression = new RegExp(pattern[1] ?? '', pattern[2] || 'i');
      return { fits: (line) => expression.test(line), problem: null };
    } catch (error) {
      return { fits: () => false, problem: String(/** @type {Error} */ (error).message) };
    }
  }
  const wanted = text.toLowerCase();
  return { fits: (line) => line.toLowerCase().includes(wanted), problem: null };
}

/**
 * @typedef {object} Wish
 * @property {string} server empty: every one
 * @property {string} level the least that is shown
 * @property {(line: string) => boolean} fits
 * @property {string} after only lines later than this moment
 */

/** @param {any[]} lines @param {Wish} wish */
export function selected(lines, { server, level, fits, after }) {
  const least = weight(level);
  return lines.filter((line) => (!server || line.server === server) && weight(line.level) >= least && line.at > after && fits(line.text));
}

/**
 * Older lines of two lists in their order, each once.
 * @param {any[]} some
 * @param {any[]} others
 */
export function merged(some, others) {
  const seen = new Set();
  const all = [...some, ...others].filter((line) => {
    const name = `${line.at} ${line.server} ${line.text}`;
    return !seen.has(name) && seen.add(name);
  });
  return all.sort((left, right) => (left.at < right.at ? -1 : Number(left.at > right.at)));
}

/** Lines as text, one a line. @param {any[]} lines */
export function asText(lines) {
  return lines.map((line) => `${line.at} ${line.server ?? ''} ${line.level ?? line.stream} ${line.text}\n`).join('');
}
