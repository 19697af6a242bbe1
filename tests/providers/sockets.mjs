// WebSockets without their frames: what counts is how long a connection lasts.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';

/** RFC 6455 section 1.3. */
const SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A service that answers each request with its headers, and lets WebSockets stay open. */
export class SocketService {
  #server;
  #sockets = new Set();

  static async start(port) {
    const service = new SocketService();
    service.#server = createServer(({ headers }, outgoing) =>
      outgoing.end(JSON.stringify({ headers })),
    );
    service.#server.on('upgrade', (incoming, socket) => service.#take(incoming, socket));
    await new Promise((resolve) => service.#server.listen(port, '127.0.0.1', resolve));
    return service;
  }

  #take(incoming, socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    const key = incoming.headers['sec-websocket-key'];
    const accept = createHash('sha1').update(key + SALT).digest('base64');
    const head = [
      'HTTP/1.1 101 Switching Protocols',
      'connection: Upgrade',
      'upgrade: websocket',
      `sec-websocket-accept: ${accept}`,
    ];
    socket.resume().write(`${head.join('\r\n')}\r\n\r\n`);
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Opens one at a gate with a token: `hasEnded` says how it is, and `close()` ends it. */
export function openSocket(port, path, token) {
  const headers = {
    host: `localhost:${port}`,
    authorization: `Bearer ${token}`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, headers, agent: false });
    outgoing.on('upgrade', (_, socket) => {
      const open = { hasEnded: false, close: () => socket.destroy() };
      const ended = () => {
        open.hasEnded = true;
      };
      socket.on('error', () => {}).on('close', ended).resume();
      resolve(open);
    });
    outgoing.on('response', ({ statusCode }) => reject(new Error(`refused: ${statusCode}`)));
    outgoing.on('error', reject).end();
  });
}
