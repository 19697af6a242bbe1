// An agent at Keycloak that exchanges a person's token for one of its own (RFC 8693), and what the
// gate makes of it.

import assert from 'node:assert/strict';
import { Client, decoded } from '../client.mjs';
import { SECRETS } from './keycloak.mjs';

const AGENT = 'agent-7';
const TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Keycloak exchanges a token for who is in its audience, and for nobody else. */
const LENDS = {
  name: 'agent',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.client.audience': AGENT, 'access.token.claim': 'true' },
};

/** The kinds of callers that docs/guides/agents.md tells by their client. */
const KINDS = {
  human: { claim: { path: ['azp'], equals: 'app' } },
  agent: { claim: { path: ['azp'], equals: AGENT } },
};

const rule = (path, requires) => ({
  match: { path },
  requires: { provider_name: 'keycloak', ...requires },
});
const FRESH = { facts: ['phishing_resistant'], max_age: '5m' };
const RULES = [
  rule('/people', { kind: 'human' }),
  rule('/agents', { kind: 'agent' }),
  rule('/of-actors', { actors: ['https://id.example.com/agent-8'], max_act_depth: 1 }),
  rule('/fresh', FRESH),
  rule('/fresh-people', { ...FRESH, kind: 'human' }),
];

/** `envoy/keycloak.yaml` with rules about kinds and actors. */
export function withKinds(text) {
  const evidence = '"evidence": { "preset": "keycloak" },';
  const edited = text
    .replace(evidence, `${evidence} "kinds": ${JSON.stringify(KINDS)},`)
    .replace('"rules": [', `"rules": [ ${RULES.map((one) => JSON.stringify(one)).join(', ')},`);
  assert.ok(edited.includes('"kinds"') && edited.includes('/fresh-people'));
  return edited;
}

/** `signIn` gives what the client `app` gets when the person signs in with her passkey. */
export async function exchanged(t, { administrator, gate, app, signIn }) {
  const ask = (...words) => administrator.ask('demo', ...words);
  const [lender] = await ask('GET', '/clients?clientId=app');
  const [like] = await ask('GET', '/clients?clientId=robot');
  await ask('POST', '/clients', {
    clientId: AGENT,
    protocol: 'openid-connect',
    publicClient: false,
    secret: SECRETS.GATE_SECRET,
    standardFlowEnabled: false,
    attributes: { ...like.attributes, 'standard.token.exchange.enabled': 'true' },
    protocolMappers: like.protocolMappers.map(({ id, ...mapper }) => mapper),
  });
  t.after(async () => {
    const [{ id }] = await ask('GET', `/clients?clientId=${AGENT}`);
    await ask('DELETE', `/clients/${id}`);
  });
  const agent = new Client(app.metadata, AGENT, '');
  const exchange = (subject_token, more = {}) =>
    agent.exchange({
      client_secret: SECRETS.GATE_SECRET,
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token,
      subject_token_type: TOKEN,
      ...more,
    });

  // A token that is not for the agent is not exchanged.
  const kept = await signIn();
  await assert.rejects(exchange(kept), /403.*access_denied/);

  const mappers = `/clients/${lender.id}/protocol-mappers/models`;
  await ask('POST', mappers, LENDS);
  t.after(async () => {
    const { id } = (await ask('GET', mappers)).find(({ name }) => name === LENDS.name);
    await ask('DELETE', `${mappers}/${id}`);
  });
  const own = await signIn();
  const { access_token: lent } = await exchange(own);
  const facts = ({ sub, sid, auth_time, amr }) => ({ sub, sid, auth_time, amr });
  const [mine, its] = [own, lent].map((token) => decoded(token).claims);
  assert.deepEqual(facts(its), facts(mine), 'her session, her sign-in and her passkey');
  assert.deepEqual([mine.azp, mine.acr, its.azp, its.acr], ['app', 'phr', AGENT, '1']);
  assert.deepEqual([its.act, its.may_act], [undefined, undefined], 'nobody is said to act');
  // Keycloak does not read the token of an actor.
  const { access_token: acted } = await exchange(own, {
    actor_token: own,
    actor_token_type: TOKEN,
  });
  assert.equal(decoded(acted).claims.act, undefined);

  const statuses = async (token) => {
    const of = async ({ match: { path } }) => [path, (await gate.get(path, { token })).status];
    return Object.fromEntries(await Promise.all(RULES.map(of)));
  };
  const all = { '/of-actors': 200, '/fresh': 200 };
  const human = { '/people': 200, '/agents': 403, '/fresh-people': 200 };
  const bot = { '/people': 403, '/agents': 200, '/fresh-people': 403 };
  assert.deepEqual(await statuses(own), { ...all, ...human });
  assert.deepEqual(await statuses(lent), { ...all, ...bot });
  await gate.says(/forbidden\.kind.*agent/);

  // A client without the mapper proves nothing of her sign-in.
  const [{ id }] = await ask('GET', `/clients?clientId=${AGENT}`);
  const own_mappers = `/clients/${id}/protocol-mappers/models`;
  const amr = (await ask('GET', own_mappers)).find(({ name }) => name === 'amr');
  await ask('DELETE', `${own_mappers}/${amr.id}`);
  const { access_token: bare } = await exchange(own);
  assert.equal(decoded(bare).claims.amr, undefined);
  assert.deepEqual(await statuses(bare), { ...all, ...bot, '/fresh': 401 });
}
