//! An answer (RFC 7662 section 2.2), as far as it does not depend on a rule.

use core::{fmt, time::Duration};
use std::rc::Rc;

use crate::{
    evidence::Evidence,
    fetch::{clock::Moment, fault::Fault},
    jose::numeric_date,
    json::Json,
    limits,
    time::UnixTime,
};

/// SHA-256 of a token, in numbers that are compared fast.
pub(super) type Name = [u64; 4];

/// What an answer comes to.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    Active(Rc<Active>),
    Unfit(Unfit),
}

/// What the issuer says of a token that is active.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Active {
    /// The claims of the token: all members but `active`, with the issuer in any case.
    pub(crate) claims: Rc<Json>,
    /// Until when it counts.
    pub(crate) until: Moment,
    /// Of which token.
    pub(super) name: Name,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The issuer says that it is not active.
    Inactive,
    /// The answer is another issuer's.
    Issuer,
    /// It is not an access token.
    TokenType,
    /// The answer is about another token than the JWT.
    Another,
}

/// Why an answer cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Fetch(Fault),
    TooLarge,
    /// Signed (RFC 9701), though JSON was asked for.
    Signed,
    /// It is not a signed answer that counts, though one was asked for; why.
    Unsigned(&'static str),
    NotJson(String),
    /// `active` is mandatory (RFC 7662 section 2.2), and a boolean.
    NoActive,
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self::Fetch(fault)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => fault.fmt(f),
            Self::TooLarge => f.write_str("it is too large"),
            Self::Signed => {
                f.write_str("it is signed (RFC 9701), and not the JSON that was asked for")
            }
            Self::Unsigned(why) => write!(f, "not a token-introspection+jwt of signed_for: {why}"),
            Self::NotJson(why) => f.write_str(why),
            Self::NoActive => f.write_str("it is not an object with active: true or false"),
        }
    }
}

/// Longest that a token counts as not active, or not fit.
pub(super) const INACTIVE: Duration = Duration::from_secs(5);

/// Reads an answer that this issuer gave; `starts` is when it was asked. Also for how long it
/// counts.
pub(super) fn read(
    body: &[u8],
    (issuer, cache_duration, name): (&str, Duration, Name),
    starts: Moment,
    now: UnixTime,
) -> Result<(Answered, Duration), Unreadable> {
    if body.len() > limits::INTROSPECTION_BYTES {
        return Err(Unreadable::TooLarge);
    }
    if body.starts_with(b"eyJ") {
        return Err(Unreadable::Signed);
    }
    judge(parse(body)?, (issuer, cache_duration, name), starts, now)
}

pub(super) fn parse(text: &[u8]) -> Result<Json, Unreadable> {
    let json = Json::parse(text, limits::INTROSPECTION_NODES);
    json.map_err(|error| Unreadable::NotJson(error.about(text)))
}

/// The same for what was read.
pub(super) fn judge(
    json: Json,
    (issuer, cache_duration, name): (&str, Duration, Name),
    starts: Moment,
    now: UnixTime,
) -> Result<(Answered, Duration), Unreadable> {
    let is_active = json.get("active").cloned();
    let (Some(Json::Bool(is_active)), Json::Object(mut claims)) = (is_active, json) else {
        return Err(Unreadable::NoActive);
    };
    claims.retain(|(name, _)| **name != *"active");
    let claims = Json::Object(claims);
    let unfit = |why| Ok((Answered::Unfit(why), cache_duration.min(INACTIVE)));
    if !is_active {
        return unfit(Unfit::Inactive);
    }
    let claims = match claims.get("iss") {
        Some(own) if own.as_str() != Some(issuer) => return unfit(Unfit::Issuer),
        Some(_) => claims,
        None => with(claims, "iss", Json::String(issuer.into())),
    };
    if !is_access_token(&claims) {
        return unfit(Unfit::TokenType);
    }
    let left = claims.get("exp").and_then(numeric_date);
    let fresh = left.map_or(cache_duration, |exp| exp.since(now).min(cache_duration));
    let active = Active {
        claims: Rc::new(claims),
        until: starts.plus(fresh),
        name,
    };
    Ok((Answered::Active(Rc::new(active)), fresh))
}

fn with(claims: Json, name: &str, value: Json) -> Json {
    let Json::Object(mut members) = claims else {
        return claims;
    };
    members.push((name.into(), value));
    Json::Object(members)
}

/// What RFC 8693 section 3 puts before types of tokens.
const TYPES: &str = "urn:ietf:params:oauth:token-type:";

/// Whether claims say that the token is used by DPoP (RFC 9449 section 5), so that it must be bound
/// to a key.
pub(crate) fn says_dpop(claims: &Json) -> bool {
    let said = claims.get("token_type").and_then(Json::as_str);
    let last = said.and_then(|said| said.rsplit(':').next());
    last.is_some_and(|last| last.eq_ignore_ascii_case("dpop"))
}

/// Whether an answer is about an access token. `token_type` says how it is used (RFC 6749 section
/// 7.1: never one whose type is not understood). In other members some issuers say what it is.
fn is_access_token(claims: &Json) -> bool {
    let says = |name: &str, words: &[&str], otherwise: bool| match claims.get(name) {
        None | Some(Json::Null) => true,
        Some(Json::String(said)) => {
            let said = said.to_ascii_lowercase();
            let said = said.strip_prefix(TYPES).unwrap_or(&said);
            words.contains(&said) != otherwise
        }
        Some(_) => false,
    };
    let others = [
        "refresh",
        "refresh_token",
        "offline",
        "offline_token",
        "id",
        "id_token",
        "logout",
        "authorization_code",
        "device_code",
    ];
    says(
        "token_type",
        &["bearer", "dpop", "access_token", "jwt"],
        false,
    ) && says("typ", &others, true)
        && says("token_use", &others, true)
}

impl Active {
    /// Its claims on top of those of the JWT that it is about, whose signature was right. Of the
    /// sign-in one of them tells alone: the JWT if it says anything that the answer does not
    /// repeat, else the answer. An issuer may answer for a later sign-in than the token's.
    ///
    /// # Errors
    /// It is about another token.
    pub(crate) fn on_top_of(&self, own: &Json, evidence: &Evidence) -> Result<Json, Unfit> {
        let (Json::Object(own), Json::Object(told)) = (own, &*self.claims) else {
            return Err(Unfit::Another);
        };
        let is_of_sign_in = |name: &str| is_of_sign_in(name, evidence);
        let tells_alone = |(name, value): &(Box<str>, Json)| {
            self.claims.get(name) != Some(value) && is_of_sign_in(name)
        };
        let own_tells = own.iter().any(tells_alone);
        let mut claims = told.clone();
        claims.retain(|(name, _)| !own_tells || !is_of_sign_in(name));
        for (name, value) in own {
            match self.claims.get(name) {
                Some(told) if told != value && IDENTIFYING.contains(&&**name) => {
                    return Err(Unfit::Another);
                }
                Some(_) if !own_tells || !is_of_sign_in(name) => {}
                _ => claims.push((name.clone(), value.clone())),
            }
        }
        Ok(Json::Object(claims))
    }
}

/// Whether of this claim the token or the answer tells alone.
pub(crate) fn is_of_sign_in(name: &str, evidence: &Evidence) -> bool {
    !IDENTIFYING.contains(&name) && evidence.reads(name)
}

/// Claims in which a token and what is said of it cannot differ.
const IDENTIFYING: [&str; 4] = ["iss", "sub", "jti", "cnf"];
