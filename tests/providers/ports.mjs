// Files name the ports that people use. A test takes free ones and says so everywhere.

import { createServer } from 'node:net';

/** As many free ports of 127.0.0.1 as there are names, as an object: `{ gate: 41001, … }`. */
export async function freePorts(...names) {
  const servers = names.map(() => createServer());
  await Promise.all(
    servers.map(
      (server) =>
        new Promise((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', resolve);
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(names.map((name, index) => [name, ports[index]]));
}

/**
 * The text with other ports: `moved(text, { 8080: 41001 })`. Only numbers that stand alone are
 * ports. Throws for a port that the text does not name, so that no test talks past its file.
 */
export function moved(text, ports) {
  return Object.entries(ports).reduce((text, [from, to]) => {
    const port = new RegExp(`(?<![\\d.])${from}(?![\\d.])`, 'g');
    if (!port.test(text)) throw new Error(`the text names no port ${from}`);
    return text.replace(port, to);
  }, text);
}
