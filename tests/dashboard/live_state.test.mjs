/** @file How frames change what is held, when a connection is tried again, and what is known without one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLS_MAX, LINES_MAX, RETRY_MAX_MS, applied, overviewOf, retryDelay } from '../../crates/control/dashboard/app/live_state.js';

test('a snapshot replaces and a delta changes what differs', () => {
  let held = applied('overview', null, { type: 'snapshot', topic: 'overview', data: { calls_per_minute: 1, sessions: 2 } });
  held = applied('overview', held, { type: 'delta', topic: 'overview', changed: { sessions: 3 } });
  assert.deepEqual(held, { calls_per_minute: 1, sessions: 3 });
  assert.deepEqual(applied('goals', { version: 1 }, { type: 'delta', topic: 'goals', changed: { version: 2 } }), { version: 2 });
});

test('servers come, change and go', () => {
  const first = applied('servers', null, { type: 'snapshot', topic: 'servers', data: { a: { state: 'ready' }, b: { state: 'ready' } } });
  const next = applied('servers', first, { type: 'delta', topic: 'servers', changed: { a: { state: 'stopped' }, c: { state: 'starting' } }, removed: ['b'] });
  assert.deepEqual(next, { a: { state: 'stopped' }, c: { state: 'starting' } });
  assert.equal(first.a.state, 'ready', 'what was held is not touched');
});

test('lines and calls are bounded, and what was missed is counted', () => {
  for (const [topic, max] of /** @type {[string, number][]} */ ([['logs', LINES_MAX], ['calls', CALLS_MAX]])) {
    let held = applied(topic, null, { type: 'snapshot', topic, data: { items: [], missed: 0 } });
    const items = Array.from({ length: max + 5 }, (_, index) => ({ at: String(index).padStart(6, '0') }));
    held = applied(topic, held, { type: 'delta', topic, items, missed: 7 });
    assert.equal(held.items.length, max);
    assert.equal(held.items.at(-1), items.at(-1));
    assert.equal(held.missed, 7);
  }
});

test('a fresh snapshot keeps what came before it and doubles nothing', () => {
  const held = { items: [{ at: '1' }, { at: '2' }, { at: '3' }], missed: 0 };
  const next = applied('logs', held, { type: 'snapshot', topic: 'logs', data: { items: [{ at: '3' }, { at: '4' }], missed: 0 } });
  assert.deepEqual(next.items.map((/** @type {any} */ item) => item.at), ['1', '2', '3', '4']);
});

test('the last point of the history grows until its step is over', () => {
  let held = applied('history', null, { type: 'snapshot', topic: 'history', data: {} });
  for (const [at, calls] of /** @type {[number, number][]} */ ([[10, 1], [10, 2], [20, 1]])) {
    held = applied('history', held, { type: 'delta', topic: 'history', changed: { point: { at_ms: at, calls } } });
  }
  assert.deepEqual(held.points, [{ at_ms: 10, calls: 2 }, { at_ms: 20, calls: 1 }]);
});

test('pauses double from one second to thirty, and differ by chance', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map((attempt) => retryDelay(attempt, 1)), [1000, 2000, 4000, 8000, 16_000, RETRY_MAX_MS, RETRY_MAX_MS]);
  assert.equal(retryDelay(0, 0), 750);
});

test('without live updates the overview says what the status knows, and nothing else', () => {
  const server = { name: 'a', state: 'ready', tools: 3, in_flight: 1 };
  const bad = { name: 'b', state: 'failed', tools: 0, reason: 'it is not there', hint: 'see its log', breaker: 'open' };
  const overview = overviewOf({ version: '1', uptime_ms: 5, sessions: 2, servers: [server, bad], memory: { daemon_kib: 2, guard_kib: 1 }, cache: { hits: 1 }, found: [] });
  assert.deepEqual(overview.servers, { total: 2, by_state: { ready: 1, failed: 1 } });
  assert.deepEqual(overview.breakers_open, ['b']);
  assert.equal(overview.memory_bytes, 3072);
  assert.equal(overview.calls_per_minute, null);
  assert.deepEqual(overview.attention.map((/** @type {any} */ row) => row.server), ['b']);
});
