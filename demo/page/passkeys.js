// The two ceremonies, between the provider and the browser's own WebAuthn. Nothing is decoded by
// hand.

import { createClient, createKey } from '/page/client.js';

/** What went wrong, in words for the person at the page. `cancelled` when it was only not done. */
export class CeremonyError extends Error {
  constructor(message, cancelled = false) {
    super(message);
    this.cancelled = cancelled;
  }
}

/**
 * Registers a passkey for `name`. Returns the name of the account, which is another one if `name`
 * is taken.
 */
export async function register(name, signal) {
  supported();
  const options = await ask('register/options', { name });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await ceremony(() => navigator.credentials.create({ publicKey, signal }));
  return (await ask('register', { name: options.user.name, credential: credential.toJSON() })).name;
}

/**
 * Signs in; `wish` is `{ touch_only: true }`, or `acr_values` and `max_age` of a challenge. The
 * gate gets a cookie. Returns `{ name, bound, approver }`. `bound` is `{ token, send }`: another
 * token, which is bound to a new key of this page, and a `fetch` that proves. `approver` is
 * `{ token, agentToken, id }`: a third token, which names the passkey, one of an agent of this
 * person, and the passkey's id.
 */
export async function signIn(wish, signal) {
  supported();
  const options = await ask('sign-in/options', wish);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await ceremony(() => navigator.credentials.get({ publicKey, signal }), true);
  const key = await createKey();
  const signedIn = { credential: credential.toJSON(), jkt: key.thumbprint };
  const tokens = await ask('sign-in', signedIn);
  const { name, bound_token: token, approving_token, agent_token: agentToken } = tokens;
  return {
    name,
    bound: { token, send: createClient({ token, key }) },
    approver: { token: approving_token, agentToken, id: credential.rawId },
  };
}

/** Takes the cookie away. */
export const signOut = () => ask('sign-out', {});

/** Ends all sessions of this person: the provider tells the gate so. */
export const signOutEverywhere = (name) => ask('sign-out-everywhere', { name });

/** Ends all that the passkey of this person has signed in. The provider forgets it. */
export const revoke = (name) => ask('revoke', { name });

/** Signs with another key from now on. */
export const rotate = () => ask('rotate', {});

async function ask(what, body) {
  let answer, value;
  try {
    answer = await fetch(`/provider/${what}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    value = await answer.json();
  } catch {
    throw new CeremonyError('The provider does not answer. Is the demo still running?');
  }
  if (!answer.ok)
    throw new CeremonyError(sentence(value.error ?? `The provider answered ${answer.status}`));
  return value;
}

/** Asks the authenticator; what goes wrong then comes as a `CeremonyError`. */
export async function ceremony(start, isSignIn = false) {
  try {
    return await start();
  } catch (error) {
    switch (error.name) {
      case 'AbortError':
      case 'NotAllowedError':
        throw new CeremonyError(
          `Cancelled, or no passkey fits. Nothing was signed, nothing has changed.${isSignIn ? ' No passkey yet? Register one first, in step 1.' : ''}`,
          true,
        );
      case 'InvalidStateError':
        throw new CeremonyError('This authenticator holds a passkey for this account already.');
      case 'SecurityError':
        throw new CeremonyError(
          `The browser does not allow passkeys for ${location.hostname}. Open http://localhost:${location.port} instead.`,
        );
      default:
        throw new CeremonyError(`The authenticator could not do it: ${error.message}`);
    }
  }
}

function supported() {
  if (!globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON) {
    throw new CeremonyError(
      'This browser is too old for passkeys in JSON: use Chrome 129, Firefox 119, Safari 18.4, or later.',
    );
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
