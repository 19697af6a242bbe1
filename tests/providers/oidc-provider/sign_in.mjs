// The pages where a user of the provider signs in: registers a passkey, uses it, or types no
// password at all (nobody checks it). The ceremonies are @simplewebauthn/server's.

import { text } from 'node:stream/consumers';
import * as webauthn from '@simplewebauthn/server';

const RP_ID = 'localhost';

/** What a sign-in proves, as it goes into tokens: RFC 8176, and `phr` of OpenID Connect EAP. */
const PASSKEY = { acr: 'phr', amr: ['hwk', 'user'] };
const PASSWORD = { acr: 'pwd', amr: ['pwd'] };

/**
 * A handler of requests below `/sign-in/`; resolves to whether the request was one. `provider()` is
 * the present one, and `origin` where its pages are.
 */
export function signInPages(origin, provider) {
  const passkeys = new Map(); // by user: one WebAuthnCredential
  const challenges = new Map(); // by interaction

  const ceremonies = {
    async 'register-options'(uid, { user }) {
      const options = await webauthn.generateRegistrationOptions({
        rpName: 'oidc-provider',
        rpID: RP_ID,
        userName: user,
        userID: new TextEncoder().encode(user),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        supportedAlgorithmIDs: [-7],
      });
      challenges.set(uid, options.challenge);
      return options;
    },
    async register(uid, { user, credential }) {
      const { verified, registrationInfo } = await webauthn.verifyRegistrationResponse(
        expecting(uid, credential),
      );
      if (!verified) throw new Error('not verified');
      passkeys.set(user, registrationInfo.credential);
      return { accountId: user, ...PASSKEY };
    },
    async 'passkey-options'(uid) {
      const options = await webauthn.generateAuthenticationOptions({
        rpID: RP_ID,
        userVerification: 'required',
      });
      challenges.set(uid, options.challenge);
      return options;
    },
    async passkey(uid, { credential }) {
      const user = Buffer.from(credential.response.userHandle, 'base64url').toString();
      const known = passkeys.get(user);
      if (known?.id !== credential.id) throw new Error('an unknown passkey');
      const expected = { ...expecting(uid, credential), credential: known };
      const { verified, authenticationInfo } =
        await webauthn.verifyAuthenticationResponse(expected);
      if (!verified) throw new Error('not verified');
      known.counter = authenticationInfo.newCounter;
      return { accountId: user, ...PASSKEY };
    },
    password: async (_, { user }) => ({ accountId: user, ...PASSWORD }),
  };
  const expecting = (uid, response) => ({
    response,
    expectedChallenge: challenges.get(uid),
    expectedOrigin: origin,
    expectedRPID: RP_ID,
    requireUserVerification: true,
  });

  return async (request, response) => {
    const [, uid, step] = /^\/sign-in\/([^/]+)(?:\/([a-z-]+))?$/.exec(request.url) ?? [];
    if (!uid) return false;
    const answer = (status, type, body) =>
      response.writeHead(status, { 'content-type': type }).end(body);
    try {
      const { params } = await provider().interactionDetails(request, response);
      if (!step) {
        answer(200, 'text/html; charset=utf-8', page(params.acr_values));
        return true;
      }
      if (!Object.hasOwn(ceremonies, step)) throw new Error(`no step is called ${step}`);
      const done = await ceremonies[step](uid, JSON.parse(await text(request)));
      const next =
        done.accountId && (await provider().interactionResult(request, response, { login: done }));
      answer(200, 'application/json', JSON.stringify(next ? { next } : done));
    } catch (error) {
      answer(400, 'text/plain', `${error.message}\n`);
    }
    return true;
  };
}

/** The page; where the client wants better than a password, a password is not offered. */
const page = (acrValues) => `<!doctype html>
<html lang="en"><title>Sign in</title><link rel="icon" href="data:,">
<p><label>Name <input id="user" value="alice"></label>
<p><button id="register">Register a passkey</button> <button id="passkey">Use a passkey</button>
${(acrValues ?? 'pwd').includes('pwd') ? '<button id="password">Use a password</button>' : ''}
<p id="problem" role="alert">
<script type="module">
const post = async (step, body = {}) => {
  const address = location.pathname + '/' + step;
  const answer = await fetch(address, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const steps = {
  async register(user) {
    const options = await post('register-options', { user });
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    const credential = await navigator.credentials.create({ publicKey });
    return post('register', { user, credential: credential.toJSON() });
  },
  async passkey() {
    const options = await post('passkey-options');
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const credential = await navigator.credentials.get({ publicKey });
    return post('passkey', { credential: credential.toJSON() });
  },
  password: (user) => post('password', { user }),
};
for (const [name, step] of Object.entries(steps)) {
  document.getElementById(name)?.addEventListener('click', async () => {
    try {
      location = (await step(document.getElementById('user').value)).next;
    } catch (error) {
      document.getElementById('problem').textContent = error.message;
    }
  });
}
document.body.dataset.ready = 'yes';
</script>
`;
