/** @file Which tools fit what a person types, best first, and what a tool says about itself. Pure: words
 * are looked for in the page at once, and what the index answers a moment later (`asked.js`) is put before. */

/**
 * A tool as `GET /api/tools` says it.
 * @typedef {object} Tool
 * @property {string|null} name Public name; null where another server's tool has taken it.
 * @property {string} server
 * @property {string} own
 * @property {{[member: string]: any}} definition
 * @property {string} [unapproved] `new` or `changed`.
 */

/** @param {Tool} tool */
export function keyOf(tool) {
  return `${tool.server}.${tool.own}`;
}

/** How a call names it. @param {Tool} tool */
export function callName(tool) {
  return tool.name ?? keyOf(tool);
}

/**
 * @param {Tool[]} tools
 * @param {{text?: string, server?: string, only?: string}} wanted `only`: `reads`, `writes`, `destroys` or `waiting`.
 * @returns {Tool[]} The best first; the given order where nothing is typed.
 */
export function found(tools, { text = '', server = '', only = '' }) {
  const words = text.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const fits = tools.filter((tool) => (!server || tool.server === server) && (!only || is(tool, only)));
  if (words.length === 0) return fits;
  return fits
    .map((tool) => ({ tool, score: scored(tool, words) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score)
    .map(({ tool }) => tool);
}

/**
 * The tools that fit, those that the index found first, and why; tools that only the page's words found
 * follow. Where the index says that nothing fits, they lead.
 * @param {Tool[]} tools All of them.
 * @param {Tool[]} byWords Those that fit by the words in the page, the best first.
 * @param {import('./asked.js').Said|null} said
 * @param {string} only
 * @returns {{tool: Tool, hit: import('./asked.js').Hit|undefined}[]}
 */
export function merged(tools, byWords, said, only) {
  if (!said) return byWords.map((tool) => ({ tool, hit: undefined }));
  const known = new Map(tools.map((tool) => [keyOf(tool), tool]));
  const hits = new Map(said.tools.map((hit) => [`${hit.server}.${hit.own}`, hit]));
  const asked = [...hits.keys()].map((key) => known.get(key)).filter((tool) => tool !== undefined && (!only || is(tool, only)));
  const order = said.band === 'nothing' ? [...byWords, ...asked] : [...asked, ...byWords];
  const unique = new Map(order.map((tool) => [keyOf(/** @type {Tool} */ (tool)), /** @type {Tool} */ (tool)]));
  return [...unique].map(([key, tool]) => ({ tool, hit: hits.get(key) }));
}

/**
 * Every word must be somewhere; in a name it weighs most.
 * @param {Tool} tool
 * @param {string[]} words
 */
function scored(tool, words) {
  const name = callName(tool).toLowerCase();
  const own = tool.own.toLowerCase();
  const said = `${tool.definition.title ?? ''} ${tool.definition.description ?? ''}`.toLowerCase();
  const fields = Object.keys(tool.definition.inputSchema?.properties ?? {}).join(' ').toLowerCase();
  let score = 0;
  for (const word of words) {
    const worth =
      (own === word ? 16 : 0) +
      (own.startsWith(word) ? 8 : own.includes(word) ? 6 : name.includes(word) ? 4 : 0) +
      (said.includes(word) ? 2 : 0) +
      (fields.includes(word) ? 1 : 0);
    if (worth === 0) return 0;
    score += worth;
  }
  return score;
}

/**
 * What a call may do, in the words of the tool's annotations. A stranger's hint is no promise: it is
 * shown as what the server says.
 * @param {Tool} tool
 * @returns {'reads'|'writes'|'destroys'|'unsaid'}
 */
export function effectOf(tool) {
  const hints = tool.definition.annotations;
  if (!hints || typeof hints !== 'object') return 'unsaid';
  if (hints.readOnlyHint === true) return 'reads';
  if (hints.destructiveHint === true) return 'destroys';
  if (hints.destructiveHint === false || hints.idempotentHint === true) return 'writes';
  return 'unsaid';
}

/**
 * Whether a person is asked before it is run: what destroys, and what says that it is not read-only and
 * does not deny that it destroys (the default of the specification).
 * @param {Tool} tool
 */
export function asksFirst(tool) {
  const hints = tool.definition.annotations ?? {};
  return effectOf(tool) === 'destroys' || (hints.readOnlyHint === false && hints.destructiveHint !== false);
}

/**
 * @param {Tool} tool
 * @param {string} only
 */
function is(tool, only) {
  return only === 'waiting' ? tool.unapproved !== undefined : effectOf(tool) === only;
}

/**
 * The tools under their servers, in the order of the list.
 * @param {Tool[]} tools
 * @returns {{server: string, tools: Tool[]}[]}
 */
export function byServer(tools) {
  /** @type {Map<string, Tool[]>} */
  const groups = new Map();
  for (const tool of tools) groups.set(tool.server, [...(groups.get(tool.server) ?? []), tool]);
  return [...groups].map(([server, of]) => ({ server, tools: of }));
}
