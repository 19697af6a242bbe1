// What a refused request lacks, in words, and what the person can do about it.

/** What a demand means, for a person who knows neither WebAuthn nor JWT. */
export const MEANING = {
  'user-present': 'you touched the key',
  'user-verified': 'a PIN, finger or face',
  'multi-factor': 'two different factors',
  'phishing-resistant': 'works on this site only',
  'device-bound': 'the key cannot leave its device',
  'hardware-bound': 'the key lives in hardware',
};

/** What a rule's `proof` wants. */
const PROOFS = {
  dpop: 'a proof by the key of the token',
  webauthn: 'an approval of this very request, by the passkey that the token names',
};

/** Why an approval does not count, by the reason of the gate's record. */
const APPROVALS = {
  'missing.proof': 'No passkey has approved it.',
  'untrusted.proof_request': 'The passkey signed another amount.',
  'untrusted.proof_replayed': 'This approval was used already.',
  'untrusted.proof_signature': 'It is not signed by the passkey that the token names.',
  'untrusted.proof_nonce': 'The approval is older than a minute.',
  'untrusted.proof_flags': 'The authenticator says that nobody was verified.',
};

/** Why a payment was refused, in words. */
export const reasonOf = (record) => APPROVALS[record?.reason] ?? 'The record says why.';

/**
 * Facts that belong to a passkey and not to how it is used: no sign-in with the same passkey adds
 * them.
 */
const OF_THE_PASSKEY = ['device-bound', 'hardware-bound'];

/**
 * What the rule asks for and whether the gate's record says that it was shown: a list of
 * `{ text, met, fact }`. `met` is null where the gate did not come so far.
 */
export function demandsOf(rule, record) {
  if (rule?.requires === undefined) return [];
  const { facts = [], max_age: limit, scopes = [], proof } = rule.requires;
  const believed = record.subject !== undefined;
  const age = record.authentication_age;
  // The gate looks at the age last: where a fact is missing, it did not get that far.
  const judged = ['permitted.token', 'insufficient.max_age'].includes(record.reason);
  const isUnproved = /\.(key_bound|proof)/.test(record.reason);
  return [
    { text: 'a token that is signed by the provider', met: believed },
    ...Object.keys(proof ?? {}).map((kind) => ({
      text: PROOFS[kind],
      met: isUnproved ? false : believed || null,
    })),
    ...scopes.map((scope) => ({
      text: `the right ${scope}`,
      met: believed ? record.reason !== 'insufficient.scope' : null,
    })),
    ...facts.map((name) => {
      const fact = name.replaceAll('_', '-');
      return {
        fact,
        text: `${fact.replaceAll('-', ' ')} (${MEANING[fact]})`,
        // Facts are looked at once the proof is good.
        met: believed && !isUnproved ? (record.facts?.includes(name) ?? false) : null,
      };
    }),
    ...(limit
      ? [
          {
            text: `a sign-in at most ${limit.replace(/[a-z]+$/, ' $&')} ago${age === undefined ? '' : ` (it was ${age} s)`}`,
            met: judged ? record.reason === 'permitted.token' : null,
          },
        ]
      : []),
  ];
}

/**
 * `{ words, button, wish }` for the challenge of a refused request; without `wish` nothing that can
 * be asked for helps. Null without a challenge.
 */
export function challengeOf(
  { challenge, status },
  { rule, record = {}, signedIn, registered, again },
) {
  if (challenge === null) return null;
  const { error, acr_values: acr, max_age: limit } = challenge;
  const wish = { acr_values: acr ?? null, max_age: limit === undefined ? null : Number(limit) };
  if (error === undefined && signedIn) {
    return {
      words:
        'This route wants a token that is bound to a key of this page. The page was loaded anew, and its key is gone.',
      button: 'Sign in, then try again',
      wish,
    };
  }
  if (error === undefined) {
    const first = registered === null ? ' No passkey yet? Register one first, in step 1.' : '';
    return {
      words: `Nobody is signed in, and this route wants to know who you are.${first}`,
      button: 'Sign in, then try again',
      wish,
    };
  }
  if (error === 'invalid_dpop_proof') {
    return {
      words:
        'The token is good, and worth nothing to a thief: it is bound to a key of this page, and only this page can prove that it holds the key.',
    };
  }
  if (challenge.proof === 'webauthn') {
    return {
      words: `${reasonOf(record)} An approval is for one request, by one passkey, and passes once.`,
    };
  }
  if (error === 'insufficient_scope')
    return { words: 'The token does not carry the right that this route wants.' };
  if (error !== 'insufficient_user_authentication' || !signedIn) {
    return {
      words: 'The gate does not believe the token.',
      ...(status === 401 && { button: 'Sign in, then try again', wish }),
    };
  }
  const missing = demandsOf(rule, record).filter((demand) => demand.met === false);
  const lacks =
    missing.length > 0 ? ` It lacks: ${missing.map((demand) => demand.text).join('; ')}.` : '';
  const isOld = record.reason === 'insufficient.max_age';
  const words = `You are signed in, but this sign-in ${isOld ? 'is too old' : 'does not prove enough'} for this route.${lacks}`;
  if (missing.some((demand) => OF_THE_PASSKEY.includes(demand.fact))) {
    return {
      words: `${words} Signing in once more cannot help: no sign-in with this passkey proves that. Register one that stays on its device, for instance on a security key.`,
    };
  }
  if (again) {
    return {
      words: `${words} Signing in once more cannot help: this passkey cannot prove what the route wants. Register another one, for instance on a security key.`,
    };
  }
  return { words, button: 'Step up, then try again', wish };
}
