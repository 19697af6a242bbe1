// The helpers themselves: a ceremony works, a declined one waits, the console is heard.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Browser, until } from './browser.mjs';

let browser, server, origin;

before(async () => {
  server = createServer((_, response) =>
    response.end('<!doctype html><title>empty</title><link rel=icon href=data:,>'),
  );
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://localhost:${server.address().port}`;
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Registers a passkey in the page, and says which flags the authenticator signed. */
const register = (page, timeout = 20_000) =>
  page.evaluate(async (timeout) => {
    const options = {
      challenge: crypto.getRandomValues(new Uint8Array(16)),
      rp: { name: 'test' },
      user: { id: crypto.getRandomValues(new Uint8Array(16)), name: 'alice', displayName: '' },
      pubKeyCredParams: [
        { type: 'public-key', alg: -7 },
        { type: 'public-key', alg: -257 },
      ],
      authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
      timeout,
    };
    const credential = await navigator.credentials.create({ publicKey: options });
    const flags = new Uint8Array(credential.response.getAuthenticatorData())[32];
    return {
      verified: (flags & 4) !== 0,
      eligible: (flags & 8) !== 0,
      backedUp: (flags & 16) !== 0,
    };
  }, timeout);

test('each kind of authenticator signs the flags that it is named for', async () => {
  for (const [kind, synced] of [
    ['platform', false],
    ['synced', true],
    ['securityKey', false],
  ]) {
    const visitor = await browser.visitor({ authenticator: kind });
    await visitor.page.goto(origin);
    assert.deepEqual(
      await register(visitor.page),
      { verified: true, eligible: synced, backedUp: synced },
      kind,
    );
    assert.equal((await visitor.authenticator.credentials()).length, 1);
    visitor.isClean();
    await visitor.close();
  }
});

test('a signature can say that nobody was verified', async () => {
  const visitor = await browser.visitor({ authenticator: 'securityKey' });
  await visitor.page.goto(origin);
  await register(visitor.page);
  for (const only of [true, false]) {
    await visitor.authenticator.touchesOnly(only);
    const flags = await visitor.page.evaluate(async () => {
      const publicKey = {
        challenge: crypto.getRandomValues(new Uint8Array(16)),
        userVerification: 'discouraged',
        timeout: 20_000,
      };
      const { response } = await navigator.credentials.get({ publicKey });
      return new Uint8Array(response.authenticatorData)[32];
    });
    assert.equal(flags, only ? 0b001 : 0b101);
  }
  await visitor.close();
});

test('a user who declines makes the page wait until it gives up', async () => {
  const visitor = await browser.visitor();
  await visitor.page.goto(origin);
  await visitor.authenticator.declines();
  await assert.rejects(register(visitor.page, 1_000), /NotAllowedError/);
  await visitor.authenticator.accepts();
  await register(visitor.page);
  await visitor.close();
});

test('the console and the requests of a page are kept', async () => {
  const visitor = await browser.visitor();
  await visitor.page.goto(origin);
  await visitor.page.evaluate(() => {
    console.error('a fault');
  });
  await until('the message', () => visitor.console.length === 1);
  assert.throws(() => visitor.isClean(), /a fault/);
  visitor.isClean(/a fault/);
  assert.equal(visitor.requests[0].url, `${origin}/`);
  await until('the answer', () => visitor.requests[0].status === 200);
  await assert.rejects(
    until('never', () => false, 100),
    /never: not within 100 ms/,
  );
  await visitor.close();
});

test('another machine cannot be reached', async () => {
  const visitor = await browser.visitor();
  await assert.rejects(visitor.page.goto('http://example.com/'), /ERR_NAME_NOT_RESOLVED/);
  await visitor.close();
});
