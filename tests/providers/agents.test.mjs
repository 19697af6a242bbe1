// Agents: docs/guides/agents.md, followed with a certified provider and a real MCP server.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Guide, shows } from './guide.mjs';
import { freePorts } from './ports.mjs';

const FILE = 'envoy/mcp.yaml';
const GUIDE = 'docs/guides/agents.md';
let folder, guide;

before(async () => {
  const ports = await freePorts('provider', 'gate', 'service');
  const numbers = { 9000: ports.provider, 8080: ports.gate, 9001: ports.service };
  folder = mkdtempSync(join(tmpdir(), 'passgate-agents-'));
  guide = Guide.elsewhere(GUIDE, numbers, folder, { files: { [FILE]: numbers } });
});

after(async () => {
  await guide?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test('the configuration in the guide is that of the file', () => {
  assert.ok(shows(GUIDE, FILE));
});

test('the guide: a tool answers, and one that deletes wants the person', async () => {
  assert.equal(await guide.follow(), null);
});
