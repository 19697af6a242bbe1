//! A signed list (section 5.1): a JWT of a type of its own.

use core::{fmt, time::Duration};

use super::bits::Bits;
use crate::{
    crypto::{Backend, VerifyingKey},
    jose::{Signed, base64url, numeric_date},
    json::Json,
    limits,
    time::UnixTime,
};

/// Why a list does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListError {
    /// It is not a JWT of the type `statuslist+jwt` that we read, and why.
    Jwt(&'static str),
    /// Its claims are not those of a status list, and which.
    Claims(&'static str),
    /// It is about another address.
    Subject,
    /// It names another issuer.
    Issuer,
    /// It has expired.
    Expired,
    /// It was made in the future, or counts from then on.
    Future,
    /// An older one than was here before.
    Older,
    /// No key of the provider is for it.
    Key,
    /// The signature is not the key's.
    Signature,
    /// What is signed cannot be inflated, or is too large.
    Inflate,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jwt(what) => write!(f, "not a statuslist+jwt: {what}"),
            Self::Claims(what) => f.write_str(what),
            Self::Subject => f.write_str("its sub is another address"),
            Self::Issuer => f.write_str("its iss is another issuer"),
            Self::Expired => f.write_str("expired"),
            Self::Future => f.write_str("its iat or nbf is to come; do the clocks agree?"),
            Self::Older => f.write_str("rolled back: its iat is before that of one seen before"),
            Self::Key => f.write_str("no key of the provider is for it"),
            Self::Signature => f.write_str("its signature is wrong"),
            Self::Inflate => f.write_str("its lst cannot be inflated, or is too large"),
        }
    }
}

/// A list whose signature nobody has checked.
#[derive(Debug)]
pub(crate) struct UnverifiedList {
    pub(crate) signed: Signed,
    pub(super) issued: UnixTime,
    pub(super) expires: Option<UnixTime>,
    pub(super) ttl: Option<Duration>,
    bits: usize,
}

/// What a list must be about, and whose it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'e> {
    pub(super) uri: &'e str,
    pub(super) issuer: &'e str,
    pub(super) skew: Duration,
}

impl UnverifiedList {
    /// Takes a list apart (section 8.3). Nothing of it is true yet.
    pub(super) fn parse(
        body: &[u8],
        expected: Expected<'_>,
        now: UnixTime,
    ) -> Result<Self, ListError> {
        let most = limits::STATUS_LIST_TOKEN_BYTES;
        let signed = Signed::parse(body, "statuslist+jwt", most);
        let (signed, payload) = signed.map_err(ListError::Jwt)?;
        let claims = claims(&payload)?;
        if claims.get("sub").and_then(Json::as_str) != Some(expected.uri) {
            return Err(ListError::Subject);
        }
        let issuer = claims.get("iss");
        if issuer.is_some_and(|issuer| issuer.as_str() != Some(expected.issuer)) {
            return Err(ListError::Issuer);
        }
        let wrong = ListError::Claims("its iat, exp, nbf or ttl is not a number of seconds");
        let seconds = |name| {
            let claim = claims.get(name).map(numeric_date);
            claim.map(|seconds| seconds.ok_or(wrong)).transpose()
        };
        let issued = seconds("iat")?.ok_or(ListError::Claims("its iat is missing"))?;
        let expires = seconds("exp")?;
        // RFC 7519 section 4.1.5: it is a JWT in all other respects, too.
        let begins = seconds("nbf")?.map_or(issued, |begins| begins.max(issued));
        if begins > now.saturating_add(expected.skew) {
            return Err(ListError::Future);
        }
        let ttl = seconds("ttl")?.map(|ttl| ttl.since(UnixTime::from_millis(0)));
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(wrong);
        }
        let list = claims.get("status_list");
        let list = list.ok_or(ListError::Claims("its status_list is missing"))?;
        let bits = list.get("bits").and_then(whole);
        let bits = bits.filter(|bits| [1, 2, 4, 8].contains(bits));
        lst(&claims)?;
        let this = Self {
            signed,
            issued,
            expires,
            ttl,
            bits: bits.ok_or(ListError::Claims("its bits are not 1, 2, 4 or 8"))?,
        };
        this.check_end(now).map(|()| this)
    }

    /// Whether it may still be used (section 8.3).
    pub(crate) fn check_end(&self, now: UnixTime) -> Result<(), ListError> {
        match self.expires {
            Some(expires) if expires <= now => Err(ListError::Expired),
            Some(_) | None => Ok(()),
        }
    }

    /// About what it takes to hash it, read it and inflate it.
    fn cost(&self) -> Duration {
        let bytes = u64::try_from(self.signed.len()).unwrap_or(u64::MAX);
        Duration::from_nanos(bytes.saturating_mul(NANOS_A_BYTE))
    }

    /// Checks the signature, and inflates what was signed.
    pub(crate) fn open(&self, key: &VerifyingKey, crypto: &mut Backend) -> Result<Bits, ListError> {
        let payload = self.signed.open(key, crypto);
        let payload = payload.ok_or(ListError::Signature)?;
        crypto.spend(self.cost());
        let claims = claims(&payload)?;
        let compressed = base64url(lst(&claims)?).ok_or(ListError::Inflate)?;
        Bits::inflate(self.bits, &compressed).ok_or(ListError::Inflate)
    }
}

/// What `bench/endings` measured in V8, rounded up.
const NANOS_A_BYTE: u64 = 10;
/// Members and elements of a list's claims: eight that the draft names, and some more.
const NODES: usize = 256;

fn claims(payload: &[u8]) -> Result<Json, ListError> {
    Json::parse(payload, NODES)
        .map_err(|_| ListError::Claims("its claims are not one strict JSON object"))
}

/// The list itself. It is long, so it is not kept beside the text.
fn lst(claims: &Json) -> Result<&str, ListError> {
    let list = claims.get("status_list");
    let lst = list.and_then(|list| list.get("lst")).and_then(Json::as_str);
    lst.ok_or(ListError::Claims("its lst is missing"))
}

fn whole(value: &Json) -> Option<usize> {
    match value {
        Json::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// For fuzzing: whatever these bytes are, they are taken apart and inflated within bounds.
#[doc(hidden)]
pub fn inspect(body: &[u8], bits: u8, index: usize) {
    let expected = Expected {
        uri: "https://id.example.com/status/1",
        issuer: "https://id.example.com",
        skew: Duration::ZERO,
    };
    let now = UnixTime::from_secs(1_700_000_000);
    let _ = UnverifiedList::parse(body, expected, now);
    if let Some(list) = Bits::inflate(usize::from(bits), body) {
        let _ = (list.get(index), list.get(list.len()));
    }
}
