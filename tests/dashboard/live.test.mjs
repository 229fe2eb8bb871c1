/** @file The live connection against a socket and a clock of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Live, PONG_MS } from '../../crates/control/dashboard/app/live.js';

/** A world without network and time. @param {{answers?: boolean, status?: number}} [how] */
function world({ answers = true, status = 0 } = {}) {
  const seen = { /** @type {any[]} */ frames: [], /** @type {any[]} */ said: [], /** @type {any[]} */ asked: [] };
  /** @type {any[]} */
  const sockets = [];
  /** @type {{run: () => void, ms: number}[]} */
  let timers = [];
  const around = {
    connect: () => {
      /** @type {any} */
      const socket = { sent: [], closed: false, send: (/** @type {string} */ text) => socket.sent.push(JSON.parse(text)), close: () => (socket.closed = true) };
      sockets.push(socket);
      return socket;
    },
    later: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
      const timer = { run, ms };
      timers.push(timer);
      return timer;
    },
    cancel: (/** @type {any} */ timer) => (timers = timers.filter((one) => one !== timer)),
    now: () => 1000,
    random: () => 1,
    take: (/** @type {any} */ frame) => seen.frames.push(frame),
    refresh: async (/** @type {string[]} */ topics) => {
      seen.asked.push(topics);
      if (!answers) throw Object.assign(new Error('no answer'), { status });
    },
    say: (/** @type {any} */ said) => seen.said.push(said.state),
  };
  const live = new Live(around);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const receive = (/** @type {any} */ frame) => sockets.at(-1).onmessage({ data: JSON.stringify(frame) });
  return { live, seen, sockets, settle, receive, timers: () => timers, fire: () => timers.splice(0).forEach((one) => one.run()) };
}

test('it subscribes to what is shown, once for each change', async () => {
  const it = world();
  it.live.start();
  const drop = it.live.want(['servers', 'logs']);
  it.sockets[0].onopen();
  await it.settle();
  assert.deepEqual(it.sockets[0].sent, [{ type: 'subscribe', topics: ['logs', 'servers'] }]);
  drop();
  it.live.want(['servers']);
  await it.settle();
  assert.deepEqual(it.sockets[0].sent.slice(1), [{ type: 'subscribe', topics: ['servers'] }]);
});

test('frames are taken in their order and never twice', () => {
  const it = world();
  it.live.start();
  it.sockets[0].onopen();
  for (const seq of [1, 2, 2, 1, 3]) it.receive({ type: 'delta', topic: 'servers', seq });
  assert.deepEqual(it.seen.frames.map((frame) => frame.seq), [1, 2, 3]);
});

test('a connection that breaks is stale, asks over REST, and comes back', async () => {
  const it = world();
  it.live.want(['overview']);
  it.live.start();
  it.sockets[0].onopen();
  await it.settle();
  it.sockets[0].onclose();
  assert.equal(it.seen.said.at(-1), 'stale');
  await it.settle();
  assert.deepEqual(it.seen.asked.at(-1), ['overview']);
  assert.equal(it.seen.said.at(-1), 'polling');
  assert.deepEqual(it.timers().map((one) => one.ms), [1000]);
  it.fire();
  it.sockets[1].onopen();
  assert.equal(it.seen.said.at(-1), 'live');
  assert.deepEqual(it.sockets[1].sent, [{ type: 'subscribe', topics: ['overview'] }]);
});

test('while nobody answers it stays stale and waits longer each time', async () => {
  const it = world({ answers: false });
  it.live.start();
  const waits = [];
  for (let round = 0; round < 7; round += 1) {
    it.sockets.at(-1).onclose();
    await it.settle();
    waits.push(it.timers().at(-1)?.ms);
    it.fire();
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.ok(!it.seen.said.includes('polling'));
});

test('who looks again does not wait, and a dead connection is noticed', async () => {
  const it = world();
  it.live.start();
  it.sockets[0].onclose();
  it.live.wake();
  assert.equal(it.sockets.length, 2);
  it.sockets[1].onopen();
  it.live.wake();
  assert.deepEqual(it.sockets[1].sent.at(-1), { type: 'ping' });
  assert.deepEqual(it.timers().map((one) => one.ms), [PONG_MS]);
  it.receive({ type: 'pong' });
  assert.deepEqual(it.timers(), []);
  it.live.wake();
  it.fire();
  assert.equal(it.seen.said.at(-1), 'stale');
  assert.ok(it.sockets[1].closed);
});

test('a switchboard that shows nothing without a token says so', async () => {
  const it = world({ answers: false, status: 401 });
  it.live.start();
  it.sockets[0].onclose();
  await it.settle();
  assert.equal(it.seen.said.at(-1), 'locked');
});
