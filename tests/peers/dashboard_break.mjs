// Breaks the connection twice: a wire that is cut and mended, and a switchboard that restarts. The page says
// that it is stale, since when, and comes back by itself with what is true then.

import { cli, expect, given, openPage, scenario, server, shot, until, visit, wire } from './dashboard.mjs';

const [name] = given.servers;

/** Waits for a state of the connection, also one that has passed. */
const passed = (page, state) => page.waitForFunction((wanted) => globalThis.seenStates.includes(wanted), state);
const forget = (page) => page.evaluate(() => (globalThis.seenStates = []));
const now = (page, state) => page.locator(`.connection[data-state="${state}"]`).waitFor();

await scenario(async (browser) => {
  const cable = await wire();
  const page = await openPage(browser, { at: cable.at, away: true });
  await now(page, 'live');
  await visit(page, 'servers');
  await cable.cut();
  await now(page, 'stale');
  expect(/Stale since \d/.test(await page.locator('.connection').innerText()), 'since when it is stale');
  await page.locator('.stale-note').first().waitFor();
  await shot(page, 'stale');
  // What happens meanwhile is there when it comes back.
  await cli('stop', name);
  await cable.mend();
  await page.getByRole('button', { name: 'Refresh' }).click();
  await now(page, 'live');
  await page.locator(`[data-server="${name}"] .state`, { hasText: 'stopped' }).first().waitFor();
  await page.getByRole('button', { name: `Start ${name}` }).click();
  await page.locator(`[data-server="${name}"] .state`, { hasText: 'ready' }).first().waitFor();

  const direct = await openPage(browser, { at: cable.at, away: true });
  await now(direct, 'live');
  await visit(direct, 'settings');
  const before = await cli('status');
  await forget(direct);
  await direct.getByRole('button', { name: 'Restart', exact: true }).click();
  await direct.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await passed(direct, 'stale');
  await now(direct, 'live');
  await until('another run', async () => (await cli('status')).uptime_ms < before.uptime_ms + 1);
  await visit(direct, 'servers');
  await direct.locator(`[data-server="${name}"] .state`, { hasText: 'ready' }).first().waitFor();
  expect((await server(name)).state === 'ready', 'the server to be ready again');
});
