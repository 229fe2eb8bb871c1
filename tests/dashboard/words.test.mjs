/** @file What people read: numbers, places, problems, and which rows fit what was typed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf, query } from '../../crates/control/dashboard/app/api.js';
import { asText, matcher, merged, selected } from '../../crates/control/dashboard/app/logs/select.js';
import { split } from '../../crates/control/dashboard/app/overview/attention.js';
import { joined } from '../../crates/control/dashboard/app/overview/charts.js';
import { href, parseRoute } from '../../crates/control/dashboard/app/route.js';
import { deeds } from '../../crates/control/dashboard/app/servers/actions.js';
import { dependencyGraph } from '../../crates/control/dashboard/app/servers/dependencies.js';
import { continued } from '../../crates/control/dashboard/app/servers/server_log.js';
import { fitting } from '../../crates/control/dashboard/app/servers/tab.js';
import { details } from '../../crates/control/dashboard/app/settings/audit.js';
import { flat } from '../../crates/control/dashboard/app/settings/in_force.js';
import { sampled } from '../../crates/control/dashboard/app/store.js';
import { splitToken } from '../../crates/control/dashboard/app/token.js';
import { columns } from '../../crates/control/dashboard/app/ui/chart.js';
import { bytes, count, duration, millis, percent, tone } from '../../crates/control/dashboard/app/ui/format.js';
import { linePath } from '../../crates/control/dashboard/app/ui/sparkline.js';

test('numbers', () => {
  assert.deepEqual([0, 1023, 1536, 5 * 2 ** 30, null].map(bytes), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB', '–']);
  assert.deepEqual([0, 42.55, 12_345, 4.1e6, undefined].map(count), ['0', '42.6', '12.3 k', '4.1 M', '–']);
  assert.deepEqual([0, 0.012, 0.5, null].map(percent), ['0 %', '1.2 %', '50 %', '–']);
  assert.deepEqual([0.25, 4.2, 38.2, 1500, 12_000].map(millis), ['250 µs', '4.2 ms', '38 ms', '1.5 s', '12 s']);
  assert.deepEqual([-5, 45_000, 723_000, 18_120_000, 273_600_000].map(duration), ['0 s', '45 s', '12 m 3 s', '5 h 2 m', '3 d 4 h']);
  assert.deepEqual(['ready', 'crash_loop', 'needs_auth', 'asleep', 'what'].map(tone), ['ok', 'bad', 'warn', 'idle', 'idle']);
});

test('a token is taken out of the fragment', () => {
  assert.deepEqual(splitToken('#token=a%2Fb'), { token: 'a/b', rest: '' });
  assert.deepEqual(splitToken('#token=abc&/servers/x'), { token: 'abc', rest: '#/servers/x' });
  assert.deepEqual(splitToken('#/servers'), { token: null, rest: '#/servers' });
});

test('places are written and read', () => {
  const place = href('servers', 'a/b c', { view: 'log', none: '' });
  assert.equal(place, '#/servers/a%2Fb%20c?view=log');
  assert.deepEqual(parseRoute(place), { tab: 'servers', rest: ['a/b c'], query: { view: 'log' } });
  assert.equal(parseRoute('').tab, 'overview');
  assert.deepEqual(parseRoute('#/servers/%zz').rest, ['%zz']);
  assert.equal(query({ a: 1, b: '', c: null, d: 'x y' }), '?a=1&d=x+y');
});

test('a failure says what happened and what to do', () => {
  const said = problemOf(404, '{"kind":"unknown_name","title":"no server `x`","status":404,"hint":"switchboard list"}');
  assert.deepEqual([said.message, said.hint, said.status], ['no server `x`', 'switchboard list', 404]);
  assert.match(problemOf(502, '<html>').message, /status 502/);
  assert.deepEqual(split('see its log: switchboard logs a'), ['see its log', 'switchboard logs a']);
  assert.deepEqual(split('wait'), ['wait', '']);
});

test('lines of logs are chosen by server, level, text and time', () => {
  const line = (/** @type {number} */ at, /** @type {string} */ server, /** @type {string} */ level, /** @type {string} */ text) => ({ at: String(at), server, level, text });
  const lines = [line(1, 'a', 'info', 'one'), line(2, 'b', 'error', 'Two'), line(3, 'a', 'warn', 'three')];
  const wish = (/** @type {object} */ some) => ({ server: '', level: 'trace', fits: matcher('').fits, after: '', ...some });
  const texts = (/** @type {object} */ some) => selected(lines, wish(some)).map((one) => one.text);
  assert.deepEqual(texts({}), ['one', 'Two', 'three']);
  assert.deepEqual(texts({ server: 'a', level: 'warn' }), ['three']);
  assert.deepEqual(texts({ fits: matcher('two').fits }), ['Two']);
  assert.deepEqual(texts({ fits: matcher('/^t/').fits }), ['Two', 'three']);
  assert.deepEqual(texts({ after: '2' }), ['three']);
  assert.ok(matcher('/(/').problem);
  assert.equal(asText(lines.slice(0, 1)), '1 a info one\n');
  assert.deepEqual(merged([lines[2], lines[0]], [lines[1], lines[0]]), lines);
});

test('a log goes on where it was asked for', () => {
  const past = [{ at: '1', text: 'a' }, { at: '2', text: 'b' }];
  const fresh = [{ at: '1', text: 'a' }, { at: '2', text: 'b' }, { at: '2', text: 'c' }, { at: '3', text: 'd' }];
  assert.deepEqual(continued(past, fresh).map((line) => line.text), ['a', 'b', 'c', 'd']);
});

test('what may be done follows from the state', () => {
  assert.deepEqual(deeds('ready'), ['restart', 'stop', 'disable']);
  assert.deepEqual(deeds('stopped'), ['start', 'disable']);
  assert.deepEqual(deeds('disabled'), ['enable']);
  assert.deepEqual(deeds('pending'), []);
});

test('servers are found by what is said of them', () => {
  const servers = [{ name: 'a', state: 'ready', target: 'npx thing', tags: ['work'] }, { name: 'b', state: 'failed', target: 'x' }];
  assert.deepEqual(fitting(servers, 'WORK', '').map((one) => one.name), ['a']);
  assert.deepEqual(fitting(servers, '', 'failed').map((one) => one.name), ['b']);
});

test('a graph holds what depends and what is needed', () => {
  const config = { servers: { a: { depends_on: ['db'] }, b: { depends_on: [] } }, services: { db: { depends_on: ['net'] } } };
  const graph = dependencyGraph([{ name: 'a', state: 'ready' }, { name: 'b', state: 'ready' }], config, [{ name: 'db', kind: 'container', state: 'failed' }]);
  assert.deepEqual(graph.edges, [{ from: 'db', to: 'net' }, { from: 'a', to: 'db' }]);
  assert.deepEqual(graph.nodes.map((node) => [node.id, node.word]), [['db', 'failed'], ['net', undefined], ['a', 'ready']]);
});

test('a configuration is flat, and an event says the rest', () => {
  assert.deepEqual(flat({ a: { b: 1, c: [] }, d: null }), [{ key: 'a.b', value: '1' }, { key: 'a.c', value: '[]' }, { key: 'd', value: 'null' }]);
  assert.equal(details({ tools: ['a'], none: null }), 'tools: ["a"]');
});

test('points of a chart have gaps where nothing was told', () => {
  const points = [{ at_ms: 0, calls: 1 }, { at_ms: 10_000, calls: 2 }, { at_ms: 90_000, calls: 3 }];
  assert.deepEqual(columns(points, ['calls'], 10_000), [[0, 10, 20, 90], [1, 2, null, 3]]);
  assert.deepEqual(joined([{ at_ms: 1 }, { at_ms: 5 }], [{ at_ms: 5, calls: 1 }], 3), [{ at_ms: 5, calls: 1 }]);
  assert.equal(linePath([0, 10], 10, 11), 'M0.0 11.0L10.0 1.0');
});

test('samples of servers are bounded', () => {
  let samples = {};
  for (let index = 0; index < 100; index += 1) samples = sampled(samples, { a: { memory_kib: index, cpu_percent: null } });
  assert.equal(samples['a'].memory.length, 60);
  assert.deepEqual(samples['a'].cpu, []);
});
