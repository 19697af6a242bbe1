// What the page shows. Text goes in as text only; nothing here is markup.

import { FACTS } from '/page/gate.js';

export const byId = (id) => document.getElementById(id);

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** One sentence about what happened; read out by screen readers. `kind`: good, bad, busy, or nothing. */
export function notice(text, kind = '', ...more) {
  const line = byId('notice');
  line.className = `notice ${kind}`;
  line.replaceChildren(text, ...more);
}

/** A button inside a notice. */
export const noticeButton = (text) => element('button', { class: 'quiet', type: 'button' }, text);

let signedInCookie = false; // whether the browser sends a token that the gate can take away

/** The header's state and the facts of the present session (`null`: none). */
export function showSession(session) {
  signedInCookie = session !== null;
  byId('sign-out').hidden = session === null;
  byId('proof').hidden = session === null;
  byId('who').classList.toggle('in', session !== null);
  if (session === null) {
    byId('who').replaceChildren('Not signed in');
    return;
  }
  byId('who').replaceChildren('Signed in as ', element('b', {}, session.name), element('span', { id: 'age' }));
  byId('facts').replaceChildren(...FACTS.map((fact) => {
    const proven = session.facts.includes(fact);
    return element('li', { class: proven ? 'yes' : 'no' }, fact.replaceAll('-', ' '), element('span', { class: 'hidden' }, proven ? ': proven' : ': not proven'));
  }));
  const { amr = [], acr = 'none', webauthn = [] } = session.claims;
  const has = (flag) => webauthn.includes(flag);
  const backup = has('single_device') ? 'cannot leave its device' : (has('backed_up') ? 'is synced: a copy is elsewhere' : 'may be synced');
  byId('claims').replaceChildren(
    element('code', {}, `acr ${acr}`), ' · ', element('code', {}, `amr ${amr.join(' ')}`),
    ` · user ${has('uv') ? '' : 'not '}verified, the passkey ${backup}.`,
  );
}

/** How long ago the sign-in was; at the routes that want a fresh one, how long it still will do. */
export function showAge(seconds) {
  const age = byId('age');
  if (age) age.textContent = ` · ${seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} ago`;
  for (const button of document.querySelectorAll('[data-max-age]')) {
    const left = Number(button.dataset.maxAge) - seconds;
    button.dataset.fresh = age ? (left >= 0 ? `${left} s left` : 'too old now') : '';
  }
}

/** The way of a request: what the browser sent, what the gate did, whether the service was reached. */
export function showFlow(browser, gate, service, kind) {
  byId('empty').hidden = true;
  byId('flow').dataset.kind = kind;
  byId('flow-browser').textContent = browser;
  byId('flow-gate').textContent = gate;
  byId('flow-service').textContent = service;
}

/** The challenge of a refused request, or none (`null`). */
export function showChallenge(outcome, words, button) {
  byId('challenge').hidden = outcome === null;
  if (outcome === null) return;
  byId('challenge-words').textContent = words;
  byId('challenge-text').textContent = `www-authenticate: ${outcome.text}`;
  byId('step-up').hidden = button === null;
  byId('step-up').textContent = button ?? '';
}

/** The headers that the service got: what the gate wrote, what it took away, what it let through. */
export function showReceived(headers, forged) {
  byId('received').hidden = headers === null;
  if (headers === null) return;
  const isOurs = ([name]) => name.startsWith('x-passgate-') || name === 'x-user' || name === 'x-jwt-payload';
  const first = ['x-user', 'x-passgate-principal'];
  const rank = (name) => (first.includes(name) ? first.indexOf(name) : 2 + (name === 'x-jwt-payload'));
  const byName = ([a], [b]) => rank(a) - rank(b) || a.localeCompare(b);
  const ours = Object.entries(headers).filter(isOurs).sort(byName);
  const rest = Object.entries(headers).filter((header) => !isOurs(header)).sort(byName);
  const gone = [];
  if (signedInCookie && !headers.cookie) gone.push(['cookie', 'with the token']);
  if (forged && headers['x-user'] !== 'admin') gone.push(['x-user: admin', 'only the gate writes it']);
  byId('headers').replaceChildren(
    ...group('ours', 'Written by the gate, from verified claims', ours),
    ...group('gone', 'Taken away by the gate', gone),
    ...group('rest', 'As it came', rest),
  );
}

function group(kind, title, headers) {
  if (headers.length === 0) return [];
  const row = ([name, value]) => element(
    'tr', {}, element('th', { scope: 'row' }, name),
    element('td', {}, value.length > 80 ? `${value.slice(0, 60)}… (${value.length} characters)` : value),
  );
  return [element('tbody', { class: kind }, element('tr', {}, element('th', { scope: 'rowgroup', colspan: '2' }, title)), ...headers.map(row))];
}

/** What was logged: `{ audit, access }`; `null` while it is not there yet. */
export function showRecords(records) {
  byId('recorded').hidden = records === null;
  if (records === null) return;
  const text = (title, record) => element('pre', { tabindex: '0', 'aria-label': title }, lines(record));
  const { audit = {}, access = {} } = records;
  byId('records').replaceChildren(
    text("passgate's audit record", audit),
    element('details', {}, element('summary', {}, "Envoy's access log"), text("Envoy's access log", access)),
  );
}

/** As JSON with one member a line. */
const lines = (record) => `{\n${Object.entries(record).map(([name, value]) => `  "${name}": ${JSON.stringify(value).replaceAll(',"', ', "')}`).join(',\n')}\n}`;

let shown = new Map();

/** The counters of decisions by reason, whatever rule and provider; what has moved is marked. */
export function showCounters({ counters, kid }) {
  byId('kid').textContent = kid;
  const sums = new Map();
  for (const [name, count] of Object.entries(counters)) {
    const found = /^passgate\.verdicts\.([a-z]+)\.(?:.*\.)?([a-z_]+\.[a-z_]+)$/.exec(name);
    if (found) sums.set(`${found[1]} ${found[2]}`, (sums.get(`${found[1]} ${found[2]}`) ?? 0) + count);
  }
  const rows = [...sums].sort(([a], [b]) => a.localeCompare(b)).map(([key, count]) => {
    const [decision, reason] = key.split(' ');
    return element(
      'tr', { class: `${decision}${shown.has(key) && shown.get(key) !== count ? ' moved' : ''}` },
      element('td', {}, decision), element('td', {}, element('code', {}, reason)), element('td', { class: 'count' }, String(count)),
    );
  });
  byId('counters').replaceChildren(...rows);
  shown = sums;
}
