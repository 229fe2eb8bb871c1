// A server on the TypeScript SDK v2 (both eras, HTTP at /mcp) that wants a token of an authorization
// server, and asks that server about each token that it is shown.
// Usage: ts_protected_server.mjs ISSUER [PORT] (0 takes a free one); prints `listening on ADDRESS`
// when ready.
// Everything needs the scope notes:read; the tool `write_note` needs notes:write as well.

import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

const issuer = process.argv[2];
const notes = [];
const text = (said) => ({ content: [{ type: 'text', text: String(said) }] });
const tools = [
  { name: 'read_notes', description: 'All notes', inputSchema: { type: 'object' } },
  { name: 'write_note', description: 'One more note', inputSchema: { type: 'object', properties: { note: { type: 'string' } } } },
];

function make() {
  const server = new Server({ name: 'ts-protected', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({ tools }));
  server.setRequestHandler('tools/call', ({ params }) => {
    if (params.name === 'write_note') notes.push(params.arguments?.note);
    return text(notes.join(','));
  });
  return server;
}

async function scopesOf(token, resource) {
  const response = await fetch(`${issuer}/token/introspection`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('resource-server:of-the-resource-server').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token }),
  });
  const said = await response.json();
  // A token for somebody else is none.
  if (!said.active || ![said.aud].flat().includes(resource)) return undefined;
  return (said.scope ?? '').split(' ');
}

const body = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const answer = toNodeHandler(createMcpHandler(make));
const http = createServer(async (request, response) => {
  const address = `http://127.0.0.1:${http.address().port}`;
  const resource = `${address}/mcp`;
  const document = `${address}/.well-known/oauth-protected-resource/mcp`;
  if (request.url === '/.well-known/oauth-protected-resource/mcp') {
    const said = { resource, authorization_servers: [issuer], scopes_supported: ['notes:read', 'notes:write'] };
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(said));
  }
  if (request.url !== '/mcp') return response.writeHead(404).end();
  const refuse = (status, error, scope) => {
    const challenge = `Bearer error="${error}", scope="${scope}", resource_metadata="${document}"`;
    response.writeHead(status, { 'www-authenticate': challenge }).end(JSON.stringify({ error }));
  };
  const text = await body(request);
  const token = request.headers.authorization?.replace(/^Bearer /, '');
  const scopes = token && (await scopesOf(token, resource));
  if (!scopes) return refuse(401, 'invalid_token', 'notes:read');
  const message = text ? JSON.parse(text) : {};
  const needs = message.method === 'tools/call' && message.params?.name === 'write_note' ? 'notes:write' : 'notes:read';
  if (!scopes.includes(needs)) return refuse(403, 'insufficient_scope', needs);
  return answer(request, response, text ? message : undefined);
});
http.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
