// A server on the TypeScript SDK v2 that speaks 2026-07-28 and nothing older, over HTTP at /mcp.
// Usage: ts_modern_server.mjs PORT (0 takes a free one); prints `listening on ADDRESS` when ready.
// It is a peer for tests: small, with one tool for each thing that the tests look at.

import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { asking, states } from './asking.mjs';

const text = (said) => ({ content: [{ type: 'text', text: String(said) }] });
const object = (properties) => ({ type: 'object', properties });
const cancelled = new Set();
let extra = false;

const tools = {
  add: {
    description: 'Adds two numbers',
    inputSchema: object({ a: { type: 'number' }, b: { type: 'number' } }),
    run: ({ a, b }) => text(a + b),
  },
  echo: {
    description: 'Says it again',
    inputSchema: object({ message: { type: 'string' } }),
    run: ({ message }) => text(message),
  },
  slow: {
    description: 'Takes its time in steps and reports each; notices a cancellation',
    inputSchema: object({ id: { type: 'string' }, steps: { type: 'integer' }, ms: { type: 'integer' } }),
    run: slow,
  },
  was_cancelled: {
    description: 'Says whether the slow call with this id was cancelled',
    inputSchema: object({ id: { type: 'string' } }),
    run: ({ id }) => text(cancelled.has(id)),
  },
  toggle: {
    description: 'Adds the tool `extra`, or takes it away',
    inputSchema: object({}),
    run: () => {
      extra = !extra;
      handler.notify.toolsChanged();
      return text(extra);
    },
  },
  ...asking,
};

async function slow({ id, steps = 3, ms = 50 }, { mcpReq }) {
  const token = mcpReq._meta?.progressToken;
  for (let step = 1; step <= steps; step += 1) {
    await pause(ms, mcpReq.signal);
    if (mcpReq.signal.aborted) {
      cancelled.add(id);
      throw new Error('cancelled');
    }
    if (token !== undefined) {
      const params = { progressToken: token, progress: step, total: steps };
      await mcpReq.notify({ method: 'notifications/progress', params });
    }
  }
  // SDK v1 clients lose a progress that arrives in one piece with the result: keep them apart.
  await pause(300, mcpReq.signal);
  return text(`${steps} steps`);
}

const pause = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
  });

function make() {
  const server = new Server(
    { name: 'ts-modern', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true } }, requestState: { verify: states.verify } },
  );
  server.setRequestHandler('tools/list', () => {
    const all = { ...tools };
    if (extra) all.extra = { description: 'Here only sometimes', inputSchema: object({}) };
    const described = Object.entries(all).map(([name, { description, inputSchema }]) => ({ name, description, inputSchema }));
    return { tools: described };
  });
  server.setRequestHandler('tools/call', ({ params }, context) => {
    const tool = tools[params.name];
    if (!tool) return { ...text(`no tool ${params.name}`), isError: true };
    return tool.run(params.arguments ?? {}, context);
  });
  return server;
}

const handler = createMcpHandler(make, { legacy: 'reject' });
const answer = toNodeHandler(handler);
const http = createServer((request, response) => {
  if (request.url === '/mcp') return answer(request, response);
  response.writeHead(404).end();
});
http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
