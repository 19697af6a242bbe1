//! What a challenge names, so that a client that follows it comes to an end.

use super::*;

#[test]
fn a_value_that_the_token_has_shown_is_not_named_again() {
    // Beside `acr` the lines read something else, which no value of `acr` brings.
    let mut config = ruled(json!({ "facts": ["phishing_resistant"], "max_age": "15m" }));
    config["providers"]["acme"]["evidence"] = json!({ "lines": [
        { "when": { "acr_any_of": ["phr", "phrh"], "amr_none_of": ["pwd"] }, "proves": ["phishing_resistant"] },
        { "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"], "request_acr": "gold" },
    ] });
    let with = |acr: &str| {
        token()
            .claim("acr", acr)
            .claim("amr", json!(["pwd", "user"]))
    };
    let age = r#", max_age="900""#;
    for (acr, named) in [
        ("0", "phr phrh gold"),
        ("phr", "phrh gold"),
        ("phrh", "gold"),
        ("PHR", "phr phrh gold"),
    ] {
        let expected = format!(r#", acr_values="{named}"{age}"#);
        let code = "insufficient.authentication";
        assert_eq!(refusal(&config, Some(with(acr))), (code, expected));
    }
    let (_, last) = refusal(&config, Some(with("gold")));
    assert_eq!(last, format!("{NO_VALUE}{age}"));
    // Age alone is at fault: the same value, of a new sign-in, suffices.
    let old = token()
        .claim("acr", "phr")
        .claim("amr", json!(["user"]))
        .claim("auth_time", NOW - 901);
    let all = format!(r#", acr_values="phr phrh gold"{age}"#);
    assert_eq!(
        refusal(&config, Some(old)),
        ("insufficient.max_age", all.clone())
    );
    assert_eq!(refusal(&config, None), ("missing.token", all));
    // A value that is enough by itself stays, wherever it stands.
    let lines = config["providers"]["acme"]["evidence"]["lines"].as_array_mut();
    lines.unwrap().insert(
        0,
        json!({ "when": { "acr_any_of": ["best"] }, "proves": ["phishing_resistant"] }),
    );
    let left = |acr| refusal(&config, Some(with(acr))).1;
    assert_eq!(left("gold"), format!(r#", acr_values="best"{age}"#));
    assert_eq!(
        left("phr"),
        format!(r#", acr_values="best phrh gold"{age}"#)
    );
}

#[test]
fn a_client_that_follows_the_challenge_comes_to_an_end() {
    let mut config = ruled(json!({ "facts": ["device_bound"], "max_age": "15m" }));
    config["providers"]["acme"]["evidence"] = json!({ "lines": [{
        "when": { "acr_any_of": ["phr", "phrh"], "claim": { "path": ["webauthn"], "contains": "single_device" } },
        "proves": ["device_bound"],
    }] });
    // The issuer gives the first value that it is asked for, and the passkey is a synced one.
    let mut asked = Vec::new();
    let mut token = token().claim("acr", "0");
    for _ in 0..5 {
        let (_, challenge) = refusal(&config, Some(token.clone()));
        let Some(rest) = challenge.strip_prefix(", acr_values=\"") else {
            assert_eq!(challenge, format!(r#"{NO_VALUE}, max_age="900""#));
            break;
        };
        let value: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        token = token.claim("acr", value.as_str());
        asked.push(value);
    }
    assert_eq!(asked, ["phr", "phrh"], "each value once");
}

#[test]
fn without_a_token_only_what_suffices_at_every_provider_is_named() {
    let mut config = ruled(json!({ "facts": ["phishing_resistant"] }));
    config["providers"]["other"] =
        provider("https://other.example.com", json!({ "preset": "eap" }));
    assert_eq!(
        refusal(&config, None),
        ("missing.token", r#", acr_values="phr""#.to_owned())
    );
    // With a token one knows whose it is.
    assert_eq!(
        refusal(&config, Some(token())).1,
        r#", acr_values="phr gold""#
    );
    config["rules"][0]["requires"]["provider_name"] = json!("acme");
    config["providers"].as_object_mut().unwrap().remove("other");
    assert_eq!(refusal(&config, None).1, r#", acr_values="phr gold""#);
}

#[test]
fn entras_clients_get_a_claims_challenge() {
    let mut config = ruled(json!({ "facts": ["phishing_resistant"], "max_age": "1h" }));
    config["providers"]["acme"]["evidence"] = json!({ "preset": "entra", "lines": [
        { "when": { "claim": { "path": ["acrs"], "contains": "c1" } }, "proves": ["phishing_resistant"] },
    ] });
    let claims = r#", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19", max_age="3600""#;
    let (code, challenge) = refusal(&config, Some(token().claim("acrs", json!(["c2"]))));
    assert_eq!((code, &*challenge), ("insufficient.authentication", claims));
    assert_eq!(refusal(&config, None).1, claims);
    let context = token().claim("acrs", json!(["c2", "c1"]));
    assert_eq!(told(&config, context.clone()).len(), 2);
    let old = context.clone().claim("auth_time", NOW - 3601);
    assert_eq!(refusal(&config, Some(old)).1, claims);
    // `acr` says something else at Entra. A context that the token has is not asked for again.
    let line = &mut config["providers"]["acme"]["evidence"]["lines"][0];
    line["when"]["amr_all_of"] = json!(["fido"]);
    let acr = token().claim("acr", "c1");
    assert_eq!(refusal(&config, Some(acr)).1, claims);
    assert_eq!(
        refusal(&config, Some(context)).1,
        format!(r#"{NO_VALUE}, max_age="3600""#)
    );
}
