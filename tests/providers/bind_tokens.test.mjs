// Tokens that are bound to a key: a real Keycloak, set up by following docs/guides/bind-tokens.md, a
// page in a real browser with a key that no script can read out, and a program. Proofs are made by
// libraries that are not ours.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { KeyedPage, KeyedProgram } from './bound.mjs';
import { decoded } from './client.mjs';
import { ENVOY, ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { ADMINISTRATOR, SECRETS, alice } from './keycloak/keycloak.mjs';
import { freePorts, moved } from './ports.mjs';

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
  const local = (file, numbers) => {
    const path = join(folder, file.split('/').at(-1));
    writeFileSync(path, moved(readFileSync(join(ROOT, file), 'utf8'), numbers));
    return path;
  };
  const envoy = local(FILE, numbers);
  const realm = local(REALM, { 8080: ports.gate, 3000: ports.page });
  const secret = (text, [name, value]) =>
    text.replace(new RegExp(`\\b${name}=(\\$\\([^)]*\\)|\\S+)`), `${name}=${value}`);
  guide = new Guide(GUIDE, {
    env: { JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m' },
    // The same commands, with other ports and files, secrets that the tests know, and an Envoy that
    // does not disturb others.
    edit: (text) =>
      Object.entries({ ...SECRETS, ...ADMINISTRATOR })
        .reduce(secret, moved(text, numbers))
        .replaceAll(`--config-path ${FILE}`, `--config-path ${envoy}`)
        .replaceAll(`cp ${REALM}`, `cp ${realm}`)
        .replaceAll(
          '.tools/envoy/envoy --log-level warn',
          `${ENVOY} --log-level warn --use-dynamic-base-id --concurrency 1`,
        ),
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

test('the guide ends where it began', async () => {
  assert.equal(await guide.follow(), null);
  await until('nobody answers', () =>
    fetch(keycloak).then(
      () => false,
      () => true,
    ),
  );
});
