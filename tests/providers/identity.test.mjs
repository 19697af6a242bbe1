// The identity that a gate signs: docs/guides/pass-identity-on.md, followed with a chain of two
// gates and a service that checks the token with jose.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { ENVOY, ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { freePorts, moved } from './ports.mjs';

const GUIDE = 'docs/guides/pass-identity-on.md';
const FILE = 'envoy/identity.yaml';
const SERVICE = 'tests/providers/identity_service.mjs';
let folder, guide;

before(async () => {
  const ports = await freePorts('edge', 'inner', 'service');
  folder = mkdtempSync(join(tmpdir(), 'passgate-identity-'));
  const numbers = { 8080: ports.edge, 8081: ports.inner, 9001: ports.service };
  const envoy = join(folder, 'shipped.yaml');
  writeFileSync(envoy, moved(readFileSync(join(ROOT, FILE), 'utf8'), numbers));
  guide = new Guide(GUIDE, {
    env: { PATH: [join(ROOT, 'target/debug'), process.env.PATH].join(delimiter) },
    // The same commands, with other ports and folders, and an Envoy that does not disturb others.
    edit: (text) =>
      moved(text, numbers)
        .replaceAll('dist/identity', folder)
        .replaceAll(`alice ${FILE}`, `alice ${envoy}`)
        .replaceAll(
          '.tools/envoy/envoy --log-level warn',
          `${ENVOY} --log-level warn --use-dynamic-base-id --concurrency 2`,
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

test('the check in the guide is that of the service', () => {
  const [, check] = readFileSync(join(ROOT, GUIDE), 'utf8').match(/^```js\n(.*?)^```$/ms);
  const plain = (text) => text.replace(/^\s+/gm, '');
  const service = plain(readFileSync(join(ROOT, SERVICE), 'utf8'));
  for (const line of plain(check).trimEnd().split('\n')) {
    assert.ok(service.includes(line), line);
  }
});

test('the guide: a token that a second gate and a service believe, and no other', async () => {
  assert.equal(await guide.follow(), null);
});
