/**
 * @file Where in a call its time went: the stages of a record (DESIGN.md section 5) as bars. Pure. It
 * deliberately draws nothing.
 */

/** How narrow a bar may be, in percent: a stage that took no time still is a stage. */
const NARROW = 0.4;

/** What each stage is, for a person. */
const STAGES = new Map([
  ['listener', 'read and checked'],
  ['authn', 'who asks'],
  ['route', 'which server'],
  ['policy', 'whether they may'],
  ['cache', 'looked for a kept result'],
  ['wait', 'waited for the server'],
  ['upstream', 'the server worked'],
  ['finish', 'result checked, answered'],
]);

/** @typedef {{stage: string, from_us: number, to_us: number}} Stage */

/**
 * @typedef {object} Bar
 * @property {string} stage
 * @property {string} says
 * @property {number} left Percent of the whole.
 * @property {number} width Percent of the whole.
 * @property {number} us
 * @property {number} share Percent of the whole that it took.
 */

/**
 * @param {{total_us?: number, stages?: Stage[]}} record
 * @returns {{total_us: number, bars: Bar[], ticks: {left: number, us: number}[], longest: string}}
 */
export function timeline(record) {
  const stages = (record.stages ?? []).filter((stage) => Number.isFinite(stage.from_us) && stage.to_us >= stage.from_us);
  const total = Math.max(record.total_us ?? 0, ...stages.map((stage) => stage.to_us), 1);
  const bars = stages.map((stage) => {
    const us = stage.to_us - stage.from_us;
    const width = Math.min(100, Math.max(NARROW, (us / total) * 100));
    const left = Math.min((stage.from_us / total) * 100, 100 - width);
    return { stage: stage.stage, says: STAGES.get(stage.stage) ?? '', left, width, us, share: (us / total) * 100 };
  });
  const longest = bars.reduce((/** @type {Bar|null} */ most, bar) => (most && most.us >= bar.us ? most : bar), null);
  return { total_us: total, bars, ticks: ticks(total), longest: longest?.stage ?? '' };
}

/**
 * Round moments along the axis: at most five steps.
 * @param {number} total
 */
function ticks(total) {
  const rough = total / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? rough;
  const marks = [];
  for (let us = 0; us <= total; us += step) marks.push({ left: (us / total) * 100, us });
  return marks;
}

/**
 * A length of time in three digits.
 * @param {number} us Microseconds.
 * @returns {string}
 */
export function tookText(us) {
  if (!Number.isFinite(us) || us < 0) return '–';
  if (us < 1000) return `${Math.round(us)} µs`;
  const [value, unit] = us < 999_500 ? [us / 1000, 'ms'] : us < 59_950_000 ? [us / 1e6, 's'] : [us / 6e7, 'min'];
  return `${value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
