// What the first load costs: bytes over the wire, and how long until the page can be used.

import { base, expect, given, openPage, scenario } from './dashboard.mjs';

/** A slow machine is slow: what is promised is measured, what is asserted is a stall. */
const STALL_MS = 3000;
const BYTES_MAX = 150 * 1024;

await scenario(async (browser) => {
  const page = await openPage(browser);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const fresh = await context.newPage();
  const wire = await context.newCDPSession(fresh);
  await wire.send('Network.enable');
  const paths = new Map();
  let bytes = 0;
  let files = 0;
  wire.on('Network.requestWillBeSent', ({ requestId, request }) => paths.set(requestId, new URL(request.url).pathname));
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (paths.get(requestId)?.startsWith('/api')) return;
    bytes += encodedDataLength;
    files += 1;
  });
  await fresh.goto(`${base}/#token=${given.token}`);
  await fresh.locator('.connection[data-state="live"]').waitFor();
  await fresh.locator('.cards').waitFor();
  await fresh.waitForLoadState('networkidle').catch(() => undefined);
  const times = await fresh.evaluate(() => {
    const mark = (name) => performance.getEntriesByName(name)[0]?.startTime ?? null;
    return { interactive_ms: mark('switchboard-interactive'), painted_ms: mark('first-contentful-paint') };
  });
  expect(bytes > 10_000 && bytes <= BYTES_MAX, `at most ${BYTES_MAX} bytes, not ${bytes}`);
  expect(times.interactive_ms < STALL_MS, `a page that can be used soon, not after ${times.interactive_ms} ms`);
  await page.close();
  return { bytes, files, ...times };
});
