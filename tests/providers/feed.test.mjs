// A real Keycloak tells the feed what has ended, in each way that it has: logout tokens, events
// that it pushes, events that the feed fetches. A real Envoy for each way refuses what ended, and
// nothing else.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../browser/browser.mjs';
import { Program } from '../browser/program.mjs';
import { decoded } from './client.mjs';
import { Gate, ROOT, Service } from './gate.mjs';
import { ADMINISTRATOR, Administrator, SECRETS } from './keycloak/keycloak.mjs';
import { freePorts, moved } from './ports.mjs';

const KEYCLOAK = join(ROOT, '.tools/keycloak');
const FEED = join(ROOT, 'target/debug/passgate-feed');
const AUDIENCE = 'https://feed.example.com';
const PUSH = 'pusher-0123456789abcdef';
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type';
/** How Keycloak tells; each is a provider of the feed and has a gate of its own. */
const WAYS = ['logout', 'push', 'poll'];

let ports, folder, keycloak, feed, service, realm, admin, person;
const gates = {};

before(async () => {
  ports = await freePorts('keycloak', 'feed', 'operators', 'service', ...WAYS);
  folder = mkdtempSync(join(tmpdir(), 'passgate-feed-'));
  service = await Service.start(ports.service);
  realm = `http://localhost:${ports.keycloak}/realms/demo`;
  keycloak = await startKeycloak();
  admin = new Administrator(`http://localhost:${ports.keycloak}`);
  const endpoint = await streams();
  feed = await startFeed(endpoint);
  for (const way of WAYS) gates[way] = await startGate(way);
  const [alice] = await admin.ask('demo', 'GET', '/users?username=alice&exact=true');
  await admin.ask('demo', 'PUT', `/users/${alice.id}`, { ...alice, requiredActions: [] });
  person = alice.id;
  await admin.ask('demo', 'POST', '/users', {
    username: 'bob',
    enabled: true,
    email: 'bob@example.com',
    firstName: 'Bob',
    lastName: 'Example',
    credentials: [{ type: 'password', value: SECRETS.ALICE_PASSWORD, temporary: false }],
  });
});

after(async () => {
  for (const gate of Object.values(gates)) await gate.stop();
  await feed?.stop();
  await keycloak?.stop();
  await service?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** A copy, because `--features=ssf` builds the distribution anew. */
async function startKeycloak() {
  const home = join(folder, 'keycloak');
  execFileSync('cp', ['-r', KEYCLOAK, home]);
  const file = readFileSync(join(ROOT, 'tests/providers/keycloak/realm.json'), 'utf8');
  mkdirSync(join(home, 'data/import'), { recursive: true });
  writeFileSync(join(home, 'data/import/realm.json'), file);
  const transmitter = '--spi-ssf-transmitter--default-';
  const args = [
    'start',
    '--features=ssf',
    `${transmitter}-allow-insecure-push-targets=true`,
    `${transmitter}-outbox-drainer-interval=1s`,
    '--import-realm',
    '--db=dev-mem',
    '--cache=local',
    '--http-enabled=true',
    '--http-host=127.0.0.1',
    `--http-port=${ports.keycloak}`,
    `--hostname=http://localhost:${ports.keycloak}`,
  ];
  return Program.start(join(home, 'bin/kc.sh'), args, {
    ready: /Listening on/,
    env: {
      ...ADMINISTRATOR,
      ...SECRETS,
      GATE_HMAC_SECRET: 'gate-hmac-secret-of-the-tests',
      JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
    },
    patience: 300_000,
  });
}

/** Lets Keycloak tell in all three ways. Returns where the feed fetches. */
async function streams() {
  const { attributes } = await admin.ask('demo', 'GET', '');
  const on = { ...attributes, 'ssf.transmitterEnabled': 'true' };
  await admin.ask('demo', 'PUT', '', { attributes: on });
  await admin.setAttributes('demo', 'legacy', {
    'backchannel.logout.url': `http://localhost:${ports.feed}/logout/backchannel-logout`,
    'backchannel.logout.session.required': 'true',
  });
  await stream('push', {
    method: 'urn:ietf:rfc:8935',
    endpoint_url: `http://localhost:${ports.feed}/push/events`,
    authorization_header: `Bearer ${PUSH}`,
  });
  const { delivery } = await stream('poll', { method: 'urn:ietf:rfc:8936' });
  return delivery.endpoint_url;
}

/** A receiver and its stream. */
async function stream(clientId, delivery) {
  await admin.ask('demo', 'POST', '/clients', {
    clientId,
    protocol: 'openid-connect',
    publicClient: false,
    secret: `${clientId}-secret`,
    serviceAccountsEnabled: true,
    standardFlowEnabled: false,
    attributes: {
      'ssf.enabled': 'true',
      'ssf.defaultSubjects': 'ALL',
      'ssf.supportedEvents': 'CaepSessionRevoked,CaepCredentialChange',
      'ssf.streamAudience': AUDIENCE,
      'ssf.validPushUrls': `http://localhost:${ports.feed}/*`,
    },
    optionalClientScopes: ['ssf.read', 'ssf.manage'],
  });
  const token = await tokens({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: `${clientId}-secret`,
    scope: 'ssf.read ssf.manage',
  });
  const { configuration_endpoint } = await (
    await fetch(`${realm}/.well-known/ssf-configuration`)
  ).json();
  const answer = await fetch(configuration_endpoint, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token.access_token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      delivery,
      events_requested: [`${CAEP}/session-revoked`, `${CAEP}/credential-change`],
    }),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

async function startFeed(endpoint) {
  const provider = {
    issuer: realm,
    remote_jwks: { uri: `${realm}/protocol/openid-connect/certs` },
    max_token_lifetime: '1h',
  };
  const configuration = {
    listen: `127.0.0.1:${ports.feed}`,
    admin: { listen: `127.0.0.1:${ports.operators}` },
    store: join(folder, 'feed.db'),
    readers: 'anybody',
    providers: {
      logout: { ...provider, back_channel_logout: { audiences: ['legacy'] } },
      push: {
        ...provider,
        security_events: { audiences: [AUDIENCE], bearer: { env: 'FEED_PUSH' } },
      },
      poll: {
        ...provider,
        security_events: {
          audiences: [AUDIENCE],
          poll: {
            uri: endpoint,
            interval: '1s',
            client_credentials: {
              token_uri: `${realm}/protocol/openid-connect/token`,
              client_id: 'poll',
              client_secret: { env: 'FEED_CLIENT' },
              scope: 'ssf.read ssf.manage',
            },
          },
        },
      },
    },
  };
  const file = join(folder, 'feed.yaml');
  writeFileSync(file, JSON.stringify(configuration));
  return Program.start(FEED, [file], {
    ready: /listening for operators/,
    env: { FEED_PUSH: PUSH, FEED_CLIENT: 'poll-secret' },
  });
}

/** `envoy/keycloak.yaml` with the list of one way, and two workers. */
async function startGate(way) {
  const revocations = {
    http_uri: { uri: `https://feed.example.com/${way}/revocations`, cluster: 'feed' },
    cache_duration: '1s',
  };
  const cluster = `    - name: feed
      connect_timeout: 2s
      load_assignment:
        cluster_name: feed
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: { socket_address: { address: 127.0.0.1, port_value: ${ports.feed} } }
    - name: upstream
`;
  return Gate.start('envoy/keycloak.yaml', {
    port: ports[way],
    workers: 2,
    ports: { 8180: ports.keycloak, 9001: ports.service, 8080: ports[way] },
    edit: (text) =>
      text
        .replace(
          `"audiences": ["http://localhost:${ports[way]}"],`,
          `"audiences": ["http://localhost:8080"], "revocations": ${JSON.stringify(revocations)},`,
        )
        .replace('    - name: upstream\n', cluster),
  });
}

async function tokens(form) {
  const answer = await fetch(`${realm}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

/** A session whose token passes everywhere. A person signs in again a second after the end. */
async function signIn(username = 'alice') {
  return until(`a session of ${username}`, async () => {
    const session = await tokens({
      grant_type: 'password',
      client_id: 'legacy',
      scope: 'openid',
      username,
      password: SECRETS.ALICE_PASSWORD,
    });
    session.sid = decoded(session.access_token).claims.sid;
    const passed = await Promise.all(WAYS.map((way) => statuses(way, session)));
    return passed.flat().every((status) => status === 200) && session;
  });
}

/** Requests on connections of their own, some of which reach each worker. */
async function statuses(way, { access_token: token }) {
  const asked = Array.from({ length: 12 }, () => gates[way].get('/news', { token }));
  return (await Promise.all(asked)).map(({ status }) => status);
}

const all = (seen, wanted) => seen.every((status) => status === wanted);

/** These have ended in these ways, and these have not, in any. */
async function ended(ways, sessions, others) {
  for (const way of ways)
    for (const session of sessions)
      await until(`the end by ${way}`, async () => all(await statuses(way, session), 401));
  for (const way of WAYS)
    for (const session of others) assert.ok(all(await statuses(way, session), 200), way);
}

test('a person signs out: the session ends', async () => {
  const [one, other, bob] = [await signIn(), await signIn(), await signIn('bob')];
  const answer = await fetch(`${realm}/protocol/openid-connect/logout`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'legacy', refresh_token: one.refresh_token }),
  });
  assert.ok(answer.ok);
  await ended(WAYS, [one], [other, bob]);
});

test('an administrator ends one session: logout tokens tell it, and events do not', async () => {
  const [one, other] = [await signIn(), await signIn()];
  await admin.ask('demo', 'DELETE', `/sessions/${one.sid}`);
  await ended(['logout'], [one], [other]);
  for (const way of ['push', 'poll']) assert.ok(all(await statuses(way, one), 200), way);
});

test('an administrator signs a person out: all her sessions end', async () => {
  const [one, other, bob] = [await signIn(), await signIn(), await signIn('bob')];
  await admin.ask('demo', 'POST', `/users/${person}/logout`);
  await ended(WAYS, [one, other], [bob]);
});

test('an administrator sets a password: events tell it, and logout tokens do not', async () => {
  const [one, bob] = [await signIn(), await signIn('bob')];
  const password = { type: 'password', value: SECRETS.ALICE_PASSWORD, temporary: false };
  await admin.ask('demo', 'PUT', `/users/${person}/reset-password`, password);
  await ended(['push', 'poll'], [one], [bob]);
  assert.ok(all(await statuses('logout', one), 200));
});
