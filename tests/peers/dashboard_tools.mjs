// Runs real tools through their forms and copies the calls; finds the calls in the tab Calls and opens where
// their time went. Says what was copied, so that it can be run elsewhere.

import { accessible, base, expect, given, openPage, scenario, server, shot, until, visit } from './dashboard.mjs';
import { looks } from './dashboard_looks.mjs';

async function copied(page, label) {
  await page.getByRole('group', { name: 'Copy this call' }).getByRole('button', { name: label }).click();
  await page.getByText(`Copied for ${label}`).first().waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

async function run(page) {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
}

/** Finds a tool by a word, writes into its form, runs it, and copies the call. */
async function greet(page) {
  await page.getByRole('navigation', { name: 'Tabs' }).getByRole('link', { name: 'Tools' }).click();
  await page.getByRole('searchbox', { name: 'Search tools' }).fill('greet');
  await page.getByRole('navigation', { name: 'Tools' }).getByRole('link', { name: 'greet' }).click();
  await page.getByRole('heading', { name: 'fixture__greet' }).waitFor();
  await page.getByLabel('name').fill("Ada O'Neil");
  await run(page);
  await page.locator('[data-outcome="ok"]').waitFor();
  const greeting = await page.locator('[data-outcome] .part').first().innerText();
  await accessible(page, 'a result');
  await shot(page, 'tool-result');
  return { greeting, cli: await copied(page, 'CLI'), curl: await copied(page, 'curl'), python: await copied(page, 'Python') };
}

/** What is missing is said at its field, and nothing is called; as JSON it is the same. */
async function mend(page) {
  await visit(page, 'tools/cache.cache_set');
  await run(page);
  await page.locator('[aria-invalid="true"][data-path="key"]').waitFor();
  expect((await page.locator('[data-outcome]').count()) === 0, 'no call without what is required');
  await page.locator('[data-path="key"]').fill('from the form');
  await page.locator('[data-path="value"]').fill('{"deep": [1, 2]}');
  await page.locator('[data-path="ttl"]').fill('600');
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  const written = JSON.parse(await page.getByLabel('Arguments as JSON').inputValue());
  expect(JSON.stringify(written) === '{"key":"from the form","value":{"deep":[1,2]},"ttl":600}', `the same as JSON, not ${JSON.stringify(written)}`);
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  await run(page);
  await page.locator('[data-outcome="ok"]').waitFor();
}

async function image(page) {
  await visit(page, 'tools/fixture.test_image_content');
  await run(page);
  const shown = page.locator('[data-outcome] img');
  await shown.waitFor();
  expect(await shown.evaluate((one) => one.decode().then(() => one.naturalWidth > 0)), 'an image that can be seen');
}

/** What destroys asks first; no is no. */
async function destroy(page) {
  await visit(page, 'tools/cache.cache_flush');
  await run(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await page.locator('[data-outcome]').count()) === 0, 'nothing to be destroyed without a yes');
}

/** A definition that came later waits until a person has seen it. */
async function approve(page) {
  await visit(page, 'tools/fixture.test_trigger_tool_change');
  await run(page);
  await page.locator('[data-outcome="ok"]').waitFor();
  await page.getByRole('link', { name: '1 tool waits' }).click();
  await page.locator('.diff-new', { hasText: 'test_extra' }).first().waitFor();
  await accessible(page, 'a changed definition');
  await shot(page, 'changed-definition');
  expect((await server('fixture')).changed_tools.join() === 'test_extra', 'the command line to see it wait');
  await page.getByRole('button', { name: 'Approve 1 definition' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
  await page.getByText('Nothing waits').waitFor();
  expect(!(await server('fixture')).changed_tools, 'the command line to see it approved');
}

async function calls(page) {
  await visit(page, 'calls');
  const list = page.getByRole('navigation', { name: 'Calls' });
  const call = (name) => list.getByRole('link', { name }).first();
  await call(/cache_set/).waitFor();
  await page.getByRole('searchbox', { name: 'Search calls' }).fill('greet');
  await call(/cache_set/).waitFor({ state: 'detached' });
  await call(/greet/).click();
  const stages = page.getByRole('list', { name: 'Stages of the call' }).locator('.timeline-name');
  await stages.first().waitFor();
  const names = await stages.allInnerTexts();
  expect(names.includes('upstream') && names.length >= 3, `stages with the server's, not ${names}`);
  await accessible(page, 'a call');
  await shot(page, 'call');
}

/** While it is paused, a call is counted and not shown; then it is. */
async function pause(page) {
  await visit(page, 'calls');
  const list = page.getByRole('navigation', { name: 'Calls' });
  await list.getByRole('link', { name: /cache_set/ }).first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  const headers = { authorization: `Bearer ${given.token}` };
  await page.request.post(`${base}/api/call`, { data: { name: 'cache.cache_scan', arguments: {} }, headers });
  await page.getByRole('status').filter({ hasText: '1 new' }).waitFor();
  expect((await list.getByRole('link', { name: /cache_scan/ }).count()) === 0, 'nothing new while it is paused');
  await page.getByRole('button', { name: 'Go on' }).click();
  await list.getByRole('link', { name: /cache_scan/ }).waitFor();
  await page.getByLabel('outcome').fill('tool_error');
  await page.getByLabel('outcome').press('Tab');
  await page.getByText('No call fits').waitFor();
}

/** More calls than are shown at once: older ones come when they are asked for, each once and in order. */
async function older(page) {
  const headers = { authorization: `Bearer ${given.token}` };
  const call = () => page.request.post(`${base}/api/call`, { data: { name: 'cache.cache_ping', arguments: {} }, headers });
  for (let round = 0; round < 15; round += 1) await Promise.all(Array.from({ length: 20 }, call));
  await visit(page, 'calls?tool=cache_ping');
  const rows = page.getByRole('navigation', { name: 'Calls' }).getByRole('link');
  await until('a list that is full', async () => (await rows.count()) >= 50);
  const more = page.getByRole('button', { name: 'Load more' });
  await until('all 300 calls', async () => {
    if ((await rows.count()) >= 300) return true;
    // It goes when there are no more; a click that comes too late is none.
    if ((await more.count()) > 0) await more.click({ timeout: 1000 }).catch(() => undefined);
    return false;
  });
  const ids = await rows.evaluateAll((links) => links.map((link) => link.hash.split(/[/?]/)[2]));
  expect(new Set(ids).size === 300, `each call once, not ${new Set(ids).size} of ${ids.length}`);
}

await scenario(async (browser) => {
  const page = await openPage(browser);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
  const said = await greet(page);
  await mend(page);
  await image(page);
  await destroy(page);
  await approve(page);
  await calls(page);
  await pause(page);
  await older(page);
  await looks(browser, [
    ['tool', 'tools/goals.break_down_goal', '.runner'],
    ['changes', 'tools/changes', '.split-detail .empty'],
    ['calls', 'calls', '.row-link'],
  ]);
  return said;
});
