// A realm with the mistakes that are easy to make in Keycloak, each a flow and the client that uses
// it, beside the flows of `realm.json`. What each of them does to tokens is told by the stories in
// `keycloak.test.mjs`.

import { randomUUID } from 'node:crypto';
import { SECRETS } from './keycloak.mjs';

const COOKIE = { authenticator: 'auth-cookie', requirement: 'ALTERNATIVE' };
const PASSWORD_FORM = 'auth-username-password-form';
const PASSKEY = 'webauthn-authenticator-passwordless';

/** The realm `traps`, from the text of `realm.json`. */
export function traps(text) {
  const filled = Object.entries(SECRETS).reduce(
    (text, [name, value]) => text.replaceAll(`\${${name}}`, value),
    text,
  );
  const fresh = new Map(); // the ids of flows are unique among all realms
  const own = filled.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
    if (!fresh.has(id)) fresh.set(id, randomUUID());
    return fresh.get(id);
  });
  const realm = { ...JSON.parse(own), realm: 'traps' };
  const add = (client, ...levels) => addFlow(realm, client, levels);

  // The password's level lapses long before the passkey's: then a password alone renews the
  // session.
  add(
    'lapsing',
    [{ level: 1, maxAge: 1 }, form(PASSWORD_FORM, 'pwd')],
    [{ level: 2 }, form(PASSKEY, 'hwk')],
  );
  // The same, and the password leaves no trace in `amr`.
  add(
    'silent',
    [{ level: 1, maxAge: 1 }, form(PASSWORD_FORM)],
    [{ level: 2 }, form(PASSKEY, 'hwk')],
  );
  // A form that takes passwords and passkeys, and calls both `hwk`.
  add('boasting', [{ level: 1 }, form(PASSWORD_FORM, 'hwk')]);
  // The same form, and each is called what it was: the way to have one form for both.
  add('honest', [
    { level: 1 },
    form(PASSWORD_FORM),
    used('password', 'pwd'),
    used('webauthn-passwordless', 'hwk'),
  ]);

  // A client with the passkey flow that does not take the session of a weaker one for its own.
  const strict = structuredClone(realm.clients.find((client) => client.clientId === 'app'));
  strict.clientId = 'strict';
  strict.attributes['minimum.acr.value'] = 'phr';
  realm.clients.push(strict);
  return realm;
}

/**
 * An execution that takes a credential; `amr` is its "Authenticator Reference", none leaves it
 * empty.
 */
const form = (authenticator, amr) => ({ authenticator, amr });
/** A sub-flow that, when this kind of credential was used, does nothing but leave its reference. */
const used = (credentials, amr) => ({ credentials, amr });

/** A flow of levels and a client called like it. */
function addFlow(realm, name, levels) {
  const flows = [];
  const flow = (alias, executions, topLevel = false) => {
    const numbered = executions.map((execution, index) => ({
      ...execution,
      priority: 10 * (index + 1),
    }));
    flows.push({
      id: randomUUID(),
      alias,
      providerId: 'basic-flow',
      topLevel,
      authenticationExecutions: numbered,
    });
  };
  const config = (alias, values) => {
    realm.authenticatorConfig.push({ alias, config: values });
    return alias;
  };
  const reference = (alias, amr) =>
    amr && {
      authenticatorConfig: config(alias, {
        'default.reference.value': amr,
        'default.reference.maxAge': '36000',
      }),
    };
  const sub = (flowAlias, requirement) => ({ flowAlias, authenticatorFlow: true, requirement });

  flow(name, [COOKIE, sub(`${name} forms`, 'ALTERNATIVE')], true);
  flow(
    `${name} forms`,
    levels.map(([{ level }]) => sub(`${name} ${level}`, 'CONDITIONAL')),
  );
  for (const [{ level, maxAge = 36000 }, ...steps] of levels) {
    const values = { 'loa-condition-level': `${level}`, 'loa-max-age': `${maxAge}` };
    const condition = {
      authenticator: 'conditional-level-of-authentication',
      requirement: 'REQUIRED',
      authenticatorConfig: config(`${name} ${level}`, values),
    };
    flow(`${name} ${level}`, [
      condition,
      ...steps.map(({ authenticator, credentials, amr }) => {
        const alias = `${name} ${level} ${credentials ?? authenticator}`;
        if (!credentials)
          return { authenticator, requirement: 'REQUIRED', ...reference(alias, amr) };
        const condition = config(`${alias} used`, { credentials, included: 'true' });
        flow(alias, [
          {
            authenticator: 'conditional-credential',
            requirement: 'REQUIRED',
            authenticatorConfig: condition,
          },
          {
            authenticator: 'allow-access-authenticator',
            requirement: 'REQUIRED',
            ...reference(alias, amr),
          },
        ]);
        return sub(alias, 'CONDITIONAL');
      }),
    ]);
  }
  realm.authenticationFlows.push(...flows);

  const client = structuredClone(realm.clients.find((client) => client.clientId === 'app'));
  client.clientId = name;
  client.authenticationFlowBindingOverrides = {
    browser: flows.find((flow) => flow.alias === name).id,
  };
  realm.clients.push(client);
}
