// Opaque tokens: oidc-provider, set up by following docs/guides/opaque-tokens.md, a program that
// gets tokens for itself, and a real Envoy with the filter.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ENVOY, ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { freePorts, moved } from './ports.mjs';

const FILE = 'envoy/introspection.yaml';
const GUIDE = 'docs/guides/opaque-tokens.md';
let folder, guide;

before(async () => {
  const ports = await freePorts('provider', 'gate', 'service');
  folder = mkdtempSync(join(tmpdir(), 'passgate-opaque-'));
  const numbers = { 8280: ports.provider, 8080: ports.gate, 9001: ports.service };
  const local = join(folder, 'envoy.yaml');
  writeFileSync(local, moved(readFileSync(join(ROOT, FILE), 'utf8'), numbers));
  guide = new Guide(GUIDE, {
    env: { GATE: `http://localhost:${ports.gate}` },
    // The same commands, with other ports, and an Envoy that does not disturb others.
    edit: (text) =>
      moved(text, numbers)
        .replaceAll(`--config-path ${FILE}`, `--config-path ${local}`)
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

test('the guide, to its end', async () => {
  assert.equal(await guide.follow(), null);
});
