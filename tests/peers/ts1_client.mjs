// The TypeScript SDK v1 as a client (legacy era only).
// Usage: ts1_client.mjs http|ws URL SCENARIO, or ts1_client.mjs stdio COMMAND ARG... SCENARIO
// (ws needs Node 22, which has a WebSocket)

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { answer, declared, play } from './scenario.mjs';

const [mode, target, ...rest] = process.argv.slice(2, -1);
const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(target)),
  ws: () => new WebSocketClientTransport(new URL(target)),
  stdio: () => new StdioClientTransport({ command: target, args: rest, env: process.env, stderr: 'inherit' }),
};
const transport = transports[mode]();
const capabilities = declared();
const client = new Client({ name: 'ts1-peer', version: '1.0.0' }, { capabilities });
if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, answer);
if (capabilities.sampling) client.setRequestHandler(CreateMessageRequestSchema, answer);
if (capabilities.roots) client.setRequestHandler(ListRootsRequestSchema, answer);
await client.connect(transport);
await play({
  client,
  version: () => transport.protocolVersion ?? 'legacy',
  call: (call, options) => client.callTool(call, undefined, options),
  async onToolsChanged(tell) {
    client.setNotificationHandler(ToolListChangedNotificationSchema, tell);
  },
});
await client.close();
