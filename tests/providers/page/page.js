// Signs in with the authorization code flow, gets a token that is bound to a key of this page
// (RFC 9449), and calls an API of another origin. oauth4webapi makes keys, proofs and requests.

import * as oauth from '/oauth4webapi.js';

const { issuer, client_id, api } = await (await fetch('/settings')).json();
const options = { [oauth.allowInsecureRequests]: true }; // all of it is on one machine
const client = { client_id, id_token_signed_response_alg: 'ES256' };
const redirectUri = `${location.origin}/callback`;
const provider = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), options),
);
let token, DPoP;

const byId = (id) => document.getElementById(id);
const tell = async (answer) => {
  byId('answer').textContent = `${answer.status}\n${await answer.text()}`;
};

/** Where a server wants a nonce, the library has it from the refusal; the second try has it. */
async function withNonce(request) {
  try {
    return await request();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return request();
  }
}

async function leaveToSignIn() {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  Object.assign(sessionStorage, { verifier, state });
  const url = new URL(provider.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    state,
    code_challenge_method: 'S256',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  });
  location = url;
}

async function exchangeTheCode() {
  const { verifier, state } = sessionStorage;
  const code = oauth.validateAuthResponse(provider, client, new URL(location.href), state);
  // No script can read the private key out: not this one, and not one that got in.
  const keys = await oauth.generateKeyPair('ES256', { extractable: false });
  globalThis.keys = keys; // to try just that in the console
  DPoP = oauth.DPoP(client, keys);
  const answer = await withNonce(() =>
    oauth
      .authorizationCodeGrantRequest(
        provider,
        client,
        oauth.None(),
        code,
        redirectUri,
        verifier,
        { ...options, DPoP },
      )
      .then((answer) => oauth.processAuthorizationCodeResponse(provider, client, answer)),
  );
  token = answer.access_token;
}

const call = () =>
  withNonce(() =>
    oauth.protectedResourceRequest(token, 'GET', new URL(api), undefined, undefined, {
      ...options,
      DPoP,
    }),
  );

byId('sign-in').addEventListener('click', leaveToSignIn);
byId('call').addEventListener('click', async () => tell(await call()));
byId('steal').addEventListener('click', async () =>
  tell(await fetch(api, { headers: { authorization: `DPoP ${token}` } })),
);
if (location.pathname === '/callback') await exchangeTheCode();
document.body.dataset.ready = 'yes';
