// Callers that are workloads: docs/guides/workloads.md, followed with certificates of OpenSSL and
// with curl.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from './gate.mjs';
import { Guide, shows } from './guide.mjs';
import { freePorts } from './ports.mjs';

const GUIDE = 'docs/guides/workloads.md';
const FILE = 'envoy/workloads.yaml';
let folder, guide;

before(async () => {
  const ports = await freePorts('gate', 'service');
  folder = mkdtempSync(join(tmpdir(), 'passgate-workloads-'));
  const numbers = { 8443: ports.gate, 9001: ports.service };
  const certificates = (text) => text.replaceAll('dist/workloads', folder);
  guide = Guide.elsewhere(GUIDE, numbers, folder, {
    files: { [FILE]: numbers },
    env: { PATH: [join(ROOT, 'target/debug'), process.env.PATH].join(delimiter) },
    edit: certificates,
  });
  const envoy = join(folder, 'workloads.yaml');
  writeFileSync(envoy, certificates(readFileSync(envoy, 'utf8')));
});

after(async () => {
  await guide?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, FILE));
});

test('the guide: a job alone, a person through the shop, and nobody else', async () => {
  assert.equal(await guide.follow(), null);
});
