// Does what a guide of `docs/guides/` says: each command of its ```console blocks, in one shell,
// from the project's folder.
//
//     $ a command that must succeed \
//         and may go on
//     what it must print, with … for anything
//     $ another one, with nothing below it, may print what it likes
//
// `<!-- browser: name -->` stands where a person turns to the browser; the test says what is done
// there.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE } from '../browser/browser.mjs';
import { ENVOY, ROOT } from './gate.mjs';
import { moved } from './ports.mjs';

/** A guide in the hands of one reader. */
export class Guide {
  #steps;
  #shell;
  #failure = null;

  /** `edit` changes the text before it is followed: other ports, other files. */
  constructor(file, { edit = (text) => text, env = {} } = {}) {
    this.#steps = steps(edit(readFileSync(join(ROOT, file), 'utf8')));
    this.#shell = new Shell(env);
  }

  /**
   * The same commands with other ports, `{ 8080: 41001 }`, and Envoys that do not disturb others.
   * Each of the `files` is copied into `folder` with ports of its own, as in
   * `{ [file]: { 8080: 41001 } }`, and the commands read the copy. `secrets` take the place of
   * those that the commands make.
   */
  static elsewhere(
    guide,
    ports,
    folder,
    { files = {}, secrets = {}, edit = (text) => text, env } = {},
  ) {
    const copies = Object.entries(files).map(([file, own]) => [file, local(file, own, folder)]);
    const known = (text, [name, value]) =>
      text.replace(new RegExp(`\\b${name}=(\\$\\([^)]*\\)|\\S+)`), `${name}=${value}`);
    const command = (text, [file, copy]) =>
      ['--config-path', 'cp'].reduce(
        (text, reads) => text.replaceAll(`${reads} ${file}`, `${reads} ${copy}`),
        text,
      );
    const all = (text) =>
      copies
        .reduce(command, Object.entries(secrets).reduce(known, moved(text, ports)))
        .replaceAll(
          '.tools/envoy/envoy --log-level warn',
          `${ENVOY} --log-level warn --use-dynamic-base-id --concurrency 1`,
        );
    return new Guide(guide, { edit: (text) => edit(all(text)), env });
  }

  /**
   * Follows the guide up to the next turn to the browser, and returns its name, or null at the end.
   * Throws where a command fails or prints something else than the guide says, and the same again
   * from then on: nobody follows a guide past a command that failed.
   */
  async follow() {
    if (this.#failure) throw this.#failure;
    try {
      return await this.#next();
    } catch (failure) {
      this.#failure = failure;
      throw failure;
    }
  }

  async #next() {
    while (this.#steps.length > 0) {
      const { browser, command, expected } = this.#steps.shift();
      if (browser) return browser;
      const { status, output } = await this.#shell.run(command);
      if (status !== 0) throw new Error(`$ ${command}\nended with ${status}:\n${output}`);
      if (expected && !pattern(expected).test(output)) {
        throw new Error(`$ ${command}\nprinted:\n${output}\nthe guide says:\n${expected}`);
      }
    }
    return null;
  }

  /** Ends the shell and all that it started. */
  stop() {
    return this.#shell.stop();
  }
}

/** A copy of a file of the project with other ports: its path. */
function local(file, ports, folder) {
  const path = join(folder, file.split('/').at(-1));
  writeFileSync(path, moved(readFileSync(join(ROOT, file), 'utf8'), ports));
  return path;
}

/** What a guide shows as ```json and is not a whole document: each of them, as text. */
export function fragments(guide) {
  const text = readFileSync(join(ROOT, guide), 'utf8');
  return [...text.matchAll(/^```json\n([^{].*?)\n```$/gms)].map(([, fragment]) => fragment);
}

/**
 * Whether a file of the project holds each whole ```json document of a guide; how far it is
 * indented does not matter.
 */
export function shows(guide, file) {
  const plain = (text) => text.replace(/^\s+/gm, '');
  const whole = plain(readFileSync(join(ROOT, file), 'utf8'));
  const blocks = [...readFileSync(join(ROOT, guide), 'utf8').matchAll(/^```json\n(\{.*?)^```$/gms)];
  return blocks.length > 0 && blocks.every(([, block]) => whole.includes(plain(block)));
}

/** The steps of a guide, in its order. */
function steps(text) {
  const found = [];
  for (const [, block, browser] of text.matchAll(
    /^```console\n(.*?)^```$|<!-- browser: ([a-z ]+) -->/gms,
  )) {
    if (browser) found.push({ browser });
    for (const [, command, expected] of (block ?? '').matchAll(
      /^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)/gm,
    )) {
      found.push({ command, expected });
    }
  }
  return found;
}

/**
 * What the guide shows, as a pattern: `…` is anything within a line, a line of it alone any number
 * of lines.
 */
function pattern(expected) {
  const lines = expected
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line === '…') return '(?:.*\\n)*?.*';
      return line
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*');
    });
  return new RegExp(`^${lines.join('\\r?\\n')}\\s*$`);
}

/**
 * One bash that takes command after command, as a terminal does. Each command's output is a file of
 * its own, so that a server left in the background writes into no later command's output.
 */
class Shell {
  #bash;
  #folder = mkdtempSync(join(tmpdir(), 'passgate-guide-'));
  #commands = 0;
  #heard = '';
  #ended = () => {};

  constructor(env) {
    this.#bash = spawn('bash', ['--norc'], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Should the test die in any way, bash reads the end of its input, and takes all along that it
    // started.
    this.#bash.stdin.write("trap 'trap - TERM; kill 0' EXIT\n");
    this.#bash.stdout.setEncoding('utf8').on('data', (text) => {
      this.#heard += text;
      const [line, rest] = this.#heard.split(/\n(.*)/s);
      if (rest === undefined) return;
      this.#heard = rest;
      this.#ended(Number(line));
    });
    process.once('exit', () => this.#kill('SIGKILL')); // a test that dies takes it along
  }

  /**
   * Runs a command: `{ status, output }`. Installing and starting may take their time, but not for
   * ever.
   */
  run(command, patience = 20 * PATIENCE) {
    this.#commands += 1;
    const file = join(this.#folder, `${this.#commands}`);
    const output = () => readFileSync(file, 'utf8');
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`$ ${command}\nhas not ended:\n${output()}`)),
        patience,
      );
      this.#ended = (status) => {
        clearTimeout(late);
        resolve({ status, output: output() });
      };
      this.#bash.stdin.write(`{ ${command}\n} >${file} 2>&1; echo $?\n`);
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.#bash.once('close', resolve));
    this.#kill('SIGTERM');
    const late = setTimeout(() => this.#kill('SIGKILL'), PATIENCE);
    await ended;
    clearTimeout(late);
    rmSync(this.#folder, { recursive: true });
  }

  #kill(signal) {
    try {
      process.kill(-this.#bash.pid, signal);
    } catch {
      // all of it has ended
    }
  }
}
