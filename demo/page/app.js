// The page: registers, signs in, calls routes, and shows what the gate decided.

import { call, callBound, counters, records, rules, session, streamEnds } from '/page/gate.js';
import {
  CeremonyError,
  ceremony,
  register,
  revoke,
  rotate,
  signIn,
  signOut,
  signOutEverywhere,
} from '/page/passkeys.js';
import { MCP, approveCall, callTool } from '/page/agent.js';
import { challengeOf, reasonOf } from '/page/advice.js';
import { TRANSFERS, contentsOf, pay, payWith, payWithAnotherKey } from '/page/approval.js';
import * as view from '/page/view.js';

const { byId } = view;

let signedIn = null; // the session, as the gate sees it
let registered = null; // the name of the last passkey that was made here
let answered = false; // whether a route let this session in
let bound = null; // the token that is bound to a key of this page, and what sends it
let approver = null; // the token that names the passkey, the agent's, and the passkey's id
let payment = null; // the last one that was approved: `{ amount, approval }`
let deletion = {}; // what the gate last asked of the agent, and the approval that the agent has
let pending = null; // what a step-up would ask for, and the route that wants it
let policy = []; // the gate's rules
let watched = null; // what leaves the stream that the gate ends with the session

/**
 * Runs a ceremony with the buttons shut and two ways to cancel; says what went wrong. Returns null
 * then.
 */
async function withAuthenticator(place, asking, ceremony) {
  const opener = document.activeElement;
  const cancel = new AbortController();
  const button = view.noticeButton('Cancel');
  const stop = () => cancel.abort();
  const stopByKey = (event) => event.key === 'Escape' && stop();
  button.addEventListener('click', stop);
  document.addEventListener('keydown', stopByKey);
  view.notice(place, `${asking} `, 'busy', button);
  busy(true);
  try {
    return await ceremony(cancel.signal);
  } catch (error) {
    if (!(error instanceof CeremonyError)) throw error;
    view.notice(place, error.message, error.cancelled ? '' : 'bad');
    return null;
  } finally {
    document.removeEventListener('keydown', stopByKey);
    busy(false);
    // The button to cancel is gone, and the focus with it.
    if (document.activeElement === document.body) opener.focus();
  }
}

/** Buttons stay focusable, so that the keyboard does not lose its place; they only do nothing. */
function busy(is) {
  document.body.toggleAttribute('data-busy', is);
  for (const button of document.querySelectorAll('.steps button:not(.notice button), #step-up')) {
    button.setAttribute('aria-disabled', String(is));
  }
}

/** What a button does, while no ceremony is under way. */
const idle = (place, handler) => async (event) => {
  event.preventDefault();
  if (document.body.hasAttribute('data-busy')) return;
  try {
    await handler();
  } catch (error) {
    view.notice(place, error.message, 'bad');
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
  answered = false;
  view.showSession(signedIn);
  showProgress();
}

async function refreshCounters() {
  const seen = await counters();
  if (seen) view.showCounters(seen);
}

/** Which steps are done, and how old the sign-in is. */
function showProgress() {
  const isPaid = payment !== null;
  view.showSteps([registered !== null || signedIn !== null, signedIn !== null, answered, isPaid]);
  const since = signedIn?.claims.auth_time;
  const age = since === undefined ? null : Math.max(0, Math.floor(Date.now() / 1000) - since);
  view.showAge(age, signedIn?.name, registered);
}

/** Notices when the gate ends the session, wherever that was asked for. */
async function watch() {
  watched?.abort();
  watched = new AbortController();
  const { signal } = watched;
  while (signedIn !== null) {
    await streamEnds(signal);
    if (signal.aborted) return;
    await refreshSession();
    if (signedIn !== null) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  forgetTokens();
  view.notice('2', 'The gate has ended this session. The token is good for nothing now.', 'bad');
}

function forgetTokens() {
  bound = approver = payment = null;
  deletion = {};
  forgetOutcome();
}

/** An outcome of another session would contradict the present one. */
function forgetOutcome() {
  pending = null;
  view.clearOutcome();
}

async function doSignIn(place, wish, asking) {
  const done = await withAuthenticator(place, asking, (signal) => signIn(wish, signal));
  if (done === null) return false;
  forgetTokens();
  ({ bound, approver } = done);
  await refreshSession();
  watch();
  view.notice('2', `Signed in as ${done.name}.`, 'good');
  return true;
}

/** The route that wants the token of the page's key. */
const BOUND = '/wallet';

/**
 * Calls a route and shows everything about it. `again` says that a step-up has just been made for
 * it, `stolen` that a thief sends the token, without the key.
 */
async function doCall(path, { again = false, stolen = false } = {}) {
  const forged = byId('forge').checked;
  view.notice('', `Calling ${path} …`); // the last answer does not belong to this call
  const headers = forged ? { 'x-user': 'admin' } : {};
  const isBound = path === BOUND;
  let outcome;
  if (!isBound) outcome = await call(path, { headers });
  else if (bound) outcome = await callBound(path, bound, { headers, proves: !stolen });
  else outcome = await call(path, { headers, credentials: 'omit' });
  if (outcome === null) {
    view.notice('', SILENT, 'bad');
    return;
  }
  const { received, status, challenge } = outcome;
  const withToken = isBound ? bound !== null : signedIn !== null;
  if (signedIn && challenge && !challenge.error) await refreshSession(); // it has run out
  forgetOutcome();
  if (received && signedIn) answered = true;
  showProgress();
  view.showFlow(outcome, { withToken, forged, stolen });
  view.notice('', `${status}: ${path} ${verdict(received, forged)}`, received ? 'good' : 'bad');
  view.showReceived(received, { withToken, forged, carriers: isBound ? BOUND_CARRIERS : COOKIE });
  comeIntoSight();
  const found = await records(outcome.id);
  const rule = policy[found.audit?.rule];
  view.showRule(rule, found.audit);
  const advice = challengeOf(outcome, { rule, record: found.audit, signedIn, registered, again });
  pending = advice?.wish ? { path, wish: advice.wish } : null;
  view.showChallenge(outcome, advice);
  view.showRecords(found);
  await refreshCounters();
}

/** What carries a token, as the page names it once the gate has taken it away. */
const COOKIE = { cookie: 'with the token' };
const BOUND_CARRIERS = { authorization: 'with the token', dpop: 'with the proof' };
const APPROVED_CARRIERS = { authorization: 'with the token', 'webauthn-proof': 'with the approval' };
const SILENT = 'The gate does not answer. Is the demo still running?';

function comeIntoSight() {
  if (window.matchMedia('(max-width: 60rem)').matches)
    byId('outcome').scrollIntoView({ block: 'start' });
}

/** Shows what became of a payment: of `amount`, and who tried. */
async function showPayment(outcome, amount, what) {
  if (outcome?.received) payment = { amount, approval: outcome.approval };
  const passed = `let ${amount} € go to bob, once.`;
  await showApproved(outcome, TRANSFERS, what, passed);
}

/** Shows what became of the agent's call. */
async function showDeletion(outcome) {
  const how = outcome?.approval ? 'with an approval' : 'which nobody approved';
  const what = `delete_user by the agent, ${how}`;
  await showApproved(outcome, MCP, what, 'let the agent delete bob, once.');
}

/** Shows what became of a request that wants an approval; `passed` is what the gate let happen. */
async function showApproved(outcome, path, what, passed) {
  if (outcome === null) {
    view.notice('', SILENT, 'bad');
    return;
  }
  const { received, status, approval } = outcome;
  forgetOutcome();
  showProgress();
  view.showFlow(outcome, { withToken: true, what });
  view.showReceived(received, { withToken: true, carriers: APPROVED_CARRIERS });
  view.showApproval(approval && contentsOf(approval));
  const found = await records(outcome.id);
  const told = received
    ? `${passed} ${received['x-user']} approved just that.`
    : `refused. ${reasonOf(found.audit)}`;
  view.notice('', `${status}: ${path} ${told}`, received ? 'good' : 'bad');
  comeIntoSight();
  view.showRule(policy[found.audit?.rule], found.audit);
  const advice = challengeOf(outcome, { record: found.audit, signedIn });
  view.showChallenge(outcome, advice && { words: advice.words });
  view.showRecords(found);
  await refreshCounters();
}

/** What became of the request, and of the header that was forged. */
function verdict(received, forged) {
  if (received === null)
    return `refused.${forged ? ` The forged ${view.FORGED} changed nothing.` : ''}`;
  const user = received['x-user'];
  if (forged && user === 'admin')
    return `let you in, and the service believes the forged ${view.FORGED}.`;
  const removed = forged ? ` The gate removed the forged ${view.FORGED}.` : '';
  return `let you in${user ? ` as ${user}` : ', whoever you are'}.${removed}`;
}

byId('register').addEventListener(
  'submit',
  idle('1', async () => {
    const wanted = byId('name').value;
    const name = await withAuthenticator(
      '1',
      'Your authenticator asks you to make a passkey.',
      (signal) => register(wanted, signal),
    );
    if (name === null) return;
    registered = name;
    showProgress();
    view.notice('1', `A passkey for ${name} is registered. Now sign in with it.`, 'good');
  }),
);

byId('sign-in').addEventListener(
  'click',
  idle('2', () => doSignIn('2', {}, 'Your authenticator asks who you are.')),
);
byId('touch-only').addEventListener(
  'click',
  idle('2', () => doSignIn('2', { touch_only: true }, 'Touch your authenticator.')),
);

byId('step-up').addEventListener(
  'click',
  idle('', async () => {
    const { path, wish } = pending;
    if (!(await doSignIn('', wish, `${path} wants a fresh proof from your authenticator.`))) return;
    byId('outcome').focus(); // the button is gone with the challenge that it answered
    await doCall(path, { again: true });
  }),
);

byId('everywhere').addEventListener(
  'click',
  idle('2', async () => {
    const { name } = signedIn;
    view.notice('2', `The provider tells the gate that ${name} has signed out everywhere …`, 'busy');
    await signOutEverywhere(name);
  }),
);

byId('revoke').addEventListener(
  'click',
  idle('2', async () => {
    const { name } = signedIn;
    view.notice('2', `The gate is told that the passkey of ${name} is revoked …`, 'busy');
    registered = null;
    await revoke(name);
  }),
);

byId('sign-out').addEventListener(
  'click',
  idle('2', async () => {
    watched?.abort();
    await signOut();
    forgetTokens();
    await refreshSession();
    view.notice('2', 'Signed out. The cookie is gone.', 'good');
    byId('sign-in').focus();
  }),
);

for (const button of document.querySelectorAll('[data-path]')) {
  button.addEventListener(
    'click',
    idle('', () => doCall(button.dataset.path)),
  );
}

byId('steal').addEventListener(
  'click',
  idle('', async () => {
    if (bound) await doCall(BOUND, { stolen: true });
    else view.notice('', 'There is no token to steal yet. Sign in first, in step 2.');
  }),
);

/** What a button does that needs the token that names the passkey. */
const withApprover = (place, handler) =>
  idle(place, async () => {
    const words = 'Sign in first, in step 2. The page forgets its tokens when it is loaded anew.';
    if (approver === null) view.notice(place, words);
    else await handler();
  });
const approving = (handler) =>
  withApprover('4', async () => {
    if (byId('approve').reportValidity()) await handler(byId('amount').valueAsNumber);
  });

byId('approve').addEventListener(
  'submit',
  approving(async (amount) => {
    const asking = `You are about to pay ${amount} € to bob. Your authenticator asks for your passkey.`;
    const done = await withAuthenticator('4', asking, (signal) =>
      ceremony(async () => ({ outcome: await pay(amount, approver, signal) })),
    );
    if (done !== null) await showPayment(done.outcome, amount, 'with the approval');
  }),
);

/** Those of step 4 that cheat, with an approval that the gate has taken. */
const cheat = (id, what, send) =>
  byId(id).addEventListener(
    'click',
    approving(async (amount) => {
      if (payment === null) view.notice('4', 'There is nothing to cheat with. Approve a payment first.');
      else await showPayment(await send(amount), amount, what);
    }),
  );

cheat('change', 'with the approval of another amount', () =>
  payWith(payment.approval, payment.amount * 100, approver),
);
cheat('replay', 'with the approval once more', () =>
  payWith(payment.approval, payment.amount, approver),
);
cheat('another', 'with an approval by another key', (amount) => payWithAnotherKey(amount, approver));

byId('agent-calls').addEventListener(
  'click',
  withApprover('agent', async () => {
    const outcome = await callTool(approver, deletion.approval);
    if (outcome?.asked) deletion.asked = outcome.asked;
    await showDeletion(outcome);
  }),
);

byId('agent-approve').addEventListener(
  'click',
  withApprover('agent', async () => {
    if (deletion.asked === undefined) {
      view.notice('agent', 'The gate has not asked for it yet. Let the agent call first.');
      return;
    }
    const asking =
      'You are about to let the agent delete bob. Your authenticator asks for your passkey.';
    const approval = await withAuthenticator('agent', asking, (signal) =>
      ceremony(() => approveCall(approver, deletion.asked, signal)),
    );
    if (approval === null) return;
    deletion = { approval };
    view.notice('agent', 'The agent has your approval of this one call. Let it call again.', 'good');
  }),
);

byId('rotate').addEventListener(
  'click',
  idle('key', async () => {
    const { kid, published } = await rotate();
    byId('kid').textContent = kid;
    byId('rotated').textContent = `${published} keys are published.`;
    view.notice(
      'key',
      `The provider signs with ${kid} from now on.${signedIn ? ' Your session still holds: call a route.' : ''}`,
      'good',
    );
  }),
);

forgetOutcome();
await Promise.all([
  refreshSession(),
  refreshCounters(),
  rules().then((seen) => {
    policy = seen ?? [];
  }),
]);
if (signedIn !== null) watch();
setInterval(showProgress, 1000);
setInterval(() => document.visibilityState === 'visible' && refreshCounters(), 5000);
document.body.setAttribute('data-ready', '');
