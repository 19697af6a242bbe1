// A real Chromium with a virtual authenticator, for every test that needs a person with a passkey.
//
//     import { Browser, until } from '../browser/browser.mjs';
//
//     const browser = await Browser.start();              // one Chromium for a test file
//     const visitor = await browser.visitor();            // a person: profile, page, authenticator
//     await visitor.page.goto('http://localhost:8080/');  // `page` is playwright's Page
// await visitor.authenticator.declines();             // the next ceremonies find nobody willing
//     await until('the counter', () => count() > 3);      // a bounded wait for anything else
//     visitor.isClean();                                  // nothing on the console to mend
//     await visitor.close();
//     await browser.close();                              // in `after`, or Chromium stays
//
// Chromium is the `chromium` of PATH, or what CHROMIUM says; nothing is downloaded.
// `tools/install-browser` installs it, with playwright-core (which only drives it). Waits end with
// an error after `PATIENCE` milliseconds, never with a hang.

import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

/**
 * How long any single wait may last, in milliseconds. Generous: a loaded machine is slow, and no
 * test waits for it to pass.
 */
export const PATIENCE = 30_000;

// Nothing that calls home.
const ARGUMENTS = [
  '--no-sandbox', // the tests may run as root
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page reaches no other machine: names other than these and localhost do not resolve. */
function resolving(names) {
  const known = ['localhost', '127.0.0.1', ...names].map((name) => `, EXCLUDE ${name}`);
  return `--host-resolver-rules=MAP * ~NOTFOUND${known.join('')}`;
}

/**
 * Options of `WebAuthn.addVirtualAuthenticator` (Chrome DevTools Protocol) by the name of what
 * people have.
 */
export const AUTHENTICATORS = {
  /** Built into the device; the key never leaves it. Verifies its user. */
  platform: { transport: 'internal' },
  /** A passkey of a password manager: eligible for backup, and backed up. */
  synced: { transport: 'internal', defaultBackupEligibility: true, defaultBackupState: true },
  /** A security key with a PIN. */
  securityKey: { transport: 'usb' },
};

const USUAL = {
  protocol: 'ctap2',
  ctap2Version: 'ctap2_1',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

/** One Chromium process. */
export class Browser {
  #chromium;

  /**
   * Starts Chromium; with `HEADED=yes` in a window, to watch a test. It finds these names, too, for
   * a test on a machine of its own (`tools/isolated`).
   */
  static async start({ names = [] } = {}) {
    const browser = new Browser();
    browser.#chromium = await chromium.launch({
      executablePath: path(),
      headless: process.env.HEADED !== 'yes',
      args: [...ARGUMENTS, resolving(names)],
      timeout: PATIENCE,
    });
    return browser;
  }

  /**
   * A new person, who shares nothing with the others. `authenticator` is a name of
   * `AUTHENTICATORS`, options of `WebAuthn.addVirtualAuthenticator`, or null for none; the other
   * options are those of playwright's `newContext` (`colorScheme`, `viewport`, `reducedMotion`, …).
   */
  async visitor({ authenticator = 'platform', ...options } = {}) {
    const context = await this.#chromium.newContext(options);
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const visitor = new Visitor(context, page, await context.newCDPSession(page));
    await visitor.authenticator.use(authenticator);
    return visitor;
  }

  /** Ends Chromium. */
  async close() {
    await this.#chromium.close();
  }
}

/** A person at a page. What the console says and which requests are made is kept from the start. */
export class Visitor {
  /** Console messages of kind error or warning, and exceptions that nobody caught, as text. */
  console = [];
  /**
   * Every request of the page: `{ method, url, status, headers }`, the answer's headers; status 0
   * while there is no answer.
   */
  requests = [];

  constructor(context, page, cdp) {
    this.context = context;
    this.page = page;
    this.cdp = cdp;
    this.authenticator = new Authenticator(cdp);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        this.console.push(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on('pageerror', (error) => this.console.push(`exception: ${error.stack ?? error}`));
    page.on('request', (request) => {
      const entry = { method: request.method(), url: request.url(), status: 0, headers: {} };
      this.requests.push(entry);
      request
        .response()
        .then(async (response) => {
          if (response) {
            entry.headers = await response.allHeaders();
            entry.status = response.status();
          }
        })
        .catch(() => {}); // the page was left
    });
  }

  /** Throws if the console says anything but what matches one of `expected`. */
  isClean(...expected) {
    const rest = this.console.filter((line) => !expected.some((pattern) => pattern.test(line)));
    if (rest.length > 0) {
      throw new Error(`the console says:\n${rest.join('\n')}`);
    }
  }

  async close() {
    await this.context.close();
  }
}

/**
 * The virtual authenticator of one page. The passkeys in it are real: keys, signatures and flags as
 * on a device.
 */
export class Authenticator {
  #cdp;
  #id = null;

  constructor(cdp) {
    this.#cdp = cdp;
  }

  /** Plugs in another authenticator, empty, in the place of the present one; `null` leaves none. */
  async use(kind) {
    if (this.#id === null) {
      await this.#cdp.send('WebAuthn.enable', { enableUI: false });
    } else {
      await this.#send('removeVirtualAuthenticator');
      this.#id = null;
    }
    if (kind !== null) {
      const named = typeof kind === 'string' ? AUTHENTICATORS[kind] : kind;
      if (!named) throw new Error(`no authenticator is called ${kind}`);
      const options = { ...USUAL, ...named };
      const added = await this.#cdp.send('WebAuthn.addVirtualAuthenticator', { options });
      this.#id = added.authenticatorId;
    }
  }

  /** The passkeys in it: `{ credentialId, rpId, signCount, backupEligibility, … }`. */
  async credentials() {
    return (await this.#send('getCredentials')).credentials;
  }

  /** Forgets all passkeys. */
  async clear() {
    await this.#send('clearCredentials');
  }

  /** From now on PIN or finger are right (the usual state) or wrong. */
  async verifies(verified) {
    await this.#send('setUserVerified', { isUserVerified: verified });
  }

  /**
   * From now on signatures say that nobody was verified, only that somebody touched it (UV clear),
   * as a security key says when the page asks for no more. Only for sign-ins: Chromium makes no
   * discoverable passkey without verification.
   */
  async touchesOnly(only = true) {
    await this.override({ isBadUV: only });
  }

  /**
   * From now on answers are wrong in these ways and no others: `isBadUV`, `isBadUP`,
   * `isBogusSignature`.
   */
  async override(bits) {
    const none = { isBadUV: false, isBadUP: false, isBogusSignature: false };
    await this.#send('setResponseOverrideBits', { ...none, ...bits });
  }

  /**
   * From now on nobody touches it: a ceremony waits until its page gives up. `accepts` ends that.
   */
  async declines() {
    await this.#send('setAutomaticPresenceSimulation', { enabled: false });
  }

  /** From now on the user touches it whenever asked (the usual state). */
  async accepts() {
    await this.#send('setAutomaticPresenceSimulation', { enabled: true });
  }

  #send(method, parameters = {}) {
    return this.#cdp.send(`WebAuthn.${method}`, { authenticatorId: this.#id, ...parameters });
  }
}

/**
 * Waits until `condition` returns (or resolves to) something true, and returns that. What it throws
 * counts as "not yet".
 */
export async function until(what, condition, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    let last;
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${patience} ms; last seen: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function path() {
  const name = process.env.CHROMIUM || 'chromium';
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error(
      `no ${name} in PATH; tools/install-browser installs it, CHROMIUM=/path/to/it names another`,
    );
  }
}
