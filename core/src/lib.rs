//! The brain of passgate: bytes and a time go in; a verdict, or "I need this first", comes out.
//!
//! The core knows no host, clock, socket, global or random source. A host asks it and does as it
//! says: [`Config::parse`] once, [`Verifier::verify`] for each request, [`Supply`] for what comes
//! from elsewhere, [`WaitingRoom`] for the requests that wait for it.
//!
//! ```
//! use passgate_core::{
//!     Answer, Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier, WaitingRoom,
//! };
//! # use passgate_kit::{SigningKey, Token, jwks};
//!
//! let config = Config::parse(
//!     br#"{"providers": {"acme": {
//!         "issuer": "https://id.example",
//!         "audiences": ["https://api.example"],
//!         "remote_jwks": {"http_uri": {"uri": "https://id.example/keys", "cluster": "id"}}
//!     }}}"#,
//! )
//! .unwrap();
//! // Two seeds from a good random source.
//! let mut supply = Supply::new(&config, 1);
//! let mut waiting = WaitingRoom::new(&config);
//! let mut verifier = Verifier::new(config, 2);
//!
//! let now = UnixTime::from_secs(1_800_000_000);
//! # let key = SigningKey::es256("k1");
//! # let token = Token::of(&key, "https://id.example", "https://api.example");
//! # let token = token.claim("iat", 1_800_000_000).claim("exp", 1_800_000_300).build();
//! let bearer = format!("Bearer {token}");
//! let headers: [(&[u8], &[u8]); 4] = [
//!     (b":method", b"GET"),
//!     (b":authority", b"api.example"),
//!     (b":path", b"/orders"),
//!     (b"authorization", bearer.as_bytes()),
//! ];
//!
//! // Nobody has fetched keys yet, so the request waits. A stream has a number; the host keeps
//! // what it needs to ask again, and says how large that is.
//! let Step::Await(need) = verifier.verify(Request::new(&headers), &mut supply, now) else {
//!     panic!("there are no keys");
//! };
//! let longest = supply.longest_wait(need);
//! assert!(waiting.enter(7, need, (headers, 1_000), longest, now));
//!
//! // On a tick, the host sends what is due. An answer says who is to be judged again.
//! let fetch = supply.poll_call(now).unwrap();
//! assert_eq!(fetch.call.endpoint.path, "/keys");
//! # let keys = jwks(&[&key]);
//! let answer = Answer::Http { status: 200, headers: &[], body: keys.as_bytes() };
//! let came = supply.on_answer(fetch.id, answer, now);
//! for stream in waiting.ready(|need| Some(need) == came, now) {
//!     let headers = waiting.leave(stream).unwrap().content;
//!     let step = verifier.verify(Request::new(&headers), &mut supply, now);
//!     let Step::Settle(Settlement { verdict: Verdict::Allow(permit), record }) = step else {
//!         panic!("{step:?}");
//!     };
//!     assert_eq!((permit.code(), record.decision), ("permitted.token", "allow"));
//!     // The edits write the identity, and remove the token.
//!     assert!(permit.edits().count() > 0);
//! }
//! ```

#![forbid(unsafe_code)]

#[cfg(all(feature = "explain", target_family = "wasm"))]
compile_error!("the filter must not be able to take a signature for good");

mod alarm;
mod audit;
mod budget;
mod callers;
mod cbor;
mod claims;
mod config;
mod cose;
mod credentials;
mod crypto;
pub mod decode;
mod event_token;
mod evidence;
mod extract;
mod fetch;
mod headers;
mod identity;
mod introspection;
mod jose;
mod json;
mod jwks;
mod lease;
pub mod limits;
mod login;
mod mint;
mod peer;
mod policy;
mod proof;
mod provider;
mod provider_id;
mod reason;
mod remembered;
mod request;
mod resource_metadata;
mod revocation;
mod sorted;
mod spiffe;
mod status_list;
mod supply;
mod text;
mod time;
mod token;
mod uri;
mod verdict;
mod verify;
mod version;
mod waiting;
mod webauthn;

#[cfg(feature = "explain")]
pub use crate::verify::explain;
pub use crate::{
    alarm::Alarm,
    audit::{
        Audit, AuditRecord, Auditor, Counter, Counters, Labels, LeftOut, Lines, Seen, Shadow,
        ShownProof, SubjectForm, Written,
    },
    callers::{Caller, Callers, Named},
    config::{Config, Expected, HostEscape, InvalidConfig, Past, PolicyTest, TestToken},
    cose::read as read_cose_key,
    credentials::{CredentialDocument, CredentialSource, CredentialsBySubject, Piece},
    crypto::{Algorithm, Backend, Distrust, ForeignFunctions, KeyError, VerifyingKey},
    event_token::{EventFault, EventStanding, ExpectedEvent, UnverifiedEvent},
    evidence::{
        ClaimEquals, ClaimValue, DatedBy, Evidence, Fact, Facts, Kind, Kinds, Line, Preset,
        SignInOrigin, When,
    },
    fetch::{Answer, Call, Endpoint, FetchId, Measure, Number},
    headers::Edit,
    introspection::{IntrospectedTokens, IntrospectionSource, SignedFor},
    jose::{Jwk, JwkSet, JwkSetError, KeyUse, MediaType, SelectError, SkippedKey, thumbprint},
    json::{Json, JsonError},
    jwks::{
        Discovery, Event, JwksCache, KeySource, Location, Lookup, Purpose, RemoteJwks, Report,
        SourceOf, Sources, UriPrefix,
    },
    lease::{Lease, Leases},
    login::{Login, LoginParam, Placeholder},
    policy::{
        Action, Alternative, ClaimCondition, ClaimTest, Denial, HostMatch, Matcher, McpMatch, Mode,
        PathMatch, ProofDemand, Public, Requirement, Rule,
    },
    proof::{ApprovalTerms, Approves, CnfJwk, NotShared, SharedData, Stored, Terms},
    provider::{ClaimHeader, Issuer, IssuerTemplate, Provider, Tenants},
    provider_id::ProviderId,
    reason::{
        Ambiguous, Detour, Forbidden, Insufficient, Internal, Malformed, Missing, Nonce,
        PasskeyWanted, Reason, Rejection, Scheme, StepUp, Unavailable, Untrusted,
    },
    remembered::Tally,
    request::path::PathPolicy,
    request::{Body, Connection, Origin, Request, TokenSource},
    resource_metadata::{Document, ResourceMetadata},
    revocation::{NameClaims, RevocationEntry, RevocationSource, Revocations, WhenUnavailable},
    spiffe::SpiffePattern,
    status_list::{StatusListSource, inspect as inspect_status_list},
    supply::{EndingEvent, EndingOf, EndingReport, Fetch, Need, Suppliers, Supply},
    time::UnixTime,
    verdict::{AnswerHeader, Permit, Verdict},
    verify::{Cut, Settlement, Step, Verifier},
    version::VERSION,
    waiting::{Place, WaitingRoom},
    webauthn::{Aaguid, Aaguids, RelyingParty},
};
#[cfg(feature = "schema")]
pub use crate::{audit::schema as record_schema, config::schema as config_schema};
