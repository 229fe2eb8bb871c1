// The TypeScript SDK v1 as a client (legacy era only).
// Usage: ts1_client.mjs http URL SCENARIO, or ts1_client.mjs stdio COMMAND ARG... SCENARIO

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { play } from './scenario.mjs';

const [mode, target, ...rest] = process.argv.slice(2, -1);
const transport =
  mode === 'http'
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args: rest, env: process.env, stderr: 'inherit' });
const client = new Client({ name: 'ts1-peer', version: '1.0.0' }, { capabilities: {} });
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
