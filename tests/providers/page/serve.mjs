// Serves a page that binds its tokens to a key of its own:
//
//     node tests/providers/page/serve.mjs PORT ISSUER CLIENT API
//
// The page signs in at ISSUER as CLIENT, and then calls API. `page.js` says how.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [port, issuer, client_id, api] = process.argv.slice(2);
const file = (path) => readFileSync(join(import.meta.dirname, path));
const PAGE = `<!doctype html>
<html lang="en"><title>A page with a key</title><link rel="icon" href="data:,">
<p><button id="sign-in">Sign in</button> <button id="call">Call</button>
<button id="steal">Send the token without the key</button>
<pre id="answer" role="status"></pre>
<script type="module" src="/page.js"></script>
`;
const FILES = {
  '/page.js': ['text/javascript', file('page.js')],
  '/oauth4webapi.js': ['text/javascript', file('../node_modules/oauth4webapi/build/index.js')],
  '/settings': ['application/json', JSON.stringify({ issuer, client_id, api })],
};

createServer((request, response) => {
  const [type, body] = FILES[request.url] ?? ['text/html; charset=utf-8', PAGE];
  response.writeHead(200, { 'content-type': type }).end(body);
}).listen(Number(port), '127.0.0.1', () => console.log(`http://localhost:${port} is ready`));
