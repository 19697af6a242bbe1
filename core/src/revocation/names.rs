//! By which names of a token a list may revoke it.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::entry::Kind;
use crate::{
    jose::{base64url, to_base64url},
    json::Json,
};

/// In which claims of a provider's tokens the names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameClaims {
    /// The session's; `sid` of OpenID Connect.
    pub session: String,
    /// The client's; `client_id` of RFC 9068.
    pub client: String,
    /// The WebAuthn credential's id, base64url.
    pub credential: Option<String>,
    /// The model of the authenticator, as a UUID.
    pub aaguid: Option<String>,
}

/// A claim is there and is not a name, so that nobody can tell whether it is on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAName(pub(crate) String);

impl NameClaims {
    /// The names that these claims have, beside the key and what stands in for `sub`.
    pub(crate) fn of<'c>(&self, claims: &'c Json) -> Result<Vec<(Kind, Cow<'c, str>)>, NotAName> {
        let mut names = Vec::new();
        let mut note = |kind, claim: &str, value: Option<&'c Json>| {
            match value {
                None | Some(Json::Null) => {}
                Some(Json::String(name)) => names.push((kind, Cow::Borrowed(&**name))),
                Some(Json::Number(name)) => names.push((kind, Cow::Borrowed(&**name))),
                Some(_) => return Err(NotAName(claim.to_owned())),
            }
            Ok(())
        };
        // A list need not know that another claim stands in for it.
        note(Kind::Subject, "sub", claims.get("sub"))?;
        note(Kind::Session, &self.session, claims.get(&self.session))?;
        note(Kind::Token, "jti", claims.get("jti"))?;
        note(Kind::Client, &self.client, claims.get(&self.client))?;
        if let Some(claim) = &self.aaguid {
            let aaguid = claims.get(claim);
            let is_odd = |name: &str| !name.is_empty() && !Kind::Aaguid.takes(name);
            // In another spelling than the list's it would not be found.
            if aaguid.and_then(Json::as_str).is_some_and(is_odd) {
                return Err(NotAName(claim.clone()));
            }
            note(Kind::Aaguid, claim, aaguid)?;
        }
        let id = self
            .credential
            .as_ref()
            .map(|claim| (claim, claims.get(claim)));
        match id {
            None | Some((_, None | Some(Json::Null))) => {}
            Some((claim, Some(id))) => {
                let id = id.as_str().and_then(base64url);
                let id = id.ok_or_else(|| NotAName(claim.clone()))?;
                let hash = to_base64url(&Sha256::digest(id.as_slice()));
                names.push((Kind::Credential, hash.into()));
            }
        }
        Ok(names)
    }
}
