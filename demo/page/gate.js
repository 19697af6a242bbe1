// Requests through the gate, and what it says about them.

/**
 * The facts that a sign-in may prove, as the gate names them in headers: `x-passgate-<fact>: true`.
 */
export const FACTS = [
  'user-present',
  'user-verified',
  'multi-factor',
  'phishing-resistant',
  'device-bound',
  'hardware-bound',
];

/**
 * Calls a route, with `send` in the place of `fetch`. Returns `{ method, path, status, challenge,
 * text, id, received }`: the parsed `www-authenticate` and its text, the request's id, and, where
 * the service was reached, the headers that it got. Null when nothing answers. Throws what an
 * authenticator throws.
 */
export async function call(path, options = {}) {
  const { method = 'GET', headers = {}, credentials = 'same-origin', send = fetch } = options;
  let answer, body;
  try {
    answer = await send(path, { method, headers, credentials, cache: 'no-store' });
    body = await answer.json();
  } catch (error) {
    if (error instanceof DOMException) throw error;
    return null;
  }
  const text = answer.headers.get('www-authenticate');
  const received = answer.ok ? body.headers : null;
  return {
    method,
    path,
    status: answer.status,
    text,
    challenge: text === null ? null : parseChallenge(text),
    // An error of JSON-RPC holds what else is the whole answer.
    id: received?.['x-request-id'] ?? (body.error?.data ?? body).request_id,
    received,
  };
}

/**
 * Calls a route with the token that is bound to the page's key, and without the cookie. A thief has
 * the token alone: `proves` is false.
 */
export function callBound(path, { token, send }, { headers = {}, proves = true } = {}) {
  if (proves) return call(path, { headers, credentials: 'omit', send });
  const stolen = { ...headers, authorization: `DPoP ${token}` };
  return call(path, { headers: stolen, credentials: 'omit' });
}

/**
 * Who is signed in: null, or `{ name, facts, claims }`. A session that is not good any more counts
 * as none (`stale`).
 */
export async function session() {
  const outcome = await call('/session');
  if (outcome === null || outcome.status !== 200) return { stale: outcome !== null };
  const { received } = outcome;
  if (!received['x-user']) return null;
  return {
    name: received['x-user'],
    facts: FACTS.filter((fact) => received[`x-passgate-${fact}`] === 'true'),
    claims: claimsOf(received['x-jwt-payload']),
  };
}

/** Keeps a stream of this session open, and returns when the gate has ended it. */
export async function streamEnds(signal) {
  try {
    const headers = { accept: 'text/event-stream' };
    const answer = await fetch('/live', { headers, cache: 'no-store', signal });
    const reader = answer.body.getReader();
    while (!(await reader.read()).done);
  } catch {
    // cut, or left
  }
}

/**
 * What was logged about a request: `{ audit, access }`. The log is written a moment after the
 * answer.
 */
export async function records(id) {
  for (let tries = 0; tries < 20; tries += 1) {
    const found = await json(`/page/record?${encodeURIComponent(id)}`);
    const logged = found?.find((record) => 'details' in record);
    if (logged) {
      // The access log carries the audit record too, as text.
      const { audit, ...access } = logged;
      return {
        audit: audit ? JSON.parse(audit) : found.find((record) => 'decision' in record),
        access,
      };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {};
}

/**
 * The gate's rules, as its configuration has them: the record names one by its place. Null when
 * nothing answers.
 */
export const rules = () => json('/page/rules');

/** `{ counters, kid }`, or null. */
export const counters = () => json('/page/counters');

async function json(path) {
  try {
    const answer = await fetch(path, { cache: 'no-store' });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** The parameters of one challenge (RFC 9110 section 11.6.1), as an object. */
export function parseChallenge(text) {
  const parameters = {};
  for (const [, name, quoted, token] of text.matchAll(
    /([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g,
  )) {
    parameters[name] = quoted === undefined ? token : quoted.replace(/\\(.)/g, '$1');
  }
  return parameters;
}

/** The claims in a payload, base64url. For show: the gate has verified them. */
function claimsOf(payload) {
  if (!payload) return {};
  const binary = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
}
