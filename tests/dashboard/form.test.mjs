/** @file The form of a tool: fields from its schema, arguments from what a person wrote. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begun, collected, draftOf, empty } from '../../crates/control/dashboard/app/tools/draft.js';
import { DEPTH_MAX, fieldsOf } from '../../crates/control/dashboard/app/tools/schema.js';

/** The field that a schema of one property becomes. */
function one(schema, required = false) {
  return fieldsOf({ type: 'object', properties: { it: schema }, required: required ? ['it'] : [] }).fields[0];
}

/** What is wrong with a draft of one property. */
function says(schema, draft, required = false) {
  return collected(one(schema, required), draft, 'it').troubles.map((trouble) => trouble.says);
}

test('every type becomes a field', () => {
  const kinds = [
    [{ type: 'string' }, 'text'],
    [{ type: 'integer' }, 'integer'],
    [{ type: 'number' }, 'number'],
    [{ type: 'boolean' }, 'boolean'],
    [{ enum: ['a', 1, null] }, 'enum'],
    [{ const: 7 }, 'const'],
    [{ type: 'null' }, 'const'],
    [{ type: 'array', items: { type: 'string' } }, 'array'],
    [{ type: 'object', properties: { a: {} } }, 'object'],
    [{ type: 'object' }, 'map'],
    [{ type: 'object', additionalProperties: { type: 'integer' } }, 'map'],
    [{ oneOf: [{ type: 'string' }, { type: 'object', properties: { a: {} } }] }, 'choice'],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, 'text'],
    [{ type: ['string', 'null'] }, 'text'],
    [{ type: ['string', 'integer'] }, 'choice'],
    [{ oneOf: [{ const: 'a', title: 'A' }, { const: 'b' }] }, 'enum'],
    [{ allOf: [{ type: 'integer' }, { minimum: 2 }] }, 'integer'],
    [{ prefixItems: [{}, {}], type: 'array' }, 'json'],
    [{ properties: { a: {} } }, 'object'],
    [true, 'json'],
    [{}, 'json'],
    ['nonsense', 'json'],
  ];
  assert.equal(one({ type: 'object', properties: {} }).kind, 'object');
  for (const [schema, kind] of kinds) assert.equal(one(schema).kind, kind, JSON.stringify(schema));
});

test('a schema that is none is a form without fields', () => {
  for (const schema of [undefined, null, 'x', [], { type: 'object' }, {}]) {
    const form = fieldsOf(schema);
    assert.equal(form.kind, 'object', JSON.stringify(schema));
    assert.deepEqual(collected(form, begun(form)), { value: {}, troubles: [] });
  }
});

test('references are followed within the document, and a recursion ends as JSON', () => {
  const form = fieldsOf({
    type: 'object',
    properties: { home: { $ref: '#/$defs/address' }, tree: { $ref: '#/$defs/tree' }, far: { $ref: 'https://x/y' } },
    $defs: {
      address: { type: 'object', properties: { 'a/b': { $ref: '#/$defs/na~1me' } }, required: ['a/b'] },
      'na/me': { type: 'string' },
      tree: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/$defs/tree' } } } },
    },
  });
  const [home, tree, far] = form.fields;
  assert.equal(home.fields[0].kind, 'text');
  assert.equal(home.fields[0].required, true);
  assert.equal(tree.fields[0].item.kind, 'json');
  assert.equal(far.kind, 'json');
  const loop = fieldsOf({ type: 'object', properties: { a: { $ref: '#/properties/a' } } });
  assert.equal(loop.fields[0].kind, 'json');
});

test('a schema that is deep or wide ends as JSON', () => {
  let deep = { type: 'string' };
  for (let depth = 0; depth < DEPTH_MAX * 4; depth += 1) deep = { type: 'object', properties: { a: deep } };
  let field = fieldsOf(deep);
  let depth = 0;
  while (field.fields) [field, depth] = [field.fields[0], depth + 1];
  assert.equal(field.kind, 'json');
  assert.ok(depth <= DEPTH_MAX, `expected at most ${DEPTH_MAX} levels, there are ${depth}`);
  // Each level doubles: without a bound this has 2^40 fields.
  const wide = { type: 'object', properties: {}, $defs: {} };
  for (let level = 0; level < 40; level += 1) {
    const next = { $ref: `#/$defs/l${level + 1}` };
    wide.$defs[`l${level}`] = { type: 'object', properties: { a: next, b: next } };
  }
  wide.properties.a = { $ref: '#/$defs/l0' };
  assert.equal(fieldsOf(wide).kind, 'object');
});

test('a form begins with the defaults and with what is required', () => {
  const form = fieldsOf({
    type: 'object',
    required: ['name', 'on', 'where', 'many'],
    properties: {
      name: { type: 'string' },
      size: { type: 'integer', default: 5 },
      on: { type: 'boolean' },
      level: { enum: ['low', 'high'], default: 'high' },
      where: { type: 'object', properties: { x: { type: 'number', default: 1.5 }, y: { type: 'number' } } },
      many: { type: 'array', items: { type: 'string' }, minItems: 1 },
      bad: { type: 'integer', default: 'five' },
    },
  });
  const { value, troubles } = collected(form, begun(form));
  assert.deepEqual(value, { size: 5, on: false, level: 'high', where: { x: 1.5 }, many: [undefined] });
  assert.deepEqual(troubles.map((trouble) => trouble.path), ['name', 'many[0]']);
});

test('nested arguments are collected as they are written', () => {
  const form = fieldsOf({
    type: 'object',
    properties: {
      items: {
        type: 'array',
        items: { type: 'object', required: ['n'], properties: { n: { type: 'integer' }, note: { type: 'string' } } },
      },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      either: { oneOf: [{ type: 'integer' }, { type: 'object', properties: { at: { type: 'string' } } }] },
      free: {},
    },
    additionalProperties: false,
  });
  const value = { items: [{ n: 1 }, { n: 2, note: 'x' }], labels: { a: 'b', __proto: 'c' }, either: { at: 'now' }, free: [1, { a: null }] };
  const draft = draftOf(form, value);
  assert.deepEqual(collected(form, draft), { value, troubles: [] });
  // What the form cannot say, it does not pretend to say.
  assert.equal(draftOf(form, { ...value, unknown: 1 }), undefined);
  assert.equal(draftOf(form, { items: 'no list' }), undefined);
});

test('what a person can mend is said where it is', () => {
  assert.deepEqual(says({ type: 'string' }, undefined, true), ['is required']);
  assert.deepEqual(says({ type: 'string', minLength: 3 }, 'ab'), ['is too short: 2 of at least 3 characters']);
  assert.deepEqual(says({ type: 'string', maxLength: 1 }, '👍'), []);
  assert.deepEqual(says({ type: 'string', maxLength: 1 }, 'ab'), ['is too long: 2 of at most 1 characters']);
  assert.deepEqual(says({ type: 'integer' }, '1.5'), ['is not a whole number']);
  assert.deepEqual(says({ type: 'integer' }, '12x'), ['is not a number']);
  assert.deepEqual(says({ type: 'integer' }, '0x10'), ['is not a number']);
  assert.deepEqual(says({ type: 'integer' }, '9007199254740993').length, 1);
  assert.deepEqual(says({ type: 'number', minimum: 2, maximum: 3 }, '1'), ['is less than 2']);
  assert.deepEqual(says({ type: 'number', exclusiveMinimum: 0 }, '0'), ['is not more than 0']);
  assert.deepEqual(says({ type: 'number', exclusiveMinimum: true, minimum: 0 }, '0'), ['is not more than 0']);
  assert.deepEqual(says({ type: 'number', exclusiveMaximum: 9 }, '9'), ['is not less than 9']);
  assert.deepEqual(says({ type: 'number', multipleOf: 0.1 }, '0.3'), []);
  assert.deepEqual(says({ type: 'number', multipleOf: 2 }, '3'), ['is not a multiple of 2']);
  assert.deepEqual(says({ type: 'array', items: {}, minItems: 1 }, { items: [] }), ['needs at least 1 entry']);
  assert.deepEqual(says({ type: 'array', items: { type: 'string' }, uniqueItems: true }, { items: ['a', 'a'] }), [
    'has the same entry twice',
  ]);
  assert.deepEqual(says({}, '{"a":\n 1,}'), ['is not JSON at line 2, column 4 (a text needs "quotes")']);
  assert.deepEqual(says({ type: 'object' }, { entries: [{ key: '', draft: '1' }] }), ['has no name']);
  const troubles = collected(
    fieldsOf({ type: 'object', properties: { a: { type: 'array', items: { type: 'integer' } } } }),
    { members: { a: { items: ['1', 'x'] } }, extra: [] },
  ).troubles;
  assert.deepEqual(troubles, [{ path: 'a[1]', says: 'is not a number' }]);
});

test('a name that objects have of their own is a name like any other', () => {
  const schema = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}');
  const form = fieldsOf(schema);
  const value = JSON.parse('{"__proto__":"a","constructor":"b"}');
  assert.equal(JSON.stringify(collected(form, draftOf(form, value)).value), JSON.stringify(value));
});

test('an empty field that is given is empty', () => {
  assert.equal(empty(one({ type: 'string' })), '');
  assert.equal(empty(one({ type: 'boolean' })), false);
  assert.deepEqual(empty(one({ type: 'array', items: {} })), { items: [] });
});

test('patterns of strangers are not evaluated', () => {
  const pattern = '^(a+)+$';
  assert.equal(one({ type: 'string', pattern }).pattern, pattern);
  assert.deepEqual(says({ type: 'string', pattern }, `${'a'.repeat(60)}!`), []);
});
