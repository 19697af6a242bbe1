//! The cases: one kind of requests, sent to several filters in turn, and the lines that they make.

use super::filter::{Bare, Filter, Guard, Identity, Passgate, Proof, Size};

/// One kind of requests.
#[derive(Clone, Copy)]
pub struct Case {
    pub algorithm: &'static str,
    pub tokens: Tokens,
    /// How often the gates are started anew: one process is not quite like another.
    pub starts: usize,
    /// Turns that each gate takes in a round.
    pub turns: usize,
    /// Requests of a turn.
    pub turn: usize,
    pub lines: &'static [Line],
}

impl Case {
    /// All gates of its lines, and before them one without a filter.
    pub fn guards(&self) -> Vec<Guard> {
        let mut guards = vec![self.nothing()];
        for guard in self.lines.iter().flat_map(|line| [line.ours, line.other]) {
            if !guards.contains(&guard) {
                guards.push(guard);
            }
        }
        guards
    }

    /// A gate without a filter, behind the same listener.
    pub fn nothing(&self) -> Guard {
        let mutual = self.lines.iter().any(|line| line.ours.mutual);
        Guard {
            mutual,
            ..Guard::NOTHING
        }
    }

    /// What requests of this gate have.
    pub const fn tokens_for(&self, guard: Guard) -> Tokens {
        match (self.tokens, guard.filter) {
            (Tokens::Proved | Tokens::Approved | Tokens::Session, Filter::Passgate(settings)) => {
                match settings.proof {
                    Proof::None => Tokens::New,
                    Proof::Dpop => Tokens::Proved,
                    Proof::Approval => Tokens::Approved,
                    Proof::Session => Tokens::Session,
                }
            }
            (Tokens::Repeated, Filter::Passgate(Passgate { opaque: true, .. })) => Tokens::Opaque,
            (tokens, _) => tokens,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Each request has a token of its own.
    New,
    /// Twenty tokens, again and again.
    Repeated,
    /// Twenty opaque tokens, again and again.
    Opaque,
    /// Twenty tokens, again and again, each request with a proof of its own (DPoP, RFC 9449).
    Proved,
    /// Twenty tokens, again and again, each request with an approval of its own by a passkey.
    Approved,
    /// Twenty tokens, again and again, in a session that a passkey has approved, each request with
    /// a proof of its own (DPoP).
    Session,
    /// Each request has a token of its own, which has expired.
    Expired,
    /// The requests have none.
    None,
}

/// A line of the table: a gate, and another one that it is compared with.
pub struct Line {
    pub name: &'static str,
    pub ours: Guard,
    pub other: Guard,
    pub wanted: Wanted,
}

/// What was asked of both.
#[derive(Clone, Copy)]
pub enum Wanted {
    Nothing,
    AtMost(f64),
    /// The other one costs so many times what ours costs.
    OtherAtLeast(f64),
    /// Ours costs so many microseconds more.
    MoreAtMost(f64),
}

/// As it comes.
const COMES: Guard = Guard::small(Filter::Passgate(Passgate::COMES));
const PORTABLE: Guard = Guard::small(Filter::Passgate(Passgate {
    host_crypto: false,
    ..Passgate::COMES
}));
/// With a log line for each signature that is checked.
const VERIFICATIONS: Guard = Guard::small(Filter::Passgate(Passgate {
    log: "verifications",
    ..Passgate::COMES
}));
/// What no Wasm filter goes below, and what none goes below that reads, writes and tells what
/// passgate does.
const EMPTY: Guard = Guard::small(Filter::Bare(Bare::Empty));
const ANSWERS: Guard = Guard::small(Filter::Bare(Bare::Answers));
const CALLS: Guard = Guard::small(Filter::Bare(Bare::Calls));
const REFUSAL: Guard = Guard::small(Filter::Bare(Bare::Refusal));
const MEMORY: Guard = Guard::small(Filter::Bare(Bare::Memory));
/// Takes bound tokens alone, with fresh proofs.
const PROVING: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Dpop,
    ..Passgate::COMES
}));
const PROVING_PORTABLE: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Dpop,
    host_crypto: false,
    ..Passgate::COMES
}));
/// Takes tokens that name a passkey alone, with an approval by it.
const APPROVING: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Approval,
    ..Passgate::COMES
}));
const APPROVING_PORTABLE: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Approval,
    host_crypto: false,
    ..Passgate::COMES
}));
/// Takes tokens in a session that a passkey has approved, with fresh proofs by the session's key.
const SESSION: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Session,
    ..Passgate::COMES
}));
const SESSION_PORTABLE: Guard = Guard::small(Filter::Passgate(Passgate {
    proof: Proof::Session,
    host_crypto: false,
    ..Passgate::COMES
}));
/// Takes each token once: it spends it in the memory that spends proofs, and does nothing else that
/// others do not.
const SPENDING: Guard = Guard::small(Filter::Passgate(Passgate {
    single_use: true,
    ..Passgate::COMES
}));
/// Asks the provider about opaque tokens.
const OPAQUE: Guard = Guard::small(Filter::Passgate(Passgate {
    opaque: true,
    ..Passgate::COMES
}));
/// Asks which workload the client is, behind a listener that verifies certificates.
const PEER: Guard = Guard::small(Filter::Passgate(Passgate {
    peer: true,
    ..Passgate::COMES
}))
.mutual();
/// Signs an identity token for the service, which serves again.
const SIGNING: Guard = Guard::small(Filter::Passgate(Passgate {
    identity: Identity::Token,
    ..Passgate::COMES
}));
/// Signs one for each request.
const TRANSACTION: Guard = Guard::small(Filter::Passgate(Passgate {
    identity: Identity::Transaction,
    ..Passgate::COMES
}));
const JWT_AUTHN: Guard = Guard::small(Filter::JwtAuthn { cache: false });
const JWT_AUTHN_WITH_CACHE: Guard = Guard::small(Filter::JwtAuthn { cache: true });
/// As many providers and rules as a large gateway has.
const LARGE: Size = Size {
    providers: 50,
    keys: 1,
    rules: 1_000,
};

const fn line(name: &'static str, ours: Guard, other: Guard, wanted: Wanted) -> Line {
    Line {
        name,
        ours,
        other,
        wanted,
    }
}

macro_rules! never_seen {
    ($name:literal, $algorithm:literal, $turns:literal, $comes:expr, $portable:expr $(, $more:expr)*) => {
        Case {
            algorithm: $algorithm,
            tokens: Tokens::New,
            starts: 1,
            turns: $turns,
            turn: 32,
            lines: &[
                line($name, COMES, JWT_AUTHN, $comes),
                line($name, PORTABLE, JWT_AUTHN, $portable),
                $(line($more, VERIFICATIONS, JWT_AUTHN, Wanted::Nothing),)*
            ],
        }
    };
}

macro_rules! refused {
    ($name:literal, $tokens:expr $(, $least:literal)?) => {
        Case {
            algorithm: "ES256",
            tokens: $tokens,
            starts: 3,
            turns: 40,
            turn: 160,
            lines: &[
                line($name, COMES, JWT_AUTHN, Wanted::AtMost(2.0)),
                $(line($least, COMES, REFUSAL, Wanted::Nothing),)?
            ],
        }
    };
}

/// What passgate and `jwt_authn` cost.
pub const COMPARED: &[Case] = &[
    never_seen!(
        "ES256, never seen",
        "ES256",
        50,
        Wanted::AtMost(1.3),
        Wanted::AtMost(1.6),
        "ES256, never seen, `log: verifications`"
    ),
    never_seen!(
        "RS256, never seen",
        "RS256",
        20,
        Wanted::AtMost(1.8),
        Wanted::Nothing,
        "RS256, never seen, `log: verifications`"
    ),
    never_seen!(
        "Ed25519, never seen",
        "EdDSA",
        50,
        Wanted::AtMost(2.5),
        Wanted::Nothing
    ),
    never_seen!(
        "ES384, never seen",
        "ES384",
        10,
        Wanted::Nothing,
        Wanted::Nothing
    ),
    never_seen!(
        "PS256, never seen",
        "PS256",
        20,
        Wanted::Nothing,
        Wanted::Nothing
    ),
    Case {
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        starts: 3,
        turns: 50,
        turn: 160,
        lines: &[
            line(
                "ES256, repeated",
                COMES,
                JWT_AUTHN_WITH_CACHE,
                Wanted::AtMost(3.5),
            ),
            line(
                "ES256, repeated, both as they come",
                COMES,
                JWT_AUTHN,
                Wanted::OtherAtLeast(6.0),
            ),
            line(
                "ES256, repeated, beside the least",
                COMES,
                EMPTY,
                Wanted::Nothing,
            ),
            line(
                "a callback for answers that does nothing, beside none",
                ANSWERS,
                EMPTY,
                Wanted::MoreAtMost(1.0),
            ),
            line(
                "ES256, repeated, beside the least that does the same",
                COMES,
                CALLS,
                Wanted::Nothing,
            ),
        ],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        starts: 3,
        turns: 50,
        turn: 160,
        lines: &[line(
            "an opaque token, repeated, beside a repeated JWT",
            OPAQUE,
            COMES,
            Wanted::AtMost(1.1),
        )],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        starts: 3,
        turns: 50,
        turn: 160,
        lines: &[line(
            "ES256, repeated, over mutual TLS: a rule with `peer`, beside one without",
            PEER,
            COMES.mutual(),
            Wanted::Nothing,
        )],
    },
    // The gates that want no proofs get bearer tokens that they have never seen.
    Case {
        algorithm: "ES256",
        tokens: Tokens::Proved,
        starts: 1,
        turns: 50,
        turn: 32,
        lines: &[
            line(
                "a new ES256 proof (DPoP), repeated token, beside a new token",
                PROVING,
                COMES,
                Wanted::AtMost(1.5),
            ),
            line(
                "a new ES256 proof (DPoP), repeated token, beside a new token",
                PROVING_PORTABLE,
                PORTABLE,
                Wanted::Nothing,
            ),
        ],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::Approved,
        starts: 1,
        turns: 50,
        turn: 32,
        lines: &[
            line(
                "a new ES256 approval (WebAuthn), repeated token, beside a DPoP proof",
                APPROVING,
                PROVING,
                Wanted::Nothing,
            ),
            line(
                "a new ES256 approval (WebAuthn), repeated token, beside a DPoP proof",
                APPROVING_PORTABLE,
                PROVING_PORTABLE,
                Wanted::Nothing,
            ),
        ],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::Session,
        starts: 1,
        turns: 50,
        turn: 32,
        lines: &[
            line(
                "a new ES256 proof in a session by a passkey (WebAuthn), repeated token, beside a DPoP proof",
                SESSION,
                PROVING,
                Wanted::Nothing,
            ),
            line(
                "a new ES256 proof in a session by a passkey (WebAuthn), repeated token, beside a DPoP proof",
                SESSION_PORTABLE,
                PROVING_PORTABLE,
                Wanted::Nothing,
            ),
        ],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::New,
        starts: 9,
        turns: 50,
        turn: 32,
        lines: &[
            line(
                "the memory of what was spent: a new ES256 token that is spent, beside one that is not",
                SPENDING,
                COMES,
                Wanted::MoreAtMost(5.0),
            ),
            line(
                "the memory of what was spent: what it asks of the host, beside a filter that asks nothing",
                MEMORY,
                EMPTY,
                Wanted::MoreAtMost(5.0),
            ),
        ],
    },
    Case {
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        starts: 3,
        turns: 50,
        turn: 160,
        lines: &[
            line(
                "an identity token for the service, repeated token, beside none",
                SIGNING,
                COMES,
                Wanted::MoreAtMost(3.0),
            ),
            line(
                "a Transaction Token for each request, repeated token, beside none",
                TRANSACTION,
                COMES,
                Wanted::Nothing,
            ),
        ],
    },
    refused!("refused: expired", Tokens::Expired),
    refused!(
        "refused: no token",
        Tokens::None,
        "refused: no token, beside the least that does the same"
    ),
    Case {
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        starts: 3,
        turns: 50,
        turn: 160,
        lines: &[
            line(
                "ES256, repeated, 1,000 rules and 50 providers",
                COMES.sized(LARGE),
                JWT_AUTHN_WITH_CACHE.sized(LARGE),
                Wanted::Nothing,
            ),
            line(
                "the same against 1 rule and 1 provider",
                COMES.sized(LARGE),
                COMES,
                Wanted::AtMost(1.5),
            ),
        ],
    },
];

const fn without(access_log: bool, counters: bool) -> Guard {
    Guard::small(Filter::Passgate(Passgate {
        access_log,
        counters,
        ..Passgate::COMES
    }))
}

/// The name of all lines of [`AUDITED`].
pub const AUDIT: &str = "audit, ES256, repeated";

/// What the record and the counters add. The ratio is not shown.
pub const AUDITED: Case = Case {
    algorithm: "ES256",
    tokens: Tokens::Repeated,
    starts: 3,
    turns: 50,
    turn: 160,
    lines: &[
        line(AUDIT, without(false, true), COMES, Wanted::Nothing),
        line(AUDIT, without(true, false), COMES, Wanted::Nothing),
        line(AUDIT, without(false, false), COMES, Wanted::Nothing),
    ],
};
