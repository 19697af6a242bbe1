// A service behind a gate that believes no header but a token that the gate has signed, by jose.
//
//     node tests/providers/identity_service.mjs PORT KEYS ISSUER AUDIENCE

import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [port, keys, issuer, audience] = process.argv.slice(2);
const keySet = createRemoteJWKSet(new URL(keys));

createServer(async (request, response) => {
  try {
    const token = request.headers['x-passgate-identity'] ?? '';
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      audience,
      typ: 'identity+jwt',
      algorithms: ['ES256'],
      clockTolerance: 60,
    });
    response.end(`hello ${payload.orig_sub} (${payload.kind}), let in by ${payload.gate}\n`);
  } catch (error) {
    response.statusCode = 401;
    response.end(`${error.code}\n`);
  }
}).listen(Number(port), '127.0.0.1');
