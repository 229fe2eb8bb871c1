// How late the page is: from the end of a call, as its record says, until the page was told, and until the
// browser has painted the frame in which it was told. It calls at a steady rate by itself, unless somebody else does (`given.calls`
// is 0), for `given.seconds`.

import { base, expect, given, openPage, scenario, visit } from './dashboard.mjs';

/** A slow machine is slow: what is promised is measured, what is asserted is a stall. */
const STALL_MS = 1000;

/** Runs in the page before anything of it: hears what the page hears. */
function listen() {
  const late = { told: [], painted: [] };
  Object.defineProperty(window, 'late', { value: late });
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...words) {
      super(...words);
      this.addEventListener('message', ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type !== 'delta' || frame.topic !== 'calls') return;
        const told = Date.now();
        const ended = frame.items.map((item) => Date.parse(item.at) + item.total_us / 1000);
        late.told.push(...ended.map((at) => told - at));
        // The second frame begins when the first one, with what the page drew, has been painted.
        requestAnimationFrame(() => requestAnimationFrame(() => {
          const now = Date.now();
          late.painted.push(...ended.map((at) => now - at));
        }));
      });
    }
  };
}

async function call() {
  const headers = { authorization: `Bearer ${given.token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: `${given.servers[0]}.echo`, arguments: { text: 'x' } });
  const answer = await fetch(`${base}/api/call`, { method: 'POST', headers, body });
  expect(answer.ok, `a call that works, not ${answer.status}`);
}

await scenario(async (browser) => {
  const page = await openPage(browser, { before: listen });
  await visit(page, 'calls');
  await page.locator('.connection[data-state="live"]').waitFor();
  const end = Date.now() + (given.seconds ?? 2) * 1000;
  const rate = given.calls ?? 20;
  while (Date.now() < end) {
    if (rate > 0) await call();
    await new Promise((resolve) => setTimeout(resolve, rate > 0 ? 1000 / rate : 1000));
  }
  await page.waitForFunction(() => window.late.painted.length > 0);
  const { told, painted } = await page.evaluate(() => window.late);
  const shares = (all) => {
    const sorted = all.sort((left, right) => left - right);
    const at = (part) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] * 10) / 10;
    return { p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1) };
  };
  const late = { calls: told.length, told: shares(told), painted: shares(painted) };
  expect(late.painted.p99_ms < STALL_MS, `no stall, not ${late.painted.p99_ms} ms`);
  return late;
});
