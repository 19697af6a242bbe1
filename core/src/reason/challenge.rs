//! The value of `WWW-Authenticate` (RFC 9110 section 11.6.1), one challenge of the scheme Bearer
//! (RFC 6750 section 3) or DPoP (RFC 9449 section 7.1).

use core::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// How to sign in so that it suffices (RFC 9470 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// Values of `acr` in order of preference; any one of them suffices.
    pub acr_values: Vec<String>,
    /// The oldest sign-in that will do, in seconds.
    pub max_age: Option<u64>,
    /// The first of `acr_values` is an authentication context of Microsoft Entra: its clients
    /// understand a claims challenge and nothing else.
    pub is_entra: bool,
}

impl StepUp {
    /// Whether any sign-in will do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.acr_values.is_empty() && self.max_age.is_none()
    }

    /// The claims challenge of Entra, for the first value: a JSON object in base64.
    fn claims(&self) -> Option<String> {
        let context = self.acr_values.first().filter(|_| self.is_entra)?;
        let value = serde_json::to_string(context).ok()?;
        let claims =
            format!("{{\"access_token\":{{\"acrs\":{{\"essential\":true,\"value\":{value}}}}}}}");
        Some(STANDARD.encode(claims))
    }
}

/// What a client must ask a person's authenticator for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyWanted {
    /// The relying party, in quotable characters.
    pub rp_id: String,
    /// Whether the person must be verified.
    pub is_verified: bool,
    /// How old the nonce may be, or how long a session may last after it, in seconds.
    pub max_age: u64,
    /// Whether the body must be covered, also one of no bytes.
    pub covers_body: bool,
    /// The latest end of a session, in seconds since 1970; `None`: one request is approved.
    pub expires: Option<u64>,
}

const SHORT: &str = "The sign-in behind the access token does not suffice";
const NO_VALUE: &str =
    "The sign-in behind the access token does not suffice, and no acr value asks for one that does";

/// How a client shows its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// With a proof of possession (RFC 9449 section 7.1).
    Dpop,
}

/// One scheme alone.
pub(crate) const BEARER: &[Scheme] = &[Scheme::Bearer];
/// One scheme alone.
pub(crate) const DPOP: &[Scheme] = &[Scheme::Dpop];

/// The algorithms of proofs, as a challenge names them (RFC 9449 section 7.1): all that are
/// verified.
pub(crate) const PROOF_ALGORITHMS: &str =
    "ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA Ed25519";

/// A challenge in the making.
pub(super) struct Challenge {
    scheme: Scheme,
    text: String,
}

impl Challenge {
    /// The scheme and the realm, which holds quotable characters only.
    pub(super) fn new(scheme: Scheme, realm: &str) -> Self {
        let name = match scheme {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => "DPoP",
        };
        let text = format!("{name} realm=\"{realm}\"");
        Self { scheme, text }
    }

    pub(super) fn error(self, error: &str, description: &str) -> Self {
        self.with("error", error)
            .with("error_description", description)
    }

    /// One more parameter, always as a quoted string. Its value holds neither quotes nor
    /// backslashes.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        // Writing into a string cannot fail.
        let _ = write!(self.text, ", {name}=\"{value}\"");
        self
    }

    /// What the sign-in will have to prove, without an error.
    pub(super) fn hint(self, step_up: &StepUp) -> Self {
        if step_up.is_entra {
            return self.with_claims(step_up);
        }
        self.with_step_up(step_up)
    }

    /// A sign-in that does not prove enough. Where no value can be named, the description says so:
    /// what is left of the challenge looks like one that the next sign-in answers.
    pub(super) fn unproved(self, step_up: &StepUp) -> Self {
        if step_up.acr_values.is_empty() {
            return self.step_up(step_up, NO_VALUE);
        }
        self.step_up(step_up, SHORT)
    }

    /// A sign-in that is too old; or, where nothing can be asked for, that of another person.
    pub(super) fn too_old(self, step_up: &StepUp) -> Self {
        if step_up.is_empty() {
            return self.unproved(step_up);
        }
        self.step_up(step_up, SHORT)
    }

    /// A passkey has not approved the request, or not so that it counts.
    pub(super) fn approval(self, wanted: &PasskeyWanted) -> Self {
        let verification = if wanted.is_verified {
            "required"
        } else {
            "preferred"
        };
        let (mode, description) = match wanted.expires {
            None => ("transaction", "A passkey must approve this request"),
            Some(_) => ("session", "A passkey must approve a key for these requests"),
        };
        let challenge = self
            .error("insufficient_user_authentication", description)
            .with("proof", "webauthn")
            .with("proof_mode", mode)
            .with("rp_id", &wanted.rp_id)
            .with("user_verification", verification)
            .with("max_age", &wanted.max_age.to_string());
        match wanted.expires {
            Some(seconds) => challenge.with("exp", &seconds.to_string()),
            None if wanted.covers_body => challenge.with("body", "required"),
            None => challenge,
        }
    }

    fn step_up(self, step_up: &StepUp, description: &str) -> Self {
        if step_up.claims().is_some() {
            return self
                .error("insufficient_claims", description)
                .with_claims(step_up);
        }
        self.error("insufficient_user_authentication", description)
            .with_step_up(step_up)
    }

    fn with_step_up(self, step_up: &StepUp) -> Self {
        let challenge = if step_up.acr_values.is_empty() {
            self
        } else {
            self.with("acr_values", &step_up.acr_values.join(" "))
        };
        challenge.with_max_age(step_up)
    }

    fn with_claims(self, step_up: &StepUp) -> Self {
        let challenge = match step_up.claims() {
            None => self,
            Some(claims) => self.with("claims", &claims),
        };
        challenge.with_max_age(step_up)
    }

    fn with_max_age(self, step_up: &StepUp) -> Self {
        match step_up.max_age {
            None => self,
            Some(seconds) => self.with("max_age", &seconds.to_string()),
        }
    }

    pub(super) fn into_value(self) -> String {
        match self.scheme {
            Scheme::Bearer => self.text,
            Scheme::Dpop => self.with("algs", PROOF_ALGORITHMS).text,
        }
    }
}
