// A real Envoy with the filter, started from a file of `envoy/`, and the service behind it.

import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { until } from '../browser/browser.mjs';
import { Program } from '../browser/program.mjs';
import { moved } from './ports.mjs';

export const ROOT = resolve(import.meta.dirname, '../..');
export const ENVOY = resolve(ROOT, process.env.ENVOY ?? '.tools/envoy/envoy');
const MODULE = resolve(ROOT, process.env.PASSGATE_WASM ?? 'dist/passgate.wasm');

/** The service behind the gate: answers each request with what it got, as JSON. */
export class Service {
  /** Every request that reached it: `{ method, path, headers, body }`. */
  received = [];
  #server;

  static async start(port) {
    const service = new Service();
    service.#server = createServer(async (incoming, outgoing) => {
      const { method, url: path, headers } = incoming;
      let body = '';
      for await (const part of incoming.setEncoding('utf8')) body += part;
      service.received.push({ method, path, headers, body });
      const kind = headers.accept?.includes('text/html') ? 'text/html' : 'application/json';
      outgoing.writeHead(200, { 'content-type': kind });
      outgoing.end(JSON.stringify({ method, path, headers, body }));
    });
    await new Promise((resolve, reject) => {
      service.#server.once('error', reject);
      service.#server.listen(port, '127.0.0.1', resolve);
    });
    return service;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Envoy with the filter. */
export class Gate {
  #envoy;
  #folder;

  /**
   * Starts a file of `envoy/`; `ports` says which take the place of the file's, `edit` may change
   * the text. `port` is where the gate listens; it has so many `workers`.
   */
  static async start(
    file,
    { port, workers = 1, ports = {}, env = {}, edit = (text) => text } = {},
  ) {
    const gate = new Gate();
    gate.port = port;
    gate.origin = `http://localhost:${port}`;
    gate.#folder = mkdtempSync(join(tmpdir(), 'passgate-gate-'));
    const path = join(gate.#folder, 'envoy.yaml');
    const text = moved(readFileSync(join(ROOT, file), 'utf8'), ports);
    writeFileSync(path, edit(text).replaceAll('dist/passgate.wasm', MODULE));
    try {
      const args = [
        '--config-path',
        path,
        '--use-dynamic-base-id',
        '--concurrency',
        `${workers}`,
        '--log-level',
        'info',
      ];
      gate.#envoy = await Program.start(ENVOY, args, { ready: /starting main dispatch loop/, env });
    } catch (error) {
      rmSync(gate.#folder, { recursive: true });
      throw error;
    }
    return gate;
  }

  /** Waits until the filter has said something that matches. */
  async says(pattern) {
    const lines = () =>
      this.#envoy.output.split('\n').filter((line) => line.includes('passgate {'));
    await until(`${pattern}`, () => lines().some((line) => pattern.test(line))).catch((error) => {
      throw new Error(`${error.message}\n${lines().join('\n')}`);
    });
  }

  /** One request: `{ status, headers, json }`. A `token` goes as bearer. */
  get(path, { token, headers = {}, method = 'GET' } = {}) {
    const all = { ...headers, ...(token && { authorization: `Bearer ${token}` }) };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path, method, agent: false };
      options.headers = { host: `localhost:${this.port}`, ...all };
      const outgoing = request(options, (incoming) => {
        let body = '';
        incoming
          .setEncoding('utf8')
          .on('data', (text) => {
            body += text;
          })
          .on('end', () => {
            resolve({ status: incoming.statusCode, headers: incoming.headers, json: parsed(body) });
          });
        incoming.on('error', reject);
      });
      outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`${path}: no answer`)));
      outgoing.on('error', reject).end();
    });
  }

  async stop() {
    await this.#envoy.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** The text of a file of `envoy/` with another configuration of the filter. */
export function configured(text, configuration) {
  const value = /value: \|\n[^]*?\n(?= *- name: envoy\.filters\.http\.router)/;
  if (!value.test(text)) throw new Error('the text has no configuration');
  return text.replace(value, () => `value: ${JSON.stringify(JSON.stringify(configuration))}\n`);
}

/** The same with one more cluster, at a port of this machine. */
export function withCluster(text, name, port) {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }];
  const cluster = { name, load_assignment: { cluster_name: name, endpoints } };
  return text.replace(/^ {2}clusters:$/m, `  clusters:\n    - ${JSON.stringify(cluster)}`);
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** The parameters of a `WWW-Authenticate: Bearer …` of ours, as an object. */
export function challenge(answer) {
  const header = answer.headers['www-authenticate'] ?? '';
  if (!header.startsWith('Bearer')) throw new Error(`no Bearer challenge: ${header}`);
  return Object.fromEntries(
    [...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
}
