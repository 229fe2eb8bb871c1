// Acts on a real server through the page and looks with the command line; changes it with the command line
// and looks at the page; then everything with the keyboard alone. What a server says is text.

import { readFileSync } from 'node:fs';
import { base, cli, expect, given, openPage, scenario, server, until, visit } from './dashboard.mjs';

const [name, other] = given.servers;

async function stopAndStart(page) {
  await visit(page, 'servers');
  const row = page.locator(`[data-server="${name}"]`);
  await row.getByRole('button', { name: `Stop ${name}` }).click();
  await row.locator('.state', { hasText: 'stopped' }).first().waitFor();
  expect((await server(name)).state === 'stopped', 'the command line to see it stopped');
  await row.getByRole('button', { name: `Start ${name}` }).click();
  await row.locator('.state', { hasText: 'ready' }).first().waitFor();
  await until('it to be ready', async () => (await server(name)).state === 'ready');
  // What somebody else does is seen here, too.
  await cli('stop', name);
  await row.locator('.state', { hasText: 'stopped' }).first().waitFor();
  await cli('start', name);
  await row.locator('.state', { hasText: 'ready' }).first().waitFor();
}

async function disableAndEnable(page) {
  await visit(page, `servers/${other}`);
  await page.getByRole('button', { name: `Disable ${other}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await page.locator('.page-head .state', { hasText: 'disabled' }).waitFor();
  expect((await server(other)).state === 'disabled', 'the command line to see it disabled');
  await page.getByRole('button', { name: `Enable ${other}` }).click();
  await page.locator('.page-head .state', { hasText: 'ready' }).waitFor();
}

async function withTheKeyboard(page) {
  await visit(page, 'overview');
  await page.keyboard.press('Tab');
  const skip = page.locator('.skip');
  for (let step = 0; step < 3 && !(await skip.evaluate((one) => one === document.activeElement)); step += 1) await page.keyboard.press('Shift+Tab');
  await page.locator('nav a[aria-current]').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.id === 'main');
  expect(page.url().includes('#/') && !page.url().includes('token'), 'a place in the address and no token');
  // A question can be left with Escape, and nothing has happened then.
  await visit(page, `servers/${name}`);
  await page.getByRole('button', { name: `Disable ${name}` }).press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await server(name)).state === 'ready', 'a question that was left to change nothing');
}

async function logs(page) {
  await visit(page, 'logs');
  // Its words stand in the log, and stay words.
  const line = page.locator('.log-line', { hasText: '<img src=x onerror=alert(1)>' });
  await line.first().waitFor();
  expect((await page.locator('.log img').count()) === 0, 'no element made of what a server wrote');
  await page.getByRole('searchbox').fill('/no such line [0-9]/');
  await page.getByText('No line fits what is chosen').waitFor();
  await page.getByRole('searchbox').fill('onerror');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  expect(readFileSync(await download.path(), 'utf8').includes('<img src=x'), 'the line in the file');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: /Go on/ }).click();
  await page.getByRole('button', { name: 'Clear' }).click();
  await line.first().waitFor({ state: 'detached' });
}

async function settings(page) {
  await visit(page, 'settings');
  await page.getByRole('group', { name: 'Theme' }).getByRole('button', { name: 'Dark' }).click();
  await page.reload();
  await page.waitForFunction(() => getComputedStyle(document.documentElement).colorScheme === 'dark');
  await visit(page, 'settings');
  await page.getByRole('button', { name: 'Reload configuration' }).click();
  await page.getByText('The configuration was read again').waitFor();
  await visit(page, 'settings?view=config');
  await page.getByText('listen.address', { exact: true }).waitFor();
  // What was done above was written down.
  await visit(page, 'settings?view=audit');
  await page.getByRole('row').filter({ hasText: 'stopped' }).filter({ hasText: name }).first().waitFor();
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText(/^Whole: \d/).waitFor();
  // Signed out, the page looks and changes nothing, and says what to do.
  await visit(page, 'settings');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('.bar').getByText('View only').waitFor();
  await visit(page, 'servers');
}

async function withoutToken(browser) {
  const page = await openPage(browser, { token: false, away: true });
  await visit(page, 'servers');
  await page.getByRole('button', { name: `Stop ${name}` }).click();
  await page.getByRole('alert').filter({ hasText: 'switchboard dashboard' }).waitFor();
  expect((await server(name)).state === 'ready', 'nobody without the token to stop a server');
}

await scenario(async (browser) => {
  const page = await openPage(browser);
  expect(page.url() === `${base}/` || page.url().startsWith(`${base}/#/`), `the token out of the address, not ${page.url()}`);
  await stopAndStart(page);
  await disableAndEnable(page);
  await withTheKeyboard(page);
  await logs(page);
  await settings(page);
  await withoutToken(browser);
});
