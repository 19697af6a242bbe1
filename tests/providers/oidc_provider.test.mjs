// A certified OpenID provider, set up by following docs/guides/any-oidc-provider.md, a person with
// a passkey in a real browser, and a real Envoy with the filter.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { Client, decoded, discovered } from './client.mjs';
import { challenge, Gate, Service } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { presses } from './oidc-provider/presses.mjs';
import { freePorts } from './ports.mjs';

const FILE = 'envoy/any-oidc-provider.yaml';
const GUIDE = 'docs/guides/any-oidc-provider.md';
const PAYMENTS = 'https://payments.example.com';
let ports, folder, guide, browser, application, person, metadata, audience;

before(async () => {
  ports = await freePorts('provider', 'gate', 'service', 'application');
  audience = `http://localhost:${ports.gate}`;
  folder = mkdtempSync(join(tmpdir(), 'passgate-oidc-'));
  browser = await Browser.start();
  application = await Service.start(ports.application);
  person = await browser.visitor();

  const numbers = { 8280: ports.provider, 8080: ports.gate, 9001: ports.service };
  guide = Guide.elsewhere(GUIDE, numbers, folder, {
    files: { [FILE]: numbers },
    env: { GATE: audience, APPLICATION: `http://localhost:${ports.application}` },
  });
});

after(async () => {
  await browser?.close();
  await guide?.stop();
  await application?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

const client = (id = 'application') =>
  new Client(metadata, id, `http://localhost:${ports.application}/callback`);

/** A sign-in that asks for a token for `resource`. */
const signIn = (button, { resource = audience, id, ...ask } = {}) =>
  client(id).signIn(person, presses(button), { resource, scope: 'openid api', ...ask });

const signOut = () => person.context.clearCookies();

/**
 * The gate of the guide, but with `edit`ed text and a service that counts; stopped when the test
 * ends.
 */
async function gateOf(t, edit) {
  const own = await freePorts('gate', 'service');
  const service = await Service.start(own.service);
  t.after(() => service.stop());
  const gate = await Gate.start(FILE, {
    port: own.gate,
    ports: { 8280: ports.provider, 9001: own.service, 8080: own.gate },
    edit: (text) =>
      edit(text).replaceAll(
        `"audiences": ["http://localhost:${own.gate}"]`,
        `"audiences": ["${audience}"]`,
      ),
  });
  t.after(() => gate.stop());
  return { gate, service };
}

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, FILE));
});

test('the guide, up to the browser', async () => {
  assert.equal(await guide.follow(), 'sign in');
  metadata = await discovered(`http://localhost:${ports.provider}`);
  await signIn('register');
  // What the guide promises of an application that follows the challenge, at the guide's own gate.
  await signOut();
  const weak = await signIn('password', { resource: PAYMENTS });
  const payments = (token) =>
    fetch(`${audience}/payments`, { headers: token && { authorization: `Bearer ${token}` } });
  const refused = await payments(weak.access_token);
  const { acr_values, max_age } = challenge({ headers: Object.fromEntries(refused.headers) });
  assert.deepEqual([refused.status, acr_values, max_age], [401, 'phr', '300']);
  const strong = await signIn('passkey', { resource: PAYMENTS, acr_values, max_age });
  assert.equal(strong.steps, true, 'the provider asked, although she was signed in');
  const passed = await payments(strong.access_token);
  assert.equal(passed.status, 200);
  assert.match(await passed.text(), /^x-passgate-user-verified: true$/m);
});

test('max_age: an old sign-in is refused, and the provider asks again', async (t) => {
  const { gate } = await gateOf(t, (text) => text.replace('"max_age": "5m"', '"max_age": "3s"'));
  await signOut();
  const first = await signIn('passkey', { resource: PAYMENTS });
  let answer;
  await until('the end of the age', async () => {
    answer = await gate.get('/payments', { token: first.access_token });
    return answer.status !== 200;
  });
  const { error, acr_values, max_age } = challenge(answer);
  assert.deepEqual([answer.status, error, max_age], [401, 'insufficient_user_authentication', '3']);
  await gate.says(/insufficient\.max_age/);

  const silent = await signIn('passkey', { resource: PAYMENTS });
  assert.equal(silent.steps, false, 'without max_age the session is good enough for the provider');
  assert.equal(
    (await gate.get('/payments', { token: silent.access_token })).status,
    401,
    'but not for the gate',
  );

  // The provider counts whole seconds, the gate parts of them: for up to a second only the gate
  // finds it too old.
  const fresh = await until('the provider asks', async () => {
    const tokens = await signIn('passkey', { resource: PAYMENTS, acr_values, max_age });
    return tokens.steps && tokens;
  });
  const age = Date.now() / 1000 - decoded(fresh.access_token).claims.auth_time;
  const passed = await gate.get('/payments', { token: fresh.access_token });
  assert.ok(passed.status === 200 || age > 2, `${passed.status} after ${age} s`);
});

test('several audiences: a token is good where it names the service', async (t) => {
  const { gate, service } = await gateOf(t, (text) => text);
  await signOut();
  const token = async (resource) => (await signIn('passkey', { resource })).access_token;
  const status = async (path, token) => (await gate.get(path, { token })).status;

  const own = await token(audience);
  assert.deepEqual([await status('/', own), await status('/payments', own)], [200, 403]);
  const payments = await token(PAYMENTS);
  assert.deepEqual([await status('/', payments), await status('/payments', payments)], [401, 200]);
  const other = await token('https://other.example.com');
  assert.deepEqual([await status('/', other), await status('/payments', other)], [401, 401]);
  await gate.says(/untrusted\.audience/);
  const all = await token('https://all.example.com');
  assert.deepEqual(decoded(all).claims.aud, ['https://other.example.com', audience]);
  assert.deepEqual([await status('/', all), await status('/payments', all)], [200, 403]);
  assert.equal(service.received.length, 3);
});

test('an ID token is not an access token, not even one for a client that is called like the gate', async (t) => {
  const { gate, service } = await gateOf(t, (text) => text);
  await signOut();
  const usual = await signIn('passkey');
  assert.equal(decoded(usual.id_token).claims.aud, 'application');
  assert.equal((await gate.get('/news', { token: usual.id_token })).status, 401);

  const nasty = await signIn('passkey', { id: audience });
  assert.deepEqual(decoded(nasty.id_token).claims.aud, audience, 'the audience is right');
  assert.equal((await gate.get('/news', { token: nasty.id_token })).status, 401);
  await gate.says(/untrusted\.token_type/);
  assert.equal(service.received.length, 0);
  assert.equal((await gate.get('/news', { token: nasty.access_token })).status, 200);
});

test('keys are rotated while requests run, and none of them fails', async (t) => {
  const { gate } = await gateOf(t, (text) => text);
  await signOut();
  const old = await signIn('passkey');
  const statuses = new Map();
  let token = old.access_token;
  let running = true;
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      const { status } = await gate.get('/', { token });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  const more = (what) => {
    const seen = statuses.get(200) ?? 0;
    return until(what, () => (statuses.get(200) ?? 0) > seen + 20);
  };
  try {
    await more('requests');
    assert.equal(await guide.follow(), 'new key');
    await more('requests with the old token');
    const kid = decoded(old.access_token).header.kid;
    const fresh = await until('a token of the new key', async () => {
      const { access_token } = await signIn('passkey');
      return decoded(access_token).header.kid !== kid && access_token;
    });
    token = fresh;
    await more('requests with the new token');
    assert.equal(
      (await gate.get('/', { token: old.access_token })).status,
      200,
      'the old key is still published',
    );
  } finally {
    running = false;
    await Promise.all(load);
  }
  assert.deepEqual([...statuses.keys()], [200]);
});

test('the guide ends where it began', async () => {
  assert.equal(await guide.follow(), null);
  await until('nobody answers', () =>
    fetch(metadata.issuer).then(
      () => false,
      () => true,
    ),
  );
});
