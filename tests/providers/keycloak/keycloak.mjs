// A running Keycloak: what an administrator and a person at its pages do.

import { randomUUID } from 'node:crypto';
import { PATIENCE, until } from '../../browser/browser.mjs';

/** The secrets that `realm.json` leaves to the environment. */
export const SECRETS = {
  GATE_SECRET: 'gate-secret-of-the-tests',
  ALICE_PASSWORD: 'alice-password-of-the-tests',
};
/** Keycloak's first administrator. */
export const ADMINISTRATOR = {
  KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
  KC_BOOTSTRAP_ADMIN_PASSWORD: 'admin-password-of-the-tests',
};

/** Keycloak's Admin REST API. */
export class Administrator {
  #base;

  constructor(base) {
    this.#base = base;
  }

  /** Creates a realm from its representation. */
  createRealm(realm) {
    return this.#send('POST', '/admin/realms', realm);
  }

  /** Adds an ES256 key that signs from now on, and returns the `kid` that signed before. */
  async rotate(realm) {
    const keys = await this.#send('GET', `/admin/realms/${realm}/keys`);
    const active = keys.active.ES256;
    const priority = Math.max(...keys.keys.map((key) => key.providerPriority)) + 1;
    const { id } = await this.#send('GET', `/admin/realms/${realm}`);
    await this.#send('POST', `/admin/realms/${realm}/components`, {
      name: `es256-${priority}`,
      providerId: 'ecdsa-generated',
      providerType: 'org.keycloak.keys.KeyProvider',
      parentId: id,
      config: {
        priority: [`${priority}`],
        enabled: ['true'],
        active: ['true'],
        ecdsaEllipticCurveKey: ['P-256'],
      },
    });
    return active;
  }

  /** Removes the key `kid`: the realm verifies and publishes it no more. */
  async withdraw(realm, kid) {
    const { keys } = await this.#send('GET', `/admin/realms/${realm}/keys`);
    const { providerId } = keys.find((key) => key.kid === kid);
    await this.#send('DELETE', `/admin/realms/${realm}/components/${providerId}`);
  }

  /** Makes a client whose own account has these roles for the admin API, and nothing else. */
  async makeAccount(realm, clientId, secret, roles) {
    const ask = (...words) => this.ask(realm, ...words);
    await ask('POST', '/clients', {
      clientId,
      protocol: 'openid-connect',
      publicClient: false,
      secret,
      serviceAccountsEnabled: true,
      standardFlowEnabled: false,
      fullScopeAllowed: false,
    });
    const [client] = await ask('GET', `/clients?clientId=${clientId}`);
    const [management] = await ask('GET', '/clients?clientId=realm-management');
    const account = await ask('GET', `/clients/${client.id}/service-account-user`);
    const place = `clients/${management.id}`;
    for (const name of roles) {
      const role = await ask('GET', `/${place}/roles/${name}`);
      await ask('POST', `/users/${account.id}/role-mappings/${place}`, [role]);
      await ask('POST', `/clients/${client.id}/scope-mappings/${place}`, [role]);
    }
  }

  /** Changes attributes of a client. */
  async setAttributes(realm, clientId, attributes) {
    const [client] = await this.#send('GET', `/admin/realms/${realm}/clients?clientId=${clientId}`);
    client.attributes = { ...client.attributes, ...attributes };
    await this.#send('PUT', `/admin/realms/${realm}/clients/${client.id}`, client);
  }

  /** Lets a user register a passkey when they sign in the next time. */
  async asksForPasskey(realm, username) {
    const [user] = await this.#send(
      'GET',
      `/admin/realms/${realm}/users?username=${username}&exact=true`,
    );
    user.requiredActions = ['webauthn-register-passwordless'];
    await this.#send('PUT', `/admin/realms/${realm}/users/${user.id}`, user);
  }

  /** Anything else of a realm. */
  ask(realm, method, path, body) {
    return this.#send(method, `/admin/realms/${realm}${path}`, body);
  }

  async #send(method, path, body) {
    const token = await this.#token();
    const answer = await fetch(this.#base + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async #token() {
    const answer = await fetch(`${this.#base}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        client_id: 'admin-cli',
        username: ADMINISTRATOR.KC_BOOTSTRAP_ADMIN_USERNAME,
        password: ADMINISTRATOR.KC_BOOTSTRAP_ADMIN_PASSWORD,
      }),
    });
    if (!answer.ok) throw new Error(`administrator: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).access_token;
  }
}

/**
 * What alice does at Keycloak's pages until the browser has arrived, `how`:
 *
 * - `passkey`: her passkey wherever one is asked for or offered,
 * - `password`: her password, and no passkey even where the form offers one,
 * - `register`: her password, and then a new passkey as Keycloak asks her to.
 *
 * Resolves to the forms that she answered, of `passkey`, `password` and `register`; one that the
 * browser's autofill answered with a passkey is none of hers. Throws what Keycloak says when it
 * shows an error.
 */
export function alice(how, password = SECRETS.ALICE_PASSWORD) {
  const answer = async ({ page, authenticator }, arrived) => {
    const answered = [];
    let error = null;
    // Keycloak asks for one, and for another each time.
    const label = (dialog) => dialog.accept(randomUUID());
    page.on('dialog', label);
    try {
      await until(
        `the end of the sign-in at ${page.url()}`,
        async () => {
          if (arrived(page.url(), answered)) return true;
          const form = await page.evaluate(answerForm, { how, password });
          error = form?.error;
          if (form?.name) answered.push(form.name);
          return error;
        },
        PATIENCE,
      );
    } catch (late) {
      throw new Error(
        `${late.message}\n${page.url()}\n${await page.innerText('body').catch(() => '')}`,
      );
    } finally {
      page.off('dialog', label);
      if (how === 'password') await authenticator.accepts();
    }
    if (error) throw new Error(`Keycloak says: ${error}`);
    return answered;
  };
  // Before the page is there: a form that offers a passkey takes one at once.
  answer.prepare = ({ authenticator }) => how === 'password' && authenticator.declines();
  return answer;
}

/** Runs in the page: answers its form, once, and says which it is. */
function answerForm({ how, password }) {
  const find = (id) => document.getElementById(id);
  if (document.readyState !== 'complete' || window.answered) return null;
  if (find('kc-error-message')) return { error: find('kc-error-message').innerText };
  const press = (name, button) => {
    window.answered = true;
    setTimeout(() => find(button).click()); // a page that is left at once could not tell its name
    return { name };
  };
  if (find('password')) {
    if (how === 'passkey') return null; // the browser's autofill answers
    if (find('username')) find('username').value = 'alice';
    find('password').value = password;
    return press('password', 'kc-login');
  }
  if (find('registerWebAuthn')) return press('register', 'registerWebAuthn');
  if (find('authenticateWebAuthnButton') && how === 'passkey')
    return press('passkey', 'authenticateWebAuthnButton');
  return null;
}
