//! What people write: the shape of the document, field by field. Meaning is given one module up.

mod callers;
mod credentials;
mod ending;
mod introspection;
mod keys;
mod mcp;
mod peer;
mod proof;
mod provider;
mod rule;

pub(super) use self::{
    callers::{RawCaller, RawDeny, RawNamed},
    credentials::{
        RawBySubject, RawCredentialDocument, RawCredentials, RawSignedBy, RawSubjectUri,
    },
    ending::{RawRevocations, RawStatusLists},
    introspection::RawIntrospection,
    keys::{RawDiscovery, RawHttpUri, RawLocalJwks, RawRemoteJwks, Times},
    mcp::RawMcp,
    peer::{RawPeer, RawSpiffe},
    proof::{RawAaguids, RawDpop, RawProof, RawRelyingParty, RawWebauthn},
    provider::{
        RawClaimEquals, RawClaimToHeader, RawEvidence, RawFromHeader, RawKinds, RawLine,
        RawProvider, RawWhen,
    },
    rule::{
        Demands, RawAlternative, RawClaim, RawMatch, RawPublic, RawRequires, RawRequiresAny,
        RawRule, RawStreams,
    },
};
use super::{
    Lines, Mode, Origin,
    identity_token::{RawGate, RawIdentityToken},
    resource_metadata::RawDocuments,
    subject::{Environment, RawSubject},
    trial::Tests,
    words::{OverrideHeader, Spelling},
};
use crate::decode::{Filled, List, Map, OrNone, Text, record};

record! {
    /// The configuration of the gate.
    pub(in crate::config) RawConfig "the configuration" {
        /// Where clients reach this gate: scheme, host and port.
        origins: List<Origin>,
        /// Says that the listener verifies client certificates, which the filter cannot find out.
        /// Without it no rule can ask for `peer`. Default: false.
        peer_verified_by_listener: bool,
        /// The issuers that are trusted, by a name of your choice.
        providers: Map<RawProvider> => "providers.<name>",
        "jwt_rules": "write providers, by a name of your choice",
        /// Whose passkeys approve requests, where a rule wants that.
        relying_party: RawRelyingParty => "relying_party",
        /// The first rule that matches decides; a request that none matches is denied. Without
        /// `rules`, every request needs a valid token of one of the providers.
        rules: List<RawRule> => "rules",
        "requirement_map": "write each requirement in its rule, under requires",
        "filter_state_rules": "write rules; filter state is never read for a decision",
        /// Lets CORS preflights pass without a token. Default: false.
        bypass_cors_preflight: bool,
        /// Whether the proxy may check signatures of RSA, P-384 and P-521 keys, which it does many
        /// times faster, once it has passed a test. Default: true.
        host_crypto: bool,
        /// Which spellings of a path that could be read in two ways are let through.
        path: RawPath,
        /// Which headers that change method or path behind the gate are kept.
        override_headers: RawOverrideHeaders,
        "allow": "write it inside path or override_headers",
        /// What is written about each verdict.
        audit: RawAudit,
        /// Secrets, each by the name of the environment variable that holds it.
        secrets: RawSecrets,
        /// Bounds. All but `token_bytes`, `proof_body_bytes`, `rsa_bits` and
        /// `forged_tokens_cpu_percent` may be tightened only.
        limits: RawLimits,
        /// `enforce` (default), or `shadow` until a day: decide, count and record, but change
        /// nothing and let pass.
        mode: Mode,
        /// What becomes of streams that outlive what let them pass; a rule may say otherwise.
        streams: RawStreams,
        /// The document that tells clients which issuers this resource trusts (RFC 9728); or a list
        /// of them, for paths of their own.
        resource_metadata: RawDocuments,
        /// The name of this gate.
        gate: RawGate,
        /// A token about who was let in, signed by the gate for the services behind it.
        identity_token: RawIdentityToken => "identity_token",
        /// Requests, and what the gate must say to them: `passgate check` tries them. The filter
        /// leaves them out.
        tests: Tests,
        /// Names for callers, which rules may want and services are told.
        roles: List<RawNamed> => "roles",
        /// What callers have bought: each has one, or none, which rules may want and services are
        /// told.
        products: List<RawNamed> => "products",
        // Words of Envoy's `jwt_authn` that nothing stands in for.
        "strip_failure_response": "remove it; a refusal never tells the client why in detail",
        "stat_prefix": "remove it; counters are named wasmcustom.passgate.verdicts.…",
    }
}

record! {
    /// Secrets that the gate itself needs.
    pub(in crate::config) RawSecrets "secrets" {
        /// Makes the nonces of proofs: at least 16 bytes that nobody can guess, the same in all
        /// replicas. Two values, separated by a comma, while it is exchanged: the first makes
        /// nonces, both are believed. Default: the workers of one proxy share one of their own.
        nonce: Environment,
        /// Makes the keyed hashes of tokens and credentials in records: at least 16 bytes that
        /// nobody can guess, the same in all gates whose records are compared. Default: records
        /// hold no such hash.
        correlation: Environment,
    }
}

record! {
    /// Spellings of a path that could be read in two ways.
    pub(in crate::config) RawPath "path" {
        /// `encoded_slash` (%2F), `double_slash` (//), `semicolon` (;), `encoded_percent` (%25),
        /// `backslash` (\ and %5C).
        allow: List<Spelling> = "[encoded_slash]",
    }
}

record! {
    /// Headers that change method or path behind the gate.
    pub(in crate::config) RawOverrideHeaders "override_headers" {
        /// `x-http-method`, `x-http-method-override`, `x-method-override`, `x-original-url`,
        /// `x-override-url`, `x-rewrite-url`.
        allow: List<OverrideHeader> = "[x-http-method-override]",
    }
}

record! {
    /// What is written about each verdict, and whether it is counted.
    pub(in crate::config) RawAudit "audit" {
        /// Which verdicts make a line in the log: `all`; `verifications`, which is every token
        /// whose signature was checked just now and every refusal; `denials` (default); `none`.
        log: Lines,
        /// Whether each verdict's record is handed to the access log, through filter state.
        /// Default: true.
        access_log: bool,
        /// Whether each verdict is counted, exactly, whatever is written of it. Default: true.
        counters: bool,
        /// How the subject is shown in records: `clear` (default),
        /// `{ hashed: { salt: { env: NAME } } }` or `omitted`.
        subject: RawSubject,
        /// What counters of verdicts name of a verified caller, beside rule, provider and product:
        /// `kind`, `phishing_resistant`, and `actor`, which is `other` for one that no rule names.
        /// Default: none.
        labels: Filled<Text>,
    }
}

record! {
    /// Bounds. All but `token_bytes`, `proof_body_bytes`, `rsa_bits` and
    /// `forged_tokens_cpu_percent` may be tightened only.
    pub(in crate::config) RawLimits "limits" {
        /// Largest token, in bytes: at most 65536. Default: 16384.
        token_bytes: usize,
        /// Largest JWK set, in bytes.
        jwks_bytes: usize,
        /// Most keys of one JWK set.
        jwks_keys: usize,
        /// Most requests of one worker that wait for keys, lists or bodies.
        waiting_requests: usize,
        /// Most bytes that waiting requests of one worker hold: headers, and bodies that are waited
        /// for.
        waiting_bytes: usize,
        /// The part of a processor that each worker spends on finding out that signatures are
        /// wrong, in percent: 1 to 90. Beyond, chance decides which of the tokens that were not
        /// verified before are verified now; the others get 503. Default: 25.
        forged_tokens_cpu_percent: usize,
        "wrong_signatures": "write forged_tokens_cpu_percent: 25, the part of a processor that they may cost; they are not counted any more",
        /// Most tokens of one worker whose signature is not checked again while they and the keys
        /// are what they were; 0: none. Default: 8192.
        remembered_tokens: OrNone,
        /// Most bytes that these take. Default: 16777216.
        remembered_bytes: OrNone,
        /// Most open streams of one worker that end with their authority. Default: 20000.
        streams: usize,
        /// Largest body that an approval covers, in bytes: at most 1048576, and no more than the
        /// host holds. Default: 65536.
        proof_body_bytes: usize,
        /// Longest RSA key, in bits: 2048 to 8192. Default: 4096. A signature costs the fourfold
        /// for each doubling.
        rsa_bits: usize,
    }
}
