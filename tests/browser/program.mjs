// A program that a test starts and stops: waits until it is ready, keeps what it says, leaves
// nothing behind.
//
//     const demo = await Program.start('target/debug/passgate-demo', ['--envoy', envoy], { ready: /Ctrl-C stops/ });
//     demo.output;                       // what it said so far, stdout and stderr
//     await demo.stop();                 // SIGTERM, and waits for its end

import { spawn } from 'node:child_process';
import { PATIENCE, until } from './browser.mjs';

export class Program {
  /** What the program said, both streams, as it came. */
  output = '';
  #child;
  #ended;

  /**
   * Starts it and waits until its output matches `ready`. `options`: `cwd`, `env` (beside the
   * test's own), `patience` in milliseconds. Throws, with its last lines, when it ends before that
   * or takes too long.
   */
  static async start(command, args, { ready, cwd, env = {}, patience = PATIENCE } = {}) {
    const program = new Program();
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    program.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        program.output += text;
      });
    }
    program.#ended = new Promise((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (code, signal) => resolve(signal ?? code));
    });
    let end = null;
    program.#ended.then((how) => {
      end = how;
    });
    process.once('exit', () => child.kill('SIGKILL')); // a test that dies takes it along
    try {
      await until(
        `${command} is ready`,
        () => end !== null || ready.test(program.output),
        patience,
      );
      if (end !== null) throw new Error(`${command} ended: ${end}`);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`${error.message}\n${program.output.slice(-4000)}`);
    }
    return program;
  }

  /**
   * Asks it to end (SIGTERM) and waits for that; kills it and throws when it does not. Returns exit
   * code or signal.
   */
  async stop(patience = PATIENCE) {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    const how = await this.#ended;
    clearTimeout(late);
    if (how === 'SIGKILL')
      throw new Error(`it did not stop when asked\n${this.output.slice(-4000)}`);
    return how;
  }
}
