//! Why a request was refused: one table from reason to code, status and challenge.
//!
//! The outer variant is the blame and decides what the client is told; the inner one is for the
//! operator. The code is used unchanged in response details, counters, log lines and test names.

mod challenge;
mod rejection;
mod remedy;
mod rpc;

use core::time::Duration;

use self::challenge::Challenge;
pub(crate) use self::{
    challenge::{BEARER, DPOP, PROOF_ALGORITHMS},
    rpc::Rpc,
};
pub use self::{
    challenge::{PasskeyWanted, Scheme, StepUp},
    rejection::{Detour, Nonce, Rejection},
};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing was presented.
    Missing(Missing),
    /// What was presented cannot be read.
    Malformed(Malformed),
    /// The request can be read in two ways.
    Ambiguous(Ambiguous),
    /// The token is well formed but is not believed.
    Untrusted(Untrusted),
    /// The token is believed but does not suffice; a better one would.
    Insufficient(Insufficient),
    /// No token would help.
    Forbidden(Forbidden),
    /// It cannot be decided now.
    Unavailable(Unavailable),
    /// The host failed us.
    Internal(Internal),
}

/// Declares the inner enum of one blame together with the codes of its variants.
macro_rules! facts {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),+ })? => $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant $({
                $($(#[$field_doc])* $field: $type),+
            })?,)+
        }

        impl $name {
            /// Codes of all variants, in order.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            const fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant $({ $($field: _),+ })? => $code,)+
                }
            }
        }

        impl From<$name> for Reason {
            fn from(fact: $name) -> Self {
                Self::$name(fact)
            }
        }
    };
}

facts! {
    /// Nothing was presented (RFC 6750 section 3.1: no error code).
    Missing {
        /// No place that the rule's providers use holds a token.
        Token {
            /// What the sign-in behind it will have to prove.
            step_up: StepUp
        } => "missing.token",
        /// The rule or the token's `cnf` wants a proof of possession, and there is none.
        Proof => "missing.proof",
        /// The rule wants a workload, and this connection has none that is named by a certificate.
        Peer => "missing.peer",
    }
}

facts! {
    /// What was presented cannot be read.
    Malformed {
        /// A place holds an empty credential, or bytes that no token has.
        Credential => "malformed.credential",
        /// Longer than `limits.token_bytes`.
        TokenSize => "malformed.token_size",
        /// Not three parts that are not empty (RFC 7515 section 3.1).
        TokenShape => "malformed.token_shape",
        /// A part is not strict base64url.
        Base64url => "malformed.base64url",
        /// The JOSE header is not a strict JSON object with members of the right types.
        Header => "malformed.header",
        /// The claims are not a strict JSON object with members of the right types.
        Claims => "malformed.claims",
        /// `crit` names what we do not implement, which is everything; or `b64` (RFC 7797) is used
        /// in a JWT.
        Crit => "malformed.crit",
        /// Encrypted, compressed or nested (RFC 7519 section 5.2).
        Nested => "malformed.nested",
        /// The `DPoP` header is not one proof (RFC 9449 section 4.2).
        Proof => "malformed.proof",
    }
}

facts! {
    /// The request can be read in two ways.
    Ambiguous {
        /// More than one credential.
        Credentials => "ambiguous.credentials",
        /// A path that servers decode or merge differently.
        Path => "ambiguous.path",
        /// A method that is not upper case letters and `-`.
        Method => "ambiguous.method",
        /// An authority that is absent, doubled, has user information, or names a host of the rules
        /// as Envoy's routes would not.
        Authority => "ambiguous.authority",
        /// `Mcp-Method` or `Mcp-Name` says something else than the body, or stands there twice.
        Mcp => "ambiguous.mcp",
    }
}

facts! {
    /// The token is well formed but is not believed.
    Untrusted {
        /// `typ` says that it is something else (RFC 8725 section 3.11).
        TokenType => "untrusted.token_type",
        /// `alg` is not one that we verify, that the provider allows, or that the key is for.
        Algorithm => "untrusted.algorithm",
        /// `iss` is not a provider that the rule accepts in this place.
        Issuer => "untrusted.issuer",
        /// The provider has no such key.
        Key => "untrusted.key",
        /// The signature is not the key's.
        Signature => "untrusted.signature",
        /// `exp` is over.
        Expired => "untrusted.expired",
        /// `nbf` is to come.
        NotYetValid => "untrusted.not_yet_valid",
        /// `iat` is to come.
        IssuedInFuture => "untrusted.issued_in_future",
        /// None of the provider's audiences.
        Audience => "untrusted.audience",
        /// `exp - iat` is longer than `max_token_lifetime`.
        Lifetime => "untrusted.lifetime",
        /// Bound to a key (`cnf`) but sent as a bearer token (RFC 9449 section 7.2), or bound in a
        /// way that nobody here can check.
        KeyBound => "untrusted.key_bound",
        /// A proof's signature is not its key's.
        ProofSignature => "untrusted.proof_signature",
        /// A proof's key, or the certificate of the connection, is not the one that `cnf` of the
        /// token names.
        ProofKey => "untrusted.proof_key",
        /// A proof was made for another method or URI.
        ProofRequest => "untrusted.proof_request",
        /// A proof was not made now.
        ProofTime => "untrusted.proof_time",
        /// A proof was not made with a recent nonce of ours.
        ProofNonce => "untrusted.proof_nonce",
        /// A proof, or a token for a single use, was used before.
        ProofReplayed => "untrusted.proof_replayed",
        /// A proof was made for another token, or the token is not bound as the rule wants it.
        ProofToken => "untrusted.proof_token",
        /// Another relying party or page asked for the assertion.
        ProofOrigin => "untrusted.proof_origin",
        /// The authenticator does not say enough of the person or the key.
        ProofFlags => "untrusted.proof_flags",
        /// The request has another body than the proof covers, or one where it covers none.
        ProofBody => "untrusted.proof_body",
        /// The passkey is not one of this person, or not one that counts here.
        Credential => "untrusted.credential",
        /// A list of the provider says that it, or what it names, has ended before its time.
        Revoked => "untrusted.revoked",
        /// The issuer says that it is not active.
        Inactive => "untrusted.inactive",
    }
}

facts! {
    /// The token is believed but does not suffice.
    Insufficient {
        /// A scope is not granted.
        Scope {
            /// All scopes that the rule wants.
            required: Vec<String>
        } => "insufficient.scope",
        /// The sign-in does not prove all facts that the rule wants.
        Authentication {
            /// How to do better.
            step_up: StepUp
        } => "insufficient.authentication",
        /// The sign-in proves them but is older than `max_age`, or nobody can tell how old it is.
        MaxAge {
            /// How to do better.
            step_up: StepUp
        } => "insufficient.max_age",
    }
}

facts! {
    /// No token would help.
    Forbidden {
        /// No rule is about this request.
        NoRule => "forbidden.no_rule",
        /// CONNECT or TRACE, which no rule names.
        Method => "forbidden.method",
        /// The exemption's last day is over.
        ExemptionEnded => "forbidden.exemption_ended",
        /// A claim that the rule wants does not hold.
        Claim => "forbidden.claim",
        /// None of the rule's audiences.
        Audience => "forbidden.audience",
        /// Somebody else acts than the rule wants, or nobody can tell who.
        Kind => "forbidden.kind",
        /// A cookie's token on a request that another site may have caused.
        CrossSite => "forbidden.cross_site",
        /// The body is larger than `limits.proof_body_bytes`, and a proof has to cover it.
        BodySize => "forbidden.body_size",
        /// Another workload than the rule wants.
        Peer => "forbidden.peer",
        /// A role that the rule wants.
        Role => "forbidden.role",
        /// None of the products that the rule wants.
        Product => "forbidden.product",
        /// A rule refuses everybody.
        Denied => "forbidden.denied",
        /// Somebody else acts for the person than the rule wants, or through too many others.
        Actor => "forbidden.actor",
    }
}

facts! {
    /// It cannot be decided now.
    Unavailable {
        /// The provider's keys cannot be fetched.
        Keys {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.keys",
        /// The provider's keys are known but not this one, and a fetch may not ask again so soon
        /// whether it is new.
        UnknownKey {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.unknown_key",
        /// Too many requests wait for keys already.
        WaitingLimit => "unavailable.waiting_limit",
        /// It has waited too long for keys. Something else should have ended the wait before.
        WaitingTime => "unavailable.waiting_time",
        /// So many signatures of the provider's tokens were wrong that no more are checked for now.
        Budget => "unavailable.budget",
        /// The memory of proofs is full for this client, absent, or holds what is not ours.
        ReplayMemory => "unavailable.replay_memory",
        /// Too many streams are open that end with their authority; or what such a stream rests on
        /// is not remembered any more, and a new policy is in force.
        Streams => "unavailable.streams",
        /// The provider's list of revocations cannot be had, or is too old.
        Revocations {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.revocations",
        /// The status list that the token names cannot be had, or does not count.
        StatusList {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.status_list",
        /// A proof covers the body, and the host does not hand it over.
        Body => "unavailable.body",
        /// It cannot be had whose passkey it is.
        Credentials {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.credentials",
        /// The issuer cannot be asked about the token.
        Introspection {
            /// When to try again.
            retry_after: Duration
        } => "unavailable.introspection",
        /// So many tokens that are not active have come that the issuer is not asked about new ones
        /// for now.
        Questions => "unavailable.questions",
    }
}

facts! {
    /// The host failed us.
    Internal {
        /// It refused a call, or gave what cannot be.
        Host => "internal.host",
        /// It has no clock.
        Clock => "internal.clock",
    }
}

impl Reason {
    /// The stable code, `blame.fact`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(fact) => fact.code(),
            Self::Malformed(fact) => fact.code(),
            Self::Ambiguous(fact) => fact.code(),
            Self::Untrusted(fact) => fact.code(),
            Self::Insufficient(fact) => fact.code(),
            Self::Forbidden(fact) => fact.code(),
            Self::Unavailable(fact) => fact.code(),
            Self::Internal(fact) => fact.code(),
        }
    }

    /// Whether nobody can tell which rule the request belongs to.
    pub(crate) const fn hides_rule(&self) -> bool {
        matches!(
            self,
            Self::Ambiguous(_) | Self::Internal(_) | Self::Forbidden(Forbidden::Method)
        )
    }

    /// The codes of all reasons.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        [
            Missing::CODES,
            Malformed::CODES,
            Ambiguous::CODES,
            Untrusted::CODES,
            Insufficient::CODES,
            Forbidden::CODES,
            Unavailable::CODES,
            Internal::CODES,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    /// What a client of bearer tokens is told. `realm` is the origin that it reached, in quotable
    /// characters.
    #[must_use]
    pub fn rejection(&self, realm: &str) -> Rejection {
        self.rejection_in(realm, BEARER, None)
    }

    /// What the client is told, in a challenge for each of these schemes, in this order. `passkey`:
    /// what an approval would have to be, where one is wanted.
    #[must_use]
    pub fn rejection_in(
        &self,
        realm: &str,
        schemes: &[Scheme],
        passkey: Option<&PasskeyWanted>,
    ) -> Rejection {
        let (status, retry_after) = match self {
            Self::Missing(Missing::Peer) => (403, None),
            Self::Missing(_) | Self::Malformed(_) | Self::Untrusted(_) => (401, None),
            Self::Ambiguous(_) => (400, None),
            Self::Forbidden(Forbidden::BodySize) => (413, None),
            Self::Insufficient(Insufficient::Scope { .. }) | Self::Forbidden(_) => (403, None),
            Self::Insufficient(_) => (401, None),
            Self::Unavailable(
                Unavailable::Keys { retry_after }
                | Unavailable::UnknownKey { retry_after }
                | Unavailable::Revocations { retry_after }
                | Unavailable::StatusList { retry_after }
                | Unavailable::Credentials { retry_after }
                | Unavailable::Introspection { retry_after },
            ) => (503, Some(retry_after.as_secs().max(1))),
            Self::Unavailable(
                Unavailable::WaitingLimit
                | Unavailable::WaitingTime
                | Unavailable::Budget
                | Unavailable::ReplayMemory
                | Unavailable::Streams
                | Unavailable::Body
                | Unavailable::Questions,
            ) => (503, Some(1)),
            Self::Internal(_) => (500, None),
        };
        let challenges = schemes
            .iter()
            .filter_map(|scheme| self.challenge(*scheme, realm, passkey));
        Rejection {
            status,
            code: self.code(),
            challenges: challenges.collect(),
            retry_after,
            nonce: None,
            reader: None,
            detour: None,
            is_grpc: false,
            rpc: None,
        }
    }

    /// What would do, in the words of this scheme.
    fn challenge(
        &self,
        scheme: Scheme,
        realm: &str,
        passkey: Option<&PasskeyWanted>,
    ) -> Option<String> {
        let plain = Challenge::new(scheme, realm);
        let challenge = match self {
            // RFC 6750 section 3.1: a request without credentials is told no error code.
            Self::Missing(Missing::Token { step_up }) => plain.hint(step_up),
            // RFC 9470 section 3, with parameters of our own.
            _ if let Some(wanted) =
                passkey.filter(|_| self.is_of_proof() || self.is_of_sign_in()) =>
            {
                plain.approval(wanted)
            }
            // RFC 9449 section 9.
            Self::Untrusted(Untrusted::ProofNonce) if scheme == Scheme::Dpop => plain.error(
                "use_dpop_nonce",
                "The proof must carry the nonce of this answer",
            ),
            // RFC 9449 section 7.1.
            _ if self.is_of_proof() && scheme == Scheme::Dpop => plain.error(
                "invalid_dpop_proof",
                "The proof of possession is missing, unreadable or not valid here",
            ),
            Self::Missing(Missing::Proof) | Self::Malformed(_) | Self::Untrusted(_) => plain.error(
                "invalid_token",
                "The access token is missing, unreadable or not valid here",
            ),
            Self::Ambiguous(_) => {
                plain.error("invalid_request", "The request can be read in two ways")
            }
            Self::Insufficient(Insufficient::Scope { required }) => plain
                .error("insufficient_scope", "The access token lacks a scope")
                .with("scope", &required.join(" ")),
            Self::Insufficient(Insufficient::Authentication { step_up }) => plain.unproved(step_up),
            Self::Insufficient(Insufficient::MaxAge { step_up }) => plain.too_old(step_up),
            Self::Missing(Missing::Peer)
            | Self::Forbidden(_)
            | Self::Unavailable(_)
            | Self::Internal(_) => return None,
        };
        Some(challenge.into_value())
    }
}
