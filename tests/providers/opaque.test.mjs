// Opaque tokens: oidc-provider, set up by following docs/guides/opaque-tokens.md, a program that
// gets tokens for itself, a person with a passkey in a real browser, and a real Envoy with the
// filter.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { configured, Gate, withCluster } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { presses } from './oidc-provider/presses.mjs';
import { freePorts } from './ports.mjs';

const FILE = 'envoy/introspection.yaml';
const GUIDE = 'docs/guides/opaque-tokens.md';
let ports, folder, guide, browser, provider;

before(async () => {
  ports = await freePorts('provider', 'gate', 'service', 'people');
  provider = `http://localhost:${ports.provider}`;
  folder = mkdtempSync(join(tmpdir(), 'passgate-opaque-'));
  browser = await Browser.start();
  const numbers = { 8280: ports.provider, 8080: ports.gate, 9001: ports.service };
  guide = Guide.elsewhere(GUIDE, numbers, folder, {
    files: { [FILE]: numbers },
    env: {
      GATE: `http://localhost:${ports.gate}`,
      APPLICATION: `http://localhost:${ports.people}`,
    },
  });
});

after(async () => {
  await browser?.close();
  await guide?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, FILE));
});

test('the guide, up to the browser', async () => {
  assert.equal(await guide.follow(), 'sign in');
});

test('signed answers (RFC 9701) count if they are for the client of the policy', async (t) => {
  const keys = { http_uri: { uri: `${provider}/jwks`, cluster: 'id' } };
  const signedFor = async (client) => {
    const own = await freePorts('gate');
    const introspection = {
      http_uri: { uri: `${provider}/token/introspection`, cluster: 'id_introspect' },
      cache_duration: '1s',
      signed_for: client,
    };
    const acme = {
      issuer: provider,
      audiences: [`http://localhost:${ports.gate}`],
      subject_claims: ['sub', 'client_id'],
      algorithms: ['ES256'],
      remote_jwks: keys,
      introspection,
    };
    const policy = {
      providers: { acme },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'acme' } }],
    };
    const gate = await Gate.start(FILE, {
      port: own.gate,
      ports: { 8280: ports.provider, 9001: ports.service, 8080: own.gate },
      edit: (text) => withCluster(configured(text, policy), 'id', ports.provider),
    });
    t.after(() => gate.stop());
    return gate;
  };
  const ask = async (path, body) => {
    const client = { client_id: 'robot', client_secret: 'replace-me' };
    const form = new URLSearchParams({ ...body, ...client });
    return fetch(provider + path, { method: 'POST', body: form });
  };
  const asked = await ask('/token', {
    grant_type: 'client_credentials',
    resource: 'https://opaque.example.com',
    scope: 'api',
  });
  const { access_token: token } = await asked.json();
  const gate = await signedFor('robot');
  assert.equal((await gate.get('/orders', { token })).status, 200);
  assert.equal((await gate.get('/orders', { token: 'made-up' })).status, 401);
  await gate.says(/untrusted\.inactive/);
  assert.equal((await ask('/token/revocation', { token })).status, 200);
  await until('the end of the token', async () => {
    const { status } = await gate.get('/orders', { token });
    return status === 401;
  });
  const other = await signedFor('another');
  assert.equal((await other.get('/orders', { token: 'made-up' })).status, 503);
  await other.says(/unavailable\.introspection/);
});

/** The guide's file for people: passkeys only, and Envoy's oauth2 filter signs them in. */
function forPeople(text) {
  const oauth2 = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2',
    config: {
      authorization_endpoint: `${provider}/auth?acr_values=phr`,
      token_endpoint: { cluster: 'id', uri: `${provider}/token`, timeout: '5s' },
      redirect_uri: `http://localhost:${ports.people}/callback`,
      redirect_path_matcher: { path: { exact: '/callback' } },
      signout_path: { path: { exact: '/sign-out' } },
      credentials: {
        client_id: 'site',
        token_secret: { name: 'site' },
        hmac_secret: { name: 'cookies' },
      },
      auth_scopes: ['openid', 'api'],
      resources: ['https://opaque.example.com'],
      forward_bearer_token: true,
    },
  };
  const secret = (name, text) => ({ name, generic_secret: { secret: { inline_string: text } } });
  const secrets = [secret('site', 'replace-me'), secret('cookies', 'c'.repeat(32))];
  const introspection = {
    http_uri: { uri: `${provider}/token/introspection`, cluster: 'id_introspect' },
    cache_duration: '2s',
  };
  const acme = {
    issuer: provider,
    audiences: [`http://localhost:${ports.gate}`],
    introspection,
    evidence: {
      lines: [{ when: { acr_any_of: ['phr'] }, proves: ['phishing_resistant', 'user_verified'] }],
    },
    claim_to_headers: [{ claim_name: 'sub', header_name: 'x-user' }],
  };
  const requires = { scopes: ['api'], facts: ['phishing_resistant'], max_age: '5m' };
  const policy = { providers: { acme }, rules: [{ match: { prefix: '/' }, requires }] };
  return withCluster(configured(text, policy), 'id', ports.provider)
    .replace('static_resources:', `static_resources:\n  secrets: ${JSON.stringify(secrets)}`)
    .replace('strip_any_host_port: true', '') // people are sent back to this Host
    .replace(
      /( *)- name: passgate\n/,
      (passgate, blanks) =>
        `${blanks}- ${JSON.stringify({ name: 'oauth2', typed_config: oauth2 })}\n${passgate}`,
    );
}

test('a browser and nothing else: a passkey brings an opaque token, and the end of the session ends it', async (t) => {
  const gate = await Gate.start(FILE, {
    port: ports.people,
    ports: { 8280: ports.provider, 9001: ports.service, 8080: ports.people },
    edit: forPeople,
  });
  t.after(() => gate.stop());
  const person = await browser.visitor();
  t.after(() => person.close());
  const { page } = person;
  await page.goto(`${gate.origin}/orders`, { waitUntil: 'commit' });
  const asked = await presses('register')(person, (url) => url === `${gate.origin}/orders`);
  assert.equal(asked, true);
  const got = () => page.innerText('body');
  await until('the page', async () => (await got()).startsWith('GET '));
  const text = await got();
  assert.match(text, /^x-user: alice$/m);
  assert.match(text, /^x-passgate-user-verified: true$/m);
  assert.match(text, /^x-passgate-authentication-age: \d+$/m);
  assert.doesNotMatch(text, /^authorization/im);
  const visit = () => page.goto(`${gate.origin}/orders`).then((answer) => answer.status());
  assert.equal(await visit(), 200, 'the session holds');

  // She ends her session at the provider.
  await page.goto(`${provider}/session/end`);
  await page.click('button[value=yes]');
  await until('the end of the token', async () => (await visit()) === 401);
  await gate.says(/untrusted\.inactive/);
});

test('the guide, to its end', async () => {
  assert.equal(await guide.follow(), null);
});
