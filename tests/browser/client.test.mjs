// The client module by itself, in Node.js: what it sends, when it sends again, and what would be
// published.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as client from '../../client/index.js';
import { ROOT, npm } from './npm.mjs';

const { approve, challengeOf, createClient, createKey, dpopProof } = client;
const FOLDER = join(ROOT, 'client');
const URL_OF_A_PAYMENT = 'https://api.example.com/payments?amount=10&to=bob';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
const token = `x.${base64url(JSON.stringify({ iss: 'https://id.example.com', sub: 'zoë' }))}.x`;

/** Stands for a gate: answers with these in turn, and keeps what was asked. */
function gate(...answers) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ url, ...init, headers: new Headers(init.headers) });
    const { status = 200, headers } = answers[Math.min(asked.length, answers.length) - 1];
    return new Response('', { status, headers });
  };
  return { asked, fetch };
}

const GOOD = { status: 200 };
const wantsNonce = (nonce) => ({
  status: 401,
  headers: { 'www-authenticate': 'DPoP realm="x", error="use_dpop_nonce"', 'dpop-nonce': nonce },
});
const WANTS_APPROVAL = {
  status: 401,
  headers: {
    'www-authenticate':
      'Bearer realm="x", error="insufficient_user_authentication", error_description="y", proof="webauthn", proof_mode="transaction", rp_id="example.com", user_verification="required", max_age="60"',
    'webauthn-nonce': 'of-the-gate',
  },
};
const CHALLENGE = {
  mode: 'transaction',
  nonce: 'of-the-gate',
  rpId: 'example.com',
  userVerification: 'required',
  maxAge: 60,
  coversBody: false,
  expires: undefined,
};
const WANTS_SESSION = {
  status: 401,
  headers: {
    ...WANTS_APPROVAL.headers,
    'www-authenticate': WANTS_APPROVAL.headers['www-authenticate']
      .replace('"transaction"', '"session"')
      .replace('max_age="60"', 'max_age="600", exp="1795900600"'),
  },
};

/** Keeps what it was asked for, and signs nothing. */
function authenticator() {
  const asked = [];
  const answer = async (wanted) => {
    asked.push(wanted);
    return { id: 'AQID', rawId: 'AQID', type: 'public-key', response: {} };
  };
  return { asked, answer };
}

/** The statement of an approval, and the challenge that it makes. */
function statementOf(approval) {
  const bytes = Buffer.from(approval.split('.')[0], 'base64url');
  const statement = JSON.parse(bytes);
  const label = Buffer.from(`webauthn-proof-v1:${statement.mode}\0`);
  return { statement, made: sha256(Buffer.concat([label, bytes])) };
}

test('it is small, needs nothing, and its types name what it has', () => {
  const text = readFileSync(join(FOLDER, 'index.js'), 'utf8');
  assert.ok(gzipSync(text).length < 5 * 1024, `${gzipSync(text).length} bytes compressed`);
  assert.doesNotMatch(text, /^\s*(import|export .* from)\b/m);
  const types = readFileSync(join(FOLDER, 'index.d.ts'), 'utf8');
  const typed = [...types.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(typed.sort(), Object.keys(client).sort());
});

test('what would be published is the module, its types, and what says so', () => {
  const [{ files, version }] = JSON.parse(npm('pack', '--dry-run', '--json', FOLDER));
  assert.deepEqual(
    files.map(({ path }) => path).sort(),
    ['LICENSE', 'README.md', 'index.d.ts', 'index.js', 'package.json'],
  );
  const workspace = readFileSync(join(ROOT, 'Cargo.toml'), 'utf8');
  assert.equal(version, /^version = "(.*)"$/m.exec(workspace)[1]);
  const licence = (folder) => readFileSync(join(ROOT, folder, 'LICENSE'), 'utf8');
  assert.equal(licence('client'), licence('.'));
  const { dependencies, peerDependencies } = read(
    base64url(readFileSync(join(FOLDER, 'package.json'))),
  );
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

test('a key cannot be read out, and its proofs are those of RFC 9449', async () => {
  const key = await createKey();
  await assert.rejects(crypto.subtle.exportKey('jwk', key.privateKey), {
    name: 'InvalidAccessError',
  });
  const { crv, kty, x, y } = key.jwk;
  assert.deepEqual([crv, kty, Object.keys(key.jwk).length], ['P-256', 'EC', 4]);
  assert.equal(key.thumbprint, base64url(sha256(JSON.stringify({ crv, kty, x, y }))));

  const proof = await dpopProof(key, {
    method: 'POST',
    url: `${URL_OF_A_PAYMENT}#part`,
    token,
    nonce: 'n',
  });
  const [header, claims, signature] = proof.split('.');
  assert.deepEqual(read(header), { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk });
  const { jti, iat, ...rest } = read(claims);
  assert.deepEqual(rest, {
    htm: 'POST',
    htu: 'https://api.example.com/payments',
    ath: base64url(sha256(token)),
    nonce: 'n',
  });
  assert.ok(Math.abs(iat - Date.now() / 1000) < 60 && jti.length >= 16);
  const signing = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' };
  const open = await crypto.subtle.importKey('jwk', key.jwk, signing, true, ['verify']);
  const signed = Buffer.from(`${header}.${claims}`);
  const bytes = Buffer.from(signature, 'base64url');
  assert.ok(await crypto.subtle.verify(signing, open, bytes, signed));
  // For a token endpoint there is not a token yet, nor a nonce.
  const first = await dpopProof(key, { method: 'POST', url: 'https://id.example.com/token' });
  assert.deepEqual(Object.keys(read(first.split('.')[1])), ['jti', 'htm', 'htu', 'iat']);
});

test('a request is sent again with the nonce of the gate, once, and later ones have it', async () => {
  const key = await createKey();
  const nonceOf = ({ headers }) => read(headers.get('dpop').split('.')[1]).nonce;
  const friendly = gate(wantsNonce('one'), GOOD);
  const send = createClient({ token, key, fetch: friendly.fetch });
  assert.equal((await send(URL_OF_A_PAYMENT)).status, 200);
  assert.equal((await send(URL_OF_A_PAYMENT)).status, 200);
  await send('https://other.example.com/');
  assert.deepEqual(friendly.asked.map(nonceOf), [undefined, 'one', 'one', undefined]);
  for (const { headers } of friendly.asked)
    assert.equal(headers.get('authorization'), `DPoP ${token}`);
  const proofs = friendly.asked.map(({ headers }) => headers.get('dpop'));
  assert.equal(new Set(proofs).size, 4);

  const stubborn = gate(wantsNonce('one'), wantsNonce('two'));
  const again = createClient({ token, key, fetch: stubborn.fetch });
  assert.equal((await again(URL_OF_A_PAYMENT)).status, 401);
  assert.deepEqual(stubborn.asked.map(nonceOf), [undefined, 'one']);

  // Without a key there is nothing to try again with.
  const keyless = gate(wantsNonce('one'));
  await createClient({ token, fetch: keyless.fetch })(URL_OF_A_PAYMENT);
  assert.equal(keyless.asked.length, 1);
});

test('a request is sent again with an approval, once', async () => {
  const person = authenticator();
  const { asked, fetch } = gate(WANTS_APPROVAL);
  const send = createClient({ token, authenticator: person.answer, fetch });
  assert.equal((await send(`${URL_OF_A_PAYMENT}#part`, { method: 'post' })).status, 401);
  assert.deepEqual(
    asked.map(({ headers }) => headers.has('webauthn-proof')),
    [false, true],
  );
  assert.equal(asked[1].headers.get('authorization'), `Bearer ${token}`);
  const { statement, made } = statementOf(asked[1].headers.get('webauthn-proof'));
  const { jti, iat, ...rest } = statement;
  assert.deepEqual(rest, {
    mode: 'transaction',
    iss: 'https://id.example.com',
    sub: 'zoë',
    nonce: 'of-the-gate',
    htm: 'POST',
    htu: URL_OF_A_PAYMENT,
    ath: base64url(sha256(token)),
  });
  assert.ok(Math.abs(iat - Date.now() / 1000) < 60 && jti.length >= 16);
  const [{ challenge, ...more }] = person.asked;
  assert.deepEqual(Buffer.from(challenge), made);
  assert.deepEqual(more, { rpId: 'example.com', userVerification: 'required' });
});

test('nobody is asked for an approval unless the gate wants one and the page does', async () => {
  const person = authenticator();
  const { 'www-authenticate': text, 'webauthn-nonce': nonce } = WANTS_APPROVAL.headers;
  const headers = (text, more = { 'webauthn-nonce': nonce }) => ({
    'www-authenticate': text,
    ...more,
  });
  for (const answer of [
    GOOD,
    { ...WANTS_APPROVAL, status: 403 },
    { status: 401, headers: headers(text, {}) },
    { status: 401, headers: headers(text.replace('"transaction"', '"another"')) },
    { status: 401, headers: headers(text.replace('proof="webauthn"', 'proof="dpop"')) },
    { status: 401, headers: headers('Bearer realm="x", error="invalid_token"') },
  ]) {
    const { asked, fetch } = gate(answer);
    const send = createClient({ token, authenticator: person.answer, fetch });
    assert.equal((await send(URL_OF_A_PAYMENT)).status, answer.status);
    assert.deepEqual([asked.length, person.asked.length], [1, 0]);
    assert.equal(challengeOf(new Response('', answer)), null);
  }
  const { asked, fetch } = gate(WANTS_APPROVAL, GOOD);
  assert.equal((await createClient({ token, fetch })(URL_OF_A_PAYMENT)).status, 401);
  assert.equal(asked.length, 1);
  assert.deepEqual(challengeOf(new Response('', WANTS_APPROVAL)), CHALLENGE);

  // A person who declines: nothing more is sent.
  const declined = gate(WANTS_APPROVAL, GOOD);
  const send = createClient({
    token,
    authenticator: () => Promise.reject(new DOMException('', 'NotAllowedError')),
    fetch: declined.fetch,
  });
  await assert.rejects(send(URL_OF_A_PAYMENT), { name: 'NotAllowedError' });
  assert.equal(declined.asked.length, 1);
});

test('a token that is bound and wants an approval gets both, each once', async () => {
  const { asked, fetch } = gate(wantsNonce('one'), WANTS_APPROVAL, wantsNonce('two'), GOOD);
  const person = authenticator();
  const send = createClient({ token, key: await createKey(), authenticator: person.answer, fetch });
  assert.equal((await send(URL_OF_A_PAYMENT)).status, 200);
  const approvals = asked.map(({ headers }) => headers.get('webauthn-proof'));
  assert.deepEqual(approvals.slice(0, 2), [null, null]);
  // The gate has not spent what it refused for want of a nonce.
  assert.ok(approvals[2] !== null && approvals[2] === approvals[3]);
  assert.deepEqual([asked.length, person.asked.length], [4, 1]);
});

test('the body that is approved is the one that is sent, byte for byte', async () => {
  const form = new FormData();
  form.set('amount', '10');
  for (const [init, type] of [
    [{ body: '{"amount":10,"to":"zoë"}' }, 'text/plain;charset=UTF-8'],
    [{ body: '{}', headers: { 'Content-Type': 'application/json' } }, 'application/json'],
    [{ body: new URLSearchParams({ a: 'b' }) }, 'application/x-www-form-urlencoded;charset=UTF-8'],
    [{ body: form }, /^multipart\/form-data; boundary=/],
    [{ body: Uint8Array.of(0, 255, 1), headers: { 'content-encoding': 'gzip' } }, undefined],
  ]) {
    const { asked, fetch } = gate(WANTS_APPROVAL, GOOD);
    const send = createClient({ token, authenticator: authenticator().answer, fetch });
    await send(URL_OF_A_PAYMENT, { method: 'POST', ...init });
    const { statement } = statementOf(asked[1].headers.get('webauthn-proof'));
    for (const { body, headers } of asked) {
      assert.equal(statement.content_digest, `sha-256=:${sha256(body).toString('base64')}:`);
      assert.equal(statement.content_type, headers.get('content-type') ?? undefined);
      assert.equal(statement.content_encoding, headers.get('content-encoding') ?? undefined);
    }
    if (type instanceof RegExp) assert.match(statement.content_type, type);
    else assert.equal(statement.content_type, type);
  }
  // No body, and nothing said of one.
  const { asked, fetch } = gate(WANTS_APPROVAL, GOOD);
  const send = createClient({ token, authenticator: authenticator().answer, fetch });
  await send(URL_OF_A_PAYMENT, { method: 'POST' });
  const { statement } = statementOf(asked[1].headers.get('webauthn-proof'));
  assert.deepEqual([statement.content_digest, asked[1].body], [undefined, undefined]);

  // But where the rule wants each body approved, that of no bytes is, too.
  const { 'www-authenticate': text, ...others } = WANTS_APPROVAL.headers;
  const headers = { ...others, 'www-authenticate': `${text}, body="required"` };
  const strict = gate({ ...WANTS_APPROVAL, headers }, GOOD);
  const covering = { token, authenticator: authenticator().answer, fetch: strict.fetch };
  await createClient(covering)(URL_OF_A_PAYMENT, { method: 'POST' });
  const { statement: covers } = statementOf(strict.asked[1].headers.get('webauthn-proof'));
  assert.equal(covers.content_digest, `sha-256=:${sha256('').toString('base64')}:`);
  assert.deepEqual([covers.content_type, strict.asked[1].body], [undefined, undefined]);
});

test('a key is approved once for all requests to an origin, and proves each of them', async () => {
  const person = authenticator();
  const { asked, fetch } = gate(WANTS_SESSION, wantsNonce('one'), GOOD, GOOD, GOOD);
  const send = createClient({ token, authenticator: person.answer, fetch });
  const page = 'https://api.example.com/console?page=1';
  for (const method of ['GET', 'POST']) assert.equal((await send(page, { method })).status, 200);
  assert.deepEqual([asked.length, person.asked.length], [4, 1]);
  const [none, ...proofs] = asked.map(({ headers }) => headers.get('webauthn-proof'));
  assert.equal(none, null);
  assert.equal(new Set(proofs).size, 1);
  const { statement, made } = statementOf(proofs[0]);
  const { jti, iat, jkt, ...rest } = statement;
  assert.deepEqual(rest, {
    mode: 'session',
    iss: 'https://id.example.com',
    sub: 'zoë',
    nonce: 'of-the-gate',
    exp: 1795900600,
    aud: 'https://api.example.com',
  });
  assert.ok(Math.abs(iat - Date.now() / 1000) < 60 && jti.length >= 16);
  assert.deepEqual(Buffer.from(person.asked[0].challenge), made);
  const dpop = asked.slice(1).map(({ headers }) => headers.get('dpop').split('.').slice(0, 2));
  for (const [header, claims] of dpop) {
    const { jwk } = read(header);
    assert.equal(base64url(sha256(JSON.stringify(jwk))), jkt);
    assert.equal(read(claims).ath, base64url(sha256(token)));
  }
  assert.deepEqual(
    dpop.map(([, claims]) => [read(claims).htm, read(claims).nonce]),
    [['GET', undefined], ['GET', 'one'], ['POST', 'one']],
  );
  for (const { headers } of asked) assert.equal(headers.get('authorization'), `Bearer ${token}`);
  // Another origin learns of none of it.
  await send('https://other.example.com/');
  const { headers } = asked.at(-1);
  assert.deepEqual([headers.get('webauthn-proof'), headers.get('dpop')], [null, null]);
});

test('requests at once have a person asked once, and a session that is over asks again', async () => {
  const person = authenticator();
  let over = false;
  const fetch = async (url, { headers }) => {
    const refuses = over || !headers.has('webauthn-proof');
    over = false;
    const { status, headers: told } = refuses ? WANTS_SESSION : GOOD;
    return new Response('', { status, headers: told });
  };
  const send = createClient({ token, authenticator: person.answer, fetch });
  const answers = await Promise.all([1, 2, 3].map(() => send(URL_OF_A_PAYMENT)));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(person.asked.length, 1);
  over = true;
  assert.equal((await send(URL_OF_A_PAYMENT)).status, 200);
  assert.equal(person.asked.length, 2);
  // One that declines is asked again with the next request.
  let declines = true;
  const unsure = async (asked) => {
    if (declines) throw new DOMException('', 'NotAllowedError');
    return person.answer(asked);
  };
  const again = createClient({ token, authenticator: unsure, fetch });
  await assert.rejects(again(URL_OF_A_PAYMENT), { name: 'NotAllowedError' });
  declines = false;
  assert.equal((await again(URL_OF_A_PAYMENT)).status, 200);
});

test('a token that is bound has its own key approved', async () => {
  const { asked, fetch } = gate(WANTS_SESSION, GOOD);
  const key = await createKey();
  const send = createClient({ token, key, authenticator: authenticator().answer, fetch });
  await send(URL_OF_A_PAYMENT);
  const { statement } = statementOf(asked[1].headers.get('webauthn-proof'));
  assert.equal(statement.jkt, key.thumbprint);
  assert.equal(asked[1].headers.get('authorization'), `DPoP ${token}`);
});

test('a token in a cookie is not read, and one that changes is asked for each time', async () => {
  const claims = { iss: 'https://id.example.com', sub: 'alice' };
  const hidden = gate(WANTS_APPROVAL, GOOD);
  const person = authenticator();
  const send = createClient({ claims, authenticator: person.answer, fetch: hidden.fetch });
  await send(URL_OF_A_PAYMENT, { method: 'POST', credentials: 'include' });
  const { statement } = statementOf(hidden.asked[1].headers.get('webauthn-proof'));
  assert.deepEqual([statement.sub, statement.ath], ['alice', undefined]);
  for (const { headers, credentials } of hidden.asked)
    assert.deepEqual([headers.get('authorization'), credentials], [null, 'include']);

  let number = 0;
  const changing = gate(GOOD);
  const fresh = createClient({ token: async () => `t${++number}`, fetch: changing.fetch });
  for (const expected of ['Bearer t1', 'Bearer t2']) {
    await fresh(URL_OF_A_PAYMENT);
    assert.equal(changing.asked.at(-1).headers.get('authorization'), expected);
  }
});

test('two approvals of one request are two', async () => {
  const approved = { method: 'POST', url: URL_OF_A_PAYMENT, token, challenge: CHALLENGE };
  const made = [1, 2].map(() => approve(approved, authenticator().answer));
  const [first, second] = (await Promise.all(made)).map((one) => statementOf(one).statement);
  assert.notEqual(first.jti, second.jti);
});
