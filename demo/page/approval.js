// Payments that a passkey approves, one by one, and what becomes of an approval in other hands. The
// client module makes the approvals.

import { createClient, createKey, passkey } from '/page/client.js';
import { call } from '/page/gate.js';

/** The route, and where it says what is paid: the approval covers the query. */
export const TRANSFERS = '/transfers';
const pathOf = (amount) => `${TRANSFERS}?amount=${amount}&to=bob`;

const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const json = (part) => JSON.parse(new TextDecoder().decode(bytesOf(part)));
const bytesOf = (part) =>
  Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/**
 * Pays, approved by the passkey that the token names: `approver` is `{ token, id }`. Returns the
 * outcome (`null`: nothing answers) with `approval`, the header that was sent.
 */
export function pay(amount, { token, id }, signal) {
  const allowCredentials = [{ type: 'public-key', id }];
  return paid(amount, token, passkey({ signal, publicKey: { allowCredentials } }));
}

/** The same, approved with a key that is not the one of the token. */
export const payWithAnotherKey = (amount, { token }) => paid(amount, token, stranger);

async function paid(amount, token, authenticator) {
  let approval = null;
  const watched = (url, init) => {
    approval = init.headers.get('webauthn-proof');
    return fetch(url, init);
  };
  const send = createClient({ token, authenticator, fetch: watched });
  const outcome = await call(pathOf(amount), { method: 'POST', credentials: 'omit', send });
  return outcome && { ...outcome, approval };
}

/** Sends an approval again, for this amount. */
export async function payWith(approval, amount, { token }) {
  const headers = { authorization: `Bearer ${token}`, 'webauthn-proof': approval };
  const outcome = await call(pathOf(amount), { method: 'POST', credentials: 'omit', headers });
  return outcome && { ...outcome, approval };
}

/**
 * What an approval says: `{ statement, origin, flags }`. For show: the gate reads the same bytes,
 * and checks the signature.
 */
export function contentsOf(approval) {
  const [statement, assertion] = approval.split('.').map(json);
  const { clientDataJSON, authenticatorData } = assertion.response;
  // WebAuthn section 6.1: the hash of the RP ID, then the flags.
  const flags = bytesOf(authenticatorData)[32];
  return {
    statement,
    origin: json(clientDataJSON).origin,
    verified: (flags & 0x04) !== 0,
    synced: (flags & 0x08) !== 0,
  };
}

/** An authenticator of somebody else: all that it says is right, and its key is another one. */
async function stranger({ challenge, rpId }) {
  const { privateKey } = await createKey();
  const clientData = utf8(
    JSON.stringify({
      type: 'webauthn.get',
      challenge: base64url(challenge),
      origin: location.origin,
      crossOrigin: false,
    }),
  );
  const present = 0x01;
  const verified = 0x04;
  const data = Uint8Array.of(...(await sha256(utf8(rpId))), present | verified, 0, 0, 0, 0);
  const signed = Uint8Array.of(...data, ...(await sha256(clientData)));
  const signing = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = new Uint8Array(await crypto.subtle.sign(signing, privateKey, signed));
  const id = base64url(crypto.getRandomValues(new Uint8Array(16)));
  return {
    id,
    rawId: id,
    type: 'public-key',
    response: {
      clientDataJSON: base64url(clientData),
      authenticatorData: base64url(data),
      signature: base64url(inDer(signature)),
    },
  };
}

/** A signature in the form of authenticators (WebAuthn section 6.5.5). */
function inDer(signature) {
  const integer = (bytes) => {
    const digits = bytes.slice(bytes.findIndex((byte) => byte !== 0));
    const positive = digits[0] >= 0x80 ? [0, ...digits] : [...digits];
    return [2, positive.length, ...positive];
  };
  const both = [...integer(signature.slice(0, 32)), ...integer(signature.slice(32))];
  return Uint8Array.of(0x30, both.length, ...both);
}
