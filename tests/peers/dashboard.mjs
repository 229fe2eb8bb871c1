// What every scenario of the dashboard stands on: Debian's Chromium driven by playwright-core, pages that
// fail on an error in the console, an uncaught exception or a request to another origin, axe, screenshots,
// and the command line to check what the page did. A scenario is `dashboard_NAME.mjs`; it is started by
// tests/e2e/tests/it/dashboard.rs with one argument, a JSON object (see `given`).

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

/** How long anything may take that is waited for. */
export const PATIENCE_MS = 20_000;

// Without these Chromium calls its maker, which it cannot reach here.
const QUIET = [
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic',
  '--disable-gpu', '--no-first-run', '--force-color-profile=srgb',
];

/** `{address, note, token, chromium, shots, cli: [words], servers: [names]}`; `note`: the file with its address */
export const given = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const problems = [];

/** The address of the dashboard. */
export const base = `http://${given.address}`;

/** The command line's answer as JSON. */
export async function cli(...args) {
  const [program, ...words] = given.cli;
  const { stdout } = await promisify(execFile)(program, [...words, ...args, '--json'], { timeout: PATIENCE_MS });
  return JSON.parse(stdout);
}

/** A server as the command line shows it. */
export async function server(name) {
  const { servers } = await cli('status');
  const found = servers.find((one) => one.name === name);
  if (!found) throw new Error(`the command line knows no server ${name}`);
  return found;
}

/** Fails with what was expected. */
export function expect(holds, what) {
  if (!holds) throw new Error(`expected ${what}`);
}

/** Waits until `look` gives something. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`expected ${what} in time`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * A page of its own in a browser context of its own.
 * `away`: errors of a network that was cut on purpose are none. `before`: a function that runs in the page first.
 */
export async function openPage(browser, { width = 1280, height = 800, scheme = 'light', token = true, at = base, away = false, before } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const origin = new URL(at).origin;
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (away && /Failed to load resource|WebSocket connection/.test(message.text())) return;
    problems.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== origin) problems.push(`request to another origin: ${url}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(at).host) problems.push(`socket to another host: ${socket.url()}`);
  });
  if (before) await page.addInitScript(before);
  // Every state of the connection, also those that pass in a moment.
  await page.addInitScript(() => {
    globalThis.seenStates = [];
    new MutationObserver(() => {
      const state = document.querySelector('.connection')?.dataset.state;
      if (state && globalThis.seenStates.at(-1) !== state) globalThis.seenStates.push(state);
    }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
  });
  await page.goto(token ? `${at}/#token=${given.token}` : `${at}/`);
  await page.locator('h1').first().waitFor();
  return page;
}

/** Opens a place of the page, such as `servers/a?view=log`, and waits until it has come. */
export async function visit(page, place, settled = 'main h1') {
  await page.evaluate((to) => (location.hash = `#/${to}`), place);
  await page.locator(settled).first().waitFor();
  await page.waitForFunction(() => !document.querySelector('main .loading'));
}

/** Nothing serious for people with a screen reader or a keyboard, and nothing that hangs over the edge. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const one of violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')) {
    const where = one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')}: ${node.failureSummary?.replaceAll('\n', ' ')}`);
    problems.push(`axe, ${what}: ${one.impact} ${one.id}: ${where.join('; ')}`);
  }
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) problems.push(`${what}: ${over} px wider than the window`);
}

/** Keeps a picture of the page. */
export async function shot(page, name) {
  mkdirSync(given.shots, { recursive: true });
  await page.screenshot({ path: path.join(given.shots, `${name}.png`) });
}

/** A wire to the switchboard that can be cut and mended. It finds one that began again at another port. */
export async function wire() {
  const ends = new Set();
  const listener = net.createServer((near) => {
    const [host, port] = JSON.parse(readFileSync(given.note, 'utf8')).address.split(':');
    const far = net.connect(Number(port), host);
    for (const [one, other] of [[near, far], [far, near]]) {
      ends.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => (ends.delete(one), other.destroy()));
    }
  });
  const listen = (at) => new Promise((resolve) => listener.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const { port: own } = listener.address();
  return {
    at: `http://127.0.0.1:${own}`,
    cut: () => new Promise((resolve) => {
      listener.close(resolve);
      for (const end of ends) end.destroy();
    }),
    mend: () => listen(own),
  };
}

/** Runs a scenario; says each thing that is wrong, and ends with 1 when anything is. */
export async function scenario(play) {
  const browser = await chromium.launch({ executablePath: given.chromium, chromiumSandbox: false, args: QUIET });
  let said = {};
  try {
    said = (await play(browser)) ?? {};
  } catch (error) {
    problems.push(error.stack);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) await shot(page, `failed-${path.basename(process.argv[1], '.mjs')}`).catch(() => undefined);
    }
  }
  await browser.close();
  for (const problem of problems) console.error(problem);
  console.log(JSON.stringify(said));
  process.exit(problems.length ? 1 : 0);
}
