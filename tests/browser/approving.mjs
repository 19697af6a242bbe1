// A gate whose payments a passkey approves (envoy/approvals-page.yaml), an issuer that binds tokens
// to passkeys, and the page that asks for approvals with the client module.

import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Gate, ROOT, Service } from '../providers/gate.mjs';
import { freePorts } from '../providers/ports.mjs';

const FILE = 'envoy/approvals-page.yaml';
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const base64url = (value) =>
  Buffer.from(value instanceof ArrayBuffer ? value : JSON.stringify(value)).toString('base64url');

/** Rules beside those of the file: what a passkey proves shows in which of them it passes. */
const MORE = [
  ['/touch', { user_verification: 'optional' }],
  ['/own', { user_verification: 'optional', device_bound: true }],
  ['/orders', { body: 'required' }],
  ['/console', { mode: 'session' }],
].map(([path, terms]) => {
  const proof = { webauthn: { mode: 'transaction', ...terms } };
  const match = { path_separated_prefix: path };
  return JSON.stringify({ match, requires: { provider_name: 'acme', proof } });
});

/** All of it, on free ports. `gate` is the gate, `page` the page's origin. */
export class Approving {
  #servers = [];

  static async start() {
    const it = new Approving();
    const ports = await freePorts('gate', 'page', 'issuer', 'service');
    it.issuer = `http://127.0.0.1:${ports.issuer}`;
    it.page = `http://localhost:${ports.page}`;
    const pair = await crypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
    it.key = pair.privateKey;
    const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const keys = JSON.stringify({ keys: [{ ...jwk, kid: 'k', alg: 'ES256', use: 'sig' }] });
    await it.#serve(ports.issuer, () => ['application/json', keys]);
    const client = readFileSync(join(ROOT, 'client/index.js'));
    await it.#serve(ports.page, (url) => it.#file(url, client));
    it.service = await Service.start(ports.service);
    it.gate = await Gate.start(FILE, {
      port: ports.gate,
      ports: { 8080: ports.gate, 3000: ports.page, 9000: ports.issuer, 9001: ports.service },
      edit: (text) =>
        text
          .replace('"rules": [', (start) => `${start}${MORE},`)
          .replace(/^( *)failure_policy:.*$/m, '$&\n$1allow_on_headers_stop_iteration: true'),
    });
    return it;
  }

  #file(url, client) {
    if (url === '/client.js') return ['text/javascript', client];
    // A page of another origin, with this one in a frame that may use passkeys.
    const frame = `<iframe src="${this.page}/" allow="publickey-credentials-get *"></iframe>`;
    const body = url === '/frame' ? frame : '';
    return ['text/html', `<!doctype html><title>page</title><link rel=icon href=data:,>${body}`];
  }

  #serve(port, answer) {
    const server = createServer((request, response) => {
      const [type, body] = answer(request.url);
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    this.#servers.push(server);
    return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  /** A token for somebody whose passkey this is. The sign-in was by password. */
  async token(sub, passkey) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.issuer,
      aud: this.gate.origin,
      sub,
      iat: now,
      exp: now + 600,
      amr: ['pwd'],
      cnf: { jwk: passkey },
    };
    const input = `${base64url({ alg: 'ES256', kid: 'k' })}.${base64url(claims)}`;
    const signature = await crypto.subtle.sign(ES256, this.key, Buffer.from(input));
    return `${input}.${base64url(signature)}`;
  }

  /** Waits until the gate has recorded this reason for the request with this id. */
  recorded(id, reason) {
    return this.gate.says(new RegExp(`(?=.*"request_id":"${id}")(?=.*"reason":"${reason}")`));
  }

  async stop() {
    await this.gate?.stop();
    await this.service?.stop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

/** What people have, and what their assertions prove: `authenticator` for `browser.visitor`. */
export const KINDS = {
  'a security key of U2F': {
    authenticator: { ...plain('usb'), protocol: 'u2f' },
    proves: { device_bound: true },
  },
  'a security key without a PIN': {
    authenticator: plain('usb'),
    proves: { device_bound: true },
  },
  'a security key with a PIN': {
    authenticator: 'securityKey',
    proves: { user_verified: true, device_bound: true },
  },
  'the device itself': {
    authenticator: 'platform',
    proves: { user_verified: true, device_bound: true },
  },
  'a passkey that is synced': {
    authenticator: 'synced',
    proves: { user_verified: true },
  },
  'a passkey that may be synced': {
    authenticator: { transport: 'internal', defaultBackupEligibility: true },
    proves: { user_verified: true },
  },
};

function plain(transport) {
  return { transport, hasResidentKey: false, hasUserVerification: false, isUserVerified: false };
}

const ALGORITHMS = { [-7]: 'ES256', [-8]: 'Ed25519', [-257]: 'RS256' };

/**
 * Registers a passkey in the page: `{ id, jwk, authenticatorData }`. `algorithm` is one of COSE;
 * `blob` goes into the extension credBlob.
 */
export async function register(page, { algorithm = -7, isVerified = true, blob } = {}) {
  const made = await page.evaluate(
    async ({ algorithm, isVerified, blob }) => {
      const wish = isVerified ? 'required' : 'discouraged';
      const publicKey = {
        challenge: crypto.getRandomValues(new Uint8Array(16)),
        rp: { name: 'test' },
        user: { id: crypto.getRandomValues(new Uint8Array(16)), name: 'alice', displayName: '' },
        pubKeyCredParams: [{ type: 'public-key', alg: algorithm }],
        authenticatorSelection: { residentKey: wish, userVerification: wish },
        ...(blob && { extensions: { credBlob: Uint8Array.from(blob) } }),
        timeout: 20_000,
      };
      const { rawId, response } = await navigator.credentials.create({ publicKey });
      const bytes = (buffer) => [...new Uint8Array(buffer)];
      return {
        id: bytes(rawId),
        spki: bytes(response.getPublicKey()),
        authenticatorData: bytes(response.getAuthenticatorData()),
      };
    },
    { algorithm, isVerified, blob },
  );
  const key = createPublicKey({ key: Buffer.from(made.spki), format: 'der', type: 'spki' });
  const jwk = { ...key.export({ format: 'jwk' }), alg: ALGORITHMS[algorithm] };
  return { id: made.id, jwk, authenticatorData: Buffer.from(made.authenticatorData) };
}

/**
 * Sends a request from the page with the client module. `more` are options of
 * `navigator.credentials.get` beside what the gate asks for. `instead` changes what is sent
 * after the person approved. Returns `{ status, challenge, body, proof }`, or the name of an error.
 */
export function send(page, { gate, token, path, passkey, more = {}, instead = {}, body }) {
  return page.evaluate(
    async ({ url, id, token, more, body, instead }) => {
      const { createClient, passkey } = await import('/client.js');
      let proof = null;
      const watched = (url, init) => {
        proof = init.headers.get('webauthn-proof');
        if (proof === null) return fetch(url, init);
        init.headers.set('authorization', `Bearer ${instead.token ?? token}`);
        if (instead.type) init.headers.set('content-type', instead.type);
        return fetch(instead.url ?? url, { ...init, body: instead.body ?? init.body });
      };
      const allowCredentials = [{ type: 'public-key', id: Uint8Array.from(id) }];
      const authenticator = passkey({ publicKey: { allowCredentials, timeout: 20_000, ...more } });
      const client = createClient({ token, authenticator, fetch: watched });
      try {
        const answer = await client(url, { method: 'POST', body });
        const challenge = answer.headers.get('www-authenticate');
        return { status: answer.status, challenge, body: await answer.json(), proof };
      } catch (error) {
        return error.name;
      }
    },
    { url: `${gate.origin}${path}`, id: passkey.id, token, more, body, instead },
  );
}

/**
 * Sends requests from the page with one client, these at once and then those one by one. Returns
 * `{ answers, gestures, proofs }`: statuses with what the gate says, how often the person was
 * asked, and the header `WebAuthn-Proof` of each request that was answered 200.
 */
export function work(page, { gate, token, passkey, at, then }) {
  return page.evaluate(
    async ({ origin, id, token, at, then }) => {
      const { createClient, passkey } = await import('/client.js');
      const allowCredentials = [{ type: 'public-key', id: Uint8Array.from(id) }];
      const ask = passkey({ publicKey: { allowCredentials, timeout: 20_000 } });
      let gestures = 0;
      const authenticator = (asked) => (gestures++, ask(asked));
      const proofs = [];
      const watched = async (url, init) => {
        const answer = await fetch(url, init);
        if (answer.ok) proofs.push(init.headers.get('webauthn-proof'));
        return answer;
      };
      const client = createClient({ token, authenticator, fetch: watched });
      const send = async ([method, path, body]) => {
        const answer = await client(`${origin}${path}`, { method, body });
        return { status: answer.status, body: await answer.json() };
      };
      const answers = await Promise.all(at.map(send));
      for (const request of then) answers.push(await send(request));
      return { answers, gestures, proofs };
    },
    { origin: gate.origin, id: passkey.id, token, at, then },
  );
}
