//! Which types of JWTs are access tokens (RFC 8725 section 3.11).

use crate::{
    jose::{MediaType, base64url, is_plain},
    json::Json,
    limits,
};

/// The `typ` of a JWT that may be an access token.
#[derive(Debug)]
pub(crate) struct TokenType {
    pub(crate) name: MediaType,
    /// It says what the JWT is for, and not that it is an access token: it passes only where a
    /// provider lists it. Looked at once for each header that is remembered.
    pub(crate) is_of_its_own: bool,
}

impl TokenType {
    /// `None`: it is foreign.
    pub(super) fn of(name: MediaType) -> Option<Self> {
        if is_foreign(&name) {
            return None;
        }
        let essence = name.essence();
        // RFC 8725 section 3.11: such a suffix comes after what the JWT is for; RFC 9068 section
        // 2.1: an access token.
        let has_suffix = ["+jwt", "+sd-jwt"]
            .iter()
            .any(|suffix| essence.ends_with(suffix));
        let is_of_its_own = has_suffix && essence != "at+jwt";
        Some(Self {
            name,
            is_of_its_own,
        })
    }
}

/// Whether JWTs of this type are something else than access tokens, and never accepted as such. So
/// is what is not a type: no token has to be written like that, and readers differ.
pub(crate) fn is_foreign(name: &MediaType) -> bool {
    let is_plain = |byte| is_plain(byte) || byte == b'/';
    let essence = name.essence();
    FOREIGN.contains(&essence) || !essence.bytes().all(is_plain)
}

/// What the header of a token says that its type is, for the operator, where that alone was the
/// fault.
pub(crate) fn unverified_type(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    let header = Json::parse(&base64url(header)?, limits::TOKEN_JSON_NODES).ok()?;
    header.get("typ").and_then(Json::as_str).map(str::to_owned)
}

/// Kinds of signed JWTs that were defined for something else, by registration or draft.
const FOREIGN: [&str; 36] = [
    // OAuth: RFC 9449, 9101, 9701, 7523bis; client attestation, identity assertion grant,
    // transaction tokens.
    "dpop+jwt",
    "oauth-authz-req+jwt",
    "token-introspection+jwt",
    "client-authentication+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    // OpenID Connect: Back-Channel Logout, Key Binding.
    "logout+jwt",
    "dpop+id_token",
    // Security events (RFC 8417), Token Status List, Entity Attestation Token (RFC 9782), PASSporT
    // (RFC 8225).
    "secevent+jwt",
    "statuslist+jwt",
    "statuslist+cwt",
    "eat+jwt",
    "passport",
    // OpenID Federation 1.0 section 15.
    "entity-statement+jwt",
    "trust-mark+jwt",
    "trust-mark-delegation+jwt",
    "trust-mark-status-response+jwt",
    "resolve-response+jwt",
    "explicit-registration-response+jwt",
    "jwk-set+jwt",
    // SD-JWT (RFC 9901), SD-JWT VC, Verifiable Credentials, OpenID4VCI and OpenID4VP.
    "kb+jwt",
    "example+sd-jwt",
    "sd-jwt",
    "dc+sd-jwt",
    "vc+sd-jwt",
    "vp+sd-jwt",
    "vc+jwt",
    "vp+jwt",
    "openid4vci-proof+jwt",
    "key-attestation+jwt",
    "verifier-attestation+jwt",
    // WIMSE workload identity and proof; Device Bound Session Credentials.
    "wit+jwt",
    "wpt+jwt",
    "dbsc+jwt",
];
