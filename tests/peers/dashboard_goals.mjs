// Makes a goal, breaks it down, moves its tasks with the mouse and with keys, and looks at the graph; the
// command line sees the same.

import { accessible, cli, expect, openPage, scenario, shot, until, visit } from './dashboard.mjs';
import { looks } from './dashboard_looks.mjs';

/** A task as the command line knows it. */
async function task(id) {
  const said = await cli('call', 'goals.get_task', `task_id=${id}`);
  return said.structuredContent;
}

async function make(page) {
  await visit(page, 'goals');
  await page.getByLabel('What is to be reached').fill('Ship the dashboard');
  await page.getByLabel('Priority').selectOption('high');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'Ship the dashboard' }).waitFor();
  const lines = 'Draw it (1d) !high\nBuild it (3d) after 1\nTest it (5h) after 2\nTell everybody after 1';
  await page.getByLabel('Tasks, one a line').fill(lines);
  await page.getByRole('list', { name: 'What will be added' }).getByText('after 2').waitFor();
  await page.getByRole('button', { name: 'Add 4 tasks' }).click();
}

async function move(page) {
  const board = page.getByRole('region', { name: 'Board' });
  const column = (name) => board.getByRole('region', { name });
  await column('pending').getByText('Build it').waitFor();
  await board.getByLabel('Status of TASK-0001').selectOption('completed');
  await column('completed').getByText('Draw it').waitFor();
  await column('pending').getByRole('button', { name: 'Build it' }).focus();
  await page.keyboard.press('Alt+ArrowRight');
  await column('in progress').getByText('Build it').waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent === 'Build it');
  const done = await task('TASK-0001');
  expect(done.status === 'completed' && done.priority === 'high', `the command line to see it done, not ${JSON.stringify(done)}`);
  const next = await task('TASK-0002');
  expect(next.status === 'in_progress' && next.dependencies.join() === 'TASK-0001', `what was written as a line, not ${JSON.stringify(next)}`);
  // What somebody else does is seen here, too.
  await cli('call', 'goals.update_task_status', 'task_id=TASK-0004', 'status=blocked');
  await column('blocked').getByText('Tell everybody').waitFor();
  await accessible(page, 'the board');
  await shot(page, 'board');
}

async function graph(page) {
  await page.getByRole('group', { name: 'Show tasks as' }).getByRole('button', { name: 'Graph' }).click();
  await page.getByText(/Critical path: \d task/).waitFor();
  await until('four tasks drawn', async () => (await page.locator('.graph-node').count()) === 4);
  expect((await page.locator('.graph-edge.critical').count()) > 0, 'the critical path to be drawn');
  await page.locator('.graph a', { hasText: 'Test it' }).press('Enter');
  await page.getByRole('heading', { name: 'TASK-0003' }).waitFor();
  await accessible(page, 'the graph');
  await shot(page, 'goal-graph');
}

/** The goal is given up, then deleted. */
async function end(page) {
  await visit(page, 'goals/GOAL-0001');
  await page.getByLabel('Status of the goal').selectOption('cancelled');
  await page.getByText('The goal is cancelled').waitFor();
  await page.getByRole('button', { name: 'Delete' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('No goals yet').waitFor();
  const { structuredContent: left } = await cli('call', 'goals.list_goals');
  expect(left.count === 0, 'no goal to be left');
}

await scenario(async (browser) => {
  const page = await openPage(browser);
  await make(page);
  await move(page);
  await graph(page);
  await looks(browser, [
    ['goal-board', 'goals/GOAL-0001', '.board'],
    ['goal-graph', 'goals/GOAL-0001?view=graph&task=TASK-0002', '.graph-node'],
    ['goal-list', 'goals/GOAL-0001?view=list', 'main table'],
  ]);
  await end(page);
});
