// Tokens that are bound to a key: a real Keycloak, set up by following docs/guides/bind-tokens.md,
// and oidc-provider; a page in a real browser with a key that no script can read out, and a
// program. Proofs are made by libraries that are not ours.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { Program } from '../browser/program.mjs';
import { KeyedPage, KeyedProgram } from './bound.mjs';
import { decoded } from './client.mjs';
import { Gate, ROOT, Service } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { ADMINISTRATOR, SECRETS, alice } from './keycloak/keycloak.mjs';
import { freePorts } from './ports.mjs';

const GUIDE = 'docs/guides/bind-tokens.md';
const FILE = 'envoy/bound-tokens.yaml';
const REALM = 'tests/providers/keycloak/realm.json';
let ports, folder, guide, browser, keycloak, orders;

before(async () => {
  ports = await freePorts('keycloak', 'gate', 'service', 'page');
  keycloak = `http://localhost:${ports.keycloak}`;
  orders = `http://localhost:${ports.gate}/orders`;
  folder = mkdtempSync(join(tmpdir(), 'passgate-bound-'));
  browser = await Browser.start();
  const numbers = {
    8180: ports.keycloak,
    8080: ports.gate,
    9001: ports.service,
    3000: ports.page,
  };
  guide = Guide.elsewhere(GUIDE, numbers, folder, {
    files: { [FILE]: numbers, [REALM]: { 8080: ports.gate, 3000: ports.page } },
    secrets: { ...SECRETS, ...ADMINISTRATOR },
    env: { JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m' },
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

test('the guide: curl with a library, and a page whose key nobody can read out', async () => {
  assert.equal(await guide.follow(), 'page');
  const person = await browser.visitor();
  await person.page.goto(`${keycloak}/realms/demo/account/`);
  const registered = (url, answered) =>
    answered.includes('register') && new URL(url).pathname.endsWith('/account/');
  await alice('register')(person, registered);

  const page = new KeyedPage(person, `http://localhost:${ports.page}`);
  await page.signIn(alice('passkey'));
  const passed = await page.press('Call');
  assert.match(passed, /^200\nGET \/orders HTTP/);
  assert.match(passed, /^x-user: alice$/m);
  assert.match(passed, /^x-passgate-proof-id: [\w-]{43}$/m);
  assert.doesNotMatch(passed, /^(authorization|dpop):/im, 'neither token nor proof go on');
  assert.match(await page.press('Call'), /^200\n/, 'with a proof of its own');
  assert.match(await page.press('Send the token without the key'), /^401\n/);
  assert.equal(await page.exported(), 'InvalidAccessError');
  await person.close();
});

test('a program gets a bound token with its proof, and passes with others', async (t) => {
  const issuer = `${keycloak}/realms/demo`;
  const program = await KeyedProgram.of(issuer, 'robot', SECRETS.GATE_SECRET);
  const { claims } = decoded(program.token);
  assert.equal(claims.cnf['kc-jkt-type'], 'DPoP', 'bound, although the client need not send a proof');
  await program.passes(orders);
  await t.test('and nobody else has use for it', () => program.isOfNoUseToOthers(orders));
});

test('where Keycloak requires it, a client gets no other token', async () => {
  const answer = await fetch(`${keycloak}/realms/demo/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'bound', code: 'x' }),
  });
  const { error_description } = await answer.json();
  assert.deepEqual([answer.status, error_description], [400, 'DPoP proof is missing']);
});

test('the same with oidc-provider, for the page and the program', async (t) => {
  const own = await freePorts('provider', 'gate', 'service', 'page');
  const [issuer, origin] = [own.provider, own.page].map((port) => `http://localhost:${port}`);
  const service = await Service.start(own.service);
  t.after(() => service.stop());
  const script = (name) => join(ROOT, 'tests/providers', name);
  const provider = await Program.start(
    process.execPath,
    [script('oidc-provider/provider.mjs'), own.provider],
    {
      ready: /is ready/,
      env: {
        GATE: `http://localhost:${own.gate}`,
        APPLICATION: origin,
        ROBOT_SECRET: SECRETS.GATE_SECRET,
      },
    },
  );
  t.after(() => provider.stop());
  const gate = await Gate.start(FILE, {
    port: own.gate,
    ports: { 8180: own.provider, 8080: own.gate, 9001: own.service, 3000: own.page },
    edit: (text) => text.replaceAll('/realms/demo', ''),
  });
  t.after(() => gate.stop());
  const uri = `http://localhost:${own.gate}/orders`;
  const page = await Program.start(
    process.execPath,
    [script('page/serve.mjs'), own.page, issuer, 'application', uri],
    { ready: /is ready/ },
  );
  t.after(() => page.stop());

  const person = await browser.visitor();
  t.after(() => person.close());
  const keyed = new KeyedPage(person, origin);
  await keyed.signIn(async ({ page }, arrived) => {
    await page.waitForURL((url) => url.origin === issuer);
    await page.waitForSelector('body[data-ready]');
    await page.getByRole('button', { name: 'Register a passkey' }).click();
    await until('the end of the sign-in', () => arrived(page.url()));
  });
  assert.match(await keyed.press('Call'), /^200\n.*"x-passgate-principal":"[^"]*\/alice"/);
  assert.match(await keyed.press('Send the token without the key'), /^401\n/);
  assert.equal(await keyed.exported(), 'InvalidAccessError');

  const program = await KeyedProgram.of(issuer, 'robot', SECRETS.GATE_SECRET);
  assert.deepEqual(Object.keys(decoded(program.token).claims.cnf), ['jkt']);
  await program.passes(uri);
  await program.isOfNoUseToOthers(uri);
  await gate.says(/missing\.proof/);
  await gate.says(/untrusted\.proof_key/);
  await gate.says(/untrusted\.key_bound/);
});

test('the guide ends where it began', async () => {
  assert.equal(await guide.follow(), null);
  await until('nobody answers', () =>
    fetch(keycloak).then(
      () => false,
      () => true,
    ),
  );
});
