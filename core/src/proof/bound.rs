//! A passkey's approval: a WebAuthn assertion whose challenge is made of a statement about one
//! request, or about a key that proves requests for a time. There is not a standard for it. Names
//! and checks are those of RFC 9449, and the assertion is that of Web Authentication Level 3
//! ([`crate::webauthn`]).
//!
//! The header `WebAuthn-Proof` is `base64url(S) "." base64url(assertion)`. `S` is a JSON object,
//! sent and hashed as exact bytes. The challenge is `SHA-256("webauthn-proof-v1:" mode 0x00 S)`.
//! `mode` is that of the statement: `transaction` or `session`.

use core::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{Fault, NonceUse, Terms, Thumbprint, dpop::thumbprint_of};
use crate::{
    crypto::{Algorithm, Backend, VerifyingKey},
    jose::{self, Jwk, base64url, numeric_date, to_base64url},
    json::Json,
    limits,
    request::{Request, fold, is_named},
    time::UnixTime,
    webauthn::{self, Aaguid, Assertion, Gesture, RelyingParty},
};

/// The mode of a session.
const SESSION: &str = "session";

/// The header of such a proof.
pub(crate) const APPROVAL: &str = "webauthn-proof";

/// A key that a person's authenticator holds, and the one algorithm that it signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passkey {
    key: VerifyingKey,
    algorithm: Algorithm,
    pub(crate) thumbprint: Thumbprint,
}

impl Passkey {
    /// A public key as `cnf.jwk` of a token names it. `None`: it is not one that we verify with, or
    /// an RSA key that does not say its algorithm.
    pub(crate) fn of_jwk(jwk: &Json) -> Option<Self> {
        let jwk = Jwk::public(jwk, limits::PROOF_RSA_BITS)?;
        let algorithm = jwk.algorithm()?;
        Some(Self::new(jwk.key, algorithm))
    }

    /// One that signs with this algorithm.
    pub(crate) fn new(key: VerifyingKey, algorithm: Algorithm) -> Self {
        Self {
            thumbprint: jose::thumbprint(&key),
            key,
            algorithm,
        }
    }

    /// What checking one of its signatures costs.
    pub(crate) fn cost(&self, crypto: &Backend) -> Duration {
        crypto.cost_once(&self.key, self.algorithm)
    }
}

/// What an approval has to be made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    pub(crate) method: &'a str,
    /// One of the configured ones: never a header of the client's.
    pub(crate) origin: &'a str,
    /// Path and query as they came.
    pub(crate) path: &'a [u8],
    /// The access token as it came.
    pub(crate) token: &'a str,
    /// Whether it came in cookies alone: a page cannot read it then.
    pub(crate) is_token_hidden: bool,
    /// `iss` and `sub` of the token.
    pub(crate) issuer: &'a str,
    pub(crate) subject: Option<&'a str>,
}

/// An approval that was taken apart, and of which nothing is true yet.
#[derive(Debug)]
pub(crate) struct UnverifiedApproval {
    statement: Vec<u8>,
    claims: Json,
    /// `None`: it is about one request.
    pub(crate) session: Option<Session>,
    pub(crate) assertion: Assertion,
}

/// What a statement says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The key that proves its requests: `jkt`.
    pub(crate) key: Thumbprint,
    /// From then on it is over: `exp`.
    pub(crate) expires: UnixTime,
}

/// What an approval proves, once it is verified: the gesture, and when it was made at the earliest,
/// which is the time of its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Approved {
    pub(crate) gesture: Gesture,
    pub(crate) made: UnixTime,
    /// When the session ends that it begins; `None`: it is of one request.
    pub(crate) expires: Option<UnixTime>,
    /// Whether it covers the body of one request; else there is none.
    pub(crate) covers_body: bool,
    /// The model of the authenticator, where its registration said so.
    pub(crate) aaguid: Option<Aaguid>,
}

/// What a rule wants of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalTerms {
    /// What is approved.
    pub of: Approves,
    /// Whether the authenticator must have verified the person (UV).
    pub is_verified: bool,
    /// Whether the key must be one that cannot leave its device (BE is clear).
    pub is_device_bound: bool,
}

/// What a passkey approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approves {
    /// One request.
    Request {
        /// How old its nonce may be.
        window: Duration,
        /// Whether it covers the request's body; else the request has none.
        covers_body: bool,
    },
    /// A key, which proves each request by itself (RFC 9449).
    Session {
        /// How long after its nonce it may end.
        longest: Duration,
        /// How the proofs are judged.
        dpop: Terms,
    },
}

impl Approves {
    /// Whether it is a session.
    pub(crate) const fn is_session(self) -> bool {
        matches!(self, Self::Session { .. })
    }

    /// Whether whatever is approved by this is by the other, too.
    pub(crate) fn asks_at_least(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Request {
                    window,
                    covers_body,
                },
                Self::Request {
                    window: other,
                    covers_body: other_covers,
                },
            ) => window <= other && covers_body == other_covers,
            (
                Self::Session { longest, dpop },
                Self::Session {
                    longest: other,
                    dpop: other_dpop,
                },
            ) => longest <= other && dpop.ask_at_least(other_dpop),
            (Self::Request { .. } | Self::Session { .. }, _) => false,
        }
    }
}

impl ApprovalTerms {
    /// Whether an approval will do.
    pub(crate) fn check(self, approved: Approved, now: UnixTime) -> Result<(), Fault> {
        let Approved { gesture, made, .. } = approved;
        match (self.of, approved.expires) {
            (Approves::Session { longest, .. }, Some(expires)) => {
                if now >= expires {
                    return Err(Fault::Time("exp: a time to come"));
                }
                if expires > made.saturating_add(longest) {
                    return Err(Fault::Time("exp: at most max_session after the nonce"));
                }
            }
            (Approves::Session { .. }, None) => return Err(Fault::Request("mode: session")),
            (Approves::Request { .. }, Some(_)) => {
                return Err(Fault::Request("mode: transaction"));
            }
            (
                Approves::Request {
                    window,
                    covers_body,
                },
                None,
            ) => {
                if covers_body != approved.covers_body {
                    return Err(Fault::Body(if covers_body {
                        "content_digest: the rule wants the body approved"
                    } else {
                        "no content_digest: the rule has body: none"
                    }));
                }
                // A nonce may be from a time to come only if our own clock has gone back.
                if now > made.saturating_add(window) {
                    return Err(Fault::Nonce("nonce: a recent one"));
                }
            }
        }
        if self.is_verified && !gesture.is_verified {
            return Err(Fault::Flags("flags: UV, the person was verified"));
        }
        if self.is_device_bound && !gesture.is_device_bound {
            return Err(Fault::Flags("flags: BE clear, a key bound to its device"));
        }
        Ok(())
    }
}

/// The members of a statement about a session; there are no others.
const OF_SESSION: [&str; 10] = [
    "mode", "iss", "sub", "jti", "iat", "nonce", "jkt", "exp", "aud", "ath",
];

/// The members of a statement about a request; there are no others.
const MEMBERS: [&str; 12] = [
    "mode",
    "iss",
    "sub",
    "jti",
    "iat",
    "nonce",
    "htm",
    "htu",
    "ath",
    DIGEST,
    "content_type",
    "content_encoding",
];

/// The member with the digest of the body: one of RFC 9530 section 2, by SHA-256.
const DIGEST: &str = "content_digest";

/// The members that say how a body is to be read, with their headers. They cannot stand alone.
const CONTENT: [(&str, &str, &str); 2] = [
    (
        "content_type",
        "content-type",
        "content_type: that of the request, if it has one",
    ),
    (
        "content_encoding",
        "content-encoding",
        "content_encoding: that of the request, if it has one",
    ),
];

impl UnverifiedApproval {
    /// Takes it apart.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        const PARTS: Fault = Fault::Malformed("two parts in strict base64url, between them a dot");
        if text.len() > limits::APPROVAL_BYTES {
            return Err(Fault::Malformed("at most 16 KiB"));
        }
        let (statement, assertion) = text.split_once('.').ok_or(PARTS)?;
        let statement = base64url(statement).ok_or(PARTS)?;
        let assertion = base64url(assertion).ok_or(PARTS)?;
        let claims = Json::parse(&statement, limits::TOKEN_JSON_NODES);
        let claims = claims.map_err(|_| Fault::Malformed("a statement that is one JSON object"))?;
        let Json::Object(members) = &claims else {
            return Err(Fault::Malformed("a statement that is one JSON object"));
        };
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        let date = |name: &str| claims.get(name).and_then(numeric_date);
        let (known, wanted): (&[&str], _) = match text("mode") {
            Some("transaction") => (
                &MEMBERS,
                "a statement with mode, iss, sub, jti, iat, nonce, htm, htu, ath and, for a body, \
                 content_digest, content_type and content_encoding alone",
            ),
            Some(SESSION) => (
                &OF_SESSION,
                "a statement with mode, iss, sub, jti, iat, nonce, jkt, exp, aud and ath alone",
            ),
            _ => return Err(Fault::Malformed("mode: transaction or session")),
        };
        if !members.iter().all(|(name, _)| known.contains(&&**name)) {
            return Err(Fault::Malformed(wanted));
        }
        if text("jti").is_none_or(str::is_empty) {
            return Err(Fault::Malformed("jti: a string that is not empty"));
        }
        if date("iat").is_none() {
            return Err(Fault::Malformed("iat: seconds since 1970, a number"));
        }
        let has = |name: &str| claims.get(name).is_some();
        let is_digest = |digest: &str| {
            let hash = digest.strip_prefix("sha-256=:");
            let hash = hash.and_then(|hash| hash.strip_suffix(':'));
            hash.is_some_and(|hash| hash.len() == 44)
        };
        if has(DIGEST) && !text(DIGEST).is_some_and(is_digest) {
            return Err(Fault::Malformed(
                "content_digest: sha-256=:…:, as in RFC 9530",
            ));
        }
        if !has(DIGEST) && CONTENT.iter().any(|(member, ..)| has(member)) {
            return Err(Fault::Malformed(
                "content_type and content_encoding beside content_digest",
            ));
        }
        let session = if text("mode") == Some(SESSION) {
            let (Some(key), Some(expires)) = (text("jkt").and_then(thumbprint_of), date("exp"))
            else {
                return Err(Fault::Malformed(
                    "jkt: the thumbprint of a key; exp: seconds since 1970, a number",
                ));
            };
            Some(Session { key, expires })
        } else {
            None
        };
        Ok(Self {
            assertion: Assertion::parse(&assertion)?,
            claims,
            session,
            statement,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Json::as_str)
    }

    /// Whether it approves this request with this token, or a session of its person at its origin.
    pub(crate) fn is_for(&self, sought: Sought<'_>) -> Result<(), Fault> {
        if self.session.is_some() {
            if self.text("aud") != Some(sought.origin) {
                return Err(Fault::Request("aud: the one of origins that is asked"));
            }
        } else {
            self.is_of_request(sought)?;
        }
        if self.text("iss") != Some(sought.issuer) {
            return Err(Fault::Token("iss: that of the access token"));
        }
        if sought.subject.is_none() || self.text("sub") != sought.subject {
            return Err(Fault::Token("sub: that of the access token, which has one"));
        }
        match self.claims.get("ath") {
            None if sought.is_token_hidden || self.session.is_some() => Ok(()),
            Some(Json::String(ath)) if **ath == *to_base64url(&Sha256::digest(sought.token)) => {
                Ok(())
            }
            _ => Err(Fault::Token("ath: the hash of this access token")),
        }
    }

    fn is_of_request(&self, sought: Sought<'_>) -> Result<(), Fault> {
        if self.text("htm") != Some(sought.method) {
            return Err(Fault::Request("htm: the method of the request"));
        }
        // Byte for byte, the query too: what a person approved may stand there.
        let is_asked_for = |uri: &str| {
            let path = uri.strip_prefix(sought.origin);
            path.is_some_and(|path| path.as_bytes() == sought.path)
        };
        if !self.text("htu").is_some_and(is_asked_for) {
            return Err(Fault::Request(
                "htu: the URI of the request with its query, its origin one of origins",
            ));
        }
        Ok(())
    }

    /// What the nonce must have been given for.
    pub(crate) const fn nonce_use(&self) -> NonceUse {
        if self.session.is_some() {
            NonceUse::Session
        } else {
            NonceUse::Approval
        }
    }

    /// Whether it covers a body, which may be an empty one.
    pub(crate) fn covers_body(&self) -> bool {
        self.claims.get(DIGEST).is_some()
    }

    /// Whether the body that it covers is to be read as the headers of this request say.
    pub(crate) fn is_of_content(&self, request: Request<'_>) -> Result<(), Fault> {
        for (member, header, wanted) in CONTENT {
            let mut values = request.values(header);
            let is_approved = match (self.claims.get(member), values.next()) {
                (None, None) => true,
                (Some(Json::String(approved)), Some(sent)) => approved.as_bytes() == sent,
                _ => false,
            };
            // Some servers read `content_type` as `content-type`.
            let is_alike = |name: &[u8]| {
                let folded = name.iter().map(|&byte| fold(byte));
                folded.eq(header.bytes()) && !is_named(name, header.as_bytes())
            };
            let mut names = request.headers().iter().map(|(name, _)| *name);
            if !is_approved || values.next().is_some() || names.any(is_alike) {
                return Err(Fault::Body(wanted));
            }
        }
        Ok(())
    }

    /// Whether the body with this SHA-256 is the one that it covers.
    pub(crate) fn is_of_body(&self, sha256: [u8; 32]) -> Result<(), Fault> {
        let digest = ["sha-256=:", &STANDARD.encode(sha256), ":"].concat();
        if self.text(DIGEST) == Some(&*digest) {
            return Ok(());
        }
        Err(Fault::Body("content_digest: that of the body as it came"))
    }

    /// The nonce that it was made with, believed or not: the time of the gesture is the nonce's.
    pub(crate) fn unverified_nonce(&self) -> Option<&str> {
        self.text("nonce")
    }

    /// What the person did, by an assertion with this statement's challenge; not to be believed
    /// before its signature was checked.
    pub(crate) fn unverified_gesture(&self, party: &RelyingParty) -> Result<Gesture, Fault> {
        let mut challenge = Sha256::new();
        challenge.update(match self.session {
            None => &b"webauthn-proof-v1:transaction\0"[..],
            Some(_) => b"webauthn-proof-v1:session\0",
        });
        challenge.update(&self.statement);
        Ok(self.assertion.check(party, &challenge.finalize())?)
    }

    /// Names key and signed bytes: once their signature was right, another one adds nothing.
    pub(crate) fn name(&self, passkey: &Passkey) -> [u8; 32] {
        let mut name = Sha256::new();
        name.update(passkey.thumbprint);
        name.update(self.assertion.signed());
        name.finalize().into()
    }

    /// Checks the signature. Returns what names the approval among all that were ever made.
    pub(crate) fn verify(
        &self,
        passkey: &Passkey,
        crypto: &mut Backend,
    ) -> Result<[u8; 32], Fault> {
        let Passkey { key, algorithm, .. } = passkey;
        let signature = key.signature_of_assertion(&self.assertion.signature);
        let signed = self.assertion.signed();
        let is_right = signature
            .is_some_and(|signature| crypto.verifies_once(key, *algorithm, &signed, &signature));
        if !is_right {
            return Err(Fault::Signature);
        }
        // Neither the signature nor the id of the credential: both can be written in another way.
        let mut id = Sha256::new();
        id.update(b"passgate proof 1 webauthn");
        id.update(passkey.thumbprint);
        id.update(&self.statement);
        Ok(id.finalize().into())
    }
}

impl From<webauthn::Fault> for Fault {
    fn from(fault: webauthn::Fault) -> Self {
        match fault {
            webauthn::Fault::Malformed(wanted) => Self::Malformed(wanted),
            webauthn::Fault::Challenge(wanted) => Self::Request(wanted),
            webauthn::Fault::Origin(wanted) => Self::Origin(wanted),
            webauthn::Fault::Flags(wanted) => Self::Flags(wanted),
        }
    }
}
