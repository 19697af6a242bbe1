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
  const mode = parameter('proof_mode');
  const isOne = parameter('proof') === 'webauthn' && ['transaction', 'session'].includes(mode);
  if (response.status !== 401 || !isOne || nonce === null) return null;
  return {
    mode,
    nonce,
    rpId: parameter('rp_id'),
    userVerification: parameter('user_verification'),
    maxAge: Number(parameter('max_age')),
    coversBody: parameter('body') === 'required',
    expires: mode === 'session' ? Number(parameter('exp')) : undefined,
  };
}

/** The header of a statement of this mode, with what an authenticator says to it. */
async function stated(mode, { iss, sub }, { nonce, rpId, userVerification }, rest, authenticator) {
  const jti = crypto.randomUUID();
  const statement = utf8(JSON.stringify({ mode, iss, sub, jti, iat: now(), nonce, ...rest }));
  const label = utf8(`webauthn-proof-v1:${mode}\0`);
  const challenge = await sha256(Uint8Array.of(...label, ...statement));
  const assertion = await authenticator({ challenge, rpId, userVerification });
  return `${base64url(statement)}.${encoded(assertion)}`;
}

export async function approve(
  { method, url, token, claims = claimsOf(token), body, contentType, contentEncoding, challenge },
  authenticator,
) {
  const rest = {
    htm: method,
    htu: url.replace(/#.*/s, ''), // with its query: what is approved may stand there
    ath: token && (await hashOf(token)),
    ...(body && {
      content_digest: `sha-256=:${base64(await sha256(body))}:`, // RFC 9530
      content_type: contentType,
      content_encoding: contentEncoding,
    }),
  };
  return stated('transaction', claims, challenge, rest, authenticator);
}

export function approveSession(
  { origin, token, claims = claimsOf(token), key, challenge },
  authenticator,
) {
  const rest = { jkt: key.thumbprint, exp: challenge.expires, aud: origin };
  return stated('session', claims, challenge, rest, authenticator);
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
  // By origin: nonces for DPoP, sessions, and those that the person is asked for now.
  const [nonces, sessions, opening] = [new Map(), new Map(), new Map()];
  return async (input, init = {}) => {
    const request = new Request(input, init);
    const { method, url } = request;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const body = bytes.length > 0 ? bytes : undefined;
    const { origin } = new URL(url);
    const before = sessions.get(origin);
    const current = typeof token === 'function' ? await token() : token;

    const attempt = async (approval) => {
      const headers = new Headers(request.headers);
      if (current) headers.set('authorization', `${key ? 'DPoP' : 'Bearer'} ${current}`);
      const session = sessions.get(origin);
      const own = key ?? session?.key;
      if (own) {
        const nonce = nonces.get(origin);
        headers.set('dpop', await dpopProof(own, { method, url, token: current, nonce }));
      }
      const proof = approval ?? session?.proof;
      if (proof) headers.set('webauthn-proof', proof);
      const answer = await fetch(url, { ...init, method, headers, body });
      const nonce = answer.headers.get('dpop-nonce');
      if (nonce) nonces.set(origin, nonce);
      return answer;
    };
    /** With the gate's own nonce for DPoP, if it asks for that (RFC 9449 section 9). */
    const send = async (approval) => {
      const answer = await attempt(approval);
      const error = answer.headers.get('www-authenticate') ?? '';
      const proves = key ?? sessions.get(origin);
      if (!proves || answer.status !== 401 || !error.includes('"use_dpop_nonce"')) return answer;
      await answer.body?.cancel();
      return attempt(approval);
    };

    const answer = await send();
    const challenge = authenticator ? challengeOf(answer) : null;
    if (challenge === null) return answer;
    await answer.body?.cancel();
    if (challenge.mode === 'session') {
      // Several requests at once ask the person once.
      const open = async () => {
        const own = key ?? (await createKey());
        const asked = { origin, token: current, claims, key: own, challenge };
        const proof = await approveSession(asked, authenticator);
        sessions.set(origin, { key: own, proof });
      };
      if (sessions.get(origin) === before) {
        const opened = opening.get(origin) ?? open().finally(() => opening.delete(origin));
        opening.set(origin, opened);
        await opened;
      }
      return send();
    }
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
