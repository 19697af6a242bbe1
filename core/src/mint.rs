//! Identity tokens: who was let in, signed by the gate for the services behind it.
//!
//! The only room that signs. What it signs is [`Content`], which nothing else can make, under one
//! of the two types that [`Typ`] has: so no signature of the gate's key is one of an access token,
//! a proof or an assertion.

mod claims;
mod key;
mod memory;

use core::time::Duration;

use self::{claims::Content, key::Typ, memory::Minted};
pub(crate) use self::{
    claims::{About, is_reserved},
    key::SigningKey,
    memory::MintedTokens,
};
use crate::{
    evidence::{Facts, Proved},
    jose::numeric_date,
    json::Json,
    limits::CLOCK_SKEW_SECS,
    time::UnixTime,
};

/// What identity tokens are like.
#[derive(Debug)]
pub(crate) struct IdentityToken {
    /// The header that carries them, in lower case.
    pub(crate) header: String,
    /// `iss`; of no provider.
    pub(crate) issuer: String,
    /// `aud`. `None`: the host that was asked for.
    pub(crate) audience: Option<String>,
    /// The longest time from `iat` to `exp`, in whole seconds.
    pub(crate) lifetime: Duration,
    /// The first one signs, all are published. Not empty.
    pub(crate) keys: Vec<SigningKey>,
    /// Names of claims that are taken over, none of which [`is_reserved`].
    pub(crate) claims: Vec<String>,
    /// Whether each request gets a Transaction Token of its own
    /// (draft-ietf-oauth-transaction-tokens).
    pub(crate) is_transaction: bool,
    /// The path, in the form that requests are brought to, at which the gate serves the keys.
    pub(crate) keys_path: Option<String>,
    /// The name of this gate.
    pub(crate) gate: Option<String>,
}

/// What a request shows beside what its token says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// What was proved to the rule.
    pub(crate) facts: Facts,
    /// When the sign-in was that proves them, in seconds since the epoch.
    pub(crate) auth_time: Option<u64>,
    /// The token's own end.
    pub(crate) ends: Option<UnixTime>,
}

impl Shown {
    /// By a token with these claims.
    pub(crate) fn of(proved: &Proved, claims: &Json, now: UnixTime) -> Self {
        // The date of what was proved: another one of the token's could be newer.
        let made = proved.age.map(|age| now.saturating_sub(age));
        Self {
            facts: proved.facts,
            auth_time: made.map(UnixTime::as_secs),
            ends: claims.get("exp").and_then(numeric_date),
        }
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'r> {
    /// The host that was asked for, as the configuration names it.
    pub(crate) host: Option<&'r str>,
    /// The host's id of the request.
    pub(crate) request: Option<&'r str>,
}

impl IdentityToken {
    /// The public keys (RFC 7517 section 5).
    pub(crate) fn key_set(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(SigningKey::public_jwk).collect();
        ["{\"keys\":[", &keys.join(","), "]}\n"].concat()
    }
}

impl MintedTokens {
    /// The token for a request of this sender. `about` is what [`IdentityToken::about`] has made.
    /// `None`: the request does not say whom it is for, or has no id where it needs one.
    #[inline(never)]
    pub(crate) fn token(
        &mut self,
        own: &IdentityToken,
        about: &str,
        shown: Shown,
        way: Way<'_>,
        now: UnixTime,
    ) -> Option<String> {
        let longest = now.saturating_add(own.lifetime).as_secs();
        // Of a token that ends before, the end is a part of the content: it serves nobody else, and
        // a new one would end no later.
        let ends = shown.ends.map(UnixTime::as_secs);
        let ends = ends.filter(|ends| *ends <= longest);
        let mut content = Content::of(about);
        if own.audience.is_none() {
            content.string("aud", way.host?);
        }
        content.shown(shown);
        if let Some(ends) = ends {
            content.number("exp", ends);
        }
        if own.is_transaction {
            content.string("txn", way.request?);
            content.string("req_wl", own.gate.as_ref().unwrap_or(&own.issuer));
        } else if let Some(known) = self.find(&content, now) {
            return Some(known);
        }
        let known_by = content.text().clone();
        if ends.is_none() {
            content.number("exp", longest);
        }
        content.number("iat", now.as_secs());
        let typ = if own.is_transaction {
            Typ::Transaction
        } else {
            Typ::Identity
        };
        let token = own.keys.first()?.sign(typ, &content)?;
        if !own.is_transaction {
            let half = Duration::from_secs(own.lifetime.as_secs() / 2);
            let until = match shown.ends.filter(|_| ends.is_some()) {
                // Then no clock takes the access token any more.
                Some(ends) => ends.saturating_add(Duration::from_secs(CLOCK_SKEW_SECS)),
                None => now.saturating_add(half),
            };
            self.remember(known_by, Minted::new(token.clone(), now, until));
        }
        Some(token)
    }
}

#[cfg(feature = "explain")]
pub(crate) use self::key::stand_in;

#[cfg(test)]
mod tests;
