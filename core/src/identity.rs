//! Whom a verified token is about, in the words of headers and records.

use core::cell::OnceCell;
use std::rc::Rc;

use crate::{
    callers::{Callers, Held},
    claims,
    evidence::Kind,
    headers::{Edit, set},
    jose::to_base64url,
    json::Json,
    mint::{About, IdentityToken},
    provider::{ClaimHeader, Issuer, Provider},
    provider_id::ProviderId,
    text::percent,
    token::VerifiedJwt,
};

/// Who a verified token is about, in the words of headers and records: the same for every request
/// with it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The token's own, since a provider may have one for each tenant.
    pub(crate) issuer: Rc<str>,
    pub(crate) subject: Option<Rc<str>>,
    pub(crate) kind: Kind,
    pub(crate) edits: Vec<Edit>,
    /// Who acts for the subject, as `issuer/subject`.
    pub(crate) actor: Option<Rc<str>>,
    /// The roles and products that it may have.
    pub(crate) held: Held,
    /// The keyed hash of the token, once some record wants it.
    pub(crate) hash: OnceCell<Option<Rc<str>>>,
    /// What an identity token says of them, where one is written.
    pub(crate) onward: Option<Box<str>>,
}

impl Identity {
    /// `token`: what identity tokens are like, where they are written.
    pub(crate) fn of(
        (id, provider): (ProviderId, &Provider),
        jwt: &VerifiedJwt<'_>,
        (callers, token): (&Callers, Option<&IdentityToken>),
    ) -> Self {
        let claims = &jwt.claims;
        let issuer = provider.issuer.of(claims);
        let subject = claims::subject(claims, &provider.subject_claims);
        let kind = Kind::of(claims, &provider.kinds);
        let from_claims = provider.claim_to_headers.iter();
        let mut edits: Vec<Edit> = from_claims
            .filter_map(|claim| from_claim(claim, claims))
            .collect();
        if let Some(name) = &provider.forward_payload_header {
            edits.push(set(name.clone(), jwt.payload.clone().into_owned()));
        }
        let mut onward = None;
        if let Some(subject) = &subject {
            let principal = match provider.issuer {
                // A SPIFFE ID says of itself whose it is.
                Issuer::TrustDomain(_) => subject.clone().into_owned(),
                Issuer::Exact(_) | Issuer::Template(..) => principal(&issuer, subject),
            };
            onward = token.map(|token| {
                token.about(&About {
                    principal: &principal,
                    original: Some((&issuer, Some(subject))),
                    kind,
                    claims: Some(claims),
                })
            });
            edits.push(set("x-passgate-principal", principal));
        }
        edits.push(set("x-passgate-provider", String::from(&*provider.name)));
        edits.push(set("x-passgate-kind", kind.as_str()));
        let actor = actor(&issuer, claims);
        edits.extend(actor.clone().map(|actor| set("x-passgate-actor", actor)));
        Self {
            actor: actor.map(Rc::from),
            held: callers.held(Some((id, claims)), kind),
            hash: OnceCell::new(),
            issuer,
            subject: subject.map(|subject| Rc::from(&*subject)),
            kind,
            edits,
            onward,
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let of_edit = |edit: &Edit| match edit {
            Edit::Remove(name) => name.len(),
            Edit::Set(name, value) => name.len().saturating_add(value.len()),
        };
        let bytes: usize = self.edits.iter().map(of_edit).sum();
        let boxes = self.edits.len().saturating_mul(size_of::<Edit>());
        let subject = self.subject.as_ref().map_or(0, |subject| subject.len());
        let issuer = self.issuer.len();
        let onward = self.onward.as_ref().map_or(0, |about| about.len());
        let actor = self.actor.as_ref().map_or(0, |actor| actor.len());
        let texts = subject
            .saturating_add(issuer)
            .saturating_add(onward)
            .saturating_add(actor)
            .saturating_add(self.held.weight());
        bytes.saturating_add(boxes).saturating_add(texts)
    }
}

/// Who acts for the subject (RFC 8693 section 4.1): the outermost `act`, whose issuer is the
/// token's own unless it names one. `None` where a member is of the wrong type, or where its issuer
/// could not stand in a header as it is.
pub(crate) fn actor(own: &str, claims: &Json) -> Option<String> {
    let act = claims.get("act")?;
    let subject = act.get("sub")?.as_str()?;
    let issuer = match act.get("iss") {
        None => own,
        Some(issuer) => issuer.as_str()?,
    };
    let is_plain = !issuer.is_empty() && issuer.bytes().all(|b| b.is_ascii_graphic());
    (is_plain && !subject.is_empty()).then(|| principal(issuer, subject))
}

/// `issuer/subject`. The last slash separates: in the subject it is escaped, so no two pairs look
/// alike.
pub(crate) fn principal(issuer: &str, subject: &str) -> String {
    let mut principal = [issuer, "/"].concat();
    escape_into(&mut principal, subject, b"/");
    principal
}

fn from_claim(rule: &ClaimHeader, claims: &Json) -> Option<Edit> {
    let value = match claims.at(&rule.path)? {
        Json::Object(members) if rule.members => list(&names(members)),
        _ if rule.members => return None,
        Json::Null => return None,
        Json::String(text) => plain(text)?,
        scalar @ (Json::Number(_) | Json::Bool(_)) => scalar.to_string(),
        Json::Array(elements) => list(elements),
        object @ Json::Object(_) => to_base64url(object.to_string().as_bytes()),
    };
    (!value.is_empty()).then(|| set(rule.header.clone(), value))
}

/// A string as it is, unless a header cannot carry it: control characters, or blanks that the next
/// hop would trim.
fn plain(text: &str) -> Option<String> {
    let carried =
        !text.chars().any(char::is_control) && !text.starts_with(' ') && !text.ends_with(' ');
    carried.then(|| text.to_owned())
}

/// The names of the members that are neither null nor false, as a rule's `has_member` reads them.
fn names(members: &[(Box<str>, Json)]) -> Vec<Json> {
    let is_there = |value: &Json| !matches!(value, Json::Null | Json::Bool(false));
    let members = members.iter().filter(|(_, value)| is_there(value));
    members
        .map(|(name, _)| Json::String(name.clone()))
        .collect()
}

/// Elements separated by commas; no element can pass for two.
fn list(elements: &[Json]) -> String {
    let mut value = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            value.push(',');
        }
        match element {
            Json::String(text) => escape_into(&mut value, text, b","),
            Json::Array(_) | Json::Object(_) => {
                value.push_str(&to_base64url(element.to_string().as_bytes()))
            }
            scalar => value.push_str(&scalar.to_string()),
        }
    }
    value
}

/// Percent-escapes `%`, the given separators, and all that is not visible ASCII.
fn escape_into(out: &mut String, text: &str, separators: &[u8]) {
    let stays = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && !separators.contains(&byte);
    percent::encode(out, text.bytes(), stays);
}

#[cfg(test)]
mod tests;
