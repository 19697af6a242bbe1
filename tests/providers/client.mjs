// An OAuth client as an application has one: authorization code with PKCE, in the browser of a
// visitor.

import { createHash, randomBytes } from 'node:crypto';

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Header and claims of a token. */
export function decoded(token) {
  const [header, claims] = token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString());
  return { header: JSON.parse(header), claims: JSON.parse(claims) };
}

/** A public client of one provider. */
export class Client {
  /** `metadata` is the provider's discovery document. */
  constructor(metadata, id, redirectUri) {
    Object.assign(this, { metadata, id, redirectUri });
  }

  /**
   * Sends the visitor's page to the authorization endpoint (after `answer.prepare(visitor)`, if
   * there is one) and lets `answer(visitor, arrived)` do there what a person does; then exchanges
   * the code. `ask`: more parameters, such as `acr_values`. Returns the token endpoint's answer
   * with `steps`, what `answer` returned.
   */
  async signIn(visitor, answer, ask = {}) {
    const verifier = base64url(randomBytes(32));
    const state = base64url(randomBytes(8));
    const url = new URL(this.metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: this.id,
      redirect_uri: this.redirectUri,
      response_type: 'code',
      scope: 'openid',
      state,
      code_challenge_method: 'S256',
      code_challenge: base64url(createHash('sha256').update(verifier).digest()),
      ...ask,
    });
    const arrived = (url) => String(url).startsWith(`${this.redirectUri}?`);
    await answer.prepare?.(visitor);
    await visitor.page.goto(url.href, { waitUntil: 'commit' });
    const steps = await answer(visitor, arrived);
    const answered = new URL(visitor.page.url()).searchParams;
    if (answered.get('state') !== state || !answered.has('code'))
      throw new Error(`no code: ${visitor.page.url()}`);
    const tokens = await this.exchange({
      grant_type: 'authorization_code',
      code: answered.get('code'),
      redirect_uri: this.redirectUri,
      code_verifier: verifier,
    });
    return { ...tokens, steps };
  }

  /** A request to the token endpoint; throws unless it grants. */
  async exchange(parameters) {
    const answer = await fetch(this.metadata.token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({ client_id: this.id, ...parameters }),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${this.id}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  }

  /** A new access token for a refresh token. */
  refresh(refresh_token) {
    return this.exchange({ grant_type: 'refresh_token', refresh_token });
  }
}

/** The discovery document of an issuer. */
export async function discovered(issuer) {
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error(`${issuer}: ${answer.status}`);
  return answer.json();
}
