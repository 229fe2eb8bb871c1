// Works with the dashboard's tabs Tools, Calls, Goals, Memory and cache in a browser, as a person would.
// Usage: dashboard_work.mjs URL CHROMIUM FOLDER; URL is the first one, with the token in its fragment.
// Prints one line of JSON: what was seen and copied. Screenshots go to FOLDER.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [first, executablePath, folder] = process.argv.slice(2);
const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--disable-gpu', '--no-first-run'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const origin = new URL(first).origin;
/** What must not happen: errors of the page, requests elsewhere, what axe finds, content wider than the page. */
const troubles = [];
const seen = {};

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: QUIET });

/** A page of its own, watched. */
async function opened({ width = 1280, height = 860, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => message.type() === 'error' && troubles.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => troubles.push(`page: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, origin: to } = new URL(request.url());
    if (protocol.startsWith('http') && to !== origin) troubles.push(`request to ${request.url()}`);
  });
  await page.goto(first);
  return page;
}

/** Goes to a place of the page by its address. */
async function go(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
}

/** What axe finds that is serious, and whether the page can be moved sideways. */
async function checked(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, impact, nodes } of found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))) {
    troubles.push(`${name}: ${impact} ${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`);
  }
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wider > 0) troubles.push(`${name}: ${wider} px wider than the page`);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

async function copied(page, label) {
  await page.getByRole('group', { name: 'Copy this call' }).getByRole('button', { name: label }).click();
  await page.getByText(`Copied for ${label}`).first().waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

async function tools(page) {
  await page.getByRole('navigation', { name: 'Tabs' }).getByRole('link', { name: 'Tools' }).click();
  await page.getByRole('searchbox', { name: 'Search tools' }).fill('greet');
  await page.getByRole('navigation', { name: 'Tools' }).getByRole('link', { name: 'greet' }).click();
  await page.getByRole('heading', { name: 'fixture__greet' }).waitFor();
  await page.getByLabel('name').fill("Ada O'Neil");
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('[data-outcome="ok"]').waitFor();
  seen.greeting = await page.locator('[data-outcome] .part').first().innerText();
  seen.cli = await copied(page, 'CLI');
  seen.curl = await copied(page, 'curl');
  seen.python = await copied(page, 'Python');
  await checked(page, 'tools-run');

  // What is missing is said at its field, and nothing is called.
  await go(page, '#/tools/cache.cache_set');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('[aria-invalid="true"][data-path="key"]').waitFor();
  seen.refused = await page.getByRole('alert').innerText();
  await page.locator('[data-path="key"]').fill('from the form');
  await page.locator('[data-path="value"]').fill('{"deep": [1, 2]}');
  await page.locator('[data-path="ttl"]').fill('600');
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  seen.json = JSON.parse(await page.getByLabel('Arguments as JSON').inputValue());
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('[data-outcome="ok"]').waitFor();

  await go(page, '#/tools/fixture.test_image_content');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const image = page.locator('[data-outcome] img');
  await image.waitFor();
  seen.image = await image.evaluate((one) => one.decode().then(() => one.naturalWidth > 0));

  // What destroys asks first; no is no.
  await go(page, '#/tools/cache.cache_flush');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  seen.flushed = await page.locator('[data-outcome]').count();
}

async function calls(page) {
  await go(page, '#/calls');
  const list = page.getByRole('navigation', { name: 'Calls' });
  await list.getByRole('link', { name: /cache_set/ }).first().waitFor();
  await page.getByRole('searchbox', { name: 'Search calls' }).fill('greet');
  await list.getByRole('link', { name: /cache_set/ }).first().waitFor({ state: 'detached' });
  await list.getByRole('link', { name: /greet/ }).first().click();
  const stages = page.getByRole('list', { name: 'Stages of the call' });
  await stages.waitFor();
  seen.stages = await stages.locator('.timeline-name').allInnerTexts();
  await checked(page, 'calls-opened');

  // Paused, a call is counted and not shown; then it is.
  await go(page, '#/calls');
  await page.getByRole('searchbox', { name: 'Search calls' }).fill('');
  await list.getByRole('link', { name: /cache_set/ }).first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  const token = await page.evaluate(() => localStorage.getItem('switchboard.token'));
  await page.request.post(`${origin}/api/call`, { data: { name: 'cache.cache_scan', arguments: {} }, headers: { authorization: `Bearer ${token}` } });
  await page.getByRole('status').filter({ hasText: '1 new' }).waitFor();
  seen.paused = await list.getByRole('link', { name: /cache_scan/ }).count();
  await page.getByRole('button', { name: 'Go on' }).click();
  await list.getByRole('link', { name: /cache_scan/ }).waitFor();
}

async function goals(page) {
  await go(page, '#/goals');
  await page.getByLabel('What is to be reached').fill('Ship the dashboard');
  await page.getByLabel('Priority').selectOption('high');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'Ship the dashboard' }).waitFor();
  await page.getByLabel('Tasks, one a line').fill('Draw it (1d) !high\nBuild it (3d) after 1\nTest it (5h) after 2\nTell everybody after 1');
  await page.getByRole('list', { name: 'What will be added' }).getByText('after 2').waitFor();
  await page.getByRole('button', { name: 'Add 4 tasks' }).click();
  const board = page.getByRole('region', { name: 'Board' });
  const pending = board.getByRole('region', { name: 'pending' });
  await pending.getByText('Build it').waitFor();
  await board.getByLabel('Status of TASK-0001').selectOption('completed');
  await board.getByRole('region', { name: 'completed' }).getByText('Draw it').waitFor();
  // By keys: a card goes one column on.
  await pending.getByRole('button', { name: 'Build it' }).focus();
  await page.keyboard.press('Alt+ArrowRight');
  await board.getByRole('region', { name: 'in progress' }).getByText('Build it').waitFor();
  await checked(page, 'goals-board');
  await page.getByRole('group', { name: 'Show tasks as' }).getByRole('button', { name: 'Graph' }).click();
  await page.getByText(/Critical path: \d task/).waitFor();
  await page.locator('.graph-node').nth(3).waitFor();
  seen.critical = await page.locator('.graph-edge.critical').count();
  seen.nodes = await page.locator('.graph-node').count();
  await checked(page, 'goals-graph');
}

async function memory(page) {
  await go(page, '#/memory');
  await page.getByLabel('Text').fill('The release is on a <b>Thursday</b>.');
  await page.getByLabel(/^Tags/).fill('release, plan');
  await page.getByRole('button', { name: 'Remember' }).click();
  const one = page.getByRole('list', { name: 'Memories' }).getByRole('listitem');
  await one.getByText('The release is on a <b>Thursday</b>.').waitFor();
  await page.getByRole('searchbox', { name: 'Search memories' }).fill('thursday');
  await page.waitForURL(/q=thursday/);
  await one.first().waitFor();
  await checked(page, 'memory');
  await one.getByRole('button', { name: /^Forget/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click();
  await page.getByText('Nothing is remembered with these words').waitFor();

  await page.getByRole('button', { name: 'Cache' }).click();
  const keys = page.getByRole('region', { name: 'Keys' });
  await keys.getByRole('link', { name: 'from the form' }).waitFor();
  await page.getByLabel('Key', { exact: true }).fill('by hand/1');
  await page.getByLabel(/^Value/).fill('{"a": [true]}');
  await page.getByLabel(/^Keep for/).fill('1h');
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  const row = keys.getByRole('row').filter({ hasText: 'by hand/1' });
  await row.waitFor();
  seen.ttl = await row.getByRole('cell').nth(2).innerText();
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: 'by hand/1' }).waitFor();
  await page.locator('.json-boolean').waitFor();
  await checked(page, 'cache');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Flush …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Flush' }).click();
  await page.getByText('The cache is empty').waitFor();
}

/** Every place in both themes, on a phone and on a wide screen. */
async function looks() {
  const places = [
    ['tools', '#/tools/goals.break_down_goal', '.runner'],
    ['changes', '#/tools/changes', '.empty'],
    ['calls', '#/calls', '.row-link'],
    ['goals', '#/goals/GOAL-0001', '.board'],
    ['graph', '#/goals/GOAL-0001?view=graph', '.graph-node'],
    ['tasks', '#/goals/GOAL-0001?view=list', 'table'],
    ['memories', '#/memory', '.entry'],
    ['keys', '#/memory/cache', '.stats'],
  ];
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [[375, 800], [1920, 1080]]) {
      const page = await opened({ width, height, colorScheme });
      for (const [name, hash, wanted] of places) {
        await go(page, hash);
        await page.locator(wanted).first().waitFor();
        await checked(page, `${name}-${width}-${colorScheme}`);
      }
      await page.context().close();
    }
  }
}

try {
  const page = await opened();
  for (const part of [tools, calls, goals, memory]) {
    try {
      await part(page);
    } catch (error) {
      await page.screenshot({ path: join(folder, `failed-${part.name}.png`) });
      troubles.push(`${part.name}: ${error.message}`);
    }
  }
  await page.context().close();
  await looks();
} finally {
  await browser.close();
}
console.log(JSON.stringify({ seen, troubles }));
