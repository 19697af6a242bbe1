// A person approves payments with each kind of passkey that Chromium knows, with the client module
// in a page of another origin, and a real gate judges.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Approving, KINDS, register, send, work } from './approving.mjs';
import { Browser } from './browser.mjs';
import { ROOT, npm } from './npm.mjs';

const PAYMENT = '/payments/7?amount=10&to=bob';
let browser, world;

before(async () => {
  browser = await Browser.start();
  world = await Approving.start();
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

/** Somebody at the page, with a passkey and a token that names it. */
async function person(sub, { authenticator = 'platform', ...options } = {}) {
  const visitor = await browser.visitor({ authenticator });
  await visitor.page.goto(world.page);
  const passkey = await register(visitor.page, options);
  const token = await world.token(sub, passkey.jwk);
  const pay = (more = {}) =>
    send(visitor.page, { gate: world.gate, token, path: PAYMENT, passkey, ...more });
  return { visitor, passkey, token, pay };
}

const TOUCH = { more: { userVerification: 'discouraged' } };

async function refused(answer, reason) {
  assert.equal(answer.status, 401, JSON.stringify(answer));
  await world.recorded(answer.body.request_id, reason);
}

function passed(answer, ...facts) {
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const { headers } = answer.body;
  const proved = Object.keys(headers).filter((name) => headers[name] === 'true').sort();
  const wanted = ['phishing-resistant', 'user-present', ...facts].sort();
  assert.deepEqual(
    proved,
    wanted.map((fact) => `x-passgate-${fact}`),
  );
  assert.match(headers['x-passgate-proof-id'], /^[\w-]{43}$/);
  assert.deepEqual([headers.authorization, headers['webauthn-proof']], [undefined, undefined]);
}

for (const [name, { authenticator, proves }] of Object.entries(KINDS)) {
  test(`${name} proves what it can, and nothing more`, async () => {
    const { user_verified: isVerified = false, device_bound: isBound = false } = proves;
    const { visitor, passkey, pay } = await person('alice', { authenticator, isVerified });
    // The COSE key that was registered is the key of the token.
    const cose = passkey.authenticatorData.subarray(-77);
    const [x, y] = [cose.subarray(10, 42), cose.subarray(45)];
    const { jwk } = passkey;
    assert.deepEqual([x.toString('base64url'), y.toString('base64url')], [jwk.x, jwk.y]);

    const facts = [...(isVerified ? ['user-verified'] : []), ...(isBound ? ['device-bound'] : [])];
    const wish = isVerified ? {} : TOUCH;
    if (isVerified) passed(await pay(wish), ...facts);
    else await refused(await pay(wish), 'untrusted.proof_flags');
    passed(await pay({ path: '/touch', ...wish }), ...facts);
    if (isBound) passed(await pay({ path: '/own', ...wish }), ...facts);
    else await refused(await pay({ path: '/own', ...wish }), 'untrusted.proof_flags');
    await visitor.close();
  });
}

test('a key that cannot verify is not even asked where the gate wants verification', async () => {
  const { authenticator } = KINDS['a security key without a PIN'];
  const { visitor, pay } = await person('alice', { authenticator, isVerified: false });
  const before = world.service.received.length;
  assert.equal(await pay({ more: { timeout: 1_000 } }), 'NotAllowedError');
  assert.equal(world.service.received.length, before);
  await visitor.close();
});

test('a PIN that was not asked for this time proves nothing this time', async () => {
  const { visitor, pay } = await person('alice', { authenticator: 'securityKey' });
  await visitor.authenticator.touchesOnly();
  await refused(await pay(TOUCH), 'untrusted.proof_flags');
  passed(await pay({ path: '/touch', ...TOUCH }), 'device-bound');
  await visitor.authenticator.touchesOnly(false);
  passed(await pay(), 'user-verified', 'device-bound');
  await visitor.close();
});

test('an authenticator that is broken is not believed', async () => {
  const { visitor, pay } = await person('alice');
  for (const [bits, reason] of [
    [{ isBogusSignature: true }, 'untrusted.proof_signature'],
    [{ isBadUP: true }, 'untrusted.proof_flags'],
  ]) {
    await visitor.authenticator.override(bits);
    await refused(await pay(), reason);
  }
  await visitor.authenticator.override({});
  passed(await pay(), 'user-verified', 'device-bound');
  await visitor.close();
});

test('keys of other algorithms, and what an authenticator adds, are read', async () => {
  for (const [algorithm, name] of [
    [-8, 'Ed25519'],
    [-257, 'RS256'],
  ]) {
    const { visitor, passkey, pay } = await person('alice', { algorithm });
    assert.equal(passkey.jwk.alg, name);
    passed(await pay(), 'user-verified', 'device-bound');
    await visitor.close();
  }
  const authenticator = { transport: 'internal', hasCredBlob: true };
  const { visitor, pay } = await person('alice', { authenticator, blob: [1, 2, 3] });
  const answer = await pay({ more: { extensions: { getCredBlob: true } } });
  passed(answer, 'user-verified', 'device-bound');
  const assertion = JSON.parse(Buffer.from(answer.proof.split('.')[1], 'base64url'));
  const data = Buffer.from(assertion.response.authenticatorData, 'base64url');
  assert.ok((data[32] & 0x80) !== 0 && data.includes('credBlob'), 'an extension is in it');
  await visitor.close();
});

test('an approval is for one payment of one person, once', async () => {
  const alice = await person('alice');
  const mallory = await person('mallory');
  const { origin } = world.gate;
  for (const [instead, reason] of [
    [{ url: `${origin}/payments/7?amount=1000&to=bob` }, 'untrusted.proof_request'],
    [{ url: `${origin}/payments/7?to=bob&amount=10` }, 'untrusted.proof_request'],
    [{ url: `${origin}/touch` }, 'untrusted.proof_request'],
    [{ token: mallory.token }, 'untrusted.proof_token'],
    [{ token: await world.token('alice', mallory.passkey.jwk) }, 'untrusted.proof_token'],
  ])
    await refused(await alice.pay({ instead }), reason);

  // Her token in his hands: he approves with a passkey of his own.
  await refused(await mallory.pay({ token: alice.token }), 'untrusted.proof_signature');

  const answer = await alice.pay();
  passed(answer, 'user-verified', 'device-bound');
  const { status, body } = await alice.visitor.page.evaluate(
    async ({ url, token, proof }) => {
      const headers = { authorization: `Bearer ${token}`, 'webauthn-proof': proof };
      const answer = await fetch(url, { method: 'POST', headers });
      return { status: answer.status, body: await answer.json() };
    },
    { url: `${origin}${PAYMENT}`, token: alice.token, proof: answer.proof },
  );
  await refused({ status, body }, 'untrusted.proof_replayed');
  await alice.visitor.close();
  await mallory.visitor.close();
});

test('an approval covers the body that the page sends, and no other', async () => {
  const { visitor, pay } = await person('alice');
  const order = (more) => pay({ path: '/orders', ...more });
  const body = '{"amount":10,"to":"zoë"}';
  for (const sent of [body, undefined]) {
    const answer = await order({ body: sent });
    passed(answer, 'user-verified', 'device-bound');
    assert.equal(answer.body.body, sent ?? '');
  }
  for (const instead of [{ body: '{"amount":1000}' }, { type: 'application/json' }])
    await refused(await order({ body, instead }), 'untrusted.proof_body');
  await refused(await order({ instead: { body } }), 'untrusted.proof_body');
  // Where the rule does not want bodies approved, there must not be one.
  await refused(await pay({ body }), 'untrusted.proof_body');
  await visitor.close();
});

test('one gesture lets a page work for a while, by a key that stays in it', async () => {
  const { visitor, passkey, token, pay } = await person('alice');
  const requests = { at: [1, 2, 3].map((page) => ['GET', `/console?page=${page}`]), then: [] };
  requests.then.push(['POST', '/console/notes', 'body'], ['GET', '/console']);
  const asked = { gate: world.gate, token, passkey };
  const { answers, gestures, proofs } = await work(visitor.page, { ...asked, ...requests });
  for (const answer of answers) passed(answer, 'user-verified', 'device-bound');
  assert.deepEqual([answers.length, gestures, new Set(proofs).size], [5, 1, 1]);
  assert.equal(answers[3].body.body, 'body');
  const ids = answers.map(({ body }) => body.headers['x-passgate-proof-id']);
  assert.equal(new Set(ids).size, 5);
  assert.deepEqual(answers.map(({ body }) => body.headers.dpop), Array(5).fill(undefined));

  // What a thief can copy is worth nothing without the key; and a payment needs its own gesture.
  const stolen = async (path, key) => {
    const { origin } = world.gate;
    const { dpopProof, createKey } = await import('../../client/index.js');
    const made = { method: 'GET', url: `${origin}${path}`, token };
    const dpop = key && (await dpopProof(await createKey(), made));
    const headers = { authorization: `Bearer ${token}`, 'webauthn-proof': proofs[0] };
    const answer = await fetch(made.url, { headers: { ...headers, ...(dpop && { dpop }) } });
    return { status: answer.status, body: await answer.json() };
  };
  await refused(await stolen('/console', false), 'missing.proof');
  await refused(await stolen('/console', true), 'untrusted.proof_key');
  const both = [['POST', PAYMENT], ['GET', '/console'], ['POST', PAYMENT]];
  const mixed = await work(visitor.page, { ...asked, at: [], then: both });
  assert.deepEqual(mixed.answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(mixed.gestures, 3);
  await refused(await pay({ path: '/console', instead: { url: `${world.gate.origin}${PAYMENT}` } }), 'untrusted.proof_request');
  await visitor.close();
});

test('a page in a frame of another site cannot have a payment approved', async () => {
  const { visitor, pay, passkey, token } = await person('alice');
  passed(await pay(), 'user-verified', 'device-bound');
  await visitor.page.goto(`${world.page.replace('localhost', '127.0.0.1')}/frame`);
  const frame = visitor.page.frames().find((frame) => frame.url() === `${world.page}/`);
  const answer = await send(frame, { gate: world.gate, token, path: PAYMENT, passkey });
  await refused(answer, 'untrusted.proof_origin');
  await visitor.close();
});

test('a person who declines approves nothing, and the service never hears of it', async () => {
  const { visitor, pay } = await person('alice');
  const before = world.service.received.length;
  await visitor.authenticator.declines();
  assert.equal(await pay({ more: { timeout: 1_000 } }), 'NotAllowedError');
  assert.equal(world.service.received.length, before);
  await visitor.close();
});

test('the program of the document has a payment approved, with the package as it is published', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'passgate-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [{ filename }] = JSON.parse(
    npm('pack', '--json', '--pack-destination', folder, join(ROOT, 'client')),
  );
  const installed = join(folder, 'node_modules/passgate-client');
  mkdirSync(installed, { recursive: true });
  const unpacking = ['--strip-components=1', '--directory', installed];
  execFileSync('tar', ['-xzf', join(folder, filename), ...unpacking]);

  const document = readFileSync(join(ROOT, 'docs/approvals.md'), 'utf8');
  const blocks = [...document.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);
  const program = blocks.filter((block) => block.includes('softwareKey'));
  assert.equal(program.length, 1);
  const file = join(folder, 'program.mjs');
  writeFileSync(file, `${program[0]}\nexport { answer };\n`);
  const words = {
    page: world.page,
    url: `${world.gate.origin}${PAYMENT}`,
    tokenFor: (jwk) => world.token('robot', { ...jwk, alg: 'ES256' }),
  };
  Object.assign(globalThis, words);
  t.after(() => Object.keys(words).forEach((word) => delete globalThis[word]));
  const { answer } = await import(pathToFileURL(file));
  const body = await answer.json();
  passed({ status: answer.status, body }, 'user-verified', 'device-bound');
  assert.equal(body.headers['x-user'], 'robot');
});
