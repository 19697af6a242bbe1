// What the page shows. Text goes in as text only; nothing here is markup.

import { MEANING, demandsOf } from '/page/advice.js';
import { FACTS } from '/page/gate.js';

export const byId = (id) => document.getElementById(id);

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const hidden = (text) => element('span', { class: 'hidden' }, text);

/** The header that is forged, as the page names it. */
export const FORGED = 'x-user: admin';

/** A text in which the name of the forged header does not end a line. */
const whole = (text) =>
  text
    .split(/(x-user: admin\S?)/)
    .map((part) => (part.startsWith(FORGED) ? element('span', { class: 'whole' }, part) : part));

/** Where something is said: in a step, at the key, or (`''`) where the outcome is. */
const placeOf = (place) => byId(place === '' ? 'notice' : `notice-${place}`);

/**
 * One sentence about what happened, beside the button that caused it; read out by screen readers.
 * What was said elsewhere is old then, and goes. `kind`: good, bad, busy, or nothing.
 */
export function notice(place, text, kind = '', ...more) {
  for (const other of document.querySelectorAll('.notice[role=status]')) other.replaceChildren();
  const line = placeOf(place);
  line.className = `notice ${kind}`;
  line.replaceChildren(...whole(text), ...more);
}

/** A button inside a notice. */
export const noticeButton = (text) => element('button', { type: 'button' }, text);

/**
 * Ticks the steps that are done (`done`: a list of booleans); the first that is not is the one to
 * take now.
 */
export function showSteps(done) {
  const now = done.includes(false) ? done.indexOf(false) : done.length - 1;
  done.forEach((is, index) => {
    const section = byId(`step-${index + 1}`);
    section.classList.toggle('now', index === now);
    section.classList.toggle('done', is);
    const mark = section.querySelector('.step');
    const text = is ? '✓' : String(index + 1);
    if (mark.firstChild?.textContent !== text)
      mark.replaceChildren(text, ...(is ? [hidden(' done:')] : []));
  });
}

/** The header's state and the facts of the present session (`null`: none). */
export function showSession(session) {
  byId('leaving').hidden = session === null;
  byId('proof').hidden = session === null;
  byId('who').classList.toggle('in', session !== null);
  if (session === null) {
    byId('who').replaceChildren('Not signed in');
    return;
  }
  byId('who').replaceChildren(
    'Signed in as ',
    element('b', {}, session.name),
    element('span', { id: 'age' }),
  );
  byId('facts').replaceChildren(
    ...FACTS.map((fact) => {
      const proven = session.facts.includes(fact);
      const state = hidden(proven ? ': proven' : ': not proven');
      return element(
        'li',
        { class: proven ? 'yes' : 'no' },
        element('b', {}, fact.replaceAll('-', ' ')),
        state,
        ' ',
        element('small', {}, MEANING[fact]),
      );
    }),
  );
  const { amr = [], acr = 'none', webauthn = [] } = session.claims;
  const has = (flag) => webauthn.includes(flag);
  const backup = has('single_device')
    ? 'cannot leave its device'
    : has('backed_up')
      ? 'is synced: a copy is elsewhere'
      : 'may be synced';
  byId('claims').replaceChildren(
    'The token says ',
    element('code', {}, `acr ${acr}`),
    ', ',
    element('code', {}, `amr ${amr.join(' ')}`),
    `: user ${has('uv') ? '' : 'not '}verified, the passkey ${backup}.`,
  );
}

/**
 * How long ago the sign-in was (`null`: there is none); at the routes that want a fresh one, how
 * long it still will do.
 */
export function showAge(seconds, name, registered) {
  const ago =
    seconds === null
      ? ''
      : `${seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} ago`;
  const age = byId('age');
  if (age) age.textContent = ` · ${ago}`;
  const idle =
    registered === null ? 'has seen no passkey of yours' : `knows the passkey of ${registered}`;
  byId('flow-provider').textContent = seconds === null ? idle : `signed ${name} in, ${ago}`;
  for (const button of document.querySelectorAll('[data-max-age]')) {
    const left = Number(button.dataset.maxAge) - (seconds ?? 0);
    button.dataset.fresh = seconds === null ? '' : left >= 0 ? `${left} s left` : 'too old now';
  }
}

/** Nothing has been called yet, or what was called belongs to another session. */
export function clearOutcome() {
  byId('flow').removeAttribute('data-kind');
  byId('flow-browser').textContent = 'nothing sent yet';
  byId('flow-gate').textContent = 'waiting';
  byId('flow-service').textContent = 'not reached';
  for (const id of ['challenge', 'rule', 'approval', 'received', 'recorded'])
    byId(id).hidden = true;
}

/**
 * The way of a request: what the browser sent, what the gate did, whether the service was reached.
 */
export function showFlow({ method, path, status, received }, { withToken, forged, stolen, what }) {
  const passed = received !== null;
  byId('flow').dataset.kind = passed ? 'good' : 'bad';
  const token = stolen ? 'with the token and without its key' : withToken ? 'with the token' : 'no token';
  byId('flow-browser').replaceChildren(
    ...whole(`${method} ${path}, ${what ?? token}${forged ? `, and ${FORGED}` : ''}`),
  );
  byId('flow-gate').textContent = passed ? 'passed it on' : `refused with ${status}`;
  const user = received?.['x-user'];
  byId('flow-service').textContent = passed
    ? `answered ${user ?? 'without a name'}`
    : 'never saw it';
}

/** The rule that the gate's record names, and which of its demands were met. */
export function showRule(rule, record) {
  byId('rule').hidden = rule === undefined;
  if (rule === undefined) return;
  byId('rule-title').textContent = `Rule ${record.rule} of the gate, for this route`;
  const demands = rule.public
    ? [{ text: `open to everybody: ${rule.public.reason}`, met: true }]
    : demandsOf(rule, record);
  byId('demands').replaceChildren(
    ...demands.map(({ text, met }) => {
      const [kind, words] =
        met === null ? ['open', 'not looked at'] : met ? ['yes', 'met'] : ['no', 'not met'];
      return element('li', { class: kind }, text, hidden(`: ${words}`));
    }),
  );
  byId('rule-text').replaceChildren(...lines(rule));
}

/** The challenge of a refused request, and what can be done; or none (`advice` is null). */
export function showChallenge(outcome, advice) {
  byId('challenge').hidden = advice === null;
  if (advice === null) return;
  byId('challenge-words').textContent = advice.words;
  // A line may end between the name of a parameter and its value.
  const parts = `www-authenticate: ${outcome.text}`.split(/(?<==)/);
  byId('challenge-text').replaceChildren(...parts.flatMap((part) => [part, element('wbr')]));
  byId('step-up').hidden = advice.wish === undefined;
  byId('step-up').textContent = advice.button ?? '';
}

/** What a passkey signed, as the gate reads it: `contentsOf` an approval. Null hides it. */
export function showApproval(contents) {
  byId('approval').hidden = contents === null;
  if (contents === null) return;
  const { statement, origin, verified, synced } = contents;
  byId('statement').replaceChildren(...lines(statement));
  byId('gesture').textContent =
    `Asked for by ${origin}. The person was ${verified ? '' : 'not '}verified, and the key ${synced ? 'may be synced' : 'cannot leave its device'}: so says the authenticator.`;
}

/**
 * The headers that the service got: what the gate wrote, what it took away, what it let through.
 * `carriers` says which of them carried a token or a proof.
 */
export function showReceived(headers, { withToken, forged, carriers }) {
  byId('received').hidden = headers === null;
  if (headers === null) return;
  const isOurs = ([name]) =>
    name.startsWith('x-passgate-') || name === 'x-user' || name === 'x-jwt-payload';
  const first = ['x-user', 'x-passgate-principal'];
  const rank = (name) =>
    first.includes(name) ? first.indexOf(name) : 2 + (name === 'x-jwt-payload');
  const byName = ([a], [b]) => rank(a) - rank(b) || a.localeCompare(b);
  const ours = Object.entries(headers).filter(isOurs).sort(byName);
  const rest = Object.entries(headers)
    .filter((header) => !isOurs(header))
    .sort(byName);
  const gone = [];
  for (const [name, what] of Object.entries(carriers))
    if (withToken && !headers[name]) gone.push([name, what]);
  if (forged && headers['x-user'] !== 'admin') gone.push([FORGED, 'only the gate writes it']);
  byId('headers').replaceChildren(
    ...group('gone', 'Removed by the gate', gone),
    ...group('ours', 'Written by the gate, from verified claims', ours),
    ...group('rest', 'As it came', rest),
  );
}

function group(kind, title, headers) {
  if (headers.length === 0) return [];
  // What is not made of words may break anywhere.
  const wordless = (value) => (/^[\w-]{40,}$/.test(value) ? { class: 'opaque' } : {});
  const row = ([name, value]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element(
        'td',
        wordless(value),
        value.length > 80
          ? element(
              'span',
              { class: 'opaque' },
              `${value.slice(0, 40)}… (${value.length} characters)`,
            )
          : value,
      ),
    );
  return [
    element(
      'tbody',
      { class: kind },
      element('tr', {}, element('th', { scope: 'rowgroup', colspan: '2' }, title)),
      ...headers.map(row),
    ),
  ];
}

/** What was logged: `{ audit, access }`. */
export function showRecords({ audit = {}, access = {} }) {
  byId('recorded').hidden = false;
  const text = (title, record) =>
    element('pre', { tabindex: '0', 'aria-label': title }, ...lines(record));
  byId('records').replaceChildren(
    text("passgate's audit record", audit),
    element(
      'details',
      {},
      element('summary', {}, "Envoy's access log"),
      text("Envoy's access log", access),
    ),
  );
}

/** As JSON with one member a line. The number of a rule leads to what that rule says. */
function lines(record) {
  const members = Object.entries(record).map(([name, value]) => {
    const text = `"${name}": ${JSON.stringify(value).replaceAll(',"', ', "').replaceAll('":', '": ')}`;
    return name === 'rule' && !byId('rule').hidden ? element('a', { href: '#rule' }, text) : text;
  });
  return [
    '{\n',
    ...members.flatMap((member, index) => [
      '  ',
      member,
      index + 1 < members.length ? ',\n' : '\n',
    ]),
    '}',
  ];
}

let shown = new Map();

/** The counters of decisions by reason, whatever rule and provider; what has moved is marked. */
export function showCounters({ counters, kid }) {
  byId('kid').textContent = kid;
  const sums = new Map();
  for (const [name, count] of Object.entries(counters)) {
    const found = /^passgate\.verdicts\.([a-z]+)\.(?:.*\.)?([a-z_]+\.[a-z_]+)$/.exec(name);
    if (found)
      sums.set(`${found[1]} ${found[2]}`, (sums.get(`${found[1]} ${found[2]}`) ?? 0) + count);
  }
  const rows = [...sums]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, count]) => {
      const [decision, reason] = key.split(' ');
      return element(
        'tr',
        { class: `${decision}${shown.has(key) && shown.get(key) !== count ? ' moved' : ''}` },
        element('td', {}, decision),
        element('td', {}, element('code', {}, reason)),
        element('td', { class: 'count' }, String(count)),
      );
    });
  byId('counters').replaceChildren(...rows);
  shown = sums;
}
