// A person with nothing but a browser, at the gateway with istio/oauth2.yaml. The story of
// people.rs starts this on the machine of the stories, where the names lead to the mesh. It ends
// with an error where something is not so.

import assert from 'node:assert/strict';
import { Browser } from '../browser/browser.mjs';

const GATE = 'https://api.example.com';
const PROVIDER = 'https://id.example.com/realms/acme/protocol/openid-connect/auth?';
const SESSION = ['BearerToken', 'OauthExpires', 'OauthHMAC', 'RefreshToken'];

const browser = await Browser.start({ names: ['api.example.com', 'id.example.com'] });
try {
  // Whose certificates these are is the business of another client of the story.
  const options = { authenticator: null, ignoreHTTPSErrors: true };
  const { page, context } = await browser.visitor(options);
  await context.addCookies([{ name: 'theme', value: 'dark', url: GATE }]);
  /** The cookies of the gate, by name; none of them is for scripts, other sites or plain HTTP. */
  const cookies = async () => {
    const all = (await context.cookies(GATE)).filter(({ name }) => name !== 'theme');
    for (const { name, httpOnly, secure, sameSite } of all)
      assert.deepEqual([httpOnly, secure, sameSite], [true, true, 'Lax'], name);
    return new Map(all.map(({ name, value }) => [name, value]));
  };
  const fetched = (where) =>
    where.evaluate(() => fetch('/orders').then((answer) => answer.status));

  // She is sent to the provider, and comes back to where she wanted to go.
  await page.goto(`${GATE}/orders?year=2026`);
  assert.ok(page.url().startsWith(PROVIDER), page.url());
  const before = await cookies();
  for (const name of SESSION) assert.ok(!before.has(name), `${name} before she signed in`);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.waitForURL(`${GATE}/orders?year=2026`);
  const { server, path, headers } = JSON.parse(await page.innerText('pre'));
  assert.deepEqual([server, path], ['ledger', '/orders?year=2026']);
  assert.equal(headers['x-user'], 'bea');
  assert.equal(headers.authorization, undefined, 'no token reaches the service');
  assert.equal(headers.cookie, 'theme=dark', 'its own cookies do, and none of the gate');

  // The session holds, for pages and for scripts.
  const session = await cookies();
  for (const name of SESSION) assert.ok(session.has(name), `${name} in ${[...session.keys()]}`);
  for (const name of ['BearerToken', 'RefreshToken'])
    assert.match(session.get(name), /^gcm\./, `${name} is sealed with AES-GCM`);
  const tab = await context.newPage();
  await tab.goto(`${GATE}/orders`);
  assert.equal(tab.url(), `${GATE}/orders`);
  assert.equal(await fetched(tab), 200);

  // She signs out. Then a script in the other tab gets an answer that it can read, and its page is
  // sent to the provider.
  await page.goto(`${GATE}/oauth2/sign-out`);
  assert.ok(page.url().startsWith(PROVIDER), page.url());
  const rest = await cookies();
  for (const name of SESSION) assert.ok(!rest.has(name), `${name} after she signed out`);
  assert.equal(await fetched(tab), 401);
  await tab.reload();
  assert.ok(tab.url().startsWith(PROVIDER), tab.url());
} finally {
  await browser.close();
}
