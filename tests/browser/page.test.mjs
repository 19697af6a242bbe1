// The page itself: what it loads, whom it lets in by keyboard and by screen reader, how it looks.
// The pictures in target/browser/ are for people to look at; nothing compares them.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser, until } from './browser.mjs';
import { Demo, Guest } from './demo.mjs';
import { brokenWords, leastContrast } from './looks.mjs';

const PICTURES = 'target/browser';
let browser, demo;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await Browser.start();
  demo = await Demo.start();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('everything comes from one origin, under a strict content security policy', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('kim');
  await guest.signIn();
  await guest.call('/account');
  for (const { url } of guest.visitor.requests) assert.equal(new URL(url).origin, demo.url, url);
  const policy = guest.visitor.requests[0].headers['content-security-policy'];
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|http:|https:|\*/);

  // It holds: neither a script nor a style of the page's own text is taken.
  const outcome = await guest.page.evaluate(() => {
    const script = document.createElement('script');
    script.setAttribute('nonce', 'guess');
    try {
      script.text = 'globalThis.injected = true';
    } catch {
      /* Trusted Types */
    }
    document.body.append(script);
    document.body.setAttribute('style', 'display: none');
    let markup = 'taken';
    try {
      document.body.insertAdjacentHTML('beforeend', '<p id=markup>');
    } catch {
      markup = 'refused';
    }
    return {
      injected: globalThis.injected,
      shown: getComputedStyle(document.body).display,
      markup,
    };
  });
  assert.deepEqual(outcome, { injected: undefined, shown: 'block', markup: 'refused' });
  await guest.visitor.close();
});

test('under an address in the place of its name the page leads home', async () => {
  const port = new URL(demo.url).port;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get('location'), `${demo.url}/`);
});

test('another site cannot sign anybody out or rotate the key', async () => {
  for (const origin of ['https://evil.example', 'null', undefined]) {
    for (const what of ['rotate', 'sign-out', 'register/options']) {
      const headers = { 'content-type': 'application/json', ...(origin && { origin }) };
      const answer = await fetch(`${demo.url}/provider/${what}`, {
        method: 'POST',
        headers,
        body: '{"name":"eve"}',
      });
      assert.equal(answer.status, 403, `${what} from ${origin}`);
    }
  }
});

test('the keyboard alone is enough, and the focus stays where it was', async () => {
  const guest = await Guest.at(demo, browser);
  const { keyboard } = guest.page;
  const focus = () =>
    guest.page.evaluate(() =>
      (document.activeElement.id || document.activeElement.textContent).trim(),
    );
  const tabTo = (what) =>
    until(`the focus is on ${what}`, async () => {
      await keyboard.press('Tab');
      return (await focus()).startsWith(what);
    });
  await keyboard.press('Tab');
  assert.equal(await focus(), 'Skip to what happened');
  await tabTo('name');
  await keyboard.type('lou'); // the field's text is selected when Tab enters it
  await keyboard.press('Enter');
  await guest.told(/A passkey for lou is registered/);
  await tabTo('sign-in');
  await keyboard.press('Enter');
  await guest.told(/^Signed in as lou/);
  assert.equal(await focus(), 'sign-in');
  await tabTo('/vault');
  await keyboard.press('Space');
  await guest.told(/^200: \/vault/);
  assert.ok((await focus()).startsWith('/vault'));
  await guest.leave();
});

test('a screen reader finds the parts by their names', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('mia');
  await guest.signIn();
  await guest.call('/account');
  const { page } = guest;
  for (const [role, name] of [
    ['banner'],
    ['main'],
    ['complementary', 'What the operator sees'],
    ['region', 'Register a passkey'],
    ['region', 'Sign in'],
    ['region', 'Call a route'],
    ['region', 'Approve a payment'],
    ['region', 'What happened'],
    ['region', 'Decisions so far'],
    ['region', /provider's key/],
    ['list', 'The way of the request'],
    ['textbox', 'Your name'],
    ['spinbutton', 'Euros to bob'],
    ['checkbox', /forged/],
    ['region', /service got/],
  ]) {
    await page
      .getByRole(role, name && { name })
      .first()
      .waitFor();
  }
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
  const unnamed = await page
    .getByRole('button')
    .evaluateAll(
      (all) =>
        all.filter((button) => !button.textContent.trim() && button.checkVisibility()).length,
    );
  assert.equal(unnamed, 0);
  for (const id of ['notice', 'notice-1', 'notice-2', 'notice-4', 'notice-key']) {
    assert.equal(await page.locator(`#${id}`).getAttribute('aria-live'), 'polite', id);
  }
  // Whether a fact was proved, a demand met or a step done is not told by colour alone.
  assert.equal(
    await page.locator('#facts li').last().textContent(),
    'hardware bound: not proven the key lives in hardware',
  );
  assert.equal(
    await page.locator('#demands li').first().textContent(),
    'a token that is signed by the provider: met',
  );
  assert.match(
    await page
      .getByRole('region', { name: 'Sign in' })
      .getByRole('heading', { level: 2 })
      .textContent(),
    /^✓ done:/,
  );
  await guest.leave();
});

test('an outcome goes with the session that it belongs to', async () => {
  const guest = await Guest.at(demo, browser);
  const { page } = guest;
  const isShown = async () =>
    (
      await page
        .locator('#challenge, #rule, #received, #recorded')
        .evaluateAll((all) => all.filter((part) => part.checkVisibility()))
    ).length > 0 ||
    (await page.locator('#flow').getAttribute('data-kind')) !== null ||
    (await page.locator('#notice').textContent()) !== '';
  await guest.register('olga');
  assert.equal(await guest.call('/account'), 401);
  assert.equal(await isShown(), true);
  await guest.signIn();
  assert.equal(await isShown(), false, 'nobody was signed in then');
  assert.equal(await guest.call('/account'), 200);
  await guest.button('Sign out').click();
  await guest.told(/Signed out/);
  assert.equal(await isShown(), false, 'it let another session in');
  await guest.leave();
});

test('the way of a request begins at the identity provider', async () => {
  const guest = await Guest.at(demo, browser);
  const way = () => guest.page.locator('#flow .state').allTextContents();
  assert.deepEqual(await guest.page.locator('#flow b').allTextContents(), [
    'Identity provider',
    'Browser',
    'Gate',
    'Service',
  ]);
  assert.deepEqual(await way(), [
    'has seen no passkey of yours',
    'nothing sent yet',
    'waiting',
    'not reached',
  ]);
  await guest.register('paul');
  assert.equal(await guest.call('/account'), 401);
  assert.deepEqual(await way(), [
    'knows the passkey of paul',
    'GET /account, no token',
    'refused with 401',
    'never saw it',
  ]);
  await guest.signIn();
  assert.equal(await guest.call('/account'), 200);
  const [provider, ...rest] = await way();
  assert.match(provider, /^signed paul in, \d+ s ago$/);
  assert.deepEqual(rest, ['GET /account, with the token', 'passed it on', 'answered paul']);
  await guest.leave();
});

test('the number of a rule in the record leads to what the rule says', async () => {
  const guest = await Guest.at(demo, browser);
  await guest.register('quin');
  await guest.authenticator.touchesOnly();
  await guest.signIn('Touch only');
  for (const [path, status, demands] of [
    ['/catalog', 200, ['open to everybody: open to everybody: met']],
    ['/account', 200, ['a token that is signed by the provider: met']],
    [
      '/payments',
      401,
      [
        'a token that is signed by the provider: met',
        'phishing resistant (works on this site only): met',
        'user verified (a PIN, finger or face): not met',
        /^a sign-in at most 30 s ago \(it was \d+ s\): not looked at$/,
      ],
    ],
    [
      '/vault',
      200,
      [
        'a token that is signed by the provider: met',
        'phishing resistant (works on this site only): met',
        'device bound (the key cannot leave its device): met',
      ],
    ],
  ]) {
    assert.equal(await guest.call(path), status);
    const { rule: number } = await guest.record();
    const policy = await (await fetch(`${demo.url}/page/rules`)).json();
    const { written, demands: shown } = await guest.rule();
    assert.deepEqual(written, policy[number], path);
    assert.equal(shown.length, demands.length, shown.join('\n'));
    demands.forEach((demand, index) =>
      typeof demand === 'string'
        ? assert.equal(shown[index], demand)
        : assert.match(shown[index], demand),
    );
    const link = guest.page.getByRole('link', { name: `"rule": ${number}` });
    await link.click();
    assert.equal(new URL(guest.page.url()).hash, '#rule');
    assert.match(
      await guest.page.locator('#rule-title').textContent(),
      new RegExp(`^Rule ${number} `),
    );
  }
  await guest.leave();
});

test('steps that are done are ticked, and one button is the next', async () => {
  // A colour that is on its way is neither of the two.
  const guest = await Guest.at(demo, browser, { reducedMotion: 'reduce' });
  const { page } = guest;
  const steps = async () =>
    (
      await page
        .locator('.step')
        .evaluateAll((all) => all.map((mark) => mark.firstChild.textContent))
    ).join('');
  /** The buttons of the steps that are filled. */
  const filled = () =>
    page
      .locator('.steps button')
      .evaluateAll((all) =>
        all
          .filter(
            (button) =>
              getComputedStyle(button).backgroundColor ===
              getComputedStyle(document.querySelector('.now .step')).backgroundColor,
          )
          .map((button) => button.textContent),
      );
  assert.deepEqual([await steps(), await filled()], ['1234', ['Register']]);
  await guest.register('rosa');
  assert.deepEqual([await steps(), await filled()], ['✓234', ['Sign in']]);
  await guest.signIn();
  assert.deepEqual([await steps(), await filled()], ['✓✓34', []]);
  assert.equal(await guest.call('/account'), 200);
  const approve = 'Approve this payment with your passkey';
  assert.deepEqual([await steps(), await filled()], ['✓✓✓4', [approve]]);
  assert.equal(await guest.pays(approve), 200);
  assert.deepEqual([await steps(), await filled()], ['✓✓✓✓', [approve]]);
  await guest.button('Sign out').click();
  await guest.told(/Signed out/);
  assert.deepEqual([await steps(), await filled()], ['✓234', ['Sign in']]);
  await guest.leave();
});

test('the focus is never lost, and Escape cancels', async () => {
  const guest = await Guest.at(demo, browser);
  const { page } = guest;
  const focus = () =>
    page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  await guest.authenticator.declines();
  await guest.button('Register').click();
  await guest.button('Cancel').click();
  await guest.told(/Cancelled/);
  assert.equal(await focus(), 'Register');
  await guest.button('Register').click();
  await guest.told(/asks you to make/);
  await page.keyboard.press('Escape');
  await guest.told(/Cancelled/);
  assert.equal(await focus(), 'Register');
  await guest.authenticator.accepts();
  await guest.register('sven');

  assert.equal(await guest.call('/account'), 401);
  await guest.authenticator.declines();
  await page.locator('#step-up').click();
  await guest.told(/fresh proof/);
  await page.keyboard.press('Escape');
  await guest.told(/Cancelled/);
  assert.equal(await focus(), 'step-up');
  await guest.authenticator.accepts();
  assert.equal(await guest.stepUp('/account'), 200);
  assert.equal(await focus(), 'outcome', 'the button has gone');
  await guest.leave();
});

test('signing in without a passkey says: register first', async () => {
  const empty = await Demo.start();
  try {
    const guest = await Guest.at(empty, browser);
    await guest.button('Sign in').click();
    await guest.told(/^Nobody has a passkey here yet\. Register one first, in step 1\.$/);
    assert.equal(await guest.call('/account'), 401);
    assert.match(
      (await guest.challenge()).words,
      /No passkey yet\? Register one first, in step 1\./,
    );
    // Others have one.
    const other = await Guest.at(empty, browser);
    await other.register('tess');
    await guest.authenticator.declines();
    await guest.button('Sign in').click();
    await guest.button('Cancel').click();
    await guest.told(/No passkey yet\? Register one first, in step 1\.$/);
    await other.leave();
    await guest.leave();
  } finally {
    await empty.stop();
  }
});

test('nothing lies over the record on a small screen, and a call brings its outcome into sight', async () => {
  const guest = await Guest.at(demo, browser, { viewport: { width: 375, height: 780 } });
  const { page } = guest;
  await guest.register('udo');
  await guest.signIn();
  assert.equal(await guest.call('/account'), 200);
  const top = await page
    .locator('#outcome')
    .evaluate((outcome) => outcome.getBoundingClientRect().top);
  assert.ok(Math.abs(top) < 2, `the outcome begins at ${top} px`);
  const covered = await page.evaluate(() => {
    const record = document.querySelector('#records pre');
    record.scrollIntoView({ block: 'end' });
    const { left, top, width, bottom } = record.getBoundingClientRect();
    const covers = [];
    for (let y = Math.max(top, 0) + 4; y < Math.min(bottom, innerHeight) - 4; y += 8) {
      const seen = document.elementFromPoint(left + width / 2, y);
      if (!record.contains(seen)) covers.push(seen.id || seen.tagName);
    }
    return { covers, looked: bottom <= innerHeight + 1 && bottom - Math.max(top, 0) > 50 };
  });
  assert.deepEqual(covered, { covers: [], looked: true });
  await guest.leave();
});

test('the box that forges a header is in sight at once', async () => {
  const guest = await Guest.at(demo, browser, { viewport: { width: 1440, height: 900 } });
  await guest.register('vera');
  await guest.signIn();
  const box = await guest.page.getByLabel('also send a forged').boundingBox();
  assert.ok(box.y + box.height < 500, `it ends at ${box.y + box.height} px`);
  await guest.leave();
});

test('nothing moves for people who ask for that', async () => {
  const guest = await Guest.at(demo, browser, { reducedMotion: 'reduce' });
  const moving = await guest.page.evaluate(
    () =>
      [...document.querySelectorAll('*')].filter((element) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
        return (
          transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior === 'smooth'
        );
      }).length,
  );
  assert.equal(moving, 0);
  await guest.leave();
});

test('each state is legible in light and dark, and fits from narrow to wide', async () => {
  const guest = await Guest.at(demo, browser, { authenticator: 'synced', reducedMotion: 'reduce' });
  const { page } = guest;
  const look = async (state) => {
    for (const [size, width, height] of [
      ['wide', 1440, 900],
      ['medium', 1000, 800],
      ['narrow', 375, 780],
    ]) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => scrollTo(0, 0));
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - innerWidth,
        );
        assert.ok(overflow <= 0, `${state}, ${size}: ${overflow} px too wide`);
        assert.deepEqual(await brokenWords(page), [], `${state}, ${size}: broken words`);
        const { ratio, text } = await leastContrast(page);
        assert.ok(
          ratio >= 4.5,
          `${state}, ${colorScheme}: contrast ${ratio.toFixed(2)} of "${text}"`,
        );
        if (size !== 'medium' || colorScheme === 'light') {
          await page.screenshot({
            path: `${PICTURES}/${state}-${size}-${colorScheme}.png`,
            fullPage: size !== 'wide',
          });
        }
      }
    }
  };
  await look('1-start');
  await guest.call('/payments');
  await look('2-signed-out');
  await guest.authenticator.declines();
  await guest.button('Register').click();
  await guest.told(/asks you to make/);
  await look('3-waiting');
  await guest.button('Cancel').click();
  await guest.told(/Cancelled/);
  await look('4-cancelled');
  await guest.authenticator.accepts();
  await guest.register('noa');
  await guest.signIn();
  await page.getByLabel('also send a forged').check();
  await guest.call('/account');
  await look('5-passed');
  await guest.call('/vault');
  await look('6-no-help');
  await guest.button('Steal this token').click();
  await guest.told(/^401: \/wallet/);
  await guest.page.locator('#recorded:visible').waitFor();
  await look('10-stolen');
  assert.equal(await guest.pays('Approve this payment with your passkey'), 200);
  await look('11-approved');
  assert.equal(await guest.pays('Change the amount'), 401);
  await look('12-another-amount');
  await guest.button('Sign out').click();
  await guest.told(/Signed out/);
  await look('7-signed-out-again');
  await guest.authenticator.use('securityKey');
  await guest.register('noa-key');
  await guest.authenticator.touchesOnly();
  await guest.signIn('Touch only');
  await guest.call('/payments');
  await look('9-challenge');
  await guest.button('Rotate the key').click();
  await guest.told(/signs with/);
  await look('8-rotated');
  await guest.leave();
});
