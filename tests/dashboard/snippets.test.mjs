/** @file Calls to copy: whatever stands in the arguments, a shell and Python read the same. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { asCli, asCurl, asPython, python, quoted } from '../../crates/control/dashboard/app/tools/snippets.js';

const NASTY = [
  "it's",
  '"; rm -rf / #',
  '$(touch /tmp/never) `id` $HOME \\ \\n',
  'a\nb\tc',
  '-n',
  '@/etc/passwd',
  '',
  '😀 ünï \u2028 \u0007 \\u0041',
  '!!',
  "'''\"\"\"",
];

test('a shell gives back every text as it is', () => {
  for (const text of NASTY) {
    const run = spawnSync('sh', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' });
    assert.equal(run.stdout, text);
  }
});

test('the command line is read as one call with these arguments', () => {
  for (const text of NASTY) {
    const args = { text, list: [1, true, null, { deep: text }] };
    const line = asCli({ name: 'a__b', args, origin: '' });
    const run = spawnSync('sh', ['-c', `switchboard() { printf '%s\\n' "$#" "$2" "$3"; printf %s "$4"; }\n${line}`], {
      encoding: 'utf8',
    });
    const [count, name, flag, ...json] = run.stdout.split('\n');
    assert.deepEqual([count, name, flag], ['4', 'a__b', '--args-json']);
    assert.deepEqual(JSON.parse(json.join('\n')), args);
  }
  assert.equal(asCli({ name: 'a.b', args: {}, origin: '' }), 'switchboard call a.b');
});

test('curl is given the body as it is and never the token', () => {
  for (const text of NASTY) {
    const line = asCurl({ name: 'a__b', args: { text }, origin: 'http://127.0.0.1:7420' });
    const shell = `curl() { for one in "$@"; do last="$one"; done; printf %s "$last"; }\n${line}`;
    const run = spawnSync('sh', ['-c', shell], { encoding: 'utf8', env: { ...process.env, SWITCHBOARD_TOKEN: 'x' } });
    assert.deepEqual(JSON.parse(run.stdout), { name: 'a__b', arguments: { text } });
    assert.match(line, /Bearer \$SWITCHBOARD_TOKEN/);
  }
});

test('python reads every value as it is', () => {
  const value = { texts: NASTY, numbers: [0, -1.5, 1e21, 1e-7], [NASTY[0]]: { yes: true, no: false, none: null }, empty: [[], {}] };
  const run = spawnSync('python3', ['-c', `import json\nprint(json.dumps(${python(value)}))`], { encoding: 'utf8' });
  assert.equal(run.stderr, '');
  assert.deepEqual(JSON.parse(run.stdout), value);
});

test('the python program is one', () => {
  const program = asPython({ name: 'a', args: { text: NASTY.join() }, origin: "http://h'\"" });
  const run = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: program, encoding: 'utf8' });
  assert.equal(run.stderr, '');
});
