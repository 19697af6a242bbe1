// A secret that rotates while a person is signed in.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../browser/browser.mjs';
import { SECRETS, alice } from './keycloak.mjs';

/**
 * The secret of Envoy's client is exchanged, at Keycloak and in the file below `folder` that Envoy
 * watches, while the person is signed in.
 */
export async function rotated(person, { administrator, keycloak, folder, ports }) {
  const { page, context } = person;
  const gate = `http://localhost:${ports.gate}`;
  const text = () => page.innerText('body');
  const bearer = async () =>
    (await context.cookies(gate)).find(({ name }) => name === 'BearerToken')?.value;
  await administrator.setAttributes('demo', 'gate', { 'access.token.lifespan': '2' });
  await page.goto(`${gate}/orders`, { waitUntil: 'commit' });
  await alice('passkey')(person, (url) => url === `${gate}/orders`);
  await until('the page', async () => (await text()).startsWith('GET '));
  const before = await bearer();

  const tellKeycloak = async (secret) => {
    for (const id of ['gate', 'gate-fresh']) {
      const [found] = await administrator.ask('demo', 'GET', `/clients?clientId=${id}`);
      await administrator.ask('demo', 'PUT', `/clients/${found.id}`, { ...found, secret });
    }
  };
  const secret = 'another-gate-secret-of-the-tests';
  await tellKeycloak(secret);
  const file = join(folder, 'oauth2/gate-secret.yaml');
  const named = readFileSync(file, 'utf8');
  const inline = named.replace('environment_variable: GATE_SECRET', `inline_string: ${secret}`);
  assert.notEqual(inline, named);
  writeFileSync(join(folder, 'oauth2/new'), inline);
  const updates = async () => {
    const filter = 'filter=gate-secret.*update_success';
    const stats = await fetch(`http://127.0.0.1:${ports.admin}/stats?${filter}`);
    return Number(/update_success: (\d+)/.exec(await stats.text())?.[1]);
  };
  const read = await updates();
  renameSync(join(folder, 'oauth2/new'), file);
  await until('the new secret', async () => (await updates()) > read);

  // Her tokens end and are refreshed, and she is not sent away for it.
  const visited = [];
  page.on('request', (request) => visited.push(request.url()));
  await until('a token by the new secret', async () => {
    await page.goto(`${gate}/orders`);
    assert.match(await text(), /^x-user: alice$/m);
    return (await bearer()) !== before;
  });
  assert.deepEqual(
    visited.filter((url) => url.startsWith(keycloak)),
    [],
  );
  // Other stories have the first one.
  await tellKeycloak(SECRETS.GATE_SECRET);
  await administrator.setAttributes('demo', 'gate', { 'access.token.lifespan': '' });
}
