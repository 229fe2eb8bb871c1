/**
 * @file What a person has written into a form so far, and the arguments that follow from it. Pure: the
 * form shows a draft, changes it, and asks for the arguments and what is wrong with them. It deliberately
 * checks only what a person can mend here; the gateway checks the rest.
 */

/** @typedef {import('./schema.js').Field} Field */

/**
 * The state of one field; `undefined` is "not given".
 * - text, number, integer, json: what was typed
 * - boolean: true or false
 * - enum, const: the index of the value
 * - object: `{members: {name: Draft}, extra: [{key, draft}]}`
 * - map: `{entries: [{key, draft}]}`
 * - array: `{items: Draft[]}`
 * - choice: `{option, draft}`
 * @typedef {any} Draft
 */

/** @typedef {{path: string, says: string}} Trouble */

/**
 * What a field begins with: its default, or what a required one needs at least.
 * @param {Field} field
 * @returns {Draft}
 */
export function begun(field) {
  if (field.hasPreset && field.preset !== undefined) {
    const draft = draftOf(field, field.preset);
    if (draft !== undefined) return draft;
  }
  return field.required ? empty(field) : undefined;
}

/**
 * A field that is given, with nothing in it yet.
 * @param {Field} field
 * @returns {Draft}
 */
export function empty(field) {
  switch (field.kind) {
    case 'boolean':
      return false;
    case 'const':
      return 0;
    case 'enum':
      return undefined;
    case 'object':
      return { members: membersOf(field, (member) => begun(member)), extra: [] };
    case 'map':
      return { entries: [] };
    case 'array':
      return { items: Array.from({ length: Math.min(field.min ?? 0, 20) }, () => field.item && begun(field.item)) };
    case 'choice':
      return { option: 0, draft: field.options?.[0] && empty(field.options[0]) };
    default:
      return '';
  }
}

/**
 * @param {Field} field
 * @param {(member: Field) => Draft} make
 */
function membersOf(field, make) {
  return Object.fromEntries((field.fields ?? []).map((member) => [member.name, make(member)]));
}

/**
 * The arguments, and what is wrong with them.
 * @param {Field} field
 * @param {Draft} draft
 * @param {string} [path]
 * @returns {{value: any, troubles: Trouble[]}} `value` is `undefined` for what is not given.
 */
export function collected(field, draft, path = '') {
  /** @type {Trouble[]} */
  const troubles = [];
  const value = gathered(field, draft, path, troubles);
  if (value === undefined && field.required && troubles.length === 0) troubles.push({ path, says: 'is required' });
  return { value, troubles };
}

/**
 * @param {Field} field
 * @param {Draft} draft
 * @param {string} path
 * @param {Trouble[]} troubles
 * @returns {any}
 */
function gathered(field, draft, path, troubles) {
  if (draft === undefined) return undefined;
  /** @param {string} says */
  const wrong = (says) => void troubles.push({ path, says });
  switch (field.kind) {
    case 'text':
      return written(field, draft, wrong);
    case 'number':
    case 'integer':
      return counted(field, draft, wrong);
    case 'boolean':
      return draft;
    case 'enum':
    case 'const':
      return field.values?.[draft];
    case 'json':
      return read(draft, wrong);
    case 'array':
      return listed(field, draft, path, troubles);
    case 'choice': {
      const option = field.options?.[draft.option];
      return option ? inner(option, draft.draft, path, troubles) : undefined;
    }
    case 'map':
      return Object.fromEntries(keyed(draft.entries, field.item, path, troubles, new Set()));
    case 'object': {
      const pairs = (field.fields ?? []).map((member) => [
        member.name,
        inner(member, draft.members[member.name], joined(path, member.name), troubles),
      ]);
      const taken = new Set(pairs.map(([name]) => name));
      const all = [...pairs, ...keyed(draft.extra, field.extra, path, troubles, taken)];
      return Object.fromEntries(all.filter(([, value]) => value !== undefined));
    }
  }
}

/**
 * @param {Field} field
 * @param {Draft} draft
 * @param {string} path
 * @param {Trouble[]} troubles
 */
function inner(field, draft, path, troubles) {
  const found = collected(field, draft, path);
  troubles.push(...found.troubles);
  return found.value;
}

/**
 * @param {{key: string, draft: Draft}[]} entries
 * @param {Field|null|undefined} item
 * @param {string} path
 * @param {Trouble[]} troubles
 * @param {Set<string>} taken
 * @returns {[string, any][]}
 */
function keyed(entries, item, path, troubles, taken) {
  return (entries ?? []).map(({ key, draft }, index) => {
    const at = joined(path, key || `#${index + 1}`);
    if (key === '') troubles.push({ path: at, says: 'has no name' });
    if (taken.has(key)) troubles.push({ path: at, says: 'is there twice' });
    taken.add(key);
    return [key, item ? inner(item, draft, at, troubles) : draft];
  });
}

/**
 * @param {Field} field
 * @param {Draft} draft
 * @param {string} path
 * @param {Trouble[]} troubles
 */
function listed(field, draft, path, troubles) {
  const { item, min = 0, max = Infinity, unique } = field;
  const values = draft.items.map((/** @type {Draft} */ one, /** @type {number} */ index) =>
    item ? inner(item, one, `${path}[${index}]`, troubles) : one,
  );
  if (values.length < min) troubles.push({ path, says: `needs at least ${min} ${min === 1 ? 'entry' : 'entries'}` });
  if (values.length > max) troubles.push({ path, says: `takes at most ${max} ${max === 1 ? 'entry' : 'entries'}` });
  if (unique && new Set(values.map((/** @type {any} */ value) => JSON.stringify(value))).size < values.length) {
    troubles.push({ path, says: 'has the same entry twice' });
  }
  return values;
}

/**
 * @param {Field} field
 * @param {string} typed
 * @param {(says: string) => void} wrong
 */
function written(field, typed, wrong) {
  // An empty box of what may be left out is left out.
  if (typed === '' && !field.required) return undefined;
  if (typed === '') {
    wrong('is required (an empty text can be written as JSON)');
    return undefined;
  }
  const length = [...typed].length;
  if (length < (field.min ?? 0)) {
    wrong(`is too short: ${length} of at least ${field.min} characters`);
  }
  if (length > (field.max ?? Infinity)) wrong(`is too long: ${length} of at most ${field.max} characters`);
  return typed;
}

/**
 * @param {Field} field
 * @param {string} typed
 * @param {(says: string) => void} wrong
 */
function counted(field, typed, wrong) {
  const text = String(typed).trim();
  if (text === '') return undefined;
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(number)) {
    wrong('is not a number');
    return undefined;
  }
  if (field.kind === 'integer' && !Number.isInteger(number)) wrong('is not a whole number');
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    wrong('is larger than a browser counts exactly: pass it with the command line');
  }
  const { min, max, above, below, step } = field;
  if (min !== undefined && number < min) wrong(`is less than ${min}`);
  if (max !== undefined && number > max) wrong(`is more than ${max}`);
  if (above !== undefined && number <= above) wrong(`is not more than ${above}`);
  if (below !== undefined && number >= below) wrong(`is not less than ${below}`);
  if (step !== undefined && Math.abs(number / step - Math.round(number / step)) > 1e-9) {
    wrong(`is not a multiple of ${step}`);
  }
  return number;
}

/**
 * @param {string} typed
 * @param {(says: string) => void} wrong
 */
function read(typed, wrong) {
  if (typed.trim() === '') return undefined;
  const found = parsed(typed);
  if (found.says) wrong(found.says);
  return found.value;
}

/**
 * JSON as a person writes it, with where it stops being some.
 * @param {string} text
 * @returns {{value?: any, says?: string}}
 */
export function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const place = /position (\d+)/.exec(why);
    if (!place) return { says: `is not JSON: ${why}` };
    const before = text.slice(0, Number(place[1]));
    const line = before.split('\n').length;
    const column = before.length - before.lastIndexOf('\n');
    return { says: `is not JSON at line ${line}, column ${column} (a text needs "quotes")` };
  }
}

/**
 * The draft that gives this value.
 * @param {Field} field
 * @param {any} value
 * @returns {Draft} `undefined` where the field cannot say it.
 */
export function draftOf(field, value) {
  if (value === undefined) return undefined;
  const is = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  switch (field.kind) {
    case 'text':
      return is === 'string' ? value : undefined;
    case 'number':
      return is === 'number' ? String(value) : undefined;
    case 'integer':
      return Number.isInteger(value) ? String(value) : undefined;
    case 'boolean':
      return is === 'boolean' ? value : undefined;
    case 'enum':
    case 'const': {
      const index = (field.values ?? []).findIndex((one) => JSON.stringify(one) === JSON.stringify(value));
      return index < 0 ? undefined : index;
    }
    case 'json':
      return JSON.stringify(value, null, 2);
    case 'array':
      return is === 'array' ? every(value, (one) => field.item && draftOf(field.item, one), (items) => ({ items })) : undefined;
    case 'map':
      return is === 'object' ? entriesOf(Object.entries(value), field.item, (entries) => ({ entries })) : undefined;
    case 'object':
      return is === 'object' ? objectOf(field, value) : undefined;
    case 'choice': {
      const drafts = (field.options ?? []).map((option) => draftOf(option, value));
      const option = drafts.findIndex((draft) => draft !== undefined);
      return option < 0 ? undefined : { option, draft: drafts[option] };
    }
  }
}

/**
 * @param {Field} field
 * @param {{[name: string]: any}} value
 */
function objectOf(field, value) {
  const fields = field.fields ?? [];
  /** @type {[string, Draft][]} */
  const given = fields.map((member) => [
    member.name,
    Object.hasOwn(value, member.name) ? draftOf(member, value[member.name]) : undefined,
  ]);
  if (given.some(([name, draft]) => draft === undefined && Object.hasOwn(value, name))) return undefined;
  const members = Object.fromEntries(given);
  const rest = Object.entries(value).filter(([name]) => !fields.some((member) => member.name === name));
  if (rest.length > 0 && !field.extra) return undefined;
  return entriesOf(rest, field.extra, (extra) => ({ members, extra }));
}

/**
 * @template T
 * @param {[string, any][]} pairs
 * @param {Field|null|undefined} item
 * @param {(entries: {key: string, draft: Draft}[]) => T} make
 * @returns {T|undefined}
 */
function entriesOf(pairs, item, make) {
  return every(pairs, ([, value]) => item && draftOf(item, value), (drafts) =>
    make(drafts.map((draft, index) => ({ key: pairs[index]?.[0] ?? '', draft }))),
  );
}

/**
 * @template A, T
 * @param {A[]} values
 * @param {(value: A) => Draft} draft
 * @param {(drafts: Draft[]) => T} make
 * @returns {T|undefined}
 */
function every(values, draft, make) {
  const drafts = values.map(draft);
  return drafts.some((one) => one === undefined) ? undefined : make(drafts);
}

/**
 * @param {string} path
 * @param {string} name
 */
function joined(path, name) {
  return path === '' ? name : `${path}.${name}`;
}
