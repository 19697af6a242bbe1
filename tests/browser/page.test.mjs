// The page itself: what it loads, whom it lets in by keyboard and by screen reader, how it looks. The pictures in
// target/browser/ are for people to look at; nothing compares them.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser, until } from './browser.mjs';
import { Demo, Guest } from './demo.mjs';

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
    try { script.text = 'globalThis.injected = true'; } catch { /* Trusted Types */ }
    document.body.append(script);
    document.body.setAttribute('style', 'display: none');
    let markup = 'taken';
    try { document.body.insertAdjacentHTML('beforeend', '<p id=markup>'); } catch { markup = 'refused'; }
    return { injected: globalThis.injected, shown: getComputedStyle(document.body).display, markup };
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
      const answer = await fetch(`${demo.url}/provider/${what}`, { method: 'POST', headers, body: '{"name":"eve"}' });
      assert.equal(answer.status, 403, `${what} from ${origin}`);
    }
  }
});

test('the keyboard alone is enough, and the focus stays where it was', async () => {
  const guest = await Guest.at(demo, browser);
  const { keyboard } = guest.page;
  const focus = () => guest.page.evaluate(() => (document.activeElement.id || document.activeElement.textContent).trim());
  const tabTo = (what) => until(`the focus is on ${what}`, async () => {
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
    ['banner'], ['main'], ['complementary', 'What the operator sees'], ['region', 'Register a passkey'], ['region', 'Sign in'],
    ['region', 'Call a route'], ['region', 'What happened'], ['region', 'Decisions so far'], ['region', /provider's key/],
    ['list', 'The way of the request'], ['textbox', 'Your name'], ['checkbox', /forged/], ['region', /service got/],
  ]) {
    await page.getByRole(role, name && { name }).first().waitFor();
  }
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
  const unnamed = await page.getByRole('button').evaluateAll((all) => all.filter((button) => !button.textContent.trim() && button.checkVisibility()).length);
  assert.equal(unnamed, 0);
  assert.equal(await page.locator('#notice').getAttribute('aria-live'), 'polite');
  // Whether a fact was proved is not told by colour alone.
  assert.equal(await page.locator('#facts li').last().textContent(), 'hardware bound: not proven');
  await guest.leave();
});

/** The least contrast (WCAG 2.2, 1.4.3) between any text that is shown and what is painted behind it. */
const leastContrast = (page) => page.evaluate(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = rgba(color).map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  let least = { ratio: 99 };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest('noscript, .hidden, .skip')) continue;
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least.ratio) least = { ratio, text: node.textContent.trim().slice(0, 40) };
  }
  return least;
});

test('each state is legible in light and dark, and fits from narrow to wide', async () => {
  const guest = await Guest.at(demo, browser, { authenticator: 'synced', reducedMotion: 'reduce' });
  const { page } = guest;
  const look = async (state) => {
    for (const [size, width, height] of [['wide', 1440, 900], ['medium', 1000, 800], ['narrow', 360, 780]]) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => scrollTo(0, 0));
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${state}, ${size}: ${overflow} px too wide`);
        const { ratio, text } = await leastContrast(page);
        assert.ok(ratio >= 4.5, `${state}, ${colorScheme}: contrast ${ratio.toFixed(2)} of "${text}"`);
        if (size !== 'medium' || colorScheme === 'light') {
          await page.screenshot({ path: `${PICTURES}/${state}-${size}-${colorScheme}.png`, fullPage: size !== 'wide' });
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
  await look('6-challenge');
  await guest.stepUp('/vault');
  await look('7-no-help');
  await guest.button('Rotate the key').click();
  await guest.told(/signs with/);
  await look('8-rotated');
  await guest.leave();
});
