// What `make run` starts, as a visitor sees it: from the passkey to the service and back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, until } from './browser.mjs';
import { Demo, Guest } from './demo.mjs';

let browser, demo;

before(async () => {
  browser = await Browser.start();
  demo = await Demo.start();
});

after(async () => {
  await browser?.close();
  await demo?.stop(); // which fails when a token is in a log
});

test('a visitor registers, signs in, and sees each route answered and why', async () => {
  const guest = await Guest.at(demo, browser);
  assert.equal(await guest.call('/catalog'), 200);
  assert.equal(await guest.call('/account'), 401);
  assert.match(
    (await guest.challenge()).header,
    /^www-authenticate: Bearer realm="http:\/\/localhost:\d+"$/,
  );
  assert.equal((await guest.record()).reason, 'missing.token');

  await guest.register('ada');
  await guest.signIn();
  const proved = [
    'user present',
    'user verified',
    'multi factor',
    'phishing resistant',
    'device bound',
  ];
  assert.deepEqual(await guest.facts(), proved);
  for (const path of ['/account', '/payments', '/vault']) {
    assert.equal(await guest.call(path), 200, path);
    const ours = await guest.received('ours');
    assert.equal(ours['x-user'], 'ada');
    assert.equal(ours['x-passgate-kind'], 'human');
    assert.ok(Number(ours['x-passgate-authentication-age']) < 30);
    for (const fact of proved)
      assert.equal(ours[`x-passgate-${fact.replace(' ', '-')}`], 'true', fact);
    assert.deepEqual(await guest.received('gone'), { cookie: 'with the token' });
    const record = await guest.record();
    assert.equal(record.subject, 'ada');
    assert.deepEqual(
      record.facts,
      proved.map((fact) => fact.replace(' ', '_')),
    );
  }
  const counted = guest.page.locator('#counters tr', { hasText: 'permitted.token' });
  assert.ok(Number(await counted.locator('.count').textContent()) >= 3);
  await guest.leave();
});

test('a stolen token is worth nothing without the key of the page', async () => {
  const guest = await Guest.at(demo, browser);
  const steal = guest.button('Steal this token');
  await steal.click();
  await guest.told(/no token to steal/);
  await guest.register('kim');
  await guest.signIn();
  for (const round of [1, 2]) {
    assert.equal(await guest.call('/wallet'), 200, `${round}`);
    const { 'x-user': user } = await guest.received('ours');
    assert.equal(user, 'kim');
    assert.deepEqual(await guest.received('gone'), {
      authorization: 'with the token',
      dpop: 'with the proof',
    });
    assert.equal((await guest.record()).proof.kind, 'dpop');

    assert.equal(await guest.steal(), 401);
    const { words, header } = await guest.challenge();
    assert.match(words, /worth nothing to a thief/);
    assert.match(header, /^www-authenticate: DPoP .*error="invalid_dpop_proof"/);
    assert.equal((await guest.record()).reason, 'missing.proof');
    const [met, unmet] = (await guest.rule()).demands;
    assert.equal(met, 'a token that is signed by the provider: met');
    assert.equal(unmet, 'a proof by the key of the token: not met');
  }
  const readOut = await guest.page.evaluate(async () => {
    const { createKey } = await import('/page/client.js');
    const { privateKey } = await createKey();
    return crypto.subtle.exportKey('jwk', privateKey).catch((error) => error.name);
  });
  assert.equal(readOut, 'InvalidAccessError');

  // The key goes with the page; the session stays.
  await guest.page.reload();
  await guest.page.waitForSelector('body[data-ready]');
  assert.equal(await guest.call('/account'), 200);
  assert.equal(await guest.call('/wallet'), 401);
  assert.match((await guest.challenge()).words, /its key is gone/);
  assert.equal(await guest.stepUp('/wallet'), 200);
  await guest.leave();
});

test('a passkey approves one payment, and no other', async () => {
  const guest = await Guest.at(demo, browser);
  const approve = 'Approve this payment with your passkey';
  await guest.button(approve).click();
  await guest.told(/^Sign in first/);
  await guest.register('lena');
  await guest.signIn();
  await guest.button('Replay').click();
  await guest.told(/^There is nothing to cheat with/);

  await guest.page.getByLabel('Euros to bob').fill('25');
  assert.equal(await guest.pays(approve), 200);
  const approved = '/transfers?amount=25&to=bob';
  const shown = (id) => guest.page.locator(`#${id}`).textContent();
  assert.equal(await shown('flow-browser'), `POST ${approved}, with the approval`);
  const { htm, htu, sub } = JSON.parse(await shown('statement'));
  assert.deepEqual({ htm, htu, sub }, { htm: 'POST', htu: `${demo.url}${approved}`, sub: 'lena' });
  const ours = await guest.received('ours');
  assert.equal(ours['x-user'], 'lena');
  assert.equal(ours['x-passgate-user-verified'], 'true');
  assert.match(ours['x-passgate-proof-id'], /^[\w-]{43}$/);
  assert.deepEqual(await guest.received('gone'), {
    authorization: 'with the token',
    'webauthn-proof': 'with the approval',
  });
  const { proof, reason } = await guest.record();
  assert.deepEqual([proof.kind, reason], ['webauthn', 'permitted.token']);

  for (const [button, told, recorded] of [
    ['Change the amount', /The passkey signed another amount\./, 'untrusted.proof_request'],
    ['Replay', /was used already\./, 'untrusted.proof_replayed'],
    ["Another person's key", /not signed by the passkey/, 'untrusted.proof_signature'],
  ]) {
    assert.equal(await guest.pays(button), 401, button);
    assert.match(await shown('notice'), told);
    assert.match((await guest.challenge()).words, told);
    assert.equal((await guest.record()).reason, recorded);
    assert.equal(await shown('flow-service'), 'never saw it');
    const { demands } = await guest.rule();
    assert.deepEqual(demands, [
      'a token that is signed by the provider: met',
      'an approval of this very request, by the passkey that the token names: not met',
      'phishing resistant (works on this site only): not looked at',
      'user verified (a PIN, finger or face): not looked at',
    ]);
    assert.equal(await guest.page.locator('#step-up').isVisible(), false);
  }

  // A person who declines pays nothing, and the next approval is as good as the first.
  await guest.authenticator.declines();
  await guest.button(approve).click();
  await guest.button('Cancel').click();
  await guest.told(/Cancelled/);
  await guest.authenticator.accepts();
  assert.equal(await guest.pays(approve), 200);
  await guest.leave();
});

test('an agent deletes a user once its person approves this call, and only once', async () => {
  const guest = await Guest.at(demo, browser);
  const approve = guest.button('Approve this call with your passkey');
  await guest.button('Let the agent call delete_user').click();
  await guest.told(/^Sign in first/);
  await guest.register('vera');
  await guest.signIn();
  await approve.click();
  await guest.told(/Let the agent call first/);
  const shown = (id) => guest.page.locator(`#${id}`).textContent();
  const isRefused = async (words, reason) => {
    assert.equal(await guest.agentCalls(), 401);
    assert.equal(await shown('notice'), `401: /mcp refused. ${words}`);
    const { header } = await guest.challenge();
    for (const part of ['error="insufficient_user_authentication"', 'proof_mode="transaction"'])
      assert.ok(header.includes(part), header);
    const { actor, subject, reason: recorded } = await guest.record();
    assert.deepEqual([actor, subject, recorded], [`${demo.issuer}/agent-7`, 'vera', reason]);
    assert.deepEqual((await guest.rule()).written.match.mcp.names, ['delete_*']);
    assert.equal(await shown('flow-service'), 'never saw it');
  };

  await isRefused('No passkey has approved it.', 'missing.proof');
  for (const round of [1, 2]) {
    // A person who declines gives the agent nothing.
    await guest.authenticator.declines();
    await approve.click();
    await guest.button('Cancel').click();
    await guest.told(/Cancelled/);
    await guest.authenticator.accepts();
    await approve.click();
    await guest.told(/has your approval of this one call/);
    assert.equal(await guest.agentCalls(), 200, `${round}`);
    assert.equal(
      await shown('notice'),
      '200: /mcp let the agent delete bob, once. vera approved just that.',
    );
    const ours = await guest.received('ours');
    assert.equal(ours['x-passgate-kind'], 'agent');
    assert.equal(ours['x-passgate-actor'], `${demo.issuer}/agent-7`);
    assert.equal(ours['x-passgate-user-verified'], 'true');
    const { htm, htu, sub, content_digest: digest } = JSON.parse(await shown('statement'));
    assert.deepEqual({ htm, htu, sub }, { htm: 'POST', htu: `${demo.url}/mcp`, sub: 'vera' });
    assert.match(digest, /^sha-256=:/);
    await isRefused('This approval was used already.', 'untrusted.proof_replayed');
  }
  await guest.leave();
});

test('a touch without verification approves no payment', async () => {
  const guest = await Guest.at(demo, browser, { authenticator: 'securityKey' });
  await guest.register('mona');
  await guest.signIn();
  await guest.authenticator.touchesOnly();
  assert.equal(await guest.pays('Approve this payment with your passkey'), 401);
  assert.equal((await guest.record()).reason, 'untrusted.proof_flags');
  assert.match((await guest.challenge()).words, /nobody was verified/);
  await guest.leave();
});

test('a sign-in that has grown too old is stepped up, and the route answers', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('bert');
  await guest.signIn();
  assert.equal(await guest.call('/payments'), 200);
  const fresh = guest.page.locator('[data-path="/payments"]');
  await until(
    'the sign-in is too old',
    async () => (await fresh.getAttribute('data-fresh')) === 'too old now',
    60_000,
  );
  assert.equal(await guest.call('/payments'), 401);
  assert.equal(await guest.call('/account'), 200, 'other routes do not mind');
  assert.equal(await guest.call('/payments'), 401);
  assert.equal((await guest.record()).reason, 'insufficient.max_age');
  const { header, words } = await guest.challenge();
  assert.match(header, /error="insufficient_user_authentication".* acr_values="phr", max_age="30"/);
  assert.match(
    words,
    /is too old for this route\. It lacks: a sign-in at most 30 s ago \(it was \d+ s\)\./,
  );
  assert.equal(await guest.stepUp('/payments'), 200);
  await guest.leave();
});

test('a synced passkey is let in, but not where a key may not leave its device', async () => {
  const guest = await Guest.at(demo, browser, { authenticator: 'synced' });
  await guest.register('carla');
  await guest.signIn();
  assert.deepEqual(await guest.facts(), [
    'user present',
    'user verified',
    'multi factor',
    'phishing resistant',
  ]);
  assert.match(await guest.page.locator('#claims').textContent(), /synced/);
  assert.equal(await guest.call('/payments'), 200);
  assert.equal(await guest.call('/vault'), 401);
  assert.equal((await guest.record()).reason, 'insufficient.authentication');
  // The gate asks for nothing that the token has already, and says that nothing else can be asked
  // for.
  const { words, header } = await guest.challenge();
  assert.match(header, /suffice, and no acr value asks for one that does"$/);
  // The same passkey cannot do better: the page says what is missing, and offers no sign-in that
  // cannot help.
  assert.match(
    words,
    /It lacks: device bound \(the key cannot leave its device\)\. Signing in once more cannot help/,
  );
  assert.equal(await guest.page.locator('#step-up').isVisible(), false);

  await guest.authenticator.use('securityKey');
  await guest.register('carla-key');
  await guest.signIn();
  assert.equal(await guest.call('/vault'), 200);
  await guest.leave();
});

test('a touch without verification is told apart, and stepping up verifies', async () => {
  const guest = await Guest.at(demo, browser, { authenticator: 'securityKey' });
  await guest.register('dora');
  await guest.authenticator.touchesOnly();
  await guest.signIn('Touch only');
  assert.deepEqual(await guest.facts(), ['user present', 'phishing resistant', 'device bound']);
  assert.equal(await guest.call('/account'), 200);
  assert.equal(await guest.call('/payments'), 401);
  assert.equal((await guest.record()).reason, 'insufficient.authentication');
  const { words, header } = await guest.challenge();
  assert.match(
    header,
    /no acr value asks for one that does", max_age="30"$/,
    'phr is what the token has',
  );
  assert.match(words, /It lacks: user verified \(a PIN, finger or face\)\.$/);

  // The provider asked for verification this time, and takes no signature without it.
  await guest.page.locator('#step-up').click();
  await guest.told(/not good/);
  await guest.authenticator.touchesOnly(false);
  assert.equal(await guest.stepUp('/payments'), 200);
  await guest.leave();
});

test('signing out takes the session away', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('emil');
  await guest.signIn();
  assert.equal(await guest.call('/account'), 200);
  await guest.page.reload();
  await guest.page.waitForSelector('body[data-ready]');
  assert.equal(await guest.call('/account'), 200, 'a session outlives a reload');
  await guest.button('Sign out').click();
  await guest.told(/Signed out/);
  assert.deepEqual(await guest.visitor.context.cookies(), []);
  assert.equal(await guest.call('/account'), 401);
  assert.equal(await guest.page.locator('#who').textContent(), 'Not signed in');
  await guest.leave();
});

test('the key is rotated under a session, and nothing breaks', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('fred');
  await guest.signIn();
  const kids = new Set();
  for (let round = 0; round < 3; round += 1) {
    const before = await guest.page.locator('#kid').textContent();
    await guest.button('Rotate the key').click();
    await guest.told(/signs with demo-\d+ from now on/);
    kids.add(await guest.page.locator('#kid').textContent());
    assert.ok(!kids.has(before) || round > 0);
    assert.equal(await guest.call('/account'), 200, 'the old key still verifies');
    await guest.signIn();
    assert.equal(await guest.call('/account'), 200, 'the new key does already');
  }
  assert.equal(kids.size, 3);
  const document = await (await fetch(`${demo.issuer}/.well-known/openid-configuration`)).json();
  assert.equal(document.issuer, demo.issuer);
  const set = await (await fetch(document.jwks_uri)).json();
  const published = set.keys.map((key) => key.kid);
  for (const kid of kids) assert.ok(published.includes(kid), kid);
  await guest.leave();
});

test('a ceremony that is cancelled changes nothing', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.authenticator.declines();
  await guest.button('Register').click();
  await guest.button('Cancel').click();
  await guest.told(/Cancelled/);
  assert.deepEqual(await guest.authenticator.credentials(), []);
  await guest.authenticator.accepts();
  await guest.register('gina');
  await guest.authenticator.declines();
  await guest.button('Sign in').click();
  await guest.button('Cancel').click();
  await guest.told(/Cancelled/);
  assert.equal(await guest.call('/account'), 401);
  await guest.authenticator.accepts();
  assert.equal(await guest.stepUp('/account'), 200);
  await guest.leave();
});

test('a script of the page reads the challenge, and never the token', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('hugo');
  await guest.signIn('Sign in');
  await guest.authenticator.touchesOnly();
  await guest.signIn('Touch only');
  const seen = await guest.page.evaluate(async () => {
    const answer = await fetch('/payments');
    const problem = await answer.json();
    return {
      status: answer.status,
      challenge: answer.headers.get('www-authenticate'),
      type: answer.headers.get('content-type'),
      title: problem.title,
      cookie: document.cookie,
    };
  });
  assert.equal(seen.status, 401);
  assert.match(
    seen.challenge,
    /error="insufficient_user_authentication".*no acr value asks for one that does", max_age="30"$/,
  );
  assert.equal(seen.type, 'application/problem+json');
  assert.equal(seen.title, 'Unauthorized');
  assert.equal(seen.cookie, '');
  await guest.leave();
});

test('identity headers of the browser never reach the service', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('ines');
  await guest.page.getByLabel('also send a forged').check();
  const says = () => guest.page.locator('#notice').textContent();
  assert.equal(await guest.call('/catalog'), 200);
  assert.equal(
    await says(),
    '200: /catalog let you in, whoever you are. The gate removed the forged x-user: admin.',
  );
  assert.deepEqual(await guest.received('gone'), { 'x-user: admin': 'only the gate writes it' });
  assert.deepEqual(await guest.received('ours'), {});
  assert.equal(await guest.call('/account'), 401);
  assert.equal(await says(), '401: /account refused. The forged x-user: admin changed nothing.');
  await guest.signIn();
  assert.equal(await guest.call('/account'), 200);
  assert.equal(
    await says(),
    '200: /account let you in as ines. The gate removed the forged x-user: admin.',
  );
  assert.equal((await guest.received('ours'))['x-user'], 'ines');
  await guest.leave();
});

for (const [button, again] of [
  ['Sign out everywhere', 'signs in again'],
  ['Revoke this passkey', 'needs a new one'],
]) {
  test(`${button}: each open page of the person notices it, and who ${again}`, async () => {
    const guest = await Guest.at(demo, browser);
    const other = await Guest.at(demo, browser);
    const name = button.startsWith('Sign') ? 'olga' : 'otto';
    await guest.register(name);
    await guest.signIn();
    await other.register('nina');
    await other.signIn();
    // Another page of the same browser, which nobody touches.
    const second = await guest.visitor.context.newPage();
    await second.goto(demo.url);
    await second.waitForSelector('body[data-ready]');
    const who = (page) => page.locator('#who').textContent();
    assert.match(await who(second), new RegExp(`^Signed in as ${name}`));

    await guest.button(button).click();
    for (const page of [guest.page, second]) {
      await until('the end of the session', async () => (await who(page)) === 'Not signed in');
      await page.getByText('The gate has ended this session').waitFor();
    }
    assert.equal(await guest.call('/account'), 401);
    assert.match(await who(other.page), /^Signed in as nina/, 'nobody else');
    assert.equal(await other.call('/account'), 200);

    await second.close();
    await guest.page.bringToFront();
    if (name === 'olga') {
      // What is issued in the same second has ended, too.
      await until('a session', async () => {
        await guest.signIn();
        return (await guest.call('/account')) === 200;
      });
    } else {
      await guest.button('Sign in').click();
      await guest.told(/not known here/);
      await guest.register(name);
    }
    await guest.leave();
    await other.leave();
  });
}
