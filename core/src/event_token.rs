//! Tokens that tell of an event: logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4)
//! and security event tokens (RFC 8417). They are JWTs by the keys of a provider, and never access
//! tokens: their `typ` says so.
//!
//! The filter takes none of them. Services that write lists of revocations do.

use core::{fmt, time::Duration};

use crate::{
    claims::audience_is,
    jose::{Compact, Header, JwsError, numeric_date},
    json::Json,
    jwks::Lookup,
    limits,
    provider_id::ProviderId,
    supply::Supply,
    time::UnixTime,
};

/// What such a token must be, and whose.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedEvent<'e> {
    /// Its `typ` (RFC 8725 section 3.11), in lower case and without `application/`.
    pub typ: &'e str,
    /// Its `iss`, to the letter.
    pub issuer: &'e str,
    /// What its `aud` names one of.
    pub audiences: &'e [String],
    /// Whether it must have an `exp`. One that is there is judged in any case.
    pub must_expire: bool,
    /// How long ago its `iat` may be.
    pub max_age: Duration,
    /// How far clocks may be apart.
    pub skew: Duration,
    /// How long after its `exp` it counts all the same.
    pub grace: Duration,
}

/// Why such a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// It cannot be read; what was expected.
    Malformed(&'static str),
    /// Another issuer's.
    Issuer,
    /// For another audience.
    Audience,
    /// It is over, though the signature is right; what was expected.
    Time(&'static str),
    /// Its time has not come, though the signature is right: one of two clocks is wrong.
    Early,
    /// The issuer has no such key.
    Key,
    /// The signature is not the key's.
    Signature,
}

impl fmt::Display for EventFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(wanted) | Self::Time(wanted) => wanted,
            Self::Early => "iat and nbf: not in the future",
            Self::Issuer => "iss: the configured issuer",
            Self::Audience => "aud: one of the configured audiences",
            Self::Key => "kid and alg: a key that the issuer publishes",
            Self::Signature => "a signature by that key",
        })
    }
}

impl From<JwsError> for EventFault {
    fn from(error: JwsError) -> Self {
        Self::Malformed(match error {
            JwsError::Size => "a JWT of at most 64 KiB",
            JwsError::Shape => "a JWT: three parts between dots",
            JwsError::Base64url => "a JWT: parts in strict base64url",
            JwsError::Header => "a JWT: a header that is one JSON object, with alg",
            JwsError::Critical => "a header without crit and b64",
            JwsError::Nested => "claims that are neither encrypted, compressed nor nested",
            JwsError::Algorithm => "alg: an asymmetric one that we verify",
        })
    }
}

/// Such a token, taken apart. Nothing of it is true yet.
#[derive(Debug)]
pub struct UnverifiedEvent<'t> {
    parts: Compact<'t>,
    header: Header<()>,
    claims: Json,
    times: Times,
}

/// When such a token counts.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// From then on it does not, by a clock that is behind as far as it may be.
    until: UnixTime,
    /// Why it does not now.
    fault: Option<EventFault>,
}

/// What is known of the signature of such a token.
#[derive(Debug)]
pub enum EventStanding {
    /// It is right.
    Verified,
    /// Wait for the keys that are fetched, then ask again.
    Pending,
    /// Whether it is right cannot be known; when to try again.
    Unavailable(Duration),
}

impl<'t> UnverifiedEvent<'t> {
    /// Takes a token apart and judges all of it but the signature and the time. That it has a
    /// `jti`, and which one was here before, is for the caller: see [`Self::unverified_claims`].
    ///
    /// # Errors
    /// Why it does not count, whoever signed it.
    pub fn parse(
        text: &'t str,
        expected: &ExpectedEvent<'_>,
        now: UnixTime,
    ) -> Result<Self, EventFault> {
        let parts = Compact::split(text, limits::EVENT_TOKEN_BYTES)?;
        let header = Header::parse(&Compact::decode(parts.header)?, |typ, _| {
            let is_right = typ.is_some_and(|typ| typ.essence() == expected.typ);
            let wrong = EventFault::Malformed("typ: that of such a token");
            is_right.then_some(()).ok_or(wrong)
        })?;
        let claims = Json::parse(&Compact::decode(parts.payload)?, limits::TOKEN_JSON_NODES);
        let claims = claims
            .ok()
            .filter(|claims| matches!(claims, Json::Object(_)))
            .ok_or(EventFault::Malformed("claims: one strict JSON object"))?;
        if claims.get("iss").and_then(Json::as_str) != Some(expected.issuer) {
            return Err(EventFault::Issuer);
        }
        let is_for_us = audience_is(&claims, "aud", expected.audiences);
        if !is_for_us.unwrap_or(false) {
            return Err(EventFault::Audience);
        }
        let times = Times::read(&claims, expected, now)?;
        Ok(Self {
            parts,
            header,
            claims,
            times,
        })
    }

    /// The claims, which anybody may have written.
    #[must_use]
    pub const fn unverified_claims(&self) -> &Json {
        &self.claims
    }

    /// When it counts no longer, whatever clocks say within `skew`.
    #[must_use]
    pub const fn until(&self) -> UnixTime {
        self.times.until
    }

    /// Checks the signature over the exact bytes by the keys of the provider at this place of
    /// [`crate::Sources`], and then the time as it was at [`Self::parse`].
    ///
    /// # Errors
    /// The provider has no such key, the signature is not the key's, or the time is not right.
    pub fn verify(
        &self,
        supply: &mut Supply,
        provider: usize,
        now: UnixTime,
    ) -> Result<EventStanding, EventFault> {
        let signature = Compact::decode(self.parts.signature)?;
        let (kid, algorithm) = (self.header.kid.as_deref(), self.header.algorithm);
        let jwk = match supply.lookup(ProviderId(provider), kid, algorithm, now) {
            Lookup::Found(jwk) => jwk,
            Lookup::Pending => return Ok(EventStanding::Pending),
            Lookup::Unavailable { retry_after, .. } => {
                return Ok(EventStanding::Unavailable(retry_after));
            }
            Lookup::Unknown | Lookup::Misfit | Lookup::Ambiguous => return Err(EventFault::Key),
        };
        let input = self.parts.signing_input.as_bytes();
        if signature.len() == jwk.key.signature_length()
            && jwk.key.verifies(algorithm, input, &signature)
        {
            let fault = self.times.fault;
            fault.map_or(Ok(EventStanding::Verified), Err)
        } else {
            Err(EventFault::Signature)
        }
    }
}

impl Times {
    /// `iat` (RFC 8417 section 2.2: when the token was made) is there and should be recent; what
    /// `exp` and `nbf` say should hold.
    fn read(
        claims: &Json,
        expected: &ExpectedEvent<'_>,
        now: UnixTime,
    ) -> Result<Self, EventFault> {
        let date = |name: &str, wanted| {
            let date = claims.get(name).map(numeric_date);
            date.map(|date| date.ok_or(EventFault::Malformed(wanted)))
                .transpose()
        };
        let issued = date("iat", "iat: seconds since 1970, a number")?
            .ok_or(EventFault::Malformed("iat: seconds since 1970, a number"))?;
        let expires = date("exp", "exp: seconds since 1970, a number")?;
        let not_before = date("nbf", "nbf: seconds since 1970, a number")?;
        if expires.is_none() && expected.must_expire {
            return Err(EventFault::Malformed("exp: seconds since 1970, a number"));
        }
        let later = now.saturating_add(expected.skew);
        let is_early = issued > later || not_before.is_some_and(|not_before| not_before > later);
        let is_old = now.since(issued) > expected.max_age.saturating_add(expected.skew);
        let is_over = |expires: UnixTime| now >= expires.saturating_add(expected.grace);
        let fault = if is_old {
            Some(EventFault::Time("iat: not longer ago than max_event_age"))
        } else if expires.is_some_and(is_over) {
            Some(EventFault::Time("exp: not over"))
        } else {
            is_early.then_some(EventFault::Early)
        };
        let old = issued.saturating_add(expected.max_age.saturating_add(expected.skew));
        let over = expires.map(|expires| expires.saturating_add(expected.grace));
        let until = over.map_or(old, |over| over.min(old));
        let until = until.saturating_add(expected.skew);
        Ok(Self { until, fault })
    }
}

#[cfg(test)]
mod tests;
