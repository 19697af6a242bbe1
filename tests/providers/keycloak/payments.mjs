// Payments that a passkey of Keycloak approves: the feed's other role tells the gate whose passkey
// it is, as Keycloak's admin API says, and signs that.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { send } from '../../browser/approving.mjs';
import { Program } from '../../browser/program.mjs';
import { Gate, ROOT } from '../gate.mjs';

const FEED = join(ROOT, 'target/debug/passgate-feed');
const SECRET = 'credentials-secret-of-the-tests';

/** The role, a gate that asks it, and a page. */
export class Payments {
  #role;
  #page;

  /**
   * `ports` has `keycloak`, `service`, and free ones as `passkeys`, `tools`, `payments` and `page`;
   * `realm` is the issuer; files go to `folder`.
   */
  static async start({ ports, admin, realm, folder }) {
    const it = new Payments();
    Object.assign(it, { ports, realm });
    await admin.makeAccount('demo', 'passgate-credentials', SECRET, ['view-users']);
    it.#role = await it.#startRole(folder);
    it.gate = await it.#startGate();
    const client = readFileSync(join(ROOT, 'client/index.js'));
    it.#page = createServer(({ url }, answer) => {
      const isClient = url === '/client.js';
      answer.setHeader('content-type', isClient ? 'text/javascript' : 'text/html');
      answer.end(isClient ? client : '<!doctype html><title>page</title><link rel=icon href=data:,>');
    });
    await new Promise((resolve) => it.#page.listen(ports.page, '127.0.0.1', resolve));
    return it;
  }

  /** What the account is answered when it tries this with the admin API. */
  async tries(method, path) {
    const form = { grant_type: 'client_credentials', client_id: 'passgate-credentials' };
    const granted = await fetch(`${this.realm}/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ ...form, client_secret: SECRET }),
    });
    const { access_token } = await granted.json();
    const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
    const body = method === 'PUT' ? '{}' : undefined;
    const uri = `http://localhost:${this.ports.keycloak}/admin/realms/demo${path}`;
    return (await fetch(uri, { method, headers, body })).status;
  }

  async #startRole(folder) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = join(folder, 'credentials.pem');
    writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const { ports, realm } = this;
    const configuration = {
      listen: `127.0.0.1:${ports.passkeys}`,
      admin: { listen: `127.0.0.1:${ports.tools}` },
      readers: 'anybody',
      signing_key: { file: pem },
      providers: {
        demo: {
          issuer: realm,
          cache_duration: '1s',
          lifetime: '30s',
          keycloak: {
            admin_uri: `http://localhost:${ports.keycloak}/admin/realms/demo`,
            client_credentials: {
              token_uri: `${realm}/protocol/openid-connect/token`,
              client_id: 'passgate-credentials',
              client_secret: { env: 'CREDENTIALS_CLIENT' },
            },
          },
        },
      },
    };
    const file = join(folder, 'credentials.yaml');
    writeFileSync(file, JSON.stringify(configuration));
    return Program.start(FEED, ['credentials', file], {
      ready: /listening for operators/,
      env: { CREDENTIALS_CLIENT: SECRET },
    });
  }

  /** `envoy/approvals-page.yaml` with the passkeys of Keycloak. */
  #startGate() {
    const { ports, realm } = this;
    const at = (uri, cluster) => ({ http_uri: { uri, cluster } });
    const origin = `http://localhost:${ports.passkeys}`;
    const keycloak = {
      issuer: realm,
      audiences: ['http://localhost:8080'],
      algorithms: ['ES256'],
      token_types: ['at+jwt'],
      remote_jwks: at(`${realm}/protocol/openid-connect/certs`, 'idp'),
      credentials: {
        by_subject: { ...at(`${origin}/demo/credentials/{sub}`, 'passkeys'), cache_duration: '1s' },
        signed_by: { remote_jwks: at(`${origin}/keys`, 'passkeys') },
      },
    };
    const policy = {
      origins: [`http://localhost:${ports.payments}`],
      relying_party: { id: 'localhost', origins: [`http://localhost:${ports.page}`] },
      providers: { keycloak },
      rules: [
        {
          match: { path_separated_prefix: '/payments', methods: ['POST'] },
          requires: {
            provider_name: 'keycloak',
            proof: { webauthn: { mode: 'transaction' } },
            facts: ['phishing_resistant', 'user_verified'],
            max_age: '60s',
          },
        },
      ],
    };
    const cluster = `    - name: passkeys
      connect_timeout: 2s
      load_assignment:
        cluster_name: passkeys
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: { socket_address: { address: 127.0.0.1, port_value: ${ports.passkeys} } }
    - name: upstream
`;
    const written = /value: \|\n[\s\S]*?\n(?= +- name: envoy.filters.http.router)/;
    const value = `value: ${JSON.stringify(JSON.stringify(policy))}\n`;
    const { keycloak: idp, payments: port, page, service } = ports;
    return Gate.start('envoy/approvals-page.yaml', {
      port,
      ports: { 8080: port, 3000: page, 9000: idp, 9001: service },
      edit: (text) => text.replace(written, () => value).replace('    - name: upstream\n', cluster),
    });
  }

  /**
   * A person at the page pays with the passkey of their browser: `{ status, body, … }`, whose
   * `body` says what the service got, or which request was refused.
   */
  async pay({ page, authenticator }, token) {
    const [{ credentialId }] = await authenticator.credentials();
    if (!page.url().startsWith(`http://localhost:${this.ports.page}/`))
      await page.goto(`http://localhost:${this.ports.page}/`);
    const passkey = { id: [...Buffer.from(credentialId, 'base64')] };
    return send(page, { gate: this.gate, token, path: '/payments/7?amount=10', passkey });
  }

  /** Waits until the gate has recorded this reason for the request with this id. */
  recorded(id, reason) {
    return this.gate.says(new RegExp(`(?=.*"request_id":"${id}")(?=.*"reason":"${reason}")`));
  }

  async stop() {
    await this.gate?.stop();
    await this.#role?.stop();
    this.#page?.closeAllConnections();
    this.#page?.close();
  }
}
