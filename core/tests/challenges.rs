//! Challenges as a client reads them, with a parser that is not ours (RFC 9110 section 11.6.1).
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use passgate_core::{
    Ambiguous, Forbidden, Insufficient, Internal, Malformed, Missing, Reason, StepUp, Unavailable,
    Untrusted,
};

/// Status, and the parameters of the one challenge in their order; none without a challenge.
fn challenge(reason: impl Into<Reason>) -> (u16, Vec<(String, String)>) {
    let rejection = reason.into().rejection("https://api.example.com");
    let headers = rejection.headers();
    let values: Vec<&String> = headers
        .iter()
        .filter(|(name, _)| *name == "www-authenticate")
        .map(|(_, value)| value)
        .collect();
    let [value] = &*values else {
        assert!(values.is_empty());
        return (rejection.status, Vec::new());
    };
    let challenges = http_auth::parse_challenges(value);
    let challenges = challenges.unwrap_or_else(|error| panic!("{error}"));
    let [challenge] = &*challenges else {
        panic!("{} challenges in {value}", challenges.len());
    };
    assert_eq!(challenge.scheme, "Bearer");
    let params = challenge.params.iter().map(|(name, text)| {
        // RFC 6750 section 3: some clients understand quoted strings only, and none needs an escape
        // here.
        assert!(value.contains(&format!("{name}=\"{}\"", text.as_escaped())));
        assert_eq!(text.to_unescaped(), text.as_escaped());
        ((*name).to_owned(), text.to_unescaped())
    });
    (rejection.status, params.collect())
}

fn names(params: &[(String, String)]) -> Vec<&str> {
    params.iter().map(|(name, _)| name.as_str()).collect()
}

fn param<'p>(params: &'p [(String, String)], wanted: &str) -> Option<&'p str> {
    let found = params.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.as_str())
}

fn step_up(acr_values: &[&str], max_age: Option<u64>) -> StepUp {
    StepUp {
        acr_values: acr_values.iter().map(|&value| value.to_owned()).collect(),
        max_age,
        is_entra: false,
    }
}

#[test]
fn a_sign_in_that_falls_short_is_told_what_would_do() {
    let full = step_up(&["phr", "phrh"], Some(300));
    for reason in [
        Reason::from(Insufficient::Authentication {
            step_up: full.clone(),
        }),
        Insufficient::MaxAge { step_up: full }.into(),
    ] {
        let (status, params) = challenge(reason);
        assert_eq!(status, 401);
        assert_eq!(
            names(&params),
            [
                "realm",
                "error",
                "error_description",
                "acr_values",
                "max_age"
            ]
        );
        assert_eq!(param(&params, "realm"), Some("https://api.example.com"));
        let error = "insufficient_user_authentication";
        assert_eq!(param(&params, "error"), Some(error));
        assert_eq!(param(&params, "acr_values"), Some("phr phrh"));
        assert_eq!(param(&params, "max_age"), Some("300"));
    }
}

#[test]
fn what_has_no_value_is_left_out() {
    let of = |step_up| challenge(Insufficient::Authentication { step_up });
    let (status, params) = of(step_up(&[], Some(300)));
    assert_eq!(status, 401);
    assert_eq!(
        names(&params),
        ["realm", "error", "error_description", "max_age"]
    );
    let (_, params) = of(step_up(&["phr"], None));
    assert_eq!(
        names(&params),
        ["realm", "error", "error_description", "acr_values"]
    );
    let (status, params) = of(StepUp::default());
    assert_eq!(status, 401, "even when nothing can be named");
    assert_eq!(names(&params), ["realm", "error", "error_description"]);
}

#[test]
fn what_no_acr_value_mends_is_said() {
    let short = "The sign-in behind the access token does not suffice";
    let says = |reason: Reason| {
        let (_, params) = challenge(reason);
        param(&params, "error_description").map(str::to_owned)
    };
    let unproved = |step_up| says(Insufficient::Authentication { step_up }.into());
    let too_old = |step_up| says(Insufficient::MaxAge { step_up }.into());
    let hopeless = format!("{short}, and no acr value asks for one that does");
    for is_entra in [false, true] {
        let of = |acr_values| StepUp {
            is_entra,
            ..step_up(acr_values, Some(300))
        };
        assert_eq!(unproved(of(&["phr"])).as_deref(), Some(short));
        assert_eq!(unproved(of(&[])), Some(hopeless.clone()));
        // A new sign-in mends the age, whatever it is asked for.
        assert_eq!(too_old(of(&[])).as_deref(), Some(short));
        assert_eq!(too_old(of(&["phr"])).as_deref(), Some(short));
    }
}

#[test]
fn without_a_token_there_is_no_error_but_what_the_sign_in_must_prove() {
    let of = |step_up| challenge(Missing::Token { step_up });
    let (status, params) = of(step_up(&["phr"], Some(300)));
    assert_eq!(status, 401);
    assert_eq!(names(&params), ["realm", "acr_values", "max_age"]);
    let (_, params) = of(StepUp::default());
    assert_eq!(names(&params), ["realm"]);
}

#[test]
fn entra_gets_the_challenge_that_its_clients_understand() {
    let entra = |acr_values: &[&str]| StepUp {
        is_entra: true,
        ..step_up(acr_values, Some(300))
    };
    let (status, params) = challenge(Insufficient::Authentication {
        step_up: entra(&["c1", "c2"]),
    });
    assert_eq!(status, 401);
    assert_eq!(
        names(&params),
        ["realm", "error", "error_description", "claims", "max_age"]
    );
    assert_eq!(param(&params, "error"), Some("insufficient_claims"));
    // Microsoft's own example: {"access_token":{"acrs":{"essential":true,"value":"c1"}}}
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    assert_eq!(param(&params, "claims"), Some(claims));
    let (_, params) = challenge(Missing::Token {
        step_up: entra(&["c1"]),
    });
    assert_eq!(names(&params), ["realm", "claims", "max_age"]);
    // No context to ask for: the standard's words are all there is.
    let (_, params) = challenge(Insufficient::Authentication {
        step_up: entra(&[]),
    });
    let error = "insufficient_user_authentication";
    assert_eq!(param(&params, "error"), Some(error));
    assert_eq!(param(&params, "claims"), None);
}

#[test]
fn every_other_reason_has_the_challenge_of_its_blame() {
    let (status, params) = challenge(Insufficient::Scope {
        required: vec!["read".to_owned(), "write".to_owned()],
    });
    assert_eq!(status, 403);
    assert_eq!(
        names(&params),
        ["realm", "error", "error_description", "scope"]
    );
    assert_eq!(param(&params, "scope"), Some("read write"));
    for (reason, status, error) in [
        (Reason::from(Malformed::Claims), 401, "invalid_token"),
        (Untrusted::Expired.into(), 401, "invalid_token"),
        (Ambiguous::Credentials.into(), 400, "invalid_request"),
    ] {
        let (seen, params) = challenge(reason);
        assert_eq!(seen, status);
        assert_eq!(names(&params), ["realm", "error", "error_description"]);
        assert_eq!(param(&params, "error"), Some(error));
    }
    for reason in [
        Reason::from(Forbidden::Kind),
        Unavailable::Budget.into(),
        Internal::Host.into(),
    ] {
        assert!(challenge(reason).1.is_empty());
    }
}
