//! What is known about the tokens of providers, one table: which claims prove what, and where that is written.
//!
//! A line stands here only if somebody who runs such a provider could not make it a lie by accident; what cannot be
//! known from a token is said in [`Preset::cannot_prove`].

use super::{
    Fact::{HardwareBound, MultiFactor, PhishingResistant, UserPresent, UserVerified},
    Facts,
};
use crate::config::{DatedBy, Line, When};

/// A kind of provider whose tokens are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Okta
    Okta,
    /// Microsoft Entra ID
    Entra,
    /// Keycloak
    Keycloak,
    /// Amazon Cognito
    Cognito,
    /// Google
    Google,
    /// authentik
    Authentik,
    /// Authelia
    Authelia,
    /// Zitadel
    Zitadel,
    /// Hanko
    Hanko,
    /// Descope
    Descope,
    /// Auth0
    Auth0,
    /// OpenID Connect Extended Authentication Profile (EAP) ACR Values 1.0
    Eap,
    /// RFC 8176
    Rfc8176,
}

/// A line of the table.
struct Row {
    when: Shown,
    proves: Facts,
    /// What a client asks for; empty: the values of `acr` that the line reads, if any.
    request_acr: &'static str,
    /// Whether `auth_time` says when it happened.
    dated: bool,
}

/// What a token shows.
enum Shown {
    /// `amr` holds all of these.
    AmrAll(&'static [&'static str]),
    /// `amr` holds one of these.
    AmrAny(&'static [&'static str]),
    /// `amr` is exactly these.
    AmrExactly(&'static [&'static str]),
    /// `acr` is one of these.
    Acr(&'static [&'static str]),
}
use Shown::{Acr, AmrAll, AmrAny, AmrExactly};

impl Row {
    /// Dated by `auth_time`.
    const fn new(when: Shown, proves: &[super::Fact]) -> Self {
        Self {
            when,
            proves: Facts::of(proves),
            request_acr: "",
            dated: true,
        }
    }

    const fn asked_by(self, request_acr: &'static str) -> Self {
        Self {
            request_acr,
            ..self
        }
    }

    const fn undated(self) -> Self {
        Self {
            dated: false,
            ..self
        }
    }

    fn line(&self) -> Line {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let mut when = When::default();
        match self.when {
            AmrAll(values) => when.amr_all_of = words(values),
            AmrAny(values) => when.amr_any_of = words(values),
            AmrExactly(values) => when.amr_exactly = words(values),
            Acr(values) => when.acr_any_of = words(values),
        }
        let asked = Some(self.request_acr).filter(|acr| !acr.is_empty());
        Line {
            when,
            proves: self.proves,
            dated_by: if self.dated {
                DatedBy::default()
            } else {
                DatedBy::Nothing
            },
            request_acr: asked.map(str::to_owned),
        }
    }
}

impl Preset {
    /// All presets, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Okta,
        Self::Entra,
        Self::Keycloak,
        Self::Cognito,
        Self::Google,
        Self::Authentik,
        Self::Authelia,
        Self::Zitadel,
        Self::Hanko,
        Self::Descope,
        Self::Auth0,
        Self::Eap,
        Self::Rfc8176,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Keycloak => "keycloak",
            Self::Cognito => "cognito",
            Self::Google => "google",
            Self::Authentik => "authentik",
            Self::Authelia => "authelia",
            Self::Zitadel => "zitadel",
            Self::Hanko => "hanko",
            Self::Descope => "descope",
            Self::Auth0 => "auth0",
            Self::Eap => "eap",
            Self::Rfc8176 => "rfc8176",
        }
    }

    /// Its lines, in order of preference.
    pub fn lines(self) -> impl Iterator<Item = Line> {
        self.rows().iter().map(Row::line)
    }

    const fn rows(self) -> &'static [Row] {
        match self {
            Self::Keycloak => KEYCLOAK,
            Self::Eap => EAP,
            Self::Rfc8176 => RFC8176,
            _ => &[],
        }
    }
}

/// Keycloak's `amr` is what an administrator typed as "Authenticator Reference" of an execution, its `acr` the name of
/// a level in the same hands. Both are taken at the name that the guide asks for, and no further.
const KEYCLOAK: &[Row] = &[
    Row::new(AmrExactly(&["hwk"]), &[PhishingResistant, UserPresent]).asked_by("phr"),
    Row::new(AmrAll(&["hwk"]), &[PhishingResistant, UserPresent]).undated(),
];

/// OpenID Connect EAP ACR Values 1.0, section 2.
const EAP: &[Row] = &[
    Row::new(Acr(&["phrh"]), &[PhishingResistant, HardwareBound]),
    Row::new(Acr(&["phr"]), &[PhishingResistant]),
];

/// RFC 8176 section 2.
const RFC8176: &[Row] = &[
    Row::new(AmrAny(&["user"]), &[UserPresent]),
    Row::new(AmrAny(&["pin"]), &[UserVerified]),
    Row::new(AmrAny(&["mfa"]), &[MultiFactor]),
    Row::new(AmrAny(&["hwk"]), &[HardwareBound]),
];
