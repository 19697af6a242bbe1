// Requests to a gate that wants proofs: DPoP (RFC 9449), and approvals by a passkey. The comments
// of index.d.ts say what each function takes and gives.

const utf8 = (text) => new TextEncoder().encode(text);
const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const base64url = (buffer) =>
  base64(new Uint8Array(buffer)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const hashOf = async (text) => base64url(await sha256(utf8(text)));
const encoded = (value) => base64url(utf8(JSON.stringify(value)));
const now = () => Math.floor(Date.now() / 1000);

export async function createKey() {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(curve, false, ['sign']);
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const jwk = { crv, kty, x, y }; // these members in this order make the thumbprint (RFC 7638)
  return { privateKey, jwk, thumbprint: await hashOf(JSON.stringify(jwk)) };
}

export async function dpopProof(key, { method, url, token, nonce }) {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk };
  const claims = {
    jti: crypto.randomUUID(),
    htm: method,
    htu: url.replace(/[?#].*/s, ''), // without query and fragment (RFC 9449 section 4.2)
    iat: now(),
    ath: token && (await hashOf(token)),
    nonce,
  };
  const input = `${encoded(header)}.${encoded(claims)}`;
  const signing = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(signing, key.privateKey, utf8(input));
  return `${input}.${base64url(signature)}`;
}

export function challengeOf(response) {
  const text = response.headers.get('www-authenticate') ?? '';
  const parameter = (name) => new RegExp(`[ ,]${name}="([^"]*)"`).exec(text)?.[1];
  const nonce = response.headers.get('webauthn-nonce');
  const isOne = parameter('proof') === 'webauthn' && parameter('proof_mode') === 'transaction';
  if (response.status !== 401 || !isOne || nonce === null) return null;
  return {
    nonce,
    rpId: parameter('rp_id'),
    userVerification: parameter('user_verification'),
    maxAge: Number(parameter('max_age')),
    coversBody: parameter('body') === 'required',
  };
}

export async function approve(
  { method, url, token, claims = claimsOf(token), body, contentType, contentEncoding, challenge },
  authenticator,
) {
  const { nonce, rpId, userVerification } = challenge;
  const statement = utf8(
    JSON.stringify({
      mode: 'transaction',
      iss: claims.iss,
      sub: claims.sub,
      jti: crypto.randomUUID(),
      iat: now(),
      nonce,
      htm: method,
      htu: url.replace(/#.*/s, ''), // with its query: what is approved may stand there
      ath: token && (await hashOf(token)),
      ...(body && {
        content_digest: `sha-256=:${base64(await sha256(body))}:`, // RFC 9530
        content_type: contentType,
        content_encoding: contentEncoding,
      }),
    }),
  );
  const label = utf8('webauthn-proof-v1:transaction\0');
  const made = await sha256(Uint8Array.of(...label, ...statement));
  const assertion = await authenticator({ challenge: made, rpId, userVerification });
  return `${base64url(statement)}.${encoded(assertion)}`;
}

export const passkey =
  (options = {}) =>
  async ({ challenge, ...asked }) => {
    const publicKey = { ...asked, ...options.publicKey, challenge };
    const { id, type, response } = await navigator.credentials.get({ ...options, publicKey });
    // Not `toJSON`, which older browsers lack; and nothing that the gate would not read.
    return {
      id,
      rawId: id,
      type,
      response: {
        clientDataJSON: base64url(response.clientDataJSON),
        authenticatorData: base64url(response.authenticatorData),
        signature: base64url(response.signature),
      },
    };
  };

export function createClient(options) {
  const { token, key, claims, authenticator, fetch = globalThis.fetch } = options;
  const nonces = new Map(); // for DPoP, by origin
  return async (input, init = {}) => {
    const request = new Request(input, init);
    const { method, url } = request;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const body = bytes.length > 0 ? bytes : undefined;
    const { origin } = new URL(url);
    const current = typeof token === 'function' ? await token() : token;

    const attempt = async (approval) => {
      const headers = new Headers(request.headers);
      if (current) headers.set('authorization', `${key ? 'DPoP' : 'Bearer'} ${current}`);
      if (key) {
        const nonce = nonces.get(origin);
        headers.set('dpop', await dpopProof(key, { method, url, token: current, nonce }));
      }
      if (approval) headers.set('webauthn-proof', approval);
      const answer = await fetch(url, { ...init, method, headers, body });
      const nonce = answer.headers.get('dpop-nonce');
      if (nonce) nonces.set(origin, nonce);
      return answer;
    };
    /** With the gate's own nonce for DPoP, if it asks for that (RFC 9449 section 9). */
    const send = async (approval) => {
      const answer = await attempt(approval);
      const error = answer.headers.get('www-authenticate') ?? '';
      if (!key || answer.status !== 401 || !error.includes('"use_dpop_nonce"')) return answer;
      await answer.body?.cancel();
      return attempt(approval);
    };

    const answer = await send();
    const challenge = authenticator ? challengeOf(answer) : null;
    if (challenge === null) return answer;
    await answer.body?.cancel();
    const contentType = request.headers.get('content-type') ?? undefined;
    const contentEncoding = request.headers.get('content-encoding') ?? undefined;
    const approved = {
      method,
      url,
      token: current,
      claims,
      body: challenge.coversBody ? bytes : body,
      contentType,
      contentEncoding,
      challenge,
    };
    return send(await approve(approved, authenticator));
  };
}

/** The claims of a token. Nothing is decided by them here: the gate compares them. */
function claimsOf(token) {
  const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
