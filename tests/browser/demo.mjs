// The demo that `make run` starts, as the tests meet it.

import { Program } from './program.mjs';

const DEMO = process.env.DEMO ?? 'target/debug/passgate-demo';
const ENVOY = process.env.ENVOY ?? '.tools/envoy/envoy';

/** A demo on a free port. `url` is its page, `issuer` the provider's own address. */
export class Demo {
  /** With `gatePort` on that port. */
  static async start({ gatePort = 0 } = {}) {
    const demo = new Demo();
    demo.program = await Program.start(DEMO, ['--envoy', ENVOY], {
      ready: /Ctrl-C stops everything/,
      env: { GATE_PORT: String(gatePort) },
      patience: 60_000,
    });
    demo.url = /(http:\/\/localhost:\d+)\n/.exec(demo.program.output)[1];
    demo.issuer = /(http:\/\/127\.0\.0\.1:\d+)\/\.well-known/.exec(demo.program.output)[1];
    return demo;
  }

  async stop() {
    await this.program.stop();
  }
}

/** A visitor at the demo's page, with the words of the page for what a person does there. */
export class Guest {
  constructor(visitor) {
    this.visitor = visitor;
    this.page = visitor.page;
    this.authenticator = visitor.authenticator;
  }

  static async at(demo, browser, options = {}) {
    const guest = new Guest(await browser.visitor(options));
    await guest.page.goto(demo.url);
    await guest.page.waitForSelector('body[data-ready]');
    return guest;
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** Waits until the page says this. */
  async told(pattern) {
    await this.page.getByRole('status').filter({ hasText: pattern }).waitFor();
  }

  async register(name = 'alice') {
    await this.page.getByLabel('Your name').fill(name);
    await this.button('Register').click();
    await this.told(/is registered/);
  }

  async signIn(button = 'Sign in') {
    await this.button(button).click();
    await this.told(/^Signed in as/);
  }

  /** The facts that the page says were proved. */
  async facts() {
    return this.page
      .locator('#facts .yes')
      .evaluateAll((items) => items.map((item) => item.firstChild.textContent));
  }

  /** Calls a route by its button; returns the status that the page tells. */
  async call(path) {
    await this.page.getByRole('button', { name: path }).click();
    return this.#outcome(path);
  }

  /** Sends the page's token without its key; returns the status that the page tells. */
  async steal() {
    await this.button('Steal this token').click();
    return this.#outcome('/wallet');
  }

  /** Pays, or cheats, by a button of step 4; returns the status that the page tells. */
  async pays(button) {
    const last = this.page.locator('#notice');
    await last.evaluate((notice) => notice.replaceChildren());
    await this.button(button).click();
    return this.#outcome('/transfers');
  }

  /** The agent calls its tool; returns the status that the page tells. */
  async agentCalls() {
    const last = this.page.locator('#notice');
    await last.evaluate((notice) => notice.replaceChildren());
    await this.button('Let the agent call delete_user').click();
    return this.#outcome('/mcp');
  }

  /** Answers the challenge on the page; returns the status of the route that was tried again. */
  async stepUp(path) {
    await this.page.locator('#step-up').click();
    return this.#outcome(path);
  }

  async #outcome(path) {
    await this.told(new RegExp(`^\\d{3}: ${path} `));
    await this.page.locator('#recorded:visible').waitFor();
    return Number((await this.page.locator('#notice').textContent()).slice(0, 3));
  }

  /** The page's own words about the challenge, and the header as it came. */
  async challenge() {
    const text = (id) => this.page.locator(`#${id}`).textContent();
    return { words: await text('challenge-words'), header: await text('challenge-text') };
  }

  /**
   * The headers that the page says the service got: those by the gate, those taken away, the rest.
   */
  async received(kind) {
    const rows = this.page.locator(`#headers .${kind} tr:has(td)`);
    return Object.fromEntries(
      await rows.evaluateAll((all) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent)),
      ),
    );
  }

  /** The rule that the page shows: its text, and its demands with how they fared. */
  async rule() {
    const demands = await this.page.locator('#demands li').allTextContents();
    return { written: JSON.parse(await this.page.locator('#rule-text').textContent()), demands };
  }

  /** passgate's audit record, as the page shows it. */
  async record() {
    return JSON.parse(await this.page.locator('#records pre').first().textContent());
  }

  /**
   * A refused request is an error for the browser's console, and meant here; nothing else may be
   * said there.
   */
  async leave() {
    this.visitor.isClean(
      /Failed to load resource: the server responded with a status of (400|401|403|404|429)/,
      /Failed to load resource: net::ERR_[A-Z0-9_]+ \(\S*\/live\)/, // which the gate has ended
    );
    await this.visitor.close();
  }
}
