// The official SDK of MCP on both sides of the gate: a client that begins without a token, and a
// real server; a certified provider issues the token.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Program } from '../browser/program.mjs';
import { Gate, ROOT } from './gate.mjs';
import { serve } from './mcp/server.mjs';
import { freePorts } from './ports.mjs';

const PROVIDER = join(ROOT, 'tests/providers/oidc-provider/provider.mjs');
const secret = randomUUID();
/** The tools that were called, in their order. */
const called = [];
let ports, resource, provider, gate, service;

before(async () => {
  ports = await freePorts('provider', 'gate', 'service');
  resource = `http://localhost:${ports.gate}/mcp`;
  provider = await Program.start(process.execPath, [PROVIDER, `${ports.provider}`], {
    ready: /is ready/,
    env: { GATE: resource, ROBOT_SECRET: secret },
  });
  service = await serve(ports.service, called);
  const moves = { 9000: ports.provider, 8080: ports.gate, 9001: ports.service };
  gate = await Gate.start('envoy/mcp.yaml', { port: ports.gate, ports: moves });
});

after(async () => {
  await gate?.stop();
  service?.closeAllConnections();
  service?.close();
  await provider?.stop();
});

/** A client of the SDK that gets its own token when it is told where. */
async function connected() {
  const authProvider = new ClientCredentialsProvider({
    clientId: 'robot',
    clientSecret: secret,
    expectedIssuer: `http://localhost:${ports.provider}`,
  });
  assert.equal(authProvider.tokens(), undefined);
  const client = new Client({ name: 'agent', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider });
  await client.connect(transport);
  return { client, token: authProvider.tokens().access_token };
}

/** One message as it stands, with this token. */
const post = (token, body) =>
  fetch(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body,
  });

test('from no token to the answer of a tool', async () => {
  const refused = await fetch(resource, { headers: { accept: 'text/event-stream' } });
  assert.equal(refused.status, 401);
  const metadata = `http://localhost:${ports.gate}/.well-known/oauth-protected-resource/mcp`;
  const challenge = refused.headers.get('www-authenticate');
  assert.ok(challenge.endsWith(`resource_metadata="${metadata}"`), challenge);
  const { client } = await connected();
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['list_users', 'delete_user'],
  );
  const answer = await client.callTool({ name: 'list_users' });
  assert.deepEqual(answer.content, [{ type: 'text', text: 'list_users: done' }]);
  assert.deepEqual(called.splice(0), ['list_users']);
  await client.close();
});

test('a tool that deletes is refused to a client without a person', async () => {
  const { client } = await connected();
  await assert.rejects(client.callTool({ name: 'delete_user' }));
  assert.deepEqual(called, []);
  await client.close();
});

test('the server reads no call in what Envoy reads as another one', async () => {
  const { client, token } = await connected();
  const call = (params) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_users"${params}}}`;
  const deletes = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user"}}';
  for (const body of [
    call(',"Name":"delete_user"'),
    call(',"name":["delete_user"]'),
    call('') + ' '.repeat(66_000) + deletes,
  ]) {
    await (await post(token, body)).text();
  }
  assert.ok(!called.splice(0).includes('delete_user'));
  const straight = await post(token, call(''));
  assert.equal(straight.status, 200);
  await straight.text();
  assert.deepEqual(called.splice(0), ['list_users']);
  await client.close();
});
