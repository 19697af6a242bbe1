// Prints a DPoP proof for one request, so that curl can send it (RFC 9449):
//
//     node tests/providers/prove.mjs KEY METHOD URI [TOKEN [NONCE]]
//
// KEY is a file; where it is empty a new key goes into it. The library `dpop` makes the proof.

import { readFileSync, writeFileSync } from 'node:fs';
import { generateKeyPair, generateProof } from 'dpop';

const [file, method, uri, token, nonce] = process.argv.slice(2);
const { subtle } = crypto;
const ES256 = { name: 'ECDSA', namedCurve: 'P-256' };

let kept = readFileSync(file, 'utf8');
if (kept === '') {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  kept = JSON.stringify(await subtle.exportKey('jwk', privateKey));
  writeFileSync(file, kept, { mode: 0o600 });
}
const { d, key_ops, ...open } = JSON.parse(kept);
const keys = {
  privateKey: await subtle.importKey('jwk', { d, ...open }, ES256, false, ['sign']),
  publicKey: await subtle.importKey('jwk', open, ES256, true, ['verify']),
};
console.log(await generateProof(keys, uri, method, nonce, token));
