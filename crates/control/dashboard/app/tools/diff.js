/**
 * @file What differs between two definitions, line by line of their JSON with sorted members. It
 * deliberately knows nothing of tools: it compares texts.
 */

/** How many lines one side has at most for a comparison by the longest common part. */
export const LINES_MAX = 2000;

/** @typedef {{mark: ' '|'+'|'-', text: string}} Line */
/** @typedef {Line|{mark: '…', text: string}} Shown */

/**
 * A value as lines; members sorted, so that only what differs in content differs here.
 * @param {unknown} value
 * @returns {string[]}
 */
export function linesOf(value) {
  return value === undefined || value === null ? [] : visible(JSON.stringify(sorted(value), null, 2)).split('\n');
}

/**
 * A text with its invisible letters written out: a model reads them, so a person must see them.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(/[\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
}

/** @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

/**
 * The lines of both, marked.
 * @param {string[]} before
 * @param {string[]} after
 * @returns {Line[]}
 */
export function diff(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const middle = changed(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return [...marked(' ', before.slice(0, start)), ...middle, ...marked(' ', before.slice(before.length - end))];
}

/**
 * @param {string[]} before
 * @param {string[]} after
 * @returns {Line[]}
 */
function changed(before, after) {
  const [rows, columns] = [before.length, after.length];
  if (rows > LINES_MAX || columns > LINES_MAX || rows === 0 || columns === 0) {
    return [...marked('-', before), ...marked('+', after)];
  }
  // longest[i][j]: lines that before[i..] and after[j..] have in common.
  const width = columns + 1;
  const longest = new Uint16Array((rows + 1) * width);
  const value = (/** @type {number} */ i, /** @type {number} */ j) => longest[i * width + j] ?? 0;
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        before[i] === after[j] ? value(i + 1, j + 1) + 1 : Math.max(value(i + 1, j), value(i, j + 1));
    }
  }
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i] === after[j]) {
      lines.push({ mark: ' ', text: before[i] ?? '' });
      [i, j] = [i + 1, j + 1];
    } else if (i < rows && (j >= columns || value(i + 1, j) >= value(i, j + 1))) {
      lines.push({ mark: '-', text: before[i] ?? '' });
      i += 1;
    } else {
      lines.push({ mark: '+', text: after[j] ?? '' });
      j += 1;
    }
  }
  return lines;
}

/**
 * @param {Line['mark']} mark
 * @param {string[]} lines
 * @returns {Line[]}
 */
function marked(mark, lines) {
  return lines.map((text) => ({ mark, text }));
}

/**
 * What is shown: what changed with a few lines around it, and how many lines lie between.
 * @param {Line[]} lines
 * @param {number} [around]
 * @returns {Shown[]}
 */
export function folded(lines, around = 3) {
  const near = lines.map((_, index) =>
    around === Infinity ||
    lines.slice(Math.max(0, index - around), index + around + 1).some((line) => line.mark !== ' '),
  );
  /** @type {Shown[]} */
  const shown = [];
  let hidden = 0;
  lines.forEach((line, index) => {
    if (near[index]) {
      if (hidden > 0) shown.push({ mark: '…', text: gap(hidden) });
      hidden = 0;
      shown.push(line);
    } else {
      hidden += 1;
    }
  });
  if (hidden > 0) shown.push({ mark: '…', text: gap(hidden) });
  return shown;
}

/** @param {number} lines */
function gap(lines) {
  return lines === 1 ? '1 line the same' : `${lines} lines the same`;
}
