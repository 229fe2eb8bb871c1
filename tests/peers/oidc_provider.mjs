// An authorization server: `oidc-provider`, with a person who always agrees.
// Usage: oidc_provider.mjs SECONDS [PORT] (how long an access token lives; 0 takes a free port);
// prints `listening on ADDRESS` when ready.
// Beside its own pages it has, for tests: GET /test/counts (grants by type, registrations,
// revocations), POST /test/forget (every token ends).

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const life = Number(process.argv[2] ?? 3600);
const counts = { authorization_code: 0, refresh_token: 0, registrations: 0, revocations: 0 };
const kept = new Map();

class Memory {
  constructor(kind) {
    this.kind = kind;
  }
  key(id) {
    return `${this.kind}:${id}`;
  }
  async upsert(id, payload) {
    kept.set(this.key(id), { ...payload });
  }
  async find(id) {
    const found = kept.get(this.key(id));
    const over = found?.exp !== undefined && found.exp * 1000 < Date.now();
    return over ? undefined : found;
  }
  async findByUid(uid) {
    return [...kept].find(([key, value]) => key.startsWith(`${this.kind}:`) && value.uid === uid)?.[1];
  }
  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    kept.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    for (const [key, value] of kept) if (value.grantId === grantId) kept.delete(key);
  }
}

function make(issuer) {
  const provider = new Provider(issuer, {
    adapter: Memory,
    // Whoever protects a resource may ask what a token is good for.
    clients: [{
      client_id: 'resource-server',
      client_secret: 'of-the-resource-server',
      redirect_uris: [],
      response_types: [],
      grant_types: [],
    }],
    cookies: { keys: ['only for tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, { uid }) => `/agree/${uid}` },
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    ttl: { AccessToken: life, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 600 },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === 'resource-server' },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'notes:read notes:write', accessTokenTTL: life, accessTokenFormat: 'opaque' }),
      },
    },
  });
  provider.on('grant.success', ({ oidc }) => (counts[oidc.params.grant_type] += 1));
  provider.on('registration_create.success', () => (counts.registrations += 1));
  provider.on('grant.revoked', () => (counts.revocations += 1));
  return provider;
}

async function agree(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
  }
  const known = grantId && (await provider.Grant.find(grantId));
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes = {} } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const http = createServer();
http.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  const address = `127.0.0.1:${http.address().port}`;
  const provider = make(`http://${address}`);
  const serve = provider.callback();
  http.on('request', (request, response) => {
    if (request.url.startsWith('/agree/')) {
      agree(provider, request, response).catch((error) => response.writeHead(500).end(String(error)));
    } else if (request.url === '/test/counts') {
      response.end(JSON.stringify(counts));
    } else if (request.url === '/test/forget') {
      for (const key of kept.keys()) if (/^(AccessToken|RefreshToken|Grant):/.test(key)) kept.delete(key);
      response.end('{}');
    } else {
      serve(request, response);
    }
  });
  console.log(`listening on ${address}`);
});
