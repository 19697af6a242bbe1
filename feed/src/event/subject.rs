//! Whom a security event is about (RFC 9493, SSF 1.0 section 3).

use passgate_core::Json;

use super::{Odd, text};

/// A person, a session, or a session of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject<'j> {
    /// The `sub` of a person at the issuer of the event.
    pub(super) user: Option<&'j str>,
    pub(super) session: Option<Session<'j>>,
}

/// A session's id, which tokens have as `sid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session<'j>(pub(super) &'j str);

impl<'j> Subject<'j> {
    /// Reads `sub_id`. Other members of a complex subject (device, tenant) narrow whom an event is
    /// about. They are left out, so the person loses more than the event says, and never less.
    pub(super) fn read(sub_id: Option<&'j Json>, issuer: &str) -> Result<Self, Odd> {
        let subject = sub_id.ok_or("sub_id: whom the event is about")?;
        match text(subject, "format") {
            Some("complex") => {
                let user = subject.get("user").map(|user| person(user, issuer));
                let session = subject.get("session").map(session);
                Ok(Self {
                    user: user.transpose()?,
                    session: session.transpose()?,
                })
            }
            Some("opaque") => Ok(Self {
                user: None,
                session: Some(session(subject)?),
            }),
            _ => Ok(Self {
                user: Some(person(subject, issuer)?),
                session: None,
            }),
        }
    }
}

/// A person by issuer and subject (RFC 9493 section 3.2.3). An event is about people of its own
/// issuer only: another one would end what is not its own.
fn person<'j>(subject: &'j Json, issuer: &str) -> Result<&'j str, Odd> {
    match (text(subject, "format"), subject.get("identifiers")) {
        (Some("iss_sub"), _) if text(subject, "iss") == Some(issuer) => {
            let sub = text(subject, "sub").filter(|sub| !sub.is_empty());
            sub.ok_or("sub_id.sub: a string that is not empty")
        }
        (Some("iss_sub"), _) => Err("sub_id.iss: the issuer of the event"),
        // Section 3.2.8: several names of one person.
        (Some("aliases"), Some(Json::Array(names))) => {
            let is_by_issuer = |name: &&Json| text(name, "format") == Some("iss_sub");
            let name = names.iter().find(is_by_issuer);
            person(name.ok_or(BY_ISSUER)?, issuer)
        }
        _ => Err(BY_ISSUER),
    }
}

const BY_ISSUER: Odd = "sub_id: a person by iss_sub, or a session by opaque";

fn session(subject: &Json) -> Result<Session<'_>, Odd> {
    let id = text(subject, "id").filter(|id| !id.is_empty());
    match (text(subject, "format"), id) {
        (Some("opaque"), Some(id)) => Ok(Session(id)),
        _ => Err("sub_id.session: an opaque id that is not empty"),
    }
}
