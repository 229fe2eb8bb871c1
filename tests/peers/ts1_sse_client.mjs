// The TypeScript SDK v1 as a client over HTTP+SSE, the transport of 2024-11-05.
// Usage: ts1_sse_client.mjs URL SCENARIO

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { play } from './scenario.mjs';

const client = new Client({ name: 'ts1-sse-peer', version: '1.0.0' }, { capabilities: {} });
await client.connect(new SSEClientTransport(new URL(process.argv[2])));
await play({
  client,
  version: () => 'legacy',
  call: (call, options) => client.callTool(call, undefined, options),
  async onToolsChanged(tell) {
    client.setNotificationHandler(ToolListChangedNotificationSchema, tell);
  },
});
await client.close();
