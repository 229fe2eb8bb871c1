// Runs the steps of a scenario file with any client of the TypeScript SDKs and prints one JSON
// object. What differs between the SDKs is handed in as `kit`; the contract of the steps is in
// README.md of this folder, and py_client.py does the same for Python.

import { readFileSync } from 'node:fs';

const STEP_TIMEOUT_MS = 30_000;

const { steps, answers = {} } = JSON.parse(readFileSync(process.argv.at(-1), 'utf8'));
const asked = [];

// The capabilities of a client that has these answers.
export function declared() {
  const { form, url, sampling, roots } = answers;
  const elicitation = { ...(form && { form: {} }), ...(url && { url: {} }) };
  return {
    ...((form || url) && { elicitation }),
    ...(sampling && { sampling: {} }),
    ...(roots && { roots: {} }),
  };
}

// Answers what a server asks, and remembers the question.
export function answer({ method, params = {} }) {
  asked.push({ method, params });
  switch (method) {
    case 'elicitation/create':
      return params.mode === 'url' ? answers.url : filled(answers.form, params.requestedSchema);
    case 'sampling/createMessage':
      return answers.sampling;
    case 'roots/list':
      return { roots: answers.roots };
    default:
      throw new Error(`no answer to ${method}`);
  }
}

// Of all that the scenario would fill in, the fields that this form has.
function filled({ action, content }, { properties }) {
  if (action !== 'accept') return { action };
  return { action, content: Object.fromEntries(Object.entries(content).filter(([name]) => name in properties)) };
}

export async function play(kit) {
  const done = [];
  for (const step of steps) {
    try {
      done.push(await within(STEP_TIMEOUT_MS, `step ${step.do}`, one(kit, filledIn(step, done))));
    } catch (error) {
      done.push({ error: { code: error.code ?? null, message: String(error.message ?? error) } });
    }
  }
  console.log(JSON.stringify({ version: kit.version(), steps: done, asked }));
}

// `{{2.tasks.0.id}}` is what the structured content of the third step holds there.
function filledIn(value, done) {
  if (Array.isArray(value)) return value.map((each) => filledIn(each, done));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filledIn(each, done)]));
  }
  const named = typeof value === 'string' && /^\{\{(\d+)((?:\.\w+)*)\}\}$/.exec(value);
  if (!named) return value;
  const path = named[2].split('.').slice(1);
  return path.reduce((found, part) => found[part], done[named[1]].result.structuredContent);
}

async function one(kit, step) {
  const call = { name: step.tool, arguments: step.args ?? {} };
  switch (step.do) {
    case 'list':
      return list(kit.client);
    case 'call':
      return { result: await kit.call(call, {}) };
    case 'progress': {
      const progress = [];
      const onprogress = (told) => progress.push(told);
      return { result: await kit.call(call, { onprogress }), progress };
    }
    case 'cancel': {
      const abort = new AbortController();
      setTimeout(() => abort.abort('the test changed its mind'), step.after_ms);
      try {
        return { result: await kit.call(call, { signal: abort.signal }) };
      } catch (error) {
        if (abort.signal.aborted) return { cancelled: true };
        throw error;
      }
    }
    case 'until':
      return until(kit, call, step);
    case 'prompt':
      return { result: await kit.client.getPrompt({ name: step.name, arguments: step.args ?? {} }) };
    case 'read':
      return { result: await kit.client.readResource({ uri: step.uri }) };
    case 'change':
      return change(kit, call, step);
    default:
      throw new Error(`unknown step ${step.do}`);
  }
}

// Waits for notifications until the tool `step.name` came or went. A notification that is about
// something else is looked at and waited past.
async function change(kit, call, step) {
  const tools = () => names(kit.client, 'listTools', 'tools', 'name');
  const before = (await tools()).includes(step.name);
  let told = 0;
  let ring = () => {};
  await kit.onToolsChanged(() => {
    told += 1;
    ring();
  });
  const result = await kit.call(call, {});
  for (;;) {
    const seen = told;
    const now = await tools();
    if (told > 0 && now.includes(step.name) !== before) return { changed: true, result, tools: now };
    if (told === seen) await new Promise((rung) => (ring = rung));
  }
}

async function list(client) {
  return {
    tools: await names(client, 'listTools', 'tools', 'name'),
    prompts: await names(client, 'listPrompts', 'prompts', 'name'),
    resources: await names(client, 'listResources', 'resources', 'uri'),
    templates: await names(client, 'listResourceTemplates', 'resourceTemplates', 'uriTemplate'),
  };
}

async function names(client, method, member, key) {
  const all = [];
  let cursor;
  do {
    const page = await client[method](cursor === undefined ? {} : { cursor });
    all.push(...page[member].map((each) => each[key]));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

// Calls the tool again and again until it says the text: for effects that come a little later.
async function until(kit, call, step) {
  const deadline = Date.now() + (step.deadline_ms ?? 10_000);
  let result;
  do {
    result = await kit.call(call, {});
    if (result.content?.[0]?.text === step.text) return { result };
    await new Promise((again) => setTimeout(again, 50));
  } while (Date.now() < deadline);
  throw new Error(`never said ${step.text}; last: ${JSON.stringify(result)}`);
}

function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
