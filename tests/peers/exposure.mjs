/**
 * @file The TypeScript SDKs as an agent with many tools:
 * `exposure.mjs legacy|pin|v1|sse URL PLAN` or `exposure.mjs stdio COMMAND ARG... PLAN`.
 *
 * Lists the tools, finds tools by a text and calls them as an agent does, and prints one JSON object;
 * the plan and the object are in README.md here, and exposure.py does the same for Python. `legacy`
 * and `pin` (2026-07-28 alone) are SDK v2 over HTTP, the others SDK v1. The bytes of the list are
 * those that came over HTTP; of the other transports, the result as it was parsed.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import * as v2 from '@modelcontextprotocol/client';
import * as v1 from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const STEP_TIMEOUT_MS = 60_000;

const [mode, target, ...rest] = process.argv.slice(2, -1);
const plan = JSON.parse(readFileSync(process.argv.at(-1), 'utf8'));
const about = { name: plan.client ?? 'ts-agent', version: '1.0.0' };
const bodies = [];
const messages = [];

// Asks, and keeps what answers `tools/list`.
async function tapped(url, init) {
  const response = await fetch(url, init);
  if (String(init?.body ?? '').includes('"tools/list"')) bodies.push(response.clone().text());
  return response;
}

// The JSON value that begins at `from`, as it is written.
function value(text, from) {
  let [depth, quoted] = [0, false];
  for (let at = from; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted && letter === '\\') at += 1;
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && (letter === '{' || letter === '[')) depth += 1;
    else if (!quoted && (letter === '}' || letter === ']')) depth -= 1;
    if (depth === 0) return text.slice(from, at + 1);
  }
  throw new Error('half a value');
}

// The results that hold tools, as they came.
async function results() {
  const texts = await Promise.all(bodies);
  const lines = texts.flatMap((text) => text.split('\n')).map((line) => line.replace(/^data: ?/, ''));
  const http = lines
    .filter((line) => line.startsWith('{') && line.includes('"result":'))
    .map((line) => value(line, line.indexOf('"result":') + '"result":'.length));
  if (http.length > 0) return http;
  return messages.filter((message) => message.result?.tools).map((message) => JSON.stringify(message.result));
}

function connection() {
  if (mode === 'legacy' || mode === 'pin') {
    const negotiation = mode === 'pin' ? { pin: '2026-07-28' } : 'legacy';
    const client = new v2.Client(about, { capabilities: {}, versionNegotiation: { mode: negotiation } });
    return [client, new v2.StreamableHTTPClientTransport(new URL(target), { fetch: tapped })];
  }
  const client = new v1.Client(about, { capabilities: {} });
  const transports = {
    v1: () => new StreamableHTTPClientTransport(new URL(target), { fetch: tapped }),
    sse: () => new SSEClientTransport(new URL(target)),
    stdio: () => new StdioClientTransport({ command: target, args: rest, env: process.env, stderr: 'inherit' }),
  };
  return [client, transports[mode]()];
}

async function toolsOf(client) {
  const found = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    found.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

async function call(client, tool, args) {
  const asked = { name: tool, arguments: args };
  const options = { timeout: STEP_TIMEOUT_MS };
  try {
    return await (client instanceof v1.Client
      ? client.callTool(asked, undefined, options)
      : client.callTool(asked, options));
  } catch (error) {
    return { error: { code: error.code ?? null, message: String(error.message ?? error) } };
  }
}

// Calls until the result has a text.
async function until(client, wanted) {
  const deadline = Date.now() + STEP_TIMEOUT_MS;
  while (!JSON.stringify(await call(client, wanted.tool, wanted.arguments ?? {})).includes(wanted.text)) {
    if (Date.now() > deadline) throw new Error(`${wanted.tool} never said ${wanted.text}`);
    await pause(100);
  }
}

// What an agent does that needs something: search, look at what it takes, call it.
async function task(client, wanted) {
  const search = await call(client, 'search_tools', { query: wanted.query });
  const found = (search.structuredContent?.tools ?? []).map((tool) => tool.name);
  const name = wanted.tool ?? found[0];
  const described = await call(client, 'describe_tool', { names: [name] });
  const result = await call(client, wanted.with ?? 'call_tool', { name, arguments: wanted.arguments ?? {} });
  return { search, found, name, described, result };
}

async function oneByOne(all, what) {
  const done = [];
  for (const each of all ?? []) done.push(await what(each));
  return done;
}

const [client, transport] = connection();
await client.connect(transport);
const hear = transport.onmessage;
transport.onmessage = (message, extra) => {
  messages.push(message);
  hear(message, extra);
};
const listed = await toolsOf(client);
const raw = await results();
if (plan.until !== undefined) await until(client, plan.until);
const done = {
  version: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? mode,
  instructions: client.getInstructions() ?? '',
  names: listed.map((tool) => tool.name),
  shown: Object.fromEntries(listed.filter(({ name }) => plan.show?.includes(name)).map((tool) => [tool.name, tool])),
  sha256: createHash('sha256').update(raw.join('\n')).digest('hex'),
  tasks: await oneByOne(plan.tasks, (wanted) => task(client, wanted)),
  calls: await oneByOne(plan.calls, (one) => call(client, one.tool, one.arguments ?? {})),
};
if (plan.raw !== undefined) writeFileSync(plan.raw, raw.join('\n'));
console.log(JSON.stringify(done));
await client.close();
