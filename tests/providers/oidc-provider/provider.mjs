// An OpenID provider on 127.0.0.1: the certified library oidc-provider, with a sign-in by passkey
// or by password in front of it.
//
//     node tests/providers/oidc-provider/provider.mjs PORT
//
// SIGHUP rotates its keys: a new one signs, and the one before stays published. All of it lives in
// memory. Its access tokens are JWTs for the resources below, but for OPAQUE; GATE, APPLICATION and
// ROBOT_SECRET in the environment say where the gate and an application are, and the secret of the
// clients `robot` and `site`.

import { createServer } from 'node:http';
import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import Provider, { interactionPolicy } from 'oidc-provider';
import { signInPages } from './sign_in.mjs';

const port = Number(process.argv[2]);
const issuer = `http://localhost:${port}`;
const gate = process.env.GATE ?? 'http://localhost:8080';
const application = process.env.APPLICATION ?? 'http://localhost:3000';

/** What clients may ask tokens for (RFC 8707), and the `aud` of such a token. */
const RESOURCES = {
  [gate]: gate,
  'https://payments.example.com': 'https://payments.example.com',
  'https://other.example.com': 'https://other.example.com',
  'https://all.example.com': ['https://other.example.com', gate], // one token for several services
};

/** Tokens for this are opaque, and their `aud` is the gate. */
const OPAQUE = 'https://opaque.example.com';

const publicClient = (client_id) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [`${application}/callback`],
  id_token_signed_response_alg: 'ES256',
});

/**
 * A sign-in is asked for whenever the session has none of the values of `acr` that a client wants.
 */
function policy() {
  const { Check, base } = interactionPolicy;
  const prompts = base();
  prompts.get('login').checks.add(
    new Check('acr_values', 'another way to sign in is asked for', ({ oidc }) => {
      const wanted = oidc.params.acr_values?.split(' ') ?? [];
      return wanted.length === 0 || wanted.includes(oidc.session.acr)
        ? Check.NO_NEED_TO_PROMPT
        : Check.REQUEST_PROMPT;
    }),
  );
  return prompts;
}

async function newKey() {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' };
}

const cookieKeys = [randomBytes(32).toString('hex')];

/**
 * The provider with these keys; the first signs. Sessions are in the library's memory, which all of
 * them share.
 */
function provider(keys) {
  const made = new Provider(issuer, {
    clients: [
      publicClient('application'),
      publicClient(gate), // whose ID tokens have the gate's own address as their audience
      {
        client_id: 'site', // Envoy's oauth2 filter
        client_secret: process.env.ROBOT_SECRET ?? randomUUID(),
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code'],
        redirect_uris: [`${application}/callback`],
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: 'robot',
        client_secret: process.env.ROBOT_SECRET ?? randomUUID(),
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientDefaults: { introspection_signed_response_alg: 'ES256' },
    jwks: { keys },
    cookies: { keys: cookieKeys },
    acrValues: ['phr', 'pwd'],
    claims: { openid: ['sub'], acr: null, amr: null, auth_time: null, sid: null, iss: null },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clientBasedCORS: (_, origin) => origin === application,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true }, // RFC 7662
      jwtIntrospection: { enabled: true }, // RFC 9701, to who asks for it
      revocation: { enabled: true }, // RFC 7009
      dPoP: { enabled: true }, // a client that sends a proof gets a bound token (RFC 9449)
      resourceIndicators: {
        enabled: true,
        defaultResource: () => gate,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'api',
          audience: resource === OPAQUE ? gate : resource,
          accessTokenFormat: resource === OPAQUE ? 'opaque' : 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256', kid: keys[0].kid } },
        }),
      },
    },
    // RFC 9068 section 2.2.1: how and when the user signed in, in the access token too.
    extraTokenClaims: ({ oidc }, token) => {
      const { acr, amr, authTime } =
        oidc.entities.AuthorizationCode ?? oidc.entities.RefreshToken ?? {};
      return token.kind === 'AccessToken' ? { acr, amr, auth_time: authTime } : undefined;
    },
    formats: {
      customizers: {
        jwt: (_, token, jwt) => {
          jwt.payload.aud = RESOURCES[token.aud];
        },
      },
    },
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}`, policy: policy() },
    loadExistingGrant: async ({ oidc }) => {
      // no page that asks for consent
      const grant = new made.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope('openid offline_access');
      for (const resource of [...Object.keys(RESOURCES), OPAQUE]) {
        grant.addResourceScope(resource, 'api');
      }
      await grant.save();
      return grant;
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    ttl: {
      Interaction: 600,
      Session: 3600,
      Grant: 3600,
      IdToken: 300,
      ClientCredentials: 300,
      RefreshToken: 3600,
    },
  });
  return made;
}

let keys = [await newKey()];
let current = provider(keys);
const pages = signInPages(issuer, () => current);

process.on('SIGHUP', async () => {
  keys = [await newKey(), keys[0]];
  current = provider(keys);
});

createServer(async (request, response) => {
  if (!(await pages(request, response))) current.callback()(request, response);
}).listen(port, '127.0.0.1', () => console.log(`${issuer} is ready`));
