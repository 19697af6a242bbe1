// The key that the page's token is bound to, and proofs that the page holds it (DPoP, RFC 9449).

const bytes = (text) => new TextEncoder().encode(text);
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const sha256 = async (text) => base64url(await crypto.subtle.digest('SHA-256', bytes(text)));

/**
 * A new key: `{ privateKey, jwk, thumbprint }`. Scripts may sign with the private key. None can
 * read it out, not even one that got into the page.
 */
export async function newKey() {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(curve, false, ['sign']);
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const jwk = { crv, kty, x, y }; // these members in this order make the thumbprint (RFC 7638)
  return { privateKey, jwk, thumbprint: await sha256(JSON.stringify(jwk)) };
}

/** A proof for one GET request of `uri` with this token. */
export async function proofOf({ key, token, nonce }, uri) {
  const part = (value) => base64url(bytes(JSON.stringify(value)));
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk };
  const claims = {
    jti: crypto.randomUUID(),
    htm: 'GET',
    htu: uri,
    iat: Math.floor(Date.now() / 1000),
    ath: await sha256(token),
    nonce,
  };
  const input = `${part(header)}.${part(claims)}`;
  const signing = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(signing, key.privateKey, bytes(input));
  return `${input}.${base64url(signature)}`;
}
