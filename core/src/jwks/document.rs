//! The document in which an issuer says where its keys are (OpenID Connect Discovery 1.0 sections 3
//! and 4).
//!
//! Two of its members are read. Algorithms, audiences, other issuers: what the configuration does
//! not say, the document cannot say either.

use core::fmt;

use super::Discovery;
use crate::{fetch::Endpoint, json::Json, limits};

/// Why a document does not say where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentError {
    /// More bytes than allowed.
    TooLarge,
    /// Not strict JSON, with the parser's words.
    Json(String),
    /// A member that is no string.
    Shape(&'static str),
    /// Its `issuer` is another.
    Issuer(String),
    /// Its `jwks_uri` is not one that the configuration allows, and why.
    JwksUri(&'static str),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "larger than {} bytes", limits::DISCOVERY_BYTES),
            Self::Json(error) => write!(f, "not JSON: {error}"),
            Self::Shape(member) => write!(f, "its {member} is missing or no string"),
            Self::Issuer(issuer) => write!(f, "its issuer is another: {issuer}"),
            Self::JwksUri(why) => write!(f, "its jwks_uri {why}"),
        }
    }
}

/// Where the keys are.
pub(super) fn read(body: &[u8], source: &Discovery) -> Result<Endpoint, DocumentError> {
    if body.len() > limits::DISCOVERY_BYTES {
        return Err(DocumentError::TooLarge);
    }
    let json = Json::parse(body, limits::DOCUMENT_JSON_NODES)
        .map_err(|error| DocumentError::Json(error.about(body)))?;
    let text = |member| {
        let value = json.get(member).and_then(Json::as_str);
        value.ok_or(DocumentError::Shape(member))
    };
    // Section 4.3: exactly, or one tenant could answer for another.
    let issuer = text("issuer")?;
    if issuer != source.issuer {
        return Err(DocumentError::Issuer(issuer.to_owned()));
    }
    source
        .jwks_uri_prefix
        .endpoint(text("jwks_uri")?, &source.jwks_cluster)
        .map_err(DocumentError::JwksUri)
}
