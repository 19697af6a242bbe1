// What real clients see of a stream that ends with its authority: a page in Chromium (WebSocket,
// EventSource, fetch), and the gRPC library of Node.js.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { Gate } from '../providers/gate.mjs';
import { freePorts } from '../providers/ports.mjs';
import { Browser, until } from './browser.mjs';

const ISSUER = 'https://issuer.example.com';
const AUDIENCE = 'https://api.example.com';
const FILE = 'envoy/local-jwks.yaml';
/** For so many seconds a token is good that is to expire while a stream is open. */
const SHORT = 6;

const keys = generateKeyPairSync('ed25519');
const jwks = JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k' }] });
let browser;

before(async () => {
  browser = await Browser.start();
});

after(() => browser?.close());

function token(seconds) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: now, exp: now + seconds };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'EdDSA', kid: 'k' })}.${part(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), keys.privateKey).toString('base64url')}`;
}

/** A gate for these members of the provider and of the policy, before the service of this port. */
async function gateOf(t, service, { provider = {}, policy = {}, edit = (text) => text } = {}) {
  const { gate: port } = await freePorts('gate');
  const acme = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    local_jwks: { inline_string: jwks },
    clock_skew: '0s',
    ...provider,
  };
  const all = { providers: { acme }, streams: { end_with_authority: true }, ...policy };
  const gate = await Gate.start(FILE, {
    port,
    ports: { 8080: port, 9001: service },
    edit: (text) => {
      const value = `value: ${JSON.stringify(JSON.stringify(all))}\n`;
      const written = /value: \|\n[\s\S]*?\n(?= +- name: envoy.filters.http.router)/;
      const ours = text.replace(written, value);
      assert.notEqual(ours, text);
      return edit(ours).replaceAll('ORIGIN', `http://localhost:${port}`);
    },
  });
  t.after(() => gate.stop());
  return gate;
}

/** A service with a page, an event stream and WebSockets. `open` says how many of these last. */
async function service(t) {
  const { service: port } = await freePorts('service');
  const state = { port, open: 0 };
  const lasts = (stream) => {
    state.open += 1;
    stream.on('close', () => {
      state.open -= 1;
    });
    stream.on('error', () => {});
  };
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === '/page') {
      outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>page');
      return;
    }
    // A browser asks for the icon of a page by itself, at some time.
    if (incoming.url !== '/events') {
      outgoing.writeHead(404).end();
      return;
    }
    lasts(outgoing);
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write('data: first\n\n');
  });
  server.on('upgrade', (incoming, socket) => {
    lasts(socket);
    socket.resume().on('end', () => socket.end());
    const key = `${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        `sec-websocket-accept: ${accept}\r\n\r\n`,
    );
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return state;
}

test('a page sees 1006, an error that is final, and a body that breaks off', async (t) => {
  const upstream = await service(t);
  const gate = await gateOf(t, upstream.port, {
    provider: { from_cookies: ['token'] },
    policy: {
      origins: ['ORIGIN'],
      rules: [
        {
          match: { path: '/page' },
          public: { reason: 'the page itself', owner: 'tests', until: 'never' },
        },
        { match: { prefix: '/' }, requires: {} },
      ],
    },
    edit: (text) =>
      text.replace(
        /( +)stat_prefix: gate/,
        '$1stat_prefix: gate\n$1upgrade_configs: [{ upgrade_type: websocket }]',
      ),
  });
  const { page, context } = await browser.visitor({ authenticator: null });
  await page.goto(`${gate.origin}/page`);
  await context.addCookies([{ name: 'token', value: token(SHORT), url: gate.origin }]);
  const seen = page.evaluate(async () => {
    const socket = new Promise((resolve) => {
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/socket`);
      let opened = false;
      socket.onopen = () => {
        opened = true;
      };
      socket.onclose = ({ code, reason, wasClean }) => resolve({ opened, code, reason, wasClean });
    });
    const events = new Promise((resolve) => {
      const source = new EventSource('/events');
      const states = [];
      source.onmessage = ({ data }) => states.push(data);
      source.onerror = () => {
        states.push(source.readyState);
        if (source.readyState === EventSource.CLOSED) resolve(states);
      };
    });
    const body = (async () => {
      const answer = await fetch('/events', { headers: { accept: 'text/event-stream' } });
      const reader = answer.body.getReader();
      try {
        for (;;) if ((await reader.read()).done) return 'its end';
      } catch (error) {
        return error.name;
      }
    })();
    return { socket: await socket, events: await events, body: await body };
  });
  await until('three open streams', () => upstream.open === 3);
  assert.deepEqual(await seen, {
    socket: { opened: true, code: 1006, reason: '', wasClean: false },
    // EventSource connects again by itself (0), and gives up when it is told 401 (2).
    events: ['first', 0, 2],
    body: 'TypeError',
  });
  await until('none is open', () => upstream.open === 0);
  const again = await gate.get('/events', { headers: { cookie: `token=${token(-10)}` } });
  assert.equal(again.status, 401);
  await context.close();
});

test('a gRPC client gets a status, and 16 before the service has answered', async (t) => {
  const { service: port } = await freePorts('service');
  const server = new grpc.Server();
  const bytes = (value) => value;
  const method = (path) => ({
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  });
  const methods = { speaks: method('/shop.Orders/Speaks'), waits: method('/shop.Orders/Waits') };
  let open = 0;
  const lasts = (call) => {
    open += 1;
    call.on('cancelled', () => {
      open -= 1;
    });
    call.on('error', () => {});
  };
  server.addService(methods, {
    speaks: (call) => {
      lasts(call);
      call.write(Buffer.from('first'));
    },
    waits: lasts,
  });
  await new Promise((resolve, reject) => {
    const address = `127.0.0.1:${port}`;
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(address, credentials, (error) => (error ? reject(error) : resolve()));
  });
  t.after(() => server.forceShutdown());
  const protocol = `
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }`;
  const gate = await gateOf(t, port, {
    edit: (text) => text.replace('    - name: upstream\n', `    - name: upstream${protocol}\n`),
  });
  const Client = grpc.makeGenericClientConstructor(methods, 'Orders');
  const client = new Client(`127.0.0.1:${gate.port}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  const short = token(SHORT);
  const call = (name) => {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${short}`);
    const call = client[name](metadata);
    const messages = [];
    call.on('data', (message) => messages.push(message.toString()));
    call.on('error', () => {});
    return new Promise((resolve) => {
      call.on('status', ({ code, details }) => resolve({ messages, code, details }));
    });
  };
  const [speaks, waits] = [call('speaks'), call('waits')];
  await until('two open calls', () => open === 2);
  const { messages, code } = await speaks;
  assert.deepEqual([messages, code], [['first'], grpc.status.INTERNAL]);
  const told = await waits;
  assert.equal(told.code, grpc.status.UNAUTHENTICATED);
  assert.match(told.details, /^Unauthorized \(request [\w-]+\)$/);
  await until('none is open', () => open === 0);
  const again = await call('speaks');
  assert.deepEqual([again.messages, again.code], [[], grpc.status.UNAUTHENTICATED]);
});
