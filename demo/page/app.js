// The page: registers, signs in, calls routes, and shows what the gate made of it.

import { call, counters, records, session } from '/page/gate.js';
import { CeremonyError, register, rotate, signIn, signOut } from '/page/passkeys.js';
import * as view from '/page/view.js';

const { byId } = view;

let signedIn = null; // the session, as the gate sees it
let pending = null; // the challenge that a step-up would answer, and the route that made it

/** Runs a ceremony with the buttons shut and a way to cancel; says what went wrong. Returns null then. */
async function withAuthenticator(asking, ceremony) {
  const cancel = new AbortController();
  const button = view.noticeButton('Cancel');
  button.addEventListener('click', () => cancel.abort());
  view.notice(`${asking} `, 'busy', button);
  busy(true);
  try {
    return await ceremony(cancel.signal);
  } catch (error) {
    if (!(error instanceof CeremonyError)) throw error;
    view.notice(error.message, error.cancelled ? '' : 'bad');
    return null;
  } finally {
    busy(false);
  }
}

/** Buttons stay focusable, so that the keyboard does not lose its place; they only do nothing. */
function busy(is) {
  document.body.toggleAttribute('data-busy', is);
  for (const button of document.querySelectorAll('main .steps button, #step-up')) {
    button.setAttribute('aria-disabled', String(is));
  }
}

/** What a button does, while no ceremony is under way. */
const idle = (handler) => async (event) => {
  event.preventDefault();
  if (document.body.hasAttribute('data-busy')) return;
  try {
    await handler();
  } catch (error) {
    view.notice(error.message, 'bad');
  }
};

async function refreshSession() {
  const seen = await session();
  if (seen?.stale !== undefined) {
    if (seen.stale) await signOut(); // expired, or of a demo that has ended
    signedIn = null;
  } else {
    signedIn = seen;
  }
  view.showSession(signedIn);
  tick();
}

async function refreshCounters() {
  const seen = await counters();
  if (seen) view.showCounters(seen);
}

/** Seconds since the sign-in; 0 without one. */
function age() {
  const since = signedIn?.claims.auth_time;
  return since === undefined ? 0 : Math.max(0, Math.floor(Date.now() / 1000) - since);
}

const tick = () => view.showAge(age());

async function doSignIn(wish, asking) {
  const done = await withAuthenticator(asking, (signal) => signIn(wish, signal));
  if (done === null) return false;
  await refreshSession();
  view.notice(`Signed in as ${done.name}.`, 'good');
  return true;
}

/** Calls a route and shows everything about it. `again` says that a step-up has just been made for it. */
async function doCall(path, again = false) {
  const forged = byId('forge').checked;
  view.notice(`Calling ${path} …`); // the last answer is no answer to this call
  const outcome = await call(path, forged ? { 'x-user': 'admin' } : {});
  if (outcome === null) {
    view.notice('The gate does not answer. Is the demo still running?', 'bad');
    return;
  }
  const passed = outcome.received !== null;
  if (signedIn && outcome.challenge && !outcome.challenge.error) await refreshSession(); // it has run out
  view.notice(passed ? `${outcome.status}: ${path} let you in.` : `${outcome.status}: ${path} refused.`, passed ? 'good' : 'bad');
  view.showFlow(
    `GET ${path}${forged ? ', x-user: admin' : ''}`,
    passed ? 'passed it on' : `refused with ${outcome.status}`,
    passed ? 'answered' : 'never saw it',
    passed ? 'good' : 'bad',
  );
  showChallenge(outcome, again);
  view.showReceived(outcome.received, forged);
  view.showRecords(null);
  if (window.matchMedia('(max-width: 60rem)').matches) byId('outcome').scrollIntoView({ block: 'start' });
  view.showRecords(await records(outcome.id));
  await refreshCounters();
}

/** What a route wants besides, and no value of `acr` says. */
const NOT_BY_CLASS = {
  '/vault': ' That alone is not enough: the passkey must also be bound to its device. No sign-in with a synced passkey is, so register one that does not sync.',
};

function showChallenge(outcome, again) {
  const { challenge, status } = outcome;
  pending = null;
  if (challenge === null) {
    view.showChallenge(null);
    return;
  }
  const { error, acr_values: acr, max_age: limit } = challenge;
  const wants = [
    acr && `a sign-in of class ${acr.replaceAll(' ', ' or ')}`,
    limit && `one that is not older than ${limit} s`,
  ].filter(Boolean).join(', and ');
  const isOld = limit !== undefined && age() > Number(limit);
  const words = {
    undefined: 'Nobody is signed in.',
    invalid_token: 'The gate does not believe the token.',
    insufficient_scope: 'The token does not carry the right that this route wants.',
    insufficient_user_authentication: `You are signed in, but this sign-in ${isOld ? 'is too old' : 'does not prove enough'} for this route.`,
  }[error] ?? 'The gate refused.';
  const helpless = again && error === 'insufficient_user_authentication';
  const advice = helpless
    ? ' Signing in once more cannot help: this passkey cannot prove what the route wants. Register another one, for instance on a security key.'
    : (wants && ` It asks for ${wants}.${NOT_BY_CLASS[outcome.path] ?? ''}`);
  const button = status === 401 && !helpless ? (signedIn ? 'Step up, then try again' : 'Sign in, then try again') : null;
  view.showChallenge(outcome, words + (advice || ''), button);
  if (button) pending = { path: outcome.path, wish: { acr_values: acr ?? null, max_age: limit === undefined ? null : Number(limit) } };
}

byId('register').addEventListener('submit', idle(async () => {
  const wanted = byId('name').value;
  const name = await withAuthenticator('Your authenticator asks you to make a passkey.', (signal) => register(wanted, signal));
  if (name !== null) view.notice(`A passkey for ${name} is registered. Now sign in with it.`, 'good');
}));

byId('sign-in').addEventListener('click', idle(() => doSignIn({}, 'Your authenticator asks who you are.')));
byId('touch-only').addEventListener('click', idle(() => doSignIn({ touch_only: true }, 'Touch your authenticator.')));

byId('step-up').addEventListener('click', idle(async () => {
  const { path, wish } = pending;
  if (await doSignIn(wish, `${path} wants a fresh proof from your authenticator.`)) await doCall(path, true);
}));

byId('sign-out').addEventListener('click', idle(async () => {
  await signOut();
  await refreshSession();
  view.notice('Signed out. The cookie is gone.', 'good');
  byId('sign-in').focus();
}));

for (const button of document.querySelectorAll('[data-path]')) {
  button.addEventListener('click', idle(() => doCall(button.dataset.path)));
}

byId('rotate').addEventListener('click', idle(async () => {
  const { kid, published } = await rotate();
  byId('kid').textContent = kid;
  byId('rotated').textContent = `${published} keys are published.`;
  view.notice(`The provider signs with ${kid} from now on.${signedIn ? ' Your session still holds: call a route.' : ''}`, 'good');
}));

await Promise.all([refreshSession(), refreshCounters()]);
setInterval(tick, 1000);
setInterval(() => document.visibilityState === 'visible' && refreshCounters(), 5000);
document.body.setAttribute('data-ready', '');
