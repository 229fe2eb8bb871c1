/**
 * @file A tool's JSON Schema (2020-12, with what older drafts wrote differently) as a tree of fields that
 * a form can show. It deliberately does not decide whether arguments are valid: the gateway does, with the
 * whole schema. What a form cannot show well becomes a field of raw JSON.
 */

/** How deep fields may lie in one another; below that a field is raw JSON. */
export const DEPTH_MAX = 8;
/** How many fields one form has at most; the rest is raw JSON. */
export const FIELDS_MAX = 400;

/**
 * @typedef {{[member: string]: any}} Schema
 * @typedef {'text'|'number'|'integer'|'boolean'|'enum'|'const'|'object'|'map'|'array'|'choice'|'json'} Kind
 */

/**
 * One field of a form.
 * @typedef {object} Field
 * @property {Kind} kind
 * @property {string} name Its key in the object that it belongs to; empty elsewhere.
 * @property {string} title
 * @property {string} description
 * @property {boolean} required
 * @property {any} [preset] The schema's default.
 * @property {boolean} [hasPreset]
 * @property {any[]} [values] Of an enum; the one value of a const.
 * @property {Field[]} [fields] Members of an object.
 * @property {Field} [item] Entries of a list, or values of a map.
 * @property {Field|null} [extra] Further members of an object: null where none are allowed.
 * @property {Field[]} [options] Of a choice.
 * @property {number} [min] Length, number or count, by kind; inclusive.
 * @property {number} [max]
 * @property {number} [above] Exclusive.
 * @property {number} [below]
 * @property {number} [step]
 * @property {string} [format]
 * @property {string} [pattern] Shown, never evaluated: a stranger's expression can take for ever.
 * @property {boolean} [unique]
 */

/**
 * @typedef {object} Reading
 * @property {Schema} root
 * @property {number} left Fields that may still be made.
 * @property {string[]} path References on the way here: one that comes twice is a recursion.
 * @property {number} depth
 */

/**
 * The fields of a tool's arguments.
 * @param {unknown} schema
 * @returns {Field}
 */
export function fieldsOf(schema) {
  const root = isObject(schema) ? schema : {};
  const field = fieldOf({ type: 'object', ...root }, '', true, { root, left: FIELDS_MAX, path: [], depth: 0 });
  // `{"type": "object"}` is how tools say that they take nothing.
  const nothing = field.kind === 'map' && !isObject(root.additionalProperties) && !root.patternProperties;
  return nothing ? { ...field, kind: 'object', fields: [], extra: null } : field;
}

/**
 * @param {unknown} given
 * @param {string} name
 * @param {boolean} required
 * @param {Reading} reading
 * @returns {Field}
 */
function fieldOf(given, name, required, reading) {
  const { schema, path } = resolved(given, reading);
  const own = { ...reading, path, depth: reading.depth + 1 };
  reading.left -= 1;
  const field = described(schema, name, required);
  if (!schema || path.length !== new Set(path).size || own.depth > DEPTH_MAX || reading.left <= 0) {
    return field;
  }
  /** @type {(part: Partial<Field>) => Field} */
  const as = (part) => ({ ...field, ...part });
  // One counter for the whole form.
  const shared = share(own, reading);
  if ('const' in schema) return as({ kind: 'const', values: [schema.const] });
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return as({ kind: 'enum', values: schema.enum });
  const choices = choicesOf(schema);
  if (choices) return as(choice(choices, shared));
  const type = Array.isArray(schema.type) ? schema.type[0] : (schema.type ?? guessed(schema));
  switch (type) {
    case 'string':
      return as({ kind: 'text', min: schema.minLength, max: schema.maxLength, ...textual(schema) });
    case 'number':
    case 'integer':
      return as({ kind: type, ...numeric(schema) });
    case 'boolean':
      return as({ kind: 'boolean' });
    case 'null':
      return as({ kind: 'const', values: [null] });
    case 'array':
      return as(list(schema, shared));
    case 'object':
      return as(object(schema, shared));
    default:
      return field;
  }
}

/**
 * A reading with its own path whose count of fields is the parent's.
 * @param {Reading} own
 * @param {Reading} parent
 * @returns {Reading}
 */
function share(own, parent) {
  return {
    ...own,
    get left() {
      return parent.left;
    },
    set left(value) {
      parent.left = value;
    },
  };
}

/**
 * @param {Schema|null} schema
 * @param {string} name
 * @param {boolean} required
 * @returns {Field}
 */
function described(schema, name, required) {
  /** @type {Field} */
  const field = {
    kind: 'json',
    name,
    title: text(schema?.title) || name,
    description: text(schema?.description),
    required,
  };
  if (schema && 'default' in schema) Object.assign(field, { preset: schema.default, hasPreset: true });
  return field;
}

/**
 * Follows references within the document, and lays the parts of `allOf` over each other.
 * @param {unknown} given
 * @param {Reading} reading
 * @returns {{schema: Schema|null, path: string[]}} null for what accepts anything or cannot be read.
 */
function resolved(given, reading) {
  const path = [...reading.path];
  let schema = isObject(given) ? given : null;
  while (schema && typeof schema.$ref === 'string') {
    const { $ref, ...beside } = schema;
    path.push($ref);
    if (path.length !== new Set(path).size) return { schema: { ...beside }, path };
    const found = at(reading.root, $ref);
    schema = isObject(found) ? { ...found, ...beside } : Object.keys(beside).length > 0 ? beside : null;
  }
  if (schema && Array.isArray(schema.allOf)) {
    const { allOf, ...rest } = schema;
    for (const part of allOf) {
      const read = resolved(part, { ...reading, path });
      schema = read.schema ? overlaid(rest, read.schema) : rest;
      Object.assign(rest, schema);
    }
    schema = rest;
  }
  return { schema, path };
}

/**
 * @param {Schema} one
 * @param {Schema} other
 * @returns {Schema}
 */
function overlaid(one, other) {
  const both = { ...other, ...one };
  if (one.properties || other.properties) both.properties = { ...other.properties, ...one.properties };
  if (one.required || other.required) {
    both.required = [...new Set([...asList(one.required), ...asList(other.required)])];
  }
  return both;
}

/**
 * What a JSON pointer or an anchor of this document names.
 * @param {Schema} root
 * @param {string} reference
 */
function at(root, reference) {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) {
    const definitions = Object.values({ ...root.definitions, ...root.$defs });
    return definitions.find((one) => isObject(one) && `#${one.$anchor}` === reference);
  }
  /** @type {any} */
  let found = root;
  for (const part of reference.slice(2).split('/')) {
    const key = unescaped(part);
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, key)) return undefined;
    found = found[key];
  }
  return found;
}

/** @param {string} part */
function unescaped(part) {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

/**
 * The alternatives that a person chooses from; null where there is nothing to choose.
 * @param {Schema} schema
 * @returns {Schema[]|null}
 */
function choicesOf(schema) {
  const { anyOf, oneOf, ...rest } = schema;
  const alternatives = Array.isArray(oneOf) ? oneOf : Array.isArray(anyOf) ? anyOf : null;
  if (alternatives && alternatives.length > 0) {
    // Alternatives of an object that only say what is required say nothing that a form could ask.
    if (rest.properties && alternatives.every((one) => isObject(one) && !one.type && !one.properties && !one.$ref)) {
      return null;
    }
    const base = { ...rest };
    for (const member of ['title', 'description', 'default', '$defs', 'definitions', '$schema', '$id']) delete base[member];
    return alternatives.map((one) => (isObject(one) ? overlaid({ ...one }, base) : {}));
  }
  if (Array.isArray(schema.type) && schema.type.length > 1) {
    return schema.type.map((type) => ({ ...rest, title: undefined, description: undefined, default: undefined, type }));
  }
  return null;
}

/**
 * @param {Schema[]} alternatives
 * @param {Reading} reading
 * @returns {Partial<Field>}
 */
function choice(alternatives, reading) {
  const options = alternatives.map((one) => {
    const option = fieldOf(one, '', true, reading);
    if (option.hasPreset && option.preset === undefined) option.hasPreset = false;
    return option;
  });
  if (options.length > 0 && options.every((option) => option.kind === 'const')) {
    return { kind: 'enum', values: options.map((option) => option.values?.[0]) };
  }
  // `null` as one of two is what many generators write for "may be left out".
  const real = options.filter((option) => !(option.kind === 'const' && option.values?.[0] === null));
  const [only] = real;
  if (only && real.length === 1 && options.length === 2) {
    const { name, title, description, required, preset, hasPreset, ...kind } = only;
    return kind;
  }
  return { kind: 'choice', options };
}

/**
 * @param {Schema} schema
 * @param {Reading} reading
 * @returns {Partial<Field>}
 */
function list(schema, reading) {
  const limits = { min: schema.minItems, max: schema.maxItems, unique: schema.uniqueItems === true };
  // Places of their own (tuples) are rare in tools: they are written as JSON.
  if (Array.isArray(schema.prefixItems) || Array.isArray(schema.items)) return { kind: 'json' };
  return { kind: 'array', item: fieldOf(schema.items ?? {}, '', true, reading), ...limits };
}

/**
 * @param {Schema} schema
 * @param {Reading} reading
 * @returns {Partial<Field>}
 */
function object(schema, reading) {
  const required = asList(schema.required);
  const names = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const fields = names.map((name) => fieldOf(schema.properties[name], name, required.includes(name), reading));
  for (const name of required.filter((one) => !names.includes(one))) fields.push(fieldOf({}, name, true, reading));
  const more = schema.additionalProperties;
  const item = more === false ? null : fieldOf(isObject(more) ? more : {}, '', true, reading);
  if (fields.length === 0 && item && (!isObject(schema.properties) || isObject(more))) return { kind: 'map', item, min: schema.minProperties, max: schema.maxProperties };
  // Further members are offered where the schema speaks of them; elsewhere raw JSON can have them.
  return { kind: 'object', fields, extra: isObject(more) ? item : null };
}

/** @param {Schema} schema */
function textual(schema) {
  return { format: text(schema.format) || undefined, pattern: text(schema.pattern) || undefined };
}

/**
 * @param {Schema} schema
 * @returns {Partial<Field>}
 */
function numeric(schema) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  // Draft 4 wrote the exclusive bounds as booleans beside the others.
  return {
    min: exclusiveMinimum === true ? undefined : minimum,
    max: exclusiveMaximum === true ? undefined : maximum,
    above: exclusiveMinimum === true ? minimum : exclusiveMinimum || exclusiveMinimum === 0 ? exclusiveMinimum : undefined,
    below: exclusiveMaximum === true ? maximum : exclusiveMaximum || exclusiveMaximum === 0 ? exclusiveMaximum : undefined,
    step: typeof multipleOf === 'number' && multipleOf > 0 ? multipleOf : undefined,
  };
}

/**
 * The type of a schema that names none.
 * @param {Schema} schema
 */
function guessed(schema) {
  if (schema.properties) return 'object';
  if (schema.items) return 'array';
  if (schema.pattern || schema.minLength !== undefined || schema.maxLength !== undefined) return 'string';
  if (schema.minimum !== undefined || schema.maximum !== undefined) return 'number';
  return undefined;
}

/** @param {unknown} value @returns {string} */
function text(value) {
  return typeof value === 'string' ? value : '';
}

/** @param {unknown} value @returns {any[]} */
function asList(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {unknown} value @returns {value is Schema} */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
