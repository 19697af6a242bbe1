//! What an event does to whom: from the claims of a token whose signature is right to entries.
//! docs/feed.md has the table.

mod subject;
#[cfg(test)]
mod tests;

use passgate_core::{Json, RevocationEntry};

use self::subject::{Session, Subject};

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Names the token among all of its issuer.
    pub(crate) jti: String,
    /// Which kinds of events it holds, for metrics and log.
    pub(crate) kinds: Vec<Kind>,
    /// Whose tokens end.
    pub(crate) endings: Vec<Ending>,
}

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// OpenID Connect Back-Channel Logout 1.0.
    Logout,
    /// CAEP 1.0 section 3.1.
    SessionRevoked,
    /// CAEP 1.0 section 3.2.
    TokenClaimsChange,
    /// CAEP 1.0 section 3.3.
    CredentialChange,
    /// RISC 1.0 section 2.4.
    AccountDisabled,
    /// SSF 1.0 section 8.1.4: the transmitter shows that the stream works.
    Verification,
    /// One that ends nothing here.
    Other,
}

impl Kind {
    /// Its name in metrics and log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::SessionRevoked => "session_revoked",
            Self::TokenClaimsChange => "token_claims_change",
            Self::CredentialChange => "credential_change",
            Self::AccountDisabled => "account_disabled",
            Self::Verification => "verification",
            Self::Other => "other",
        }
    }

    /// By the name of a security event.
    fn of(uri: &str) -> Self {
        let name = uri.strip_prefix("https://schemas.openid.net/secevent/");
        match name.unwrap_or_default() {
            "caep/event-type/session-revoked" => Self::SessionRevoked,
            "caep/event-type/token-claims-change" => Self::TokenClaimsChange,
            "caep/event-type/credential-change" => Self::CredentialChange,
            "risc/event-type/account-disabled" => Self::AccountDisabled,
            "ssf/event-type/verification" => Self::Verification,
            _ => Self::Other,
        }
    }
}

/// Somebody whose tokens end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// As it stands in the list.
    pub(crate) entry: RevocationEntry,
    /// For people.
    pub(crate) reason: Option<String>,
    /// Whose session it is, where that is said: as an entry that ends what was issued to this
    /// person until the issuer told of it.
    pub(crate) person: Option<RevocationEntry>,
}

/// Where a token cannot be read: what was expected.
pub(crate) type Odd = &'static str;

/// The member of a logout token's `events` (Back-Channel Logout section 2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Longest `jti`: as long as a name in a list.
const JTI_BYTES: usize = passgate_core::limits::REVOCATION_NAME_BYTES;
/// Keycloak's word for every session of a person.
const ALL_SESSIONS: &str = "ALL";

/// The claims of a logout token (Back-Channel Logout sections 2.4 and 2.6).
pub(crate) fn logout(claims: &Json) -> Result<Event, Odd> {
    let events = claims.get("events").and_then(|events| events.get(LOGOUT));
    if !matches!(events, Some(Json::Object(_))) {
        return Err("events: the member of a back-channel logout, an object");
    }
    if claims.get("nonce").is_some() {
        return Err("claims without nonce");
    }
    let text = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Json::String(text)) if !text.is_empty() => Ok(Some(&**text)),
        Some(_) => Err("sub and sid: strings that are not empty"),
    };
    let when = When::of(claims, None)?;
    let ending = match (text("sub")?, text("sid")?) {
        (sub, Some(sid)) => session(sid, sub, when.told, "logged out")?,
        (Some(sub), None) => person(sub, when.told, "logged out")?,
        (None, None) => return Err("sub or sid"),
    };
    Ok(Event {
        jti: jti(claims)?,
        kinds: vec![Kind::Logout],
        endings: vec![ending],
    })
}

/// The claims of a security event token of this issuer (RFC 8417, SSF 1.0).
pub(crate) fn security(claims: &Json, issuer: &str) -> Result<Event, Odd> {
    let Some(Json::Object(events)) = claims.get("events") else {
        return Err("events: an object");
    };
    // SSF 1.0 section 4.1: so that no access or ID token is taken for an event.
    if ["sub", "exp"].iter().any(|name| claims.get(name).is_some()) {
        return Err("claims without sub and exp; the subject stands in sub_id");
    }
    let mut kinds = Vec::new();
    let mut endings = Vec::new();
    for (uri, event) in events {
        let kind = Kind::of(uri);
        kinds.push(kind);
        let ends = match kind {
            Kind::SessionRevoked | Kind::TokenClaimsChange | Kind::AccountDisabled => true,
            // A credential more takes nothing from anybody.
            Kind::CredentialChange => text(event, "change_type") != Some("create"),
            Kind::Logout | Kind::Verification | Kind::Other => false,
        };
        if ends {
            let subject = Subject::read(claims.get("sub_id"), issuer)?;
            let when = When::of(claims, event.get("event_timestamp"))?;
            endings.push(ending(kind, &subject, when)?);
        }
    }
    if kinds.is_empty() {
        return Err("events: an object with at least one event");
    }
    Ok(Event {
        jti: jti(claims)?,
        kinds,
        endings,
    })
}

fn ending(kind: Kind, subject: &Subject<'_>, when: When) -> Result<Ending, Odd> {
    let (reason, at) = (kind.name(), when.happened);
    let session_of_it = subject.session.filter(|_| kind == Kind::SessionRevoked);
    match (session_of_it, subject.user) {
        (Some(Session(ALL_SESSIONS)), Some(user)) => person(user, at, reason),
        (Some(Session(ALL_SESSIONS)), None) => Err("sub_id: the person whose sessions all end"),
        (Some(Session(sid)), user) => session(sid, user, when.told, reason),
        (None, Some(user)) => person(user, at, reason),
        (None, None) => Err("sub_id: a person, by iss and sub"),
    }
}

/// What was issued to a person up to this second.
pub(crate) fn person(sub: &str, at: u64, reason: &str) -> Result<Ending, Odd> {
    Ok(Ending {
        entry: entry("sub", sub, Some(at)).ok_or(NAMES)?,
        reason: Some(reason.to_owned()),
        person: None,
    })
}

/// What was issued to a client up to this second.
pub(crate) fn client(client_id: &str, at: u64, reason: &str) -> Result<Ending, Odd> {
    Ok(Ending {
        entry: entry("client_id", client_id, Some(at)).ok_or(NAMES)?,
        reason: Some(reason.to_owned()),
        person: None,
    })
}

/// What was issued in a session, whenever. A name of the person that no entry takes is none.
pub(crate) fn session(
    sid: &str,
    sub: Option<&str>,
    told: u64,
    reason: &str,
) -> Result<Ending, Odd> {
    Ok(Ending {
        entry: entry("sid", sid, None).ok_or(NAMES)?,
        reason: Some(reason.to_owned()),
        person: sub.and_then(|sub| entry("sub", sub, Some(told))),
    })
}

const NAMES: Odd = "names of at most 512 bytes that are not empty";

fn entry(kind: &str, name: &str, not_before: Option<u64>) -> Option<RevocationEntry> {
    let mut members = vec![(kind.into(), Json::String(name.into()))];
    let date = not_before.map(|at| Json::Number(at.to_string().into()));
    members.extend(date.map(|date| ("not_before".into(), date)));
    RevocationEntry::read(&Json::Object(members))
}

/// When something happened, in seconds by the issuer's clock, which also dates its tokens.
#[derive(Clone, Copy, Debug)]
struct When {
    /// As the event says, or as its token was made. An event that says to have happened long before
    /// or after its token was made is not believed.
    happened: u64,
    /// When the issuer told of it: not before that.
    told: u64,
}

impl When {
    fn of(claims: &Json, said: Option<&Json>) -> Result<Self, Odd> {
        /// So much may clocks of one issuer be apart, in seconds.
        const APART: u64 = 60;
        /// So long after an event its token is made at most, in seconds.
        const LATE: u64 = 3_600;
        let issued = claims.get("iat").and_then(seconds);
        let issued = issued.ok_or("iat: seconds since 1970, a number")?;
        let believed = issued.saturating_sub(LATE)..=issued.saturating_add(APART);
        let said = said
            .and_then(seconds)
            .filter(|said| believed.contains(said));
        let happened = said.unwrap_or(issued);
        Ok(Self {
            happened,
            told: happened.max(issued),
        })
    }
}

/// A date as gates read it in an entry: a fraction counts as a whole second.
fn seconds(date: &Json) -> Option<u64> {
    let members = [
        ("sub", Json::String("x".into())),
        ("not_before", date.clone()),
    ];
    let members = members.map(|(name, value)| (name.into(), value));
    RevocationEntry::read(&Json::Object(members.into()))?.not_before
}

fn jti(claims: &Json) -> Result<String, Odd> {
    let jti = text(claims, "jti").filter(|jti| (1..=JTI_BYTES).contains(&jti.len()));
    let jti = jti.ok_or("jti: a string of 1 to 512 bytes")?;
    Ok(jti.to_owned())
}

fn text<'j>(json: &'j Json, name: &str) -> Option<&'j str> {
    json.get(name).and_then(Json::as_str)
}
