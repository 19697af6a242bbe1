// A real Keycloak tells the feed what has ended, in each way that it has: logout tokens, events
// that it pushes, events that the feed fetches. Two real Envoys for each way refuse what ended, and
// nothing else, and open WebSockets end. A passkey that was registered there approves payments.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Browser, until } from '../browser/browser.mjs';
import { Program } from '../browser/program.mjs';
import { decoded } from './client.mjs';
import { ENVOY, Gate, ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { ADMINISTRATOR, Administrator, SECRETS, alice } from './keycloak/keycloak.mjs';
import { Payments } from './keycloak/payments.mjs';
import { freePorts, moved } from './ports.mjs';
import { SocketService, openSocket } from './sockets.mjs';

const KEYCLOAK = join(ROOT, '.tools/keycloak');
const GUIDE = 'docs/guides/sign-out-everywhere.md';
const FEED = join(ROOT, 'target/debug/passgate-feed');
const AUDIENCE = 'https://feed.example.com';
const PUSH = 'pusher-0123456789abcdef';
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type';
/** How Keycloak tells; each is a provider of the feed and has two gates of its own. */
const WAYS = ['logout', 'push', 'poll'];
/** Besides, the admin API is asked, for the gates of this one. */
const ASKED = 'poll';
const WATCH_SECRET = 'watch-secret-of-the-tests';

// Each program that runs ends with the process.
process.setMaxListeners(30);
let ports, folder, keycloak, feed, service, realm, admin, person, payments, browser, visitor, guide;
/** Of each way, two. */
const gates = {};

before(async () => {
  const ways = WAYS.flatMap((way) => [`${way}1`, `${way}2`]);
  const others = ['passkeys', 'tools', 'payments', 'page', 'guide', 'echo', 'list', 'entries'];
  ports = await freePorts('keycloak', 'feed', 'operators', 'service', ...ways, ...others);
  folder = mkdtempSync(join(tmpdir(), 'passgate-feed-'));
  browser = await Browser.start();
  realm = `http://localhost:${ports.keycloak}/realms/demo`;
  keycloak = await startKeycloak();
  admin = new Administrator(`http://localhost:${ports.keycloak}`);
  const [{ id }] = await admin.ask('demo', 'GET', '/users?username=alice&exact=true');
  person = id;
});

/** What the ways need beside the Keycloak: a feed, two gates for each, payments, another person. */
async function startAll() {
  service = await SocketService.start(ports.service);
  const endpoint = await streams();
  await admin.makeAccount('demo', 'passgate-watch', WATCH_SECRET, ['view-users', 'view-realm', 'view-events']);
  feed = await startFeed(endpoint);
  for (const way of WAYS)
    gates[way] = [await startGate(way, ports[`${way}1`]), await startGate(way, ports[`${way}2`])];
  payments = await Payments.start({ ports, admin, realm, folder });
  await admin.ask('demo', 'POST', '/users', {
    username: 'bob',
    enabled: true,
    email: 'bob@example.com',
    firstName: 'Bob',
    lastName: 'Example',
    credentials: [{ type: 'password', value: SECRETS.ALICE_PASSWORD, temporary: false }],
  });
}

after(async () => {
  await guide?.stop();
  await browser?.close();
  await payments?.stop();
  for (const gate of Object.values(gates).flat()) await gate.stop();
  await feed?.stop();
  await keycloak?.stop();
  await service?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** A copy, because `--features=ssf` builds the distribution anew. */
async function startKeycloak() {
  const home = join(folder, 'keycloak');
  execFileSync('cp', ['-r', KEYCLOAK, home]);
  const text = readFileSync(join(ROOT, 'tests/providers/keycloak/realm.json'), 'utf8');
  const file = moved(text, { 8090: ports.list });
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
  await admin.ask('demo', 'PUT', '', {
    attributes: on,
    eventsEnabled: true,
    enabledEventTypes: ['REVOKE_GRANT'],
  });
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
        keycloak: {
          admin_uri: `http://localhost:${ports.keycloak}/admin/realms/demo`,
          clients: ['legacy'],
          stored_events: true,
          interval: '1s',
          client_credentials: {
            token_uri: `${realm}/protocol/openid-connect/token`,
            client_id: 'passgate-watch',
            client_secret: { env: 'FEED_WATCH' },
          },
        },
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
    env: { FEED_PUSH: PUSH, FEED_CLIENT: 'poll-secret', FEED_WATCH: WATCH_SECRET },
  });
}

/** `envoy/keycloak.yaml` with the list of one way, two workers, and streams that end. */
async function startGate(way, port) {
  const revocations = {
    http_uri: { uri: `https://feed.example.com/${way}/revocations`, cluster: 'feed' },
    cache_duration: '1s',
    client_claim: 'azp',
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
    port,
    workers: 2,
    ports: { 8180: ports.keycloak, 9001: ports.service, 8080: port },
    edit: (text) =>
      text
        .replace(
          `"audiences": ["http://localhost:${port}"],`,
          `"audiences": ["http://localhost:8080"], "revocations": ${JSON.stringify(revocations)},`,
        )
        .replace('"providers": {', '"streams": { "end_with_authority": true }, "providers": {')
        .replace(/^( *)strip_trailing_host_dot:.*$/m, '$&\n$1upgrade_configs: [{ upgrade_type: websocket }]')
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

/**
 * A session whose token passes everywhere, with a WebSocket that is open at each gate. A person
 * signs in again a second after the end.
 */
async function signIn(username = 'alice') {
  const session = await until(`a session of ${username}`, async () => {
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
  session.sockets = {};
  for (const way of WAYS) {
    const opened = gates[way].map(({ port }) => openSocket(port, '/news', session.access_token));
    session.sockets[way] = await Promise.all(opened);
  }
  return session;
}

/** Requests on connections of their own, some of which reach each worker of both gates. */
async function statuses(way, { access_token: token }) {
  const eight = (gate) => Array.from({ length: 8 }, () => gate.get('/news', { token }));
  return (await Promise.all(gates[way].flatMap(eight))).map(({ status }) => status);
}

const all = (seen, wanted) => seen.every((status) => status === wanted);

/**
 * These have ended in these ways, with their WebSockets, and go on in the others; these others have
 * not ended in any.
 */
async function ended(ways, sessions, others) {
  for (const way of ways)
    for (const session of sessions) {
      await until(`the end by ${way}`, async () => all(await statuses(way, session), 401));
      const sockets = session.sockets[way];
      await until(`the end of streams by ${way}`, () => sockets.every(({ hasEnded }) => hasEnded));
    }
  for (const way of WAYS) {
    const rest = ways.includes(way) ? others : [...sessions, ...others];
    for (const session of rest) {
      assert.ok(all(await statuses(way, session), 200), way);
      assert.ok(session.sockets[way].every(({ hasEnded }) => !hasEnded), way);
    }
  }
  for (const { sockets } of [...sessions, ...others])
    for (const socket of Object.values(sockets).flat()) socket.close();
}

test('the configurations in the guide are those of the files', () => {
  assert.ok(shows(GUIDE, 'envoy/sign-out.yaml'));
});

test('the guide: a person signs out, and an operator ends a person', async () => {
  const numbers = { 8080: ports.guide, 8090: ports.list, 8180: ports.keycloak, 9001: ports.echo };
  const local = (file, numbers, edit = (text) => text) => {
    const path = join(folder, file.replace('/', '-'));
    writeFileSync(path, edit(moved(readFileSync(join(ROOT, file), 'utf8'), numbers)));
    return path;
  };
  // The realm's tokens are for the gate at its usual port.
  const audience = (text) =>
    text.replace(`"audiences": ["http://localhost:${ports.guide}"]`, '"audiences": ["http://localhost:8080"]');
  const envoy = local('envoy/sign-out.yaml', numbers, audience);
  const own = { 8090: ports.list, 8091: ports.entries, 8180: ports.keycloak };
  const feed = local('feed/keycloak.yaml', own, (text) => text.replace('dist/feed.db', join(folder, 'guide.db')));
  guide = new Guide(GUIDE, {
    env: SECRETS,
    // The same commands, with other ports and files, and an Envoy that does not disturb others.
    edit: (text) =>
      moved(text, { ...numbers, 8091: ports.entries })
        .replaceAll('dist/feed.log', join(folder, 'feed.log'))
        .replaceAll(' feed/keycloak.yaml 2>', ` ${feed} 2>`)
        .replaceAll('--config-path envoy/sign-out.yaml', `--config-path ${envoy}`)
        .replaceAll(
          '.tools/envoy/envoy --log-level warn',
          `${ENVOY} --log-level warn --use-dynamic-base-id --concurrency 1`,
        ),
  });
  assert.equal(await guide.follow(), 'register');
  visitor = await browser.visitor();
  await visitor.page.goto(`${realm}/account/`);
  const registered = (url, answered) =>
    answered.includes('register') && new URL(url).pathname.endsWith('/account/');
  await alice('register')(visitor, registered);
  assert.equal(await guide.follow(), null);
});

describe('in each way', () => {
  before(startAll);

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
  });

  test('a passkey approves payments until it is deleted, which events tell, too', async () => {
    const [one, bob] = [await signIn(), await signIn('bob')];

    const paid = await payments.pay(visitor, one.access_token);
    assert.equal(paid.status, 200, JSON.stringify(paid));
    assert.equal(paid.body.headers['x-passgate-user-verified'], 'true');
    assert.equal(paid.body.headers['x-passgate-device-bound'], 'true');
    const refused = async (answer, reason) => {
      assert.equal(answer.status, 401, JSON.stringify(answer));
      await payments.recorded(answer.body.request_id, reason);
    };
    // Nobody else's token, and not while the person is disabled.
    await refused(await payments.pay(visitor, bob.access_token), 'untrusted.credential');
    const user = await admin.ask('demo', 'GET', `/users/${person}`);
    await admin.ask('demo', 'PUT', `/users/${person}`, { ...user, enabled: false });
    const pays = (status) => async () => {
      const answer = await payments.pay(visitor, one.access_token);
      return answer.status === status && answer;
    };
    await refused(await until('the end of the person', pays(401)), 'untrusted.credential');
    await admin.ask('demo', 'PUT', `/users/${person}`, { ...user, enabled: true });
    await until('a payment', pays(200));

    const credentials = await admin.ask('demo', 'GET', `/users/${person}/credentials`);
    const { id } = credentials.find(({ type }) => type === 'webauthn-passwordless');
    const passkey = `/users/${person}/credentials/${id}`;
    // The account that reads them can do nothing else.
    assert.equal(await payments.tries('GET', `/users/${person}/credentials`), 200);
    assert.equal(await payments.tries('DELETE', passkey), 403);
    assert.equal(await payments.tries('PUT', `/users/${person}`), 403);
    assert.equal(await payments.tries('GET', '/clients'), 403);

    await admin.ask('demo', 'DELETE', passkey);
    await refused(await until('the end of the passkey', pays(401)), 'untrusted.credential');
    await ended(['push', 'poll'], [one], [bob]);
    await visitor.close();
  });

  test('a person is disabled: nothing tells it, and the admin API says it', async () => {
    const [alice, bob] = [await signIn(), await signIn('bob')];
    const [user] = await admin.ask('demo', 'GET', '/users?username=bob&exact=true');
    await admin.ask('demo', 'PUT', `/users/${user.id}`, { ...user, enabled: false });
    await ended([ASKED], [bob], [alice]);
  });

  test('a refresh token is revoked: nothing tells it, and stored events say it', async () => {
    const [one, other] = [await signIn(), await signIn()];
    const answer = await fetch(`${realm}/protocol/openid-connect/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'legacy', token: one.refresh_token }),
    });
    assert.ok(answer.ok);
    await ended([ASKED], [one], [other]);
  });

  test('all sessions of the realm end: nothing tells it, and the admin API says it', async () => {
    const [one, other] = [await signIn(), await signIn()];
    await admin.ask('demo', 'POST', '/logout-all');
    await ended([ASKED], [one, other], []);
    // The feed's own token is worth nothing then. It goes on with another.
    await ended([], [], [await signIn()]);
  });
});
