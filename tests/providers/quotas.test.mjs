// Roles, products and quotas: docs/guides/products-and-quotas.md, followed with keys of OpenSSL and
// with curl, to the access review of what it did.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { ENVOY, ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { freePorts, moved } from './ports.mjs';

const GUIDE = 'docs/guides/products-and-quotas.md';
const FILE = 'envoy/quotas-local.yaml';
let folder, guide;

before(async () => {
  const ports = await freePorts('gate', 'service');
  folder = mkdtempSync(join(tmpdir(), 'passgate-quotas-'));
  const numbers = { 8080: ports.gate, 9001: ports.service };
  const change = Object.entries(numbers).map(([from, to]) => `s/port_value: ${from}/port_value: ${to}/`);
  guide = new Guide(GUIDE, {
    env: { PATH: [join(ROOT, 'target/debug'), process.env.PATH].join(delimiter) },
    // The same commands, with other ports and folders, and an Envoy that does not disturb others.
    edit: (text) =>
      moved(text, numbers)
        .replaceAll('dist/quotas', folder)
        .replace(
          /^(key\.pem, envoy\.yaml and token are in .*)$/m,
          `$1\n$ sed -i -e '${change.join(';')}' ${folder}/envoy.yaml`,
        )
        .replaceAll(
          '.tools/envoy/envoy --log-level warn',
          `${ENVOY} --log-level warn --use-dynamic-base-id --concurrency 1`,
        ),
  });
});

after(async () => {
  await guide?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, FILE));
});

test('the guide: roles, a product, quotas that are used up, and the review of it', async () => {
  assert.equal(await guide.follow(), null);
});
