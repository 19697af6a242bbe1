// Clients that prove with each request that they hold the key of their token (RFC 9449): a page in
// a browser, and a program. oauth4webapi makes keys and proofs.

import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { until } from '../browser/browser.mjs';

const options = { [oauth.allowInsecureRequests]: true }; // all of it is on one machine

/** The page of `page/`, in front of a visitor. */
export class KeyedPage {
  constructor(visitor, origin) {
    Object.assign(this, { visitor, page: visitor.page, origin });
  }

  /** Lets `answer(visitor, arrived)` do at the provider what a person does. */
  async signIn(answer) {
    await this.page.goto(this.origin);
    await this.#ready();
    await answer.prepare?.(this.visitor);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await answer(this.visitor, (url) => url.startsWith(`${this.origin}/callback?`));
    await this.#ready();
  }

  /** Presses a button; returns the status and the body of the answer that the page shows then. */
  async press(button) {
    const shown = this.page.locator('#answer');
    await shown.evaluate((shown) => shown.replaceChildren());
    await this.page.getByRole('button', { name: button, exact: true }).click();
    return until(`an answer to ${button}`, () => shown.textContent());
  }

  /** What a script in the page gets when it asks for the private key: the name of an error. */
  exported() {
    return this.page.evaluate(() =>
      crypto.subtle.exportKey('jwk', globalThis.keys.privateKey).then(
        () => 'the key',
        (error) => error.name,
      ),
    );
  }

  #ready() {
    return this.page.waitForSelector('body[data-ready]');
  }
}

/** A program with a key, and a token that is bound to it. */
export class KeyedProgram {
  /** Gets the token with the client's own secret. */
  static async of(issuer, client_id, secret) {
    const program = new KeyedProgram();
    program.client = { client_id };
    program.DPoP = oauth.DPoP(program.client, await oauth.generateKeyPair('ES256'));
    const url = new URL(issuer);
    const discovered = await oauth.discoveryRequest(url, options);
    const provider = await oauth.processDiscoveryResponse(url, discovered);
    const granted = await program.#withNonce(async () =>
      oauth.processClientCredentialsResponse(
        provider,
        program.client,
        await oauth.clientCredentialsGrantRequest(
          provider,
          program.client,
          oauth.ClientSecretPost(secret),
          new URLSearchParams(),
          { ...options, DPoP: program.DPoP },
        ),
      ),
    );
    assert.equal(granted.token_type, 'dpop');
    program.token = granted.access_token;
    return program;
  }

  /** The library makes one round trip for a nonce, and then none. */
  async passes(uri) {
    let sent = 0;
    const counting = (...request) => {
      sent += 1;
      return fetch(...request);
    };
    for (const expected of [2, 3, 4]) {
      const answer = await this.#withNonce(() => this.#call(uri, this.DPoP, counting));
      assert.deepEqual([answer.status, sent], [200, expected]);
    }
  }

  /** The token alone, with the proof of another key, and as a bearer token. */
  async isOfNoUseToOthers(uri) {
    const refused = async (headers) => {
      const answer = await fetch(uri, { headers });
      const [, error] = /error="(\w+)"/.exec(answer.headers.get('www-authenticate'));
      return [answer.status, error];
    };
    const { token } = this;
    const bearer = await refused({ authorization: `Bearer ${token}` });
    assert.deepEqual(bearer, [401, 'invalid_token']);
    const alone = await refused({ authorization: `DPoP ${token}` });
    assert.deepEqual(alone, [401, 'invalid_dpop_proof']);
    const thief = oauth.DPoP(this.client, await oauth.generateKeyPair('ES256'));
    await assert.rejects(
      this.#withNonce(() => this.#call(uri, thief)),
      ({ response, cause: [{ parameters }] }) =>
        response.status === 401 && parameters.error === 'invalid_dpop_proof',
    );
  }

  #call(uri, DPoP, send = fetch) {
    return oauth.protectedResourceRequest(this.token, 'GET', new URL(uri), undefined, undefined, {
      ...options,
      DPoP,
      [oauth.customFetch]: send,
    });
  }

  async #withNonce(request) {
    try {
      return await request();
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return request();
    }
  }
}
