//! What is known about the tokens of providers, one table: which claims prove what, and where that
//! is written.
//!
//! Where an issuer dates several methods by the last of them, a line that tolerates others has no
//! date: a password typed now does not refresh a passkey of this morning. What no line says is in
//! [`Preset::cannot_prove`].

use super::{
    DatedBy,
    Fact::{
        self, DeviceBound, HardwareBound, MultiFactor, PhishingResistant, UserPresent, UserVerified,
    },
    Facts, Line, When,
};

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
            Self::Okta => OKTA,
            Self::Entra => ENTRA,
            Self::Keycloak => KEYCLOAK,
            Self::Cognito => COGNITO,
            Self::Google => GOOGLE,
            Self::Authentik => AUTHENTIK,
            Self::Authelia => AUTHELIA,
            Self::Zitadel => ZITADEL,
            Self::Hanko => HANKO,
            Self::Descope => DESCOPE,
            Self::Auth0 => AUTH0,
            Self::Eap => EAP,
            Self::Rfc8176 => RFC8176,
        }
    }

    /// What it cannot prove, or proves only where somebody configured the provider so; for
    /// documentation.
    #[must_use]
    pub const fn cannot_prove(self) -> &'static [&'static str] {
        match self {
            Self::Okta => &[
                "user_present and user_verified: no claim of Okta says so.",
                "Anything about an access token from which no acr was requested: amr stands in ID tokens only.",
                "device_bound for phr: passkeys that are synced between devices may meet it.",
            ],
            Self::Entra => &[
                "phishing_resistant: no documented value of amr means FIDO2; write a line for the authentication context (claim acrs) that your tenant ties to phishing-resistant methods.",
                "Anything about a v2.0 access token without such a line: it has no amr.",
                "An age, unless the optional claim auth_time is switched on.",
            ],
            Self::Keycloak => &[
                "More than an administrator typed: hwk must be the Authenticator Reference of passkey executions and of nothing else.",
                "user_verified: it is a setting of the WebAuthn policy and in no claim.",
                "device_bound and hardware_bound: whatever the reference is called, no claim says where the key lives.",
                "How long ago the passkey was used, where another method stands beside it in amr: auth_time is the last authentication of any kind.",
                "Anything by acr alone: after a later sign-in with a password in the same session, a refreshed token still says the old level.",
            ],
            Self::Cognito => &[
                "Anything by acr: password and TOTP reach a higher level than a passkey.",
                "hardware_bound and device_bound: hwk means a roaming authenticator and swk a platform one; both may hold synced passkeys.",
                "user_verified: it is a setting of the user pool and in no claim.",
                "How long ago the passkey was used, where another method stands beside it in amr.",
            ],
            Self::Google => &[
                "Anything about the sign-in to your application: amr and auth_time describe the session with Google, which may be old, and nobody can ask for a new one.",
                "user_verified, device_bound and hardware_bound: no claim of Google says so.",
            ],
            Self::Authentik => &[
                "phishing_resistant where WebAuthn was the second factor: amr then says mfa, as for every other device.",
                "user_verified: it is a setting of the stage and in no claim.",
                "Anything by acr: it is one constant.",
            ],
            Self::Authelia => &[
                "hardware_bound and device_bound: hwk and swk tell roaming authenticators from platform ones, not where the key lives.",
                "How long ago the passkey was used, where a password, a code, Duo or Kerberos stands beside it: auth_time is the last factor of any kind.",
                "More than another identity provider asserts, where Authelia is told to trust its amr.",
            ],
            Self::Zitadel => &[
                "How long ago each method was used, where several stand in amr: auth_time is the last check of any kind.",
                "user_verified where a password or a code stands beside the passkey: amr then looks as it does for a U2F key.",
                "device_bound and hardware_bound: no claim of Zitadel says so.",
            ],
            Self::Hanko => &[
                "user_verified: it is a setting of the project and in no claim.",
                "multi_factor by a passkey alone, and by a passcode sent by mail.",
                "An age, unless the session token is given the claim auth_time.",
            ],
            Self::Descope => &[
                "user_verified, device_bound and hardware_bound: no claim of Descope says so.",
                "An age, unless the token is given the claim auth_time.",
            ],
            Self::Auth0 => &[
                "phishing_resistant: no documented value of amr or acr means a passkey; write lines for a claim that an Action of yours adds.",
                "Anything about an access token without an Action that copies amr, acr or auth_time into it.",
            ],
            Self::Eap => &[
                "user_present, user_verified and multi_factor: phr and phrh do not say so.",
                "device_bound: hardware may hold keys that are copied elsewhere.",
                "Anything by amr: pop says that a key was used, and neither how nor where.",
            ],
            Self::Rfc8176 => &[
                "phishing_resistant: no registered value means it; hwk, swk and pop say nothing about the origin.",
                "device_bound: hwk says hardware, and not that the key stays in it.",
                "user_verified by fpt, face, iris, retina or vbm: the comparison may be anywhere.",
            ],
        }
    }
}

/// A line of the table, as the configuration would have it.
struct Row {
    all: &'static [&'static str],
    any: &'static [&'static str],
    exactly: &'static [&'static str],
    none: &'static [&'static str],
    acr: &'static [&'static str],
    proves: Facts,
    request_acr: Option<&'static str>,
    is_dated: bool,
}

/// A line that says nothing yet.
const ROW: Row = Row {
    all: &[],
    any: &[],
    exactly: &[],
    none: &[],
    acr: &[],
    proves: Facts::NONE,
    request_acr: None,
    is_dated: true,
};

const fn amr_all(all: &'static [&'static str]) -> Row {
    Row { all, ..ROW }
}

const fn amr_any(any: &'static [&'static str]) -> Row {
    Row { any, ..ROW }
}

const fn amr_exactly(exactly: &'static [&'static str]) -> Row {
    Row { exactly, ..ROW }
}

const fn acr(acr: &'static [&'static str]) -> Row {
    Row { acr, ..ROW }
}

impl Row {
    /// Nor may `amr` hold one of these.
    const fn without(self, none: &'static [&'static str]) -> Self {
        Self { none, ..self }
    }

    const fn proves(self, facts: &[Fact]) -> Self {
        Self {
            proves: Facts::of(facts),
            ..self
        }
    }

    /// What a client asks for; else the values of `acr` that the line reads, if any.
    const fn asked_by(self, acr: &'static str) -> Self {
        Self {
            request_acr: Some(acr),
            ..self
        }
    }

    /// `auth_time` may be that of another method.
    const fn undated(self) -> Self {
        Self {
            is_dated: false,
            ..self
        }
    }

    fn line(&self) -> Line {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Line {
            when: When {
                amr_all_of: words(self.all),
                amr_any_of: words(self.any),
                amr_exactly: words(self.exactly),
                amr_none_of: words(self.none),
                acr_any_of: words(self.acr),
                claim: None,
            },
            proves: self.proves,
            dated_by: if self.is_dated {
                DatedBy::default()
            } else {
                DatedBy::Nothing
            },
            request_acr: self.request_acr.map(str::to_owned),
        }
    }
}

/// Every WebAuthn assertion is of its origin, and its user was present (WebAuthn Level 3, section
/// 7.2).
const WEBAUTHN: &[Fact] = &[PhishingResistant, UserPresent];

/// Okta, OAuth 2.0 API reference, `acr_values`: `phr` is met by FIDO2 and WebAuthn only; `phrh` by
/// keys in secure hardware, which "implies device binding"; the chosen value is reflected in the
/// tokens. Guide "Configure claims sharing (AMR)": FastPass is `okta_verify` with `phr`; two
/// factors are `mfa`.
const OKTA: &[Row] = &[
    acr(&["phr"]).proves(&[PhishingResistant]),
    acr(&["phrh"]).proves(&[PhishingResistant, HardwareBound, DeviceBound]),
    acr(&["urn:okta:loa:2fa:any"]).proves(&[MultiFactor]),
    amr_all(&["okta_verify", "phr"]).proves(&[PhishingResistant]),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
];

/// Microsoft, access token claims reference, `amr` (v1.0 only): `mfa` means that several factors
/// were used; `rsa` may be an app. `ngcmfa`, "equivalent to mfa", is issued while credentials are
/// provisioned.
const ENTRA: &[Row] = &[amr_any(&["mfa"]).proves(&[MultiFactor])];

/// Keycloak, `AmrProtocolMapper` and `AmrUtils`: a value of `amr` is the "Authenticator Reference"
/// that an administrator typed for an execution, for as long as its maximum age says. Taken at the
/// one name that the guide asks for. Tried on 26.7: with another method beside it, `auth_time` is
/// the other's.
const KEYCLOAK: &[Row] = &[
    amr_exactly(&["hwk"]).proves(WEBAUTHN).asked_by("phr"),
    amr_any(&["hwk"]).proves(WEBAUTHN).undated(),
];

/// Amazon Cognito, "Authentication levels with ACR and AMR claims": `hwk` is a roaming passkey,
/// `swk` a platform one, and neither is anything else; `mfa` stands beside two factors.
const COGNITO: &[Row] = &[
    amr_exactly(&["hwk"]).proves(WEBAUTHN),
    amr_exactly(&["swk"]).proves(WEBAUTHN),
    amr_any(&["hwk", "swk"]).proves(WEBAUTHN).undated(),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
];

/// Google, "Security bundle": `amr` names the methods of the last authentication with Google, and
/// `auth_time` its time; `hwk` is a security key, `mfa` several factors.
const GOOGLE: &[Row] = &[
    amr_any(&["hwk"]).proves(WEBAUTHN),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
];

/// authentik, `providers/oauth2/id_token.py`: `user` for the method `auth_webauthn_pwl` alone,
/// `pwd` for a password, `mfa` for any validated device; all of them and `auth_time` from one
/// login.
const AUTHENTIK: &[Row] = &[
    amr_any(&["user"]).proves(WEBAUTHN),
    amr_all(&["pwd", "mfa"]).proves(&[MultiFactor]),
];

/// Authelia, `internal/authorization/amr.go`, `MarshalRFC8176`: `pop` for WebAuthn alone, `user`
/// and `pin` from the flags UP and UV, `mfa` for knowledge and possession. `auth_time` is the last
/// factor's.
const AUTHELIA: &[Row] = &[
    amr_all(&["pop"])
        .without(AUTHELIA_OTHERS)
        .proves(&[PhishingResistant]),
    amr_all(&["pop", "user"])
        .without(AUTHELIA_OTHERS)
        .proves(&[UserPresent]),
    amr_all(&["pop", "pin"])
        .without(AUTHELIA_OTHERS)
        .proves(&[UserVerified]),
    amr_any(&["pop"]).proves(&[PhishingResistant]).undated(),
    amr_all(&["pop", "user"]).proves(&[UserPresent]).undated(),
    amr_all(&["pop", "pin"]).proves(&[UserVerified]).undated(),
    amr_any(&["mfa"]).proves(&[MultiFactor]).undated(),
];

/// What Authelia names beside WebAuthn.
const AUTHELIA_OTHERS: &[&str] = &["pwd", "otp", "sms", "wia"];

/// Zitadel, `internal/api/oidc/amr.go` and `AuthMethodTypes` of a session: `user` for WebAuthn and
/// U2F alone; with user verification it counts as `mfa` by itself, without it only beside `pwd` or
/// `otp`. `auth_time` is the last check's.
const ZITADEL: &[Row] = &[
    amr_exactly(&["user", "mfa"]).proves(&[
        PhishingResistant,
        UserPresent,
        UserVerified,
        MultiFactor,
    ]),
    amr_exactly(&["user"]).proves(WEBAUTHN),
    amr_any(&["user"]).proves(WEBAUTHN).undated(),
    amr_all(&["pwd", "mfa"]).proves(&[MultiFactor]).undated(),
];

/// Hanko, session tokens: `passkey` and `security_key` are WebAuthn, `totp` an app's code, `otp`
/// one sent by mail.
const HANKO: &[Row] = &[
    amr_any(&["passkey", "security_key"]).proves(WEBAUTHN),
    amr_all(&["pwd", "security_key"]).proves(&[MultiFactor]),
    amr_all(&["pwd", "totp"]).proves(&[MultiFactor]),
];

/// Descope, "amr" of session tokens: `webauthn` for passkeys alone, `mfa` when a second factor
/// followed.
const DESCOPE: &[Row] = &[
    amr_any(&["webauthn"]).proves(WEBAUTHN),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
];

/// Auth0, "Configure step-up authentication": `mfa` in `amr`; the PAPE policy as `acr` on request.
const AUTH0: &[Row] = &[
    acr(&["http://schemas.openid.net/pape/policies/2007/06/multi-factor"]).proves(&[MultiFactor]),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
];

/// OpenID Connect EAP ACR Values 1.0, section 2: `phr` is phishing-resistant, `phrh` also
/// hardware-protected.
const EAP: &[Row] = &[
    acr(&["phr"]).proves(&[PhishingResistant]),
    acr(&["phrh"]).proves(&[PhishingResistant, HardwareBound]),
];

/// RFC 8176 section 2: `user` is a test of presence, `pin` unlocks a key on the device, `mfa` is
/// several factors, `hwk` possession of a hardware-secured key.
const RFC8176: &[Row] = &[
    amr_any(&["user"]).proves(&[UserPresent]),
    amr_any(&["pin"]).proves(&[UserVerified]),
    amr_any(&["mfa"]).proves(&[MultiFactor]),
    amr_any(&["hwk"]).proves(&[HardwareBound]),
];

#[cfg(test)]
mod tests;
