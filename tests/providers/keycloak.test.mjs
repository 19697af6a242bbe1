// A real Keycloak, set up by following docs/guides/keycloak.md, a person with a passkey in a real
// browser, and a real Envoy with the filter.

import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { Client, decoded, discovered } from './client.mjs';
import { challenge, Gate, ROOT, Service } from './gate.mjs';
import { fragments, Guide, shows } from './guide.mjs';
import { exchanged, withKinds } from './keycloak/exchange.mjs';
import { ADMINISTRATOR, Administrator, SECRETS, alice } from './keycloak/keycloak.mjs';
import { lightweight } from './keycloak/lightweight.mjs';
import { rotated } from './keycloak/rotated.mjs';
import { traps } from './keycloak/traps.mjs';
import { freePorts, moved } from './ports.mjs';

const GUIDE = 'docs/guides/keycloak.md';
const REALM = 'tests/providers/keycloak/realm.json';
let ports, folder, guide, browser, application, keycloak, administrator;
/** Alice with the passkey that she registered in the realm `demo`. */
let person;

before(async () => {
  ports = await freePorts('keycloak', 'gate', 'service', 'application', 'admin');
  keycloak = `http://localhost:${ports.keycloak}`;
  administrator = new Administrator(keycloak);
  folder = mkdtempSync(join(tmpdir(), 'passgate-keycloak-'));
  browser = await Browser.start();
  application = await Service.start(ports.application);

  const numbers = { 8180: ports.keycloak, 8080: ports.gate, 9001: ports.service };
  guide = Guide.elsewhere(GUIDE, numbers, folder, {
    files: {
      'envoy/keycloak.yaml': numbers,
      'envoy/oauth2.yaml': numbers,
      [REALM]: { 8080: ports.gate, 3000: ports.application },
    },
    secrets: { ...SECRETS, ...ADMINISTRATOR },
    env: { JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m' },
  });
  const shipped = join(ROOT, 'envoy/oauth2');
  cpSync(shipped, join(folder, 'oauth2'), { recursive: true });
  const copy = join(folder, 'oauth2.yaml');
  writeFileSync(
    copy,
    readFileSync(copy, 'utf8').replaceAll(': envoy/oauth2', `: ${join(folder, 'oauth2')}`),
  );
  appendFileSync(
    copy,
    `\nadmin: { address: { socket_address: { address: 127.0.0.1, port_value: ${ports.admin} } } }\n`,
  );
});

after(async () => {
  await browser?.close();
  await guide?.stop();
  await application?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, 'envoy/keycloak.yaml'));
});

test('the guide: a password reads the news, a passkey the rest, a fresh one makes payments', async () => {
  assert.equal(await guide.follow(), 'register');
  person = await browser.visitor();
  await person.page.goto(`${keycloak}/realms/demo/account/`);
  const registered = (url, answered) =>
    answered.includes('register') && new URL(url).pathname.endsWith('/account/');
  assert.deepEqual(await alice('register')(person, registered), ['password', 'register']);

  assert.equal(await guide.follow(), 'sign in');
  await browserOnly(person, `http://localhost:${ports.gate}`);
  // Cookies sealed in the old way, which others can open (CVE-2026-47775), are not even tried.
  const { entries } = await (
    await fetch(`http://127.0.0.1:${ports.admin}/runtime?format=json`)
  ).json();
  const value = (name) => entries[`envoy.reloadable_features.oauth2_${name}`]?.final_value;
  assert.deepEqual(
    [value('use_gcm_encryption'), value('legacy_cbc_decrypt_compat')],
    ['true', 'false'],
  );
  await rotated(person, { administrator, keycloak, folder, ports });
  // The shell stays for the other stories, and Keycloak with it; its last command stops everything.
});

/** A browser with nothing but the address bar, in front of `envoy/oauth2.yaml`. */
async function browserOnly({ page, context, authenticator }, gate) {
  const visit = async (path, how) => {
    await page.goto(gate + path, { waitUntil: 'commit' });
    const forms = await alice(how)(person, (url) => url === gate + path);
    await until('the page', async () => (await page.innerText('body')).startsWith('GET '));
    return { forms, got: await page.innerText('body') };
  };
  const gestures = async () => (await authenticator.credentials())[0].signCount;

  await context.clearCookies();
  await context.addCookies([{ name: 'theme', value: 'dark', url: gate }]);
  const before = await gestures();
  const first = await visit('/orders?year=2026', 'passkey');
  assert.deepEqual(first.forms, ['passkey']);
  assert.match(first.got, /^GET \/orders\?year=2026 HTTP/);
  assert.match(first.got, /^x-user: alice$/m);
  assert.match(first.got, /^x-passgate-phishing-resistant: true$/m);
  assert.doesNotMatch(first.got, /authorization|eyJ/i, 'no token reaches the service');
  assert.match(first.got, /^cookie: theme=dark$/m, 'its own cookies do, and none of the gate');
  assert.deepEqual((await visit('/orders', 'passkey')).forms, [], 'the session holds');

  const second = await visit('/payments', 'passkey');
  assert.deepEqual(second.forms, ['passkey'], 'one more, although she is signed in');
  assert.match(second.got, /^x-passgate-authentication-age: \d$/m);
  assert.match(second.got, /^cookie: theme=dark$/m);
  assert.equal(await gestures(), before + 2);
  assert.deepEqual(
    (await visit('/payments/7', 'passkey')).forms,
    [],
    'and then the fresh session holds',
  );

  const tokens = (await context.cookies(`${gate}/payments`)).filter(({ name }) =>
    name.endsWith('Token'),
  );
  assert.deepEqual(tokens.map(({ name }) => name).sort(), [
    'BearerToken',
    'FreshBearerToken',
    'RefreshToken',
  ]);
  for (const { name, value } of tokens)
    assert.match(value, /^gcm\./, `${name} is sealed with AES-GCM`);

  // A session that began with a password is not an obstacle.
  await context.clearCookies();
  const legacy = await client('demo', 'legacy');
  await legacy.signIn(person, alice('password'));
  assert.deepEqual((await visit('/orders', 'passkey')).forms, ['passkey']);
  assert.deepEqual((await visit('/payments', 'passkey')).forms, ['passkey']);

  // When the fresh client's token is over, the filter asks again.
  await administrator.setAttributes('demo', 'gate-fresh', { 'access.token.lifespan': '2' });
  await page.goto(`${gate}/payments/oauth2/sign-out`);
  assert.deepEqual((await visit('/payments', 'passkey')).forms, ['passkey']);
  await until('the end of the token', async () =>
    (await visit('/payments', 'passkey')).forms.includes('passkey'),
  );

  // A script that is signed out gets an answer that it can read.
  await context.clearCookies();
  assert.equal(await page.evaluate(() => fetch('/payments').then((answer) => answer.status)), 401);
}

/** A client of a realm. */
async function client(realm, id) {
  return new Client(
    await discovered(`${keycloak}/realms/${realm}`),
    id,
    `http://localhost:${ports.application}/callback`,
  );
}

/**
 * `envoy/keycloak.yaml` for a realm, `edit`ed, on ports of its own and with a service behind it;
 * stopped when the test ends.
 */
async function gateOf(t, realm, edit = (text) => text) {
  const own = await freePorts('gate', 'service');
  const service = await Service.start(own.service);
  t.after(() => service.stop());
  const gate = await Gate.start('envoy/keycloak.yaml', {
    port: own.gate,
    ports: { 8180: ports.keycloak, 9001: own.service, 8080: own.gate },
    edit: (text) =>
      edit(text)
        .replaceAll('realms/demo', `realms/${realm}`)
        .replaceAll(
          `"audiences": ["http://localhost:${own.gate}"]`,
          `"audiences": ["http://localhost:${ports.gate}"]`,
        ),
  });
  t.after(() => gate.stop());
  return { gate, service };
}

test('a password is refused with a challenge, and a client that follows it gets in', async (t) => {
  const { gate, service } = await gateOf(t, 'demo');
  await person.context.clearCookies();
  const app = await client('demo', 'app');
  const legacy = await client('demo', 'legacy');

  // The session of another application, which takes passwords, signs her in here too (trap 3).
  assert.deepEqual((await legacy.signIn(person, alice('password'))).steps, ['password']);
  const weak = await app.signIn(person, alice('passkey'));
  assert.deepEqual([weak.steps, decoded(weak.access_token).claims.amr], [[], ['pwd']]);
  assert.equal((await gate.get('/news', { token: weak.access_token })).status, 200);
  const refused = await gate.get('/payments', { token: weak.access_token });
  const { error, acr_values, max_age } = challenge(refused);
  assert.deepEqual(
    [refused.status, error, acr_values, max_age],
    [401, 'insufficient_user_authentication', 'phr', '300'],
  );
  assert.equal(service.received.length, 1);

  // In the same session the password stays in the token: a passkey was used, but its date is not
  // known.
  const both = await app.signIn(person, alice('passkey'), { acr_values, max_age });
  assert.deepEqual(
    [both.steps, decoded(both.access_token).claims.amr],
    [['passkey'], ['pwd', 'hwk']],
  );
  assert.equal((await gate.get('/', { token: both.access_token })).status, 200);
  assert.equal((await gate.get('/payments', { token: both.access_token })).status, 401);

  // As the guide says: with prompt=login.
  const strong = await app.signIn(person, alice('passkey'), {
    acr_values,
    max_age,
    prompt: 'login',
  });
  assert.deepEqual([strong.steps, decoded(strong.access_token).claims.amr], [['passkey'], ['hwk']]);
  const passed = await gate.get('/payments', { token: strong.access_token });
  assert.equal(passed.status, 200);
  assert.equal(passed.json.headers['x-passgate-phishing-resistant'], 'true');
  assert.equal(passed.json.headers['x-user'], 'alice');
  assert.equal(passed.json.headers.authorization, undefined);

  const renewed = await app.refresh(strong.refresh_token);
  assert.equal((await gate.get('/payments', { token: renewed.access_token })).status, 200);
  assert.equal(
    (await gate.get('/news', { token: strong.id_token })).status,
    401,
    'an ID token is no access token',
  );
});

test("the guide's own line proves user verification, as its realm requires it", async (t) => {
  const [evidence, ...others] = fragments(GUIDE);
  assert.equal(others.length, 0);
  const { gate } = await gateOf(t, 'demo', (text) =>
    text
      .replace('"evidence": { "preset": "keycloak" }', evidence)
      .replaceAll(
        '"facts": ["phishing_resistant"]',
        '"facts": ["phishing_resistant", "user_verified"]',
      ),
  );
  await person.context.clearCookies();
  const app = await client('demo', 'app');
  const { access_token } = await app.signIn(person, alice('passkey'));
  const passed = await gate.get('/payments', { token: access_token });
  assert.deepEqual([passed.status, passed.json.headers['x-passgate-user-verified']], [200, 'true']);
  const legacy = await client('demo', 'legacy');
  const weak = await legacy.signIn(person, alice('password'), { prompt: 'login' });
  assert.equal((await gate.get('/payments', { token: weak.access_token })).status, 401);
});

test('keys are rotated while requests run, and none of them fails; a withdrawn key is soon worth nothing', async (t) => {
  const withCache = (text) =>
    text.replace('"discovery": {', '"discovery": { "cache_duration": "2s",');
  const { gate } = await gateOf(t, 'demo', withCache);
  await person.context.clearCookies();
  const app = await client('demo', 'app');
  const first = await app.signIn(person, alice('passkey'));
  const kid = (token) => decoded(token).header.kid;
  const statuses = new Map();
  let token = first.access_token;
  let running = true;
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      const { status } = await gate.get('/', { token });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  try {
    const asked = () => statuses.get(200) ?? 0;
    await until('requests', () => asked() > 20);
    const old = await administrator.rotate('demo');
    assert.equal(old, kid(first.access_token));
    const seen = asked();
    await until('requests with the old token', () => asked() > seen + 20);
    const second = await app.refresh(first.refresh_token);
    assert.notEqual(kid(second.access_token), old, 'Keycloak signs with the new key');
    token = second.access_token; // the gate has never heard of its key
    const later = asked();
    await until('requests with the new token', () => asked() > later + 40);
    assert.equal(
      (await gate.get('/', { token: first.access_token })).status,
      200,
      'the old key is still published',
    );
  } finally {
    running = false;
    await Promise.all(load);
  }
  assert.deepEqual([...statuses.keys()], [200]);

  await administrator.withdraw('demo', kid(first.access_token));
  await until(
    'the end of the old key',
    async () => (await gate.get('/', { token: first.access_token })).status === 401,
  );
  await gate.says(/untrusted\.key/);
  assert.equal((await gate.get('/', { token })).status, 200);
});

test('an agent exchanges her token, and is told from her by its client alone', async (t) => {
  const { gate } = await gateOf(t, 'demo', withKinds);
  const app = await client('demo', 'app');
  const signIn = async () => {
    await person.context.clearCookies();
    return (await app.signIn(person, alice('passkey'))).access_token;
  };
  await exchanged(t, { administrator, gate, app, signIn });
});

test('lightweight tokens: Keycloak is asked about them, and a logout ends them', async (t) => {
  const clients = { app: await client('demo', 'app'), legacy: await client('demo', 'legacy') };
  await lightweight(t, {
    administrator,
    port: ports.keycloak,
    issuer: `${keycloak}/realms/demo`,
    audience: `http://localhost:${ports.gate}`,
    folder,
    robot: await client('demo', 'robot'),
    signIn: async (id) => {
      await person.context.clearCookies();
      const how = alice(id === 'app' ? 'passkey' : 'password');
      return (await clients[id].signIn(person, how)).access_token;
    },
  });
});

test('the five traps', async (t) => {
  const numbers = { 8080: ports.gate, 3000: ports.application };
  await administrator.createRealm(traps(moved(readFileSync(join(ROOT, REALM), 'utf8'), numbers)));
  const { gate } = await gateOf(t, 'traps');
  const visitor = await browser.visitor();
  t.after(() => visitor.close());
  const clients = {};
  /** A sign-in at a client of the realm: what its token says, and what the gate says to it. */
  const signIn = async (id, how, ask) => {
    clients[id] ??= await client('traps', id);
    const tokens = await clients[id].signIn(visitor, alice(how), ask);
    return { ...tokens, ...(await judged(tokens.access_token)) };
  };
  const judged = async (token) => {
    const { acr, amr, auth_time } = decoded(token).claims;
    const status = async (path) => (await gate.get(path, { token })).status;
    return { acr, amr, auth_time, passkey: await status('/'), fresh: await status('/payments') };
  };
  const signOut = () => visitor.context.clearCookies();
  const sees = ({ acr, amr, passkey, fresh }, expected) =>
    assert.deepEqual({ acr, amr, passkey, fresh }, expected);
  await signIn('legacy', 'register');

  await t.test('1: a refreshed token says phr and pwd', async () => {
    await signOut();
    const good = await signIn('app', 'passkey');
    sees(good, { acr: 'phr', amr: ['hwk'], passkey: 200, fresh: 200 });
    await until('another second', () => Date.now() / 1000 > good.auth_time + 1);
    await signIn('legacy', 'password', { prompt: 'login' });
    const later = await judged((await clients.app.refresh(good.refresh_token)).access_token);
    assert.ok(later.auth_time > good.auth_time, "the date is the password's");
    sees(later, { acr: 'phr', amr: ['pwd'], passkey: 401, fresh: 401 });
  });

  /** A passkey, and when the password's level has lapsed, a password that brings a new date. */
  const lapse = async (id) => {
    await signOut();
    await signIn(id, 'password');
    const good = await signIn(id, 'passkey', { acr_values: 'phr' });
    const gestures = (await visitor.authenticator.credentials())[0].signCount;
    await until('the end of level 1', () => Date.now() / 1000 > good.auth_time + 2);
    const later = await signIn(id, 'password', { acr_values: 'phr' });
    assert.deepEqual(later.steps, ['password']);
    assert.equal(
      (await visitor.authenticator.credentials())[0].signCount,
      gestures,
      'no passkey was used',
    );
    assert.ok(later.auth_time > good.auth_time);
    return later;
  };

  await t.test('2: a password renews the date of a passkey', async () => {
    sees(await lapse('lapsing'), { acr: 'phr', amr: ['pwd', 'hwk'], passkey: 200, fresh: 401 });
  });

  await t.test('2, where no claim tells: a password that leaves no trace in amr', async () => {
    sees(await lapse('silent'), { acr: 'phr', amr: ['hwk'], passkey: 200, fresh: 200 });
  });

  await t.test('3: single sign-on from a password session into a passkey flow', async () => {
    await signOut();
    await signIn('legacy', 'password');
    const weak = await signIn('app', 'passkey');
    assert.deepEqual([weak.steps, weak.amr, weak.passkey, weak.fresh], [[], ['pwd'], 401, 401]);
    const asked = await signIn('strict', 'passkey');
    assert.deepEqual(asked.steps, ['passkey'], 'minimum.acr.value makes Keycloak ask');
    sees(asked, { acr: 'phr', amr: ['pwd', 'hwk'], passkey: 200, fresh: 401 });
  });

  await t.test('4: a passkey from the autofill of a password form', async () => {
    await signOut();
    const autofilled = await signIn('legacy', 'passkey');
    assert.deepEqual(autofilled.steps, []);
    sees(autofilled, { acr: '1', amr: ['pwd'], passkey: 401, fresh: 401 });
    await signOut();
    sees(await signIn('honest', 'passkey'), { acr: '1', amr: ['hwk'], passkey: 200, fresh: 200 });
    await signOut();
    sees(await signIn('honest', 'password'), { acr: '1', amr: ['pwd'], passkey: 401, fresh: 401 });
  });

  await t.test('4, where no claim tells: hwk on the password form', async () => {
    await signOut();
    sees(await signIn('boasting', 'password'), {
      acr: '1',
      amr: ['hwk'],
      passkey: 200,
      fresh: 200,
    });
  });

  await t.test("5: level 1 is everybody's", async () => {
    const { client_id, ...grants } = { client_id: 'robot', client_secret: SECRETS.GATE_SECRET };
    const robot = new Client(await discovered(`${keycloak}/realms/traps`), client_id, '');
    const programme = await robot.exchange({ grant_type: 'client_credentials', ...grants });
    sees(await judged(programme.access_token), { acr: '1', amr: [], passkey: 401, fresh: 401 });
    const password = {
      grant_type: 'password',
      username: 'alice',
      password: SECRETS.ALICE_PASSWORD,
    };
    const granted = await clients.legacy.exchange(password);
    sees(await judged(granted.access_token), { acr: '1', amr: ['pwd'], passkey: 401, fresh: 401 });
    for (const { access_token } of [programme, granted]) {
      assert.equal(
        (await gate.get('/news', { token: access_token })).status,
        200,
        'good tokens all the same',
      );
    }
  });
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
