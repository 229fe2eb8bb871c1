/** @file What is shown of definitions and results: differences, parts of a result, tools that are found. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff, folded, linesOf } from '../../crates/control/dashboard/app/tools/diff.js';
import { asksFirst, byServer, effectOf, found, merged } from '../../crates/control/dashboard/app/tools/find.js';
import { bytesOf, partsOf } from '../../crates/control/dashboard/app/tools/result.js';

test('a difference is the lines that go and the lines that come', () => {
  const before = linesOf({ b: 1, a: { x: 'old', same: [1, 2] } });
  const after = linesOf({ a: { same: [1, 2], x: 'new' }, b: 1, c: true });
  const lines = diff(before, after);
  assert.deepEqual(lines.filter((line) => line.mark === '-').map((line) => line.text.trim()), ['"x": "old"', '"b": 1']);
  assert.deepEqual(lines.filter((line) => line.mark === '+').map((line) => line.text.trim()), ['"x": "new"', '"b": 1,', '"c": true']);
  const side = (mark) => lines.filter((line) => line.mark !== mark).map((line) => line.text);
  assert.deepEqual([side('+'), side('-')], [before, after]);
});

test('both sides come back out of any difference', () => {
  let seed = 7;
  const next = (below) => ((seed = (seed * 1103515245 + 12345) % 2 ** 31), seed % below);
  for (let round = 0; round < 300; round += 1) {
    const text = () => Array.from({ length: next(12) }, () => 'abc'[next(3)]);
    const [before, after] = [text(), text()];
    const lines = diff(before, after);
    assert.deepEqual(lines.filter((line) => line.mark !== '+').map((line) => line.text), before);
    assert.deepEqual(lines.filter((line) => line.mark !== '-').map((line) => line.text), after);
  }
});

test('a new definition has only new lines, and long ones are compared too', () => {
  assert.ok(diff(linesOf(undefined), linesOf({ a: 1 })).every((line) => line.mark === '+'));
  const many = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
  assert.equal(diff(many, many.map((line) => `${line}!`)).length, 10_000);
});

test('letters that nobody sees are written out', () => {
  const [, line] = linesOf({ description: 'a\u200bb\u202ec\u{e0041}\u007f' });
  assert.equal(line.trim(), '"description": "a\\u{200b}b\\u{202e}c\\u{e0041}\\u{7f}"');
});

test('far from a change lines are folded', () => {
  const lines = diff(
    Array.from({ length: 30 }, (_, index) => `${index}`),
    Array.from({ length: 30 }, (_, index) => (index === 15 ? 'x' : `${index}`)),
  );
  const shown = folded(lines);
  assert.equal(shown[0].text, '12 lines the same');
  assert.deepEqual(shown.map((line) => line.mark).join(''), '…   -+   …');
});

test('a result is parts, and structured content is shown once', () => {
  const structured = { a: 1 };
  const { parts, failed } = partsOf({
    content: [{ type: 'text', text: '{"a":1}' }, { type: 'text', text: '<b>no</b>' }, { type: 'text', text: '{broken' }],
    structuredContent: structured,
  });
  assert.equal(failed, false);
  assert.deepEqual(parts, [{ is: 'text', text: '<b>no</b>' }, { is: 'text', text: '{broken' }]);
  assert.equal(partsOf({ isError: true, content: [] }).failed, true);
  assert.deepEqual(partsOf(null).parts, []);
});

test('only images of known kinds are shown as such', () => {
  const image = (mimeType, data) => partsOf({ content: [{ type: 'image', mimeType, data }] }).parts[0];
  assert.deepEqual(image('image/png', 'aGVsbG8='), { is: 'image', source: 'data:image/png;base64,aGVsbG8=', kind: 'image/png', bytes: 5 });
  assert.equal(image('text/html', 'aGVsbG8=').is, 'file');
  assert.equal(image('image/png', '"><script>').is, 'file');
});

test('sound, links and resources', () => {
  const { parts } = partsOf({
    content: [
      { type: 'audio', mimeType: 'audio/wav', data: 'aGVsbG8=' },
      { type: 'resource_link', uri: 'javascript:alert(1)', name: 'x' },
      { type: 'resource_link', uri: 'https://example.org/a', name: 'y' },
      { type: 'resource', resource: { uri: 'file:///a/b.txt', text: '[1]' } },
      { type: 'resource', resource: { uri: 'file:///a/b.bin', blob: 'AAEC' } },
      { type: 'from the future', data: 1 },
    ],
  });
  assert.deepEqual(parts.map((part) => part.is), ['file', 'link', 'link', 'embedded', 'embedded', 'json']);
  assert.equal(parts[0].name, 'audio.wav');
  assert.deepEqual([parts[1].follow, parts[2].follow], [false, true]);
  assert.deepEqual(parts[3].inner, [{ is: 'json', value: [1] }]);
  assert.deepEqual([...bytesOf(parts[4].inner[0])], [0, 1, 2]);
});

const tool = (server, own, more = {}) => ({ name: `${server}__${own}`, server, own, definition: { name: own, ...more } });
const TOOLS = [
  tool('git', 'create_issue', { description: 'Opens a new ticket' }),
  tool('git', 'list_issues', { annotations: { readOnlyHint: true } }),
  tool('disk', 'delete', { annotations: { destructiveHint: true }, inputSchema: { properties: { issue: {} } } }),
  { ...tool('disk', 'read', { annotations: { readOnlyHint: true } }), unapproved: 'changed' },
];

test('every word must be somewhere, names first', () => {
  const names = (wanted) => found(TOOLS, wanted).map((one) => one.own);
  assert.deepEqual(names({ text: 'issue' }), ['create_issue', 'list_issues', 'delete']);
  assert.deepEqual(names({ text: 'issue ticket' }), ['create_issue']);
  assert.deepEqual(names({ text: 'delete' }), ['delete']);
  assert.deepEqual(names({ server: 'disk' }), ['delete', 'read']);
  assert.deepEqual(names({ only: 'reads' }), ['list_issues', 'read']);
  assert.deepEqual(names({ only: 'waiting' }), ['read']);
  assert.deepEqual(names({ text: 'nothing has this' }), []);
  assert.deepEqual(byServer(TOOLS).map((group) => [group.server, group.tools.length]), [['git', 2], ['disk', 2]]);
});

test('what destroys asks first', () => {
  const effect = (annotations) => [effectOf(tool('a', 'b', { annotations })), asksFirst(tool('a', 'b', { annotations }))];
  assert.deepEqual(effect(undefined), ['unsaid', false]);
  assert.deepEqual(effect({ readOnlyHint: true, destructiveHint: true }), ['reads', false]);
  assert.deepEqual(effect({ destructiveHint: true }), ['destroys', true]);
  assert.deepEqual(effect({ destructiveHint: false }), ['writes', false]);
  assert.deepEqual(effect({ readOnlyHint: false }), ['unsaid', true]);
});

test('what the index finds leads, with its reasons, unless nothing fits', () => {
  const tool = (server, own) => ({ name: `${server}__${own}`, server, own, definition: {} });
  const tools = [tool('a', 'one'), tool('a', 'two'), tool('b', 'three')];
  const hit = (server, own) => ({ name: `${server}__${own}`, server, own, score: 0.5, tokens: 1, reasons: [{ kind: 'terms', text: 'words: x' }] });
  const said = { band: 'confident', tools: [hit('b', 'three'), hit('gone', 'tool'), hit('a', 'one')], took_us: 1 };
  const names = (list) => list.map((one) => one.tool.own).join();
  assert.equal(names(merged(tools, tools.slice(1), null, '')), 'two,three');
  assert.equal(names(merged(tools, tools.slice(1), said, '')), 'three,one,two');
  assert.equal(merged(tools, [], said, '')[0].hit.reasons[0].text, 'words: x');
  assert.equal(names(merged(tools, tools.slice(1, 2), { ...said, band: 'nothing' }, '')), 'two,three,one');
  assert.equal(merged(tools, [], said, 'destroys').length, 0);
});
