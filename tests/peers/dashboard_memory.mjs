// Remembers and forgets; keeps a key for an hour, looks at it, deletes it, and flushes the rest. What is kept
// is text, whatever it holds.

import { accessible, expect, openPage, scenario, shot, visit } from './dashboard.mjs';
import { looks } from './dashboard_looks.mjs';

const TEXT = 'The release is on a <b>Thursday</b>.';

async function remember(page) {
  await visit(page, 'memory');
  await page.getByLabel('Text').fill(TEXT);
  await page.getByLabel(/^Tags/).fill('release, plan');
  await page.getByRole('button', { name: 'Remember' }).click();
  const one = page.getByRole('list', { name: 'Memories' }).getByRole('listitem').filter({ hasText: TEXT });
  await one.waitFor();
  expect((await one.locator('b').count()) === 0, 'no element made of what was remembered');
  await page.getByRole('searchbox', { name: 'Search memories' }).fill('thursday');
  await page.waitForURL(/q=thursday/);
  await one.waitFor();
  await accessible(page, 'memories');
  await shot(page, 'memories');
  await looks(page.context().browser(), [['memories', 'memory', '.memory']]);
  await one.getByRole('button', { name: /^Forget/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click();
  await page.getByText('Nothing is remembered with these words').waitFor();
}

async function keep(page) {
  await page.getByRole('button', { name: 'Cache' }).click();
  await page.getByText('The cache is empty').waitFor();
  await page.getByLabel('Key', { exact: true }).fill('by hand/1');
  await page.getByLabel(/^Value/).fill('{"a": [true]}');
  await page.getByLabel(/^Keep for/).fill('soon');
  await page.getByText('write seconds, or such as').waitFor();
  await page.getByLabel(/^Keep for/).fill('1h');
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  const row = page.getByRole('region', { name: 'Keys' }).getByRole('row').filter({ hasText: 'by hand/1' });
  await row.waitFor();
  const left = await row.getByRole('cell').nth(2).innerText();
  expect(/^(1 h|59 min .*)$/.test(left), `an hour to be left, not ${left}`);
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: 'by hand/1' }).waitFor();
  await page.locator('.json-boolean').waitFor();
  await accessible(page, 'the cache');
  await shot(page, 'cache-key');
  await looks(page.context().browser(), [['cache', 'memory/cache/by hand%2F1', '.json-boolean']]);
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
}

async function flush(page) {
  await page.getByLabel('Key', { exact: true }).fill('another');
  await page.getByLabel(/^Value/).fill('text');
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByRole('link', { name: 'another' }).waitFor();
  await page.getByRole('button', { name: 'Flush …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Flush' }).click();
  await page.getByText('Your keys are gone').waitFor();
  await page.getByText('The cache is empty').waitFor();
}

await scenario(async (browser) => {
  const page = await openPage(browser);
  await remember(page);
  await keep(page);
  await flush(page);
});
