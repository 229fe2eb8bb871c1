// The TypeScript SDK v2 as a client over HTTP.
// Usage: ts2_client.mjs legacy|pin URL SCENARIO (pin: 2026-07-28 and nothing else)

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { answer, declared, play } from './scenario.mjs';

const [mode, url] = process.argv.slice(2, -1);
const negotiation = mode === 'pin' ? { pin: '2026-07-28' } : 'legacy';
const capabilities = declared();
const client = new Client(
  { name: 'ts2-peer', version: '1.0.0' },
  { capabilities, versionNegotiation: { mode: negotiation } },
);
if (capabilities.elicitation) client.setRequestHandler('elicitation/create', answer);
if (capabilities.sampling) client.setRequestHandler('sampling/createMessage', answer);
if (capabilities.roots) client.setRequestHandler('roots/list', answer);
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
await play({
  client,
  version: () => client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? mode,
  call: (call, options) => client.callTool(call, options),
  async onToolsChanged(tell) {
    client.setNotificationHandler('notifications/tools/list_changed', tell);
    if (mode === 'pin') await client.listen({ toolsListChanged: true });
  },
});
await client.close();
