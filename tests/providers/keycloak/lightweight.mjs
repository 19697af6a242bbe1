// Lightweight access tokens: JWTs that say little. The gate asks Keycloak about each of them, in
// `envoy/introspection.yaml` with another policy.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../browser/browser.mjs';
import { decoded } from '../client.mjs';
import { challenge, configured, Gate, Service, withCluster } from '../gate.mjs';
import { freePorts } from '../ports.mjs';
import { SECRETS } from './keycloak.mjs';

const FILE = 'envoy/introspection.yaml';
/** The attribute of a client whose access tokens are lightweight. */
const LIGHTWEIGHT = 'client.use.lightweight.access.token.enabled';

/** Keycloak answers who is in the token's audience, whether the token shows it or not. */
const ASKS = {
  name: 'who asks',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: {
    'included.client.audience': 'gate',
    'access.token.claim': 'true',
    'introspection.token.claim': 'true',
  },
};

/** How long the gate believes an answer. */
const CACHE_SECONDS = 2;

const policy = (issuer, audience) => ({
  providers: {
    keycloak: {
      issuer,
      audiences: [audience],
      algorithms: ['ES256'],
      token_types: ['at+jwt'],
      discovery: { cluster: 'keycloak', jwks_uri_prefix: `${issuer}/` },
      evidence: { preset: 'keycloak' },
      introspection: {
        http_uri: {
          uri: `${issuer}/protocol/openid-connect/token/introspect`,
          cluster: 'id_introspect',
        },
        for: 'all',
        cache_duration: `${CACHE_SECONDS}s`,
      },
      claim_to_headers: [{ claim_name: 'preferred_username', header_name: 'x-user' }],
    },
  },
  rules: [
    {
      match: { path_separated_prefix: '/news' },
      requires: { provider_name: 'keycloak' },
    },
    {
      match: { prefix: '/' },
      requires: { provider_name: 'keycloak', facts: ['phishing_resistant'], max_age: '5m' },
    },
  ],
});

/** A gate that asks the Keycloak at `port` as the client `gate`; stopped when the test ends. */
async function asking(t, { port, issuer, audience, folder }) {
  const own = await freePorts('gate', 'service');
  const service = await Service.start(own.service);
  t.after(() => service.stop());
  const secrets = join(folder, 'introspection');
  mkdirSync(secrets);
  const basic = Buffer.from(`gate:${SECRETS.GATE_SECRET}`).toString('base64');
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  const secret = { inline_string: `Basic ${basic}` };
  const file = { '@type': type, name: 'introspection', generic_secret: { secret } };
  writeFileSync(join(secrets, 'secret.yaml'), JSON.stringify({ resources: [file] }));
  const gate = await Gate.start(FILE, {
    port: own.gate,
    ports: { 8280: port, 9001: own.service, 8080: own.gate },
    edit: (text) =>
      withCluster(configured(text, policy(issuer, audience)), 'keycloak', port).replaceAll(
        'envoy/introspection',
        secrets,
      ),
  });
  t.after(() => gate.stop());
  return { gate, service };
}

/**
 * A person with a passkey in a browser (`signIn('app')`, and `signIn('legacy')` with her password),
 * and the program `robot`, a `Client`, with tokens that say neither who they are nor for whom.
 */
export async function lightweight(t, { administrator, signIn, robot, ...world }) {
  for (const client of ['app', 'legacy', 'robot']) {
    await administrator.setAttributes('demo', client, { [LIGHTWEIGHT]: 'true' });
    t.after(() => administrator.setAttributes('demo', client, { [LIGHTWEIGHT]: 'false' }));
    const [{ id, protocolMappers }] = await administrator.ask(
      'demo',
      'GET',
      `/clients?clientId=${client}`,
    );
    const mappers = `/clients/${id}/protocol-mappers/models`;
    await administrator.ask('demo', 'POST', mappers, ASKS);
    // Keycloak's answers never say `amr`.
    const amr = protocolMappers.find(({ protocolMapper }) => protocolMapper === 'oidc-amr-mapper');
    amr.config['lightweight.claim'] = 'true';
    await administrator.ask('demo', 'PUT', `${mappers}/${amr.id}`, amr);
  }
  // Its date is the token's own too: the answer's may be that of a later sign-in.
  const scopes = await administrator.ask('demo', 'GET', '/client-scopes');
  const { id, protocolMappers } = scopes.find(({ name }) => name === 'basic');
  const date = protocolMappers.find(({ name }) => name === 'auth_time');
  const place = `/client-scopes/${id}/protocol-mappers/models/${date.id}`;
  const says = (light) => {
    const config = { ...date.config, 'lightweight.claim': `${light}` };
    return administrator.ask('demo', 'PUT', place, { ...date, config });
  };
  const { gate, service } = await asking(t, world);
  const get = (path, token) => gate.get(path, { token });
  /** Ends a token that passes: no request that is sent after `cache_duration` passes with it. */
  const ends = async (token, end) => {
    assert.equal((await get('/news', token)).status, 200);
    await end();
    const ended = performance.now();
    let last = ended;
    const { status } = await until('a refusal', async () => {
      const sent = performance.now();
      const answer = await get('/news', token);
      if (answer.status !== 200) return answer;
      last = sent;
      return false;
    });
    assert.equal(status, 401);
    assert.ok(last - ended <= CACHE_SECONDS * 1000, `passed after ${last - ended} ms`);
    await gate.says(/untrusted\.inactive/);
  };

  const undated = await signIn('app');
  const { aud, sub, acr, auth_time, amr } = decoded(undated).claims;
  assert.deepEqual([aud, sub, acr, auth_time], Array(4).fill(undefined));
  assert.deepEqual(amr, ['hwk']);
  assert.equal((await get('/payments', undated)).status, 401);
  await gate.says(/insufficient\.max_age/);
  await says(true);
  t.after(() => says(false));
  const strong = await signIn('app');
  assert.ok(decoded(strong).claims.auth_time > 0);
  const passed = await get('/payments', strong);
  assert.equal(passed.status, 200);
  assert.equal(passed.json.headers['x-user'], 'alice');
  assert.equal(passed.json.headers['x-passgate-phishing-resistant'], 'true');
  assert.match(passed.json.headers['x-passgate-principal'], /\/realms\/demo\/[0-9a-f-]{36}$/);

  const { access_token: programme } = await robot.exchange({
    grant_type: 'client_credentials',
    client_secret: SECRETS.GATE_SECRET,
  });
  assert.equal(decoded(programme).claims.aud, undefined);
  assert.equal((await get('/news', programme)).status, 200);

  // A logout ends her sessions; the program's token is revoked.
  const [alice] = await administrator.ask('demo', 'GET', '/users?username=alice&exact=true');
  await ends(strong, () => administrator.ask('demo', 'POST', `/users/${alice.id}/logout`));
  const revocation = { client_id: robot.id, client_secret: SECRETS.GATE_SECRET, token: programme };
  await ends(programme, async () => {
    const body = new URLSearchParams(revocation);
    const answer = await fetch(robot.metadata.revocation_endpoint, { method: 'POST', body });
    assert.equal(answer.status, 200);
  });

  // A password is told what to come back with.
  const weak = await signIn('legacy');
  assert.equal((await get('/news', weak)).status, 200);
  const answer = await get('/payments', weak);
  assert.deepEqual([answer.status, challenge(answer).acr_values], [401, 'phr']);
  assert.ok(service.received.length > 4);
}
