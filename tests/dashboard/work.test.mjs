/** @file Calls, goals and what is kept: timelines, filters, tasks as lines, graphs, lengths of time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterOf, fits, gaping, merged, query, toneOf } from '../../crates/control/dashboard/app/calls/filters.js';
import { timeline, tookText } from '../../crates/control/dashboard/app/calls/timeline.js';
import { TASK_STATUSES, beside, choicesFrom, columns, pictured, progressOf, tasksOf, workText } from '../../crates/control/dashboard/app/goals/plan.js';
import { patternOf, secondsOf, tagsOf, ttlText } from '../../crates/control/dashboard/app/memory/keep.js';

test('stages are bars on the whole of the call', () => {
  const { bars, ticks, longest } = timeline({
    total_us: 1000,
    stages: [
      { stage: 'listener', from_us: 0, to_us: 50 },
      { stage: 'route', from_us: 50, to_us: 50 },
      { stage: 'upstream', from_us: 100, to_us: 900 },
      { stage: 'finish', from_us: 1000, to_us: 1000 },
    ],
  });
  assert.deepEqual(bars.map((bar) => [bar.stage, bar.left, bar.us, bar.share]), [
    ['listener', 0, 50, 5],
    ['route', 5, 0, 0],
    ['upstream', 10, 800, 80],
    ['finish', 99.6, 0, 0],
  ]);
  assert.ok(bars.every((bar) => bar.width > 0 && bar.left + bar.width <= 100));
  assert.equal(longest, 'upstream');
  assert.ok(ticks.length >= 3 && ticks.length <= 6);
  assert.deepEqual(timeline({}), { total_us: 1, bars: [], ticks: timeline({}).ticks, longest: '' });
});

test('lengths of time have three digits', () => {
  const texts = [[0, '0 µs'], [999, '999 µs'], [1000, '1.00 ms'], [12_345, '12.3 ms'], [999_499, '999 ms'], [999_600, '1.00 s'], [59_900_000, '59.9 s'], [90_000_000, '1.50 min'], [NaN, '–']];
  for (const [us, text] of texts) assert.equal(tookText(us), text);
});

test('a filter is the same as a question, as a link and on the tail', () => {
  const filter = { server: ' git ', q: 'a b', tool: '' };
  assert.equal(String(query(filter)), 'server=git&q=a+b');
  assert.deepEqual(filterOf(query(filter)), { server: 'git', q: 'a b' });
  const call = { id: '1', at: '2', server: 'git', name: 'issue', principal: 'local', outcome: 'tool_error', total_us: 1, cause: 'It BROKE' };
  assert.ok(fits(call, {}));
  assert.ok(fits(call, { server: 'git', tool: 'issue', q: 'broke' }));
  assert.ok(!fits(call, { server: 'gi' }));
  assert.ok(!fits(call, { outcome: 'ok' }));
});

test('new calls come before those that are there, each once', () => {
  const call = (id, at) => ({ id, at });
  const there = [call('b', '2'), call('a', '1')];
  assert.deepEqual(merged(there, [call('c', '3'), call('b', '2')]).map((one) => one.id), ['c', 'b', 'a']);
  assert.deepEqual(merged(there, [call('d', '2')]).map((one) => one.id), ['d', 'b', 'a']);
  assert.equal(merged(there, [call('a', '1')]), there);
  const many = Array.from({ length: 50 }, (_, at) => call(`m${at}`, '5'));
  assert.ok(gaping(there, many) && !gaping(there, many.slice(1)) && !gaping([many[7]], many));
});

test('outcomes are fine, to be looked at, or bad', () => {
  assert.deepEqual(['ok', 'rate_limited', 'upstream_down', 'tool_error', 'input_required'].map(toneOf), ['ok', 'warn', 'bad', 'bad', 'warn']);
});

test('tasks are written as lines', () => {
  const { tasks, troubles } = tasksOf('1. Design (3d) !high\n\n- Write it after 1\n* Test (2h 30m) after #2, task-0009\nLook after things');
  assert.deepEqual(troubles, []);
  assert.deepEqual(tasks, [
    { description: 'Design', priority: 'high', estimated_effort: '3d', dependencies: [] },
    { description: 'Write it', priority: 'medium', dependencies: [0] },
    { description: 'Test', priority: 'medium', estimated_effort: '2h 30m', dependencies: [1, 'TASK-0009'] },
    { description: 'Look after things', priority: 'medium', dependencies: [] },
  ]);
  assert.deepEqual(tasksOf('a after 1\nb after 7').troubles, ['line 1 waits for itself', 'line 2 waits for line 7, which is not there']);
});

test('a task becomes only what the server lets it', () => {
  for (const status of TASK_STATUSES) assert.equal(choicesFrom(status)[0], status);
  assert.ok(!choicesFrom('completed').includes('failed'));
  assert.deepEqual([beside('pending', 1), beside('blocked', 1), beside('pending', -1), beside('completed', -1)], ['in_progress', 'failed', null, 'in_progress']);
});

test('the board has a column per status', () => {
  const task = (id, status, priority, ready) => ({ id, description: id, status, priority, ready });
  const board = columns([task('b', 'pending', 'low', true), task('a', 'pending', 'high', false), task('c', 'failed', 'low')]);
  assert.deepEqual(board.map((column) => [column.status, column.tasks.map((one) => one.id)]), [
    ['pending', ['b', 'a']],
    ['in_progress', []],
    ['completed', []],
    ['failed', ['c']],
  ]);
});

test('progress does not count what was cancelled', () => {
  assert.deepEqual(progressOf({ total: 5, completed: 2, cancelled: 1, failed: 1 }), { done: 2, of: 4, percent: 50, failed: 1, working: 0, waiting: 0 });
  assert.equal(progressOf(undefined).percent, 0);
  assert.deepEqual([workText(30), workText(90), workText(3 * 480)], ['30 min', '1.5 h', '3 days']);
});

test('a graph is drawn with its critical path first', () => {
  const node = (id, status = 'pending') => ({ id, title: `Task ${id}`, status });
  const edges = [{ from: 'b', to: 'c' }, { from: 'b', to: 'd' }];
  const graph = pictured({ nodes: [node('a', 'completed'), node('d'), node('b'), node('c', 'cancelled')], edges, critical_path: ['b', 'c'] });
  assert.deepEqual(graph.nodes.map((one) => [one.id, one.critical, one.word, one.dashed]), [['b', true, 'idle', false], ['c', true, 'idle', true], ['d', false, 'idle', false], ['a', false, 'ok', false]]);
  assert.deepEqual(graph.edges.map((edge) => edge.critical), [true, false]);
  // A path of one task is no path.
  assert.ok(pictured({ nodes: [node('a')], edges: [], critical_path: ['a'] }).nodes.every((one) => !one.critical));
});

test('how long something is kept is written as people write it', () => {
  const lengths = [['90', 90], ['5m', 300], ['1h 30m', 5400], ['2 d', 172_800], ['1.5h', 5400]];
  for (const [text, seconds] of lengths) assert.deepEqual(secondsOf(text), { seconds }, text);
  assert.deepEqual(secondsOf(' '), {});
  for (const text of ['soon', '5x', '-1', '0', '1h and']) assert.ok(secondsOf(text).says, text);
  assert.deepEqual([-1, -2, 59, 61, 3600, 90_061, null].map(ttlText), ['no end', 'gone', '59 s', '1 min 1 s', '1 h', '1 d 1 h', 'no end']);
});

test('tags and patterns', () => {
  assert.deepEqual(tagsOf('a, #b  a'), ['a', 'b']);
  assert.deepEqual([patternOf(''), patternOf('user'), patternOf('user:*')], ['*', '*user*', 'user:*']);
});
