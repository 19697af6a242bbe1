//! What an identity token says.

use super::{IdentityToken, Shown};
use crate::{evidence::Kind, json::Json};

/// Whom a request is of, by its token or its connection.
pub(crate) struct About<'c> {
    /// No two issuers' subjects have the same.
    pub(crate) principal: &'c str,
    /// Who issued the token, and its subject.
    pub(crate) original: Option<(&'c str, Option<&'c str>)>,
    pub(crate) kind: Kind,
    /// Of the token.
    pub(crate) claims: Option<&'c Json>,
}

/// Members of a JSON object. Only this room makes one, and each begins with the issuer.
pub(super) struct Content(String);

/// Whether a claim of this name is never taken over from a token: RFC 7519 section 4.1 and this
/// gate give it a meaning, or it would bind the token to what only the other one has. Compared
/// without case, because some readers do.
pub(crate) fn is_reserved(name: &str) -> bool {
    let mut reserved = RESERVED.iter();
    reserved.any(|own| own.eq_ignore_ascii_case(name))
}

const RESERVED: [&str; 26] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "orig_iss",
    "orig_sub",
    "acr",
    "amr",
    "auth_time",
    "facts",
    "kind",
    "client_id",
    "scope",
    "act",
    "gate",
    "txn",
    "req_wl",
    "tctx",
    "rctx",
    "cnf",
    "may_act",
    "status",
    "typ",
];

impl IdentityToken {
    /// What a token says of this sender, whatever the request is: members of a JSON object.
    #[inline(never)]
    pub(crate) fn about(&self, about: &About<'_>) -> Box<str> {
        let mut content = Content::of("");
        content.string("iss", &self.issuer);
        if let Some(audience) = &self.audience {
            content.string("aud", audience);
        }
        content.string("sub", about.principal);
        if let Some((issuer, subject)) = about.original {
            content.string("orig_iss", issuer);
            if let Some(subject) = subject {
                content.string("orig_sub", subject);
            }
        }
        content.string("kind", about.kind.as_str());
        if let Some(gate) = &self.gate {
            content.string("gate", gate);
        }
        if let Some(claims) = about.claims {
            let issuer = about.original.map_or("", |(issuer, _)| issuer);
            self.take_over(claims, issuer, &mut content);
        }
        content.0.into()
    }

    fn take_over(&self, claims: &Json, issuer: &str, content: &mut Content) {
        for name in ["acr", "client_id"] {
            if let Some(value @ Json::String(_)) = claims.get(name) {
                content.member(name, value);
            }
        }
        if let Some(amr @ Json::Array(methods)) = claims.get("amr")
            && methods.iter().all(|method| method.as_str().is_some())
        {
            content.member("amr", amr);
        }
        if let Some(scope) = scope(claims) {
            content.string("scope", &scope);
        }
        // Whatever it is: it says that the sign-in is that of another.
        if let Some(act) = claims.get("act") {
            content.member("act", &of_issuer(act, issuer));
        }
        for name in &self.claims {
            if let Some(value) = claims.get(name).filter(|value| **value != Json::Null) {
                content.member(name, value);
            }
        }
    }
}

/// What a rule reads as scopes, in the form of RFC 8693 section 4.2.
fn scope(claims: &Json) -> Option<String> {
    let is_list = |claim: &&Json| matches!(claim, Json::String(_) | Json::Array(_));
    let claim = claims.get("scope").filter(is_list);
    match claim.or_else(|| claims.get("scp"))? {
        Json::String(scopes) => Some(String::from(&**scopes)),
        Json::Array(scopes) => {
            // One with a blank would become two.
            let scopes = scopes.iter().filter_map(Json::as_str);
            let scopes: Vec<&str> = scopes.filter(|scope| !scope.contains(' ')).collect();
            Some(scopes.join(" "))
        }
        _ => None,
    }
}

/// An actor and those behind it, each with its issuer: one that names none is of the issuer of its
/// token (RFC 8693 section 4.1), and that is another one here.
fn of_issuer(act: &Json, issuer: &str) -> Json {
    let Json::Object(members) = act else {
        return act.clone();
    };
    let with = |(name, value): &(Box<str>, Json)| {
        let value = if **name == *"act" {
            of_issuer(value, issuer)
        } else {
            value.clone()
        };
        (name.clone(), value)
    };
    let mut members: Vec<(Box<str>, Json)> = members.iter().map(with).collect();
    if act.get("iss").is_none() {
        members.push(("iss".into(), Json::String(issuer.into())));
    }
    Json::Object(members)
}

impl Content {
    /// With these members.
    pub(super) fn of(about: &str) -> Self {
        let mut content = String::with_capacity(about.len().saturating_add(256));
        content.push_str(about);
        Self(content)
    }

    /// As a name for what says this.
    pub(super) const fn text(&self) -> &String {
        &self.0
    }

    pub(super) fn to_json(&self) -> String {
        ["{", &self.0, "}"].concat()
    }

    /// Adds what a request shows.
    pub(super) fn shown(&mut self, shown: Shown) {
        if !shown.facts.is_empty() {
            self.name("facts");
            for (index, fact) in shown.facts.iter().enumerate() {
                self.0.push_str(if index == 0 { "[\"" } else { "\",\"" });
                self.0.push_str(fact.as_str());
            }
            self.0.push_str("\"]");
        }
        if let Some(auth_time) = shown.auth_time {
            self.number("auth_time", auth_time);
        }
    }

    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.member(name, &Json::String(value.into()));
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.0.push_str(&value.to_string());
    }

    #[inline(never)]
    fn member(&mut self, name: &str, value: &Json) {
        self.name(name);
        self.0.push_str(&value.to_string());
    }

    fn name(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&Json::String(name.into()).to_string());
        self.0.push(':');
    }
}
