//! Claim sets as the vendors document them, and what they prove: alone, and within a minute of the
//! sign-in.

use core::time::Duration;

use super::Preset;
use crate::{
    config::Config,
    evidence::{Demand, Fact, Facts, SignIn},
    json::Json,
    provider::Provider,
    time::UnixTime,
};

const NOW: u64 = 1_700_000_000;

fn provider(preset: Preset) -> Provider {
    let name = preset.name();
    let json = format!(
        r#"{{"providers":{{"acme":{{"issuer":"https://id.example","audiences":["api"],"evidence":{{"preset":"{name}"}},
        "remote_jwks":{{"http_uri":{{"uri":"https://id.example/jwks","cluster":"id"}}}}}}}}}}"#
    );
    let config = Config::parse(json.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?}"));
    config.into_providers().remove(0)
}

/// The facts that these claims prove, each asked for alone, and whether an age may be asked for
/// beside it (`+`).
fn proved(preset: Preset, claims: &str) -> String {
    let provider = provider(preset);
    let text = format!(r#"{{"iat":{NOW},"auth_time":{},{claims}}}"#, NOW - 30);
    let claims = Json::parse(text.as_bytes(), 1_000).unwrap_or_else(|_| panic!("{text}"));
    let sign_in = SignIn::of(
        &claims,
        &provider.evidence,
        provider.clock_skew,
        UnixTime::from_secs(NOW),
    );
    let meets = |fact: Fact, max_age| {
        let demand = Demand {
            facts: Facts::of(&[fact]),
            max_age,
            delegated: false,
        };
        sign_in.meets(&demand).is_ok()
    };
    let mut words = Vec::new();
    for fact in Fact::ALL {
        let dated = meets(fact, Some(Duration::from_secs(60)));
        if meets(fact, None) {
            words.push(format!("{}{}", fact.as_str(), if dated { "+" } else { "" }));
        } else {
            assert!(!dated, "an age is not a fact");
        }
    }
    words.join(" ")
}

/// Holds each claim set of a preset against what it proves.
fn table(preset: Preset, rows: &[(&str, &str)]) {
    for (claims, expected) in rows {
        assert_eq!(
            proved(preset, claims),
            *expected,
            "{}: {claims}",
            preset.name()
        );
    }
}

const WEBAUTHN: &str = "user_present+ phishing_resistant+";
const WEBAUTHN_UNDATED: &str = "user_present phishing_resistant";

#[test]
fn okta() {
    table(
        Preset::Okta,
        &[
            (r#""acr":"phr""#, "phishing_resistant+"),
            (
                r#""acr":"phrh""#,
                "phishing_resistant+ device_bound+ hardware_bound+",
            ),
            (r#""acr":"urn:okta:loa:2fa:any""#, "multi_factor+"),
            // Only if the person has two.
            (r#""acr":"urn:okta:loa:2fa:any:ifpossible""#, ""),
            (r#""acr":"urn:okta:loa:1fa:any""#, ""),
            (r#""acr":"urn:okta:loa:1fa:pwd""#, ""),
            (r#""amr":["okta_verify","phr"]"#, "phishing_resistant+"),
            (
                r#""amr":["mfa","okta_verify","phr","pwd"]"#,
                "multi_factor+ phishing_resistant+",
            ),
            // A push to the app with its software key.
            (r#""amr":["okta_verify","swk"]"#, ""),
            (r#""amr":["mfa","otp","pwd"]"#, "multi_factor+"),
            (r#""amr":["pop"]"#, ""),
            (r#""amr":["pwd"]"#, ""),
        ],
    );
}

#[test]
fn entra() {
    table(
        Preset::Entra,
        &[
            (r#""amr":["pwd","mfa"],"acr":"1""#, "multi_factor+"),
            (r#""amr":["pwd"],"acr":"1""#, ""),
            (r#""amr":["rsa"]"#, ""),
            (r#""amr":["rsa","mfa"]"#, "multi_factor+"),
            (r#""amr":["fido"]"#, ""),
            (r#""amr":["ngcmfa"]"#, ""),
            (r#""acr":"0""#, ""),
            // What a context means is the tenant's to say.
            (r#""acrs":["c1"],"xms_cc":["cp1"]"#, ""),
        ],
    );
}

#[test]
fn keycloak() {
    table(
        Preset::Keycloak,
        &[
            (r#""amr":["hwk"],"acr":"phr""#, WEBAUTHN),
            (r#""amr":["hwk"],"acr":"1""#, WEBAUTHN),
            // The password may be younger than the passkey.
            (r#""amr":["pwd","hwk"],"acr":"phr""#, WEBAUTHN_UNDATED),
            // A password after the passkey, and a refresh.
            (r#""amr":["pwd"],"acr":"phr""#, ""),
            (r#""amr":["pwd"],"acr":"1""#, ""),
            (r#""amr":[],"acr":"phr""#, ""),
            (r#""acr":"phr""#, ""),
            (r#""amr":["HWK"],"acr":"phr""#, ""),
            (r#""amr":["hwk "],"acr":"phr""#, ""),
            (r#""amr":["swk"]"#, ""),
        ],
    );
}

#[test]
fn cognito() {
    table(
        Preset::Cognito,
        &[
            (r#""amr":["hwk"],"acr":"urn:cognito:loa:3""#, WEBAUTHN),
            (r#""amr":["swk"],"acr":"urn:cognito:loa:3""#, WEBAUTHN),
            (
                r#""amr":["swk","mfa","pwd"],"acr":"urn:cognito:loa:4""#,
                "user_present multi_factor+ phishing_resistant",
            ),
            // A higher level than a passkey, and no passkey.
            (
                r#""amr":["pwd","otp","mfa"],"acr":"urn:cognito:loa:4""#,
                "multi_factor+",
            ),
            (r#""acr":"urn:cognito:loa:3""#, ""),
            (r#""amr":["fed"]"#, ""),
        ],
    );
}

#[test]
fn google() {
    table(
        Preset::Google,
        &[
            (r#""amr":["hwk"]"#, WEBAUTHN),
            (
                r#""amr":["pwd","hwk","mfa"]"#,
                "user_present+ multi_factor+ phishing_resistant+",
            ),
            (r#""amr":["pwd","mfa"]"#, "multi_factor+"),
            (r#""amr":["pwd"]"#, ""),
        ],
    );
}

#[test]
fn authentik() {
    const ACR: &str = r#""acr":"goauthentik.io/providers/oauth2/default""#;
    table(
        Preset::Authentik,
        &[
            (&format!(r#"{ACR},"amr":["user"]"#), WEBAUTHN),
            (&format!(r#"{ACR},"amr":["pwd","mfa"]"#), "multi_factor+"),
            (&format!(r#"{ACR},"amr":["pwd"]"#), ""),
            (&format!(r#"{ACR},"amr":["mfa"]"#), ""),
            (&format!(r#"{ACR},"amr":["sc"]"#), ""),
            (ACR, ""),
        ],
    );
}

#[test]
fn authelia() {
    table(
        Preset::Authelia,
        &[
            (
                r#""amr":["pop","hwk","user","pin"]"#,
                "user_present+ user_verified+ phishing_resistant+",
            ),
            (r#""amr":["pop","swk","user"]"#, WEBAUTHN),
            (
                r#""amr":["pwd","pop","hwk","user","pin","mfa"]"#,
                "user_present user_verified multi_factor phishing_resistant",
            ),
            (r#""amr":["pwd","otp","mfa"]"#, "multi_factor"),
            (r#""amr":["pwd","sms","mfa","mca"]"#, "multi_factor"),
            // As older versions had it, without `pop`.
            (r#""amr":["hwk","user","pin"]"#, ""),
            (r#""amr":["pwd"]"#, ""),
        ],
    );
}

#[test]
fn zitadel() {
    table(
        Preset::Zitadel,
        &[
            (
                r#""amr":["user","mfa"]"#,
                "user_present+ user_verified+ multi_factor+ phishing_resistant+",
            ),
            (r#""amr":["user"]"#, WEBAUTHN),
            (
                r#""amr":["pwd","user","mfa"]"#,
                "user_present multi_factor phishing_resistant",
            ),
            (r#""amr":["otp","user","mfa"]"#, WEBAUTHN_UNDATED),
            (r#""amr":["pwd","otp","mfa"]"#, "multi_factor"),
            (r#""amr":["pwd","password"]"#, ""),
            (r#""amr":["mfa"]"#, ""),
        ],
    );
}

#[test]
fn hanko() {
    table(
        Preset::Hanko,
        &[
            (r#""amr":["passkey"]"#, WEBAUTHN),
            (
                r#""amr":["pwd","security_key"]"#,
                "user_present+ multi_factor+ phishing_resistant+",
            ),
            (r#""amr":["totp","pwd"]"#, "multi_factor+"),
            (r#""amr":["pwd","otp"]"#, ""),
            (r#""amr":["ext:google"]"#, ""),
            (r#""amr":["ext:passkey"]"#, ""),
        ],
    );
}

#[test]
fn descope() {
    table(
        Preset::Descope,
        &[
            (r#""amr":["webauthn"]"#, WEBAUTHN),
            (
                r#""amr":["pwd","webauthn","mfa"]"#,
                "user_present+ multi_factor+ phishing_resistant+",
            ),
            (r#""amr":["email"]"#, ""),
            (r#""amr":["sms","totp"]"#, ""),
            (r#""amr":["fed","oauth"]"#, ""),
        ],
    );
}

#[test]
fn auth0() {
    table(
        Preset::Auth0,
        &[
            (r#""amr":["mfa"]"#, "multi_factor+"),
            (
                r#""acr":"http://schemas.openid.net/pape/policies/2007/06/multi-factor""#,
                "multi_factor+",
            ),
            (
                r#""acr":"http://schemas.openid.net/pape/policies/2007/06/none""#,
                "",
            ),
            (r#""amr":["passkey"]"#, ""),
            (r#""amr":[]"#, ""),
        ],
    );
}

#[test]
fn eap() {
    table(
        Preset::Eap,
        &[
            (r#""acr":"phr""#, "phishing_resistant+"),
            (r#""acr":"phrh""#, "phishing_resistant+ hardware_bound+"),
            (r#""amr":["pop"]"#, ""),
            (r#""acr":"phr phrh""#, ""),
            (r#""acr":["phr"]"#, ""),
            (r#""acr":"PHR""#, ""),
        ],
    );
}

#[test]
fn rfc8176_never_proves_phishing_resistance() {
    table(
        Preset::Rfc8176,
        &[
            (
                r#""amr":["face","fpt","geo","hwk","iris","kba","mca","mfa","otp","pin","pop","pwd","rba","retina","sc","sms","swk","tel","user","vbm","wia"]"#,
                "user_present+ user_verified+ multi_factor+ hardware_bound+",
            ),
            (r#""amr":["swk"]"#, ""),
            (r#""amr":["pwd","otp"]"#, ""),
            (r#""amr":["user"]"#, "user_present+"),
        ],
    );
    let proved = Preset::Rfc8176.lines().map(|line| line.proves);
    let all = proved.fold(Facts::NONE, Facts::and);
    assert!(!all.hold(Facts::of(&[Fact::PhishingResistant])));
}

#[test]
fn no_preset_proves_anything_by_claims_of_an_odd_shape() {
    for preset in Preset::ALL {
        let values: Vec<String> = preset
            .lines()
            .flat_map(|line| {
                let amr = [
                    line.when.amr_all_of,
                    line.when.amr_any_of,
                    line.when.amr_exactly,
                ];
                amr.concat().into_iter().chain(line.when.acr_any_of)
            })
            .collect();
        for value in &values {
            let upper = value.to_uppercase();
            for amr in [
                format!(r#""{value}""#),
                format!(r#"[["{value}"]]"#),
                format!(r#"["{value}",1]"#),
                format!(r#"["{value}",null]"#),
                format!(r#"{{"{value}":true}}"#),
                format!(r#"[{{"method":"{value}"}}]"#),
                format!(r#"["{upper}"]"#),
                format!(r#"["{value} "]"#),
                format!(r#"["x{value}"]"#),
                "null".to_owned(),
                "[]".to_owned(),
                "0".to_owned(),
                "true".to_owned(),
            ] {
                let claims = format!(r#""amr":{amr},"acr":{amr}"#);
                let expected = if amr == format!(r#""{value}""#) {
                    // A string is the right shape for `acr`.
                    proved(preset, &format!(r#""acr":"{value}""#))
                } else {
                    String::new()
                };
                assert_eq!(
                    proved(preset, &claims),
                    expected,
                    "{}: {claims}",
                    preset.name()
                );
            }
        }
    }
}

#[test]
fn every_preset_says_what_it_cannot_prove() {
    for preset in Preset::ALL {
        assert!(!preset.cannot_prove().is_empty(), "{}", preset.name());
        assert!(preset.lines().next().is_some(), "{}", preset.name());
    }
}
