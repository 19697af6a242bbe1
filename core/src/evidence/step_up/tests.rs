use core::time::Duration;

use super::{Demand, acr_values, acr_values_of_all, can_meet};
use crate::{
    config::Config,
    evidence::Fact::{HardwareBound, PhishingResistant, UserVerified},
    evidence::{Evidence, Facts},
};

fn evidence(json: &str) -> Evidence {
    let json = format!(
        r#"{{"providers":{{"acme":{{"issuer":"https://id.example","audiences":["api"],"evidence":{json},
        "remote_jwks":{{"http_uri":{{"uri":"https://id.example/jwks","cluster":"id"}}}}}}}}}}"#
    );
    let config = Config::parse(json.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?}"));
    config.into_providers().remove(0).evidence
}

fn want(facts: Facts) -> Demand {
    Demand {
        facts,
        max_age: None,
        delegated: false,
    }
}

const PHR: Facts = Facts::of(&[PhishingResistant]);
const PHR_UV: Facts = Facts::of(&[PhishingResistant, UserVerified]);

#[test]
fn every_value_proves_all_that_is_wanted_by_itself() {
    let evidence = evidence(
        r#"{"lines":[
            {"when":{"acr_any_of":["phr","phrh"]},"proves":["phishing_resistant"]},
            {"when":{"acr_any_of":["phrh"]},"proves":["hardware_bound"]},
            {"when":{"acr_any_of":["pin"]},"proves":["user_verified"]}]}"#,
    );
    assert_eq!(acr_values(&evidence, &want(PHR)), ["phr", "phrh"]);
    let hardware = Facts::of(&[PhishingResistant, HardwareBound]);
    assert_eq!(acr_values(&evidence, &want(hardware)), ["phrh"]);
    assert!(acr_values(&evidence, &want(PHR_UV)).is_empty());
    assert!(acr_values(&evidence, &want(Facts::NONE)).is_empty());
}

#[test]
fn a_line_that_reads_amr_alone_names_a_value_only_where_it_is_told_to() {
    let evidence = evidence(
        r#"{"lines":[
            {"when":{"amr_all_of":["hwk"]},"proves":["phishing_resistant"]},
            {"when":{"amr_all_of":["pop"]},"proves":["phishing_resistant"],"request_acr":"gold"},
            {"when":{"acr_any_of":["phr"],"amr_none_of":["pwd"]},"proves":["phishing_resistant"]},
            {"when":{"acr_any_of":["a b","c\"d","é"]},"proves":["phishing_resistant"]}]}"#,
    );
    // What cannot stand in the list is left out of it.
    assert_eq!(acr_values(&evidence, &want(PHR)), ["gold", "phr"]);
}

#[test]
fn two_lines_that_read_more_than_acr_are_not_promised_together() {
    let evidence = evidence(
        r#"{"lines":[
            {"when":{"amr_all_of":["hwk"]},"proves":["phishing_resistant"],"request_acr":"gold"},
            {"when":{"amr_all_of":["pin"]},"proves":["user_verified"],"request_acr":"gold"}]}"#,
    );
    assert_eq!(acr_values(&evidence, &want(PHR)), ["gold"]);
    assert!(acr_values(&evidence, &want(PHR_UV)).is_empty());
    assert!(
        can_meet(&evidence, &want(PHR_UV)),
        "though a token may show both"
    );
}

#[test]
fn a_line_without_date_is_not_asked_for_where_an_age_is_wanted() {
    let evidence = evidence(
        r#"{"lines":[{"when":{"acr_any_of":["phr"]},"proves":["phishing_resistant"],"dated_by":"none"}]}"#,
    );
    assert_eq!(acr_values(&evidence, &want(PHR)), ["phr"]);
    let aged = Demand {
        max_age: Some(Duration::from_secs(60)),
        ..want(PHR)
    };
    assert!(acr_values(&evidence, &aged).is_empty());
    assert!(can_meet(&evidence, &want(PHR)) && !can_meet(&evidence, &aged));
}

#[test]
fn without_a_token_only_values_that_suffice_at_every_able_issuer_are_named() {
    let own = evidence(
        r#"{"lines":[{"when":{"acr_any_of":["gold","phr"]},"proves":["phishing_resistant"]}]}"#,
    );
    let eap = evidence(r#"{"preset":"eap"}"#);
    let unable = Evidence::default();
    assert_eq!(
        acr_values_of_all([&unable, &own, &eap].into_iter(), &want(PHR)),
        ["phr"]
    );
    assert_eq!(
        acr_values_of_all([&own, &unable].into_iter(), &want(PHR)),
        ["gold", "phr"]
    );
    assert!(acr_values_of_all([&unable].into_iter(), &want(PHR)).is_empty());
}

#[test]
fn entra_is_asked_for_the_context_that_a_line_reads() {
    let evidence = evidence(
        r#"{"preset":"entra","lines":[
            {"when":{"claim":{"path":["acrs"],"contains":"c1"}},"proves":["phishing_resistant"]},
            {"when":{"acr_any_of":["1"]},"proves":["phishing_resistant"]}]}"#,
    );
    assert!(evidence.is_entra);
    assert_eq!(acr_values(&evidence, &want(PHR)), ["c1"]);
}
