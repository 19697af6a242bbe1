use core::time::Duration;

use super::{Demand, Proved, Shortfall, SignIn};
use crate::{
    config::Config,
    evidence::{Fact, Facts},
    json::Json,
    provider::Provider,
    time::UnixTime,
};

const NOW: u64 = 1_700_000_000;

/// A provider with these lines, JSON, and a skew of a minute.
fn provider(lines: &str) -> Provider {
    let json = format!(
        r#"{{"providers":{{"acme":{{"issuer":"https://id.example","audiences":["api"],"evidence":{{"lines":{lines}}},
        "remote_jwks":{{"http_uri":{{"uri":"https://id.example/jwks","cluster":"id"}}}}}}}}}}"#
    );
    let config = Config::parse(json.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?}"));
    config.into_providers().remove(0)
}

fn facts(words: &str) -> Facts {
    let facts = Fact::ALL.into_iter();
    facts
        .filter(|fact| words.split(' ').any(|word| word == fact.as_str()))
        .fold(Facts::NONE, |facts, fact| facts.and(Facts::of(&[fact])))
}

fn want(words: &str, max_age: Option<u64>) -> Demand {
    Demand {
        facts: facts(words),
        max_age: max_age.map(Duration::from_secs),
        delegated: false,
    }
}

/// What a token with these claims, issued now, proves to a rule now.
fn meets(provider: &Provider, claims: &str, demand: &Demand) -> Result<Proved, Shortfall> {
    at(provider, claims, demand, UnixTime::from_secs(NOW))
}

fn at(
    provider: &Provider,
    claims: &str,
    demand: &Demand,
    now: UnixTime,
) -> Result<Proved, Shortfall> {
    let claims = Json::parse(claims.as_bytes(), 1_000).unwrap_or_else(|_| panic!("{claims}"));
    SignIn::of(&claims, &provider.evidence, provider.clock_skew, now).meets(demand)
}

const PHR: &str = r#"[{"when":{"amr_all_of":["hwk"]},"proves":["phishing_resistant"]}]"#;

#[test]
fn an_age_is_judged_to_the_millisecond_and_without_skew() {
    let provider = provider(PHR);
    let age_of = |date: &str, millis: u64| {
        let claims = format!(r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{date}}}"#);
        let demand = want("phishing_resistant", Some(900));
        at(&provider, &claims, &demand, UnixTime::from_millis(millis)).map(|proved| proved.age)
    };
    let now = NOW * 1_000;
    let exact = NOW.to_string();
    assert_eq!(age_of(&exact, now), Ok(Some(Duration::ZERO)));
    assert_eq!(
        age_of(&exact, now + 900_000),
        Ok(Some(Duration::from_secs(900)))
    );
    assert_eq!(age_of(&exact, now + 900_001), Err(Shortfall::Age));
    // Half a second is half a second.
    assert_eq!(
        age_of(&format!("{exact}.5"), now + 900_500),
        Ok(Some(Duration::from_secs(900)))
    );
    assert_eq!(
        age_of(&format!("{exact}.5"), now + 900_501),
        Err(Shortfall::Age)
    );
}

#[test]
fn a_date_may_lie_no_further_beyond_iat_than_the_skew() {
    let provider = provider(PHR);
    let age_of = |seconds: u64| {
        let claims = format!(r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{seconds}}}"#);
        meets(&provider, &claims, &want("phishing_resistant", Some(900))).map(|proved| proved.age)
    };
    // Of the future, as far as our clock knows: not older than now.
    assert_eq!(age_of(NOW + 60), Ok(Some(Duration::ZERO)));
    assert_eq!(age_of(NOW + 61), Err(Shortfall::Age));
}

#[test]
fn what_is_no_date_never_falls_back_to_iat() {
    let provider = provider(PHR);
    let demand = want("phishing_resistant", Some(900));
    for date in [
        "null",
        "true",
        r#""1700000000""#,
        "[1700000000]",
        r#"{"seconds":1700000000}"#,
        "-1",
        "1e400",
        "99999999999999999999",
        "0",
    ] {
        let claims = format!(r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{date}}}"#);
        assert_eq!(
            meets(&provider, &claims, &demand),
            Err(Shortfall::Age),
            "{date}"
        );
    }
    let without = format!(r#"{{"amr":["hwk"],"iat":{NOW}}}"#);
    assert_eq!(meets(&provider, &without, &demand), Err(Shortfall::Age));
    // Nothing says that this date is not of the future.
    let no_iat = format!(r#"{{"amr":["hwk"],"auth_time":{NOW}}}"#);
    assert_eq!(meets(&provider, &no_iat, &demand), Err(Shortfall::Age));
    // Without a demand for an age the facts stand, and no age is claimed.
    let undated = meets(&provider, &without, &want("phishing_resistant", None));
    assert_eq!(
        undated,
        Ok(Proved {
            facts: facts("phishing_resistant"),
            age: None
        })
    );
}

#[test]
fn facts_of_lines_that_read_different_claims_do_not_add_up() {
    let provider = provider(
        r#"[{"when":{"acr_any_of":["phr"]},"proves":["phishing_resistant"]},
            {"when":{"amr_all_of":["pin"]},"proves":["user_verified"]},
            {"when":{"amr_any_of":["user"]},"proves":["user_present"]},
            {"when":{"acr_any_of":["phr"],"amr_none_of":["pwd"]},"proves":["multi_factor"]},
            {"when":{"claim":{"path":["key","be"],"equals":false}},"proves":["device_bound"]},
            {"when":{"claim":{"path":["key","hw"],"equals":true}},"proves":["hardware_bound"]}]"#,
    );
    let claims =
        r#"{"acr":"phr","amr":["pin","user"],"key":{"be":false,"hw":true},"iat":1,"auth_time":1}"#;
    let proves = |words: &str| meets(&provider, claims, &want(words, None)).map(|_| ());
    for fact in Fact::ALL {
        assert_eq!(proves(fact.as_str()), Ok(()), "{}", fact.as_str());
    }
    // Both read `amr` and nothing else.
    assert_eq!(proves("user_verified user_present"), Ok(()));
    for words in [
        "phishing_resistant user_verified",
        "phishing_resistant multi_factor",
        "user_verified multi_factor",
        "device_bound user_verified",
        // Two members of one claim are two claims.
        "device_bound hardware_bound",
    ] {
        assert_eq!(proves(words), Err(Shortfall::Facts), "{words}");
    }
}

#[test]
fn lines_that_write_amr_as_a_claim_read_what_the_others_read() {
    let provider = provider(
        r#"[{"when":{"amr_all_of":["pin"]},"proves":["user_verified"]},
            {"when":{"claim":{"path":["amr"],"contains":"user"}},"proves":["user_present"]}]"#,
    );
    let claims = r#"{"amr":["user","pin"]}"#;
    assert!(meets(&provider, claims, &want("user_verified user_present", None)).is_ok());
}

#[test]
fn every_line_that_is_used_must_be_young_enough() {
    let provider = provider(
        r#"[{"when":{"amr_all_of":["hwk"]},"proves":["phishing_resistant"]},
            {"when":{"amr_any_of":["hwk"]},"proves":["user_verified"],"dated_by":"passkey.at"},
            {"when":{"amr_any_of":["hwk"]},"proves":["user_present"],"dated_by":"none"}]"#,
    );
    let claims = |auth_time: u64, passkey: u64| {
        format!(
            r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{auth_time},"passkey":{{"at":{passkey}}}}}"#
        )
    };
    let meets = |claims: &str, words: &str| meets(&provider, claims, &want(words, Some(60)));
    let (young, old) = (NOW - 60, NOW - 61);
    let both = "phishing_resistant user_verified";
    assert!(meets(&claims(young, young), both).is_ok());
    assert_eq!(meets(&claims(young, old), both), Err(Shortfall::Age));
    assert_eq!(meets(&claims(old, young), both), Err(Shortfall::Age));
    assert!(meets(&claims(old, young), "user_verified").is_ok());
    assert_eq!(
        meets(&claims(young, young), "user_present"),
        Err(Shortfall::Age)
    );
    // What is told to the upstream is what was used, and its age the oldest of it.
    let proved = meets(&claims(old, young), "user_verified").unwrap_or_default();
    assert_eq!(proved.facts, facts("user_verified"));
    let proved = meets(&claims(NOW - 3, young), both).unwrap_or_default();
    assert_eq!(proved.age, Some(Duration::from_secs(60)));
}

#[test]
fn an_age_without_facts_is_that_of_auth_time() {
    let provider = provider(
        r#"[{"when":{"amr_all_of":["hwk"]},"proves":["phishing_resistant"],"dated_by":"passkey_at"}]"#,
    );
    let claims = |auth_time: u64, passkey: u64| {
        format!(r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{auth_time},"passkey_at":{passkey}}}"#)
    };
    let demand = want("", Some(60));
    assert_eq!(
        meets(&provider, &claims(NOW - 61, NOW), &demand),
        Err(Shortfall::Age)
    );
    assert_eq!(
        meets(&provider, &claims(NOW - 60, NOW - 1), &demand),
        Ok(Proved {
            facts: facts("phishing_resistant"),
            age: Some(Duration::from_secs(60))
        })
    );
    // A fact that is too old for the rule is not told beside an age that is not.
    assert_eq!(
        meets(&provider, &claims(NOW - 60, NOW - 61), &demand),
        Ok(Proved {
            facts: Facts::NONE,
            age: Some(Duration::from_secs(60))
        })
    );
}

#[test]
fn a_delegated_token_carries_facts_and_age_only_where_the_rule_says_so() {
    let provider = provider(PHR);
    for act in [r#"{"sub":"bot"}"#, "{}", "null", "false", r#""bot""#] {
        let claims = format!(r#"{{"amr":["hwk"],"iat":{NOW},"auth_time":{NOW},"act":{act}}}"#);
        for (words, max_age, shortfall) in [
            ("phishing_resistant", None, Shortfall::Facts),
            ("phishing_resistant", Some(60), Shortfall::Facts),
            ("", Some(60), Shortfall::Age),
        ] {
            let demand = want(words, max_age);
            assert_eq!(meets(&provider, &claims, &demand), Err(shortfall), "{act}");
            let allowed = Demand {
                delegated: true,
                ..demand
            };
            assert!(meets(&provider, &claims, &allowed).is_ok(), "{act}");
        }
        // Where nothing is asked, nothing is told.
        assert_eq!(
            meets(&provider, &claims, &want("", None)),
            Ok(Proved::default())
        );
    }
}

#[test]
fn what_is_told_is_the_largest_set_that_was_proved_together() {
    let provider = provider(
        r#"[{"when":{"acr_any_of":["phr"]},"proves":["phishing_resistant"]},
            {"when":{"amr_all_of":["pin"]},"proves":["user_verified"]},
            {"when":{"amr_any_of":["user"]},"proves":["user_present"]}]"#,
    );
    let claims = format!(
        r#"{{"acr":"phr","amr":["pin","user"],"iat":{NOW},"auth_time":{}}}"#,
        NOW - 7
    );
    let told = |words: &str| {
        meets(&provider, &claims, &want(words, None))
            .unwrap_or_default()
            .facts
    };
    assert_eq!(told(""), facts("user_verified user_present"));
    assert_eq!(told("user_present"), facts("user_verified user_present"));
    assert_eq!(told("phishing_resistant"), facts("phishing_resistant"));
}

mod properties {
    //! A second reading of the lines, plain and slow, and every token that we can think of.

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Fact, Facts, meets, provider, want};

    /// What a line looks for, told in other words.
    type Reading = fn(&Value) -> bool;

    /// Every way in which a line can look.
    fn lines() -> Vec<(Value, Reading)> {
        fn list(claim: &Value) -> Option<Vec<&str>> {
            let list = claim.as_array().filter(|list| !list.is_empty())?;
            list.iter().map(Value::as_str).collect()
        }
        vec![
            (json!({ "amr_all_of": ["a", "b"] }), |c| {
                list(&c["amr"]).is_some_and(|l| l.contains(&"a") && l.contains(&"b"))
            }),
            (json!({ "amr_any_of": ["a", "b"] }), |c| {
                list(&c["amr"]).is_some_and(|l| l.contains(&"a") || l.contains(&"b"))
            }),
            (json!({ "amr_exactly": ["a", "b"] }), |c| {
                list(&c["amr"]).is_some_and(|mut l| {
                    l.sort_unstable();
                    l.dedup();
                    l == ["a", "b"]
                })
            }),
            (json!({ "acr_any_of": ["a"], "amr_none_of": ["b"] }), |c| {
                c["acr"] == "a" && list(&c["amr"]).is_some_and(|l| !l.contains(&"b"))
            }),
            (
                json!({ "claim": { "path": ["x", "a"], "equals": true } }),
                |c| c["x"]["a"] == true,
            ),
            (
                json!({ "claim": { "path": ["x"], "contains": "a" } }),
                |c| list(&c["x"]).is_some_and(|l| l.contains(&"a")),
            ),
        ]
    }

    /// A value that looks like what lines look for, or nearly.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop::sample::select(vec![
            json!("a"),
            json!("b"),
            json!("A"),
            json!("a b"),
            json!(true),
            json!(1),
            json!(null),
        ]);
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::sample::select(vec!["a", "b", "x"]).prop_flat_map(move |name| {
                    inner.clone().prop_map(move |value| json!({ name: value }))
                }),
            ]
        })
    }

    fn claims() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
        let name =
            prop::sample::select(vec!["amr", "acr", "x", "a", "b", "amr_all_of", "auth_time"]);
        prop::collection::vec((name, value()), 0..6)
    }

    fn token(claims: &[(&str, Value)]) -> Value {
        let mut token = json!({});
        for (name, value) in claims {
            token[*name] = value.clone();
        }
        token
    }

    proptest! {
        #[test]
        fn a_fact_is_proved_only_by_a_line_that_holds(
            granted in prop::collection::vec(0..6_usize, 6),
            claims in claims(),
            more in claims(),
        ) {
            let lines = lines();
            // Each fact is granted by one line, and lines may grant several.
            let written: Vec<Value> = granted
                .iter()
                .zip(Fact::ALL)
                .map(|(&line, fact)| json!({ "when": lines[line].0, "proves": [fact.as_str()] }))
                .collect();
            let provider = provider(&Value::from(written).to_string());
            let all: Vec<_> = claims.iter().chain(&more).cloned().collect();
            for token in [token(&claims), token(&all)] {
                for (&line, fact) in granted.iter().zip(Fact::ALL) {
                    let proved = meets(&provider, &token.to_string(), &want(fact.as_str(), None));
                    prop_assert_eq!(proved.is_ok(), (lines[line].1)(&token), "{} {}", fact.as_str(), token);
                }
                let told = meets(&provider, &token.to_string(), &want("", None)).unwrap_or_default();
                for fact in told.facts.iter() {
                    let alone = meets(&provider, &token.to_string(), &want(fact.as_str(), None));
                    prop_assert!(alone.is_ok_and(|proved| proved.facts.hold(Facts::of(&[fact]))));
                }
            }
        }
    }
}
