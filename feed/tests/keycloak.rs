//! What a real Keycloak 26.7 sent, byte for byte, at the time at which it did.

mod running;

use passgate_harness::{Issuer, WallClock};
use passgate_kit::now;
use serde_json::{Value, json};

use running::{Feed, configuration, new_folder, with_clock};

/// The last of the samples was sent then.
const SENT: i64 = 1_795_900_908;
const ALICE: &str = "63165c4d-79f1-4d51-a8fe-49a26ed27113";

#[test]
fn what_a_keycloak_sent_ends_what_it_says() {
    let samples: Value = serde_json::from_str(include_str!("keycloak/samples.json")).unwrap();
    let issuer = Issuer::start();
    issuer.publish_text(&samples["jwks"].to_string());
    let mut words = configuration(issuer.address());
    let acme = &mut words["providers"]["acme"];
    acme["issuer"] = json!("http://localhost:8180/realms/demo");
    acme["back_channel_logout"]["audiences"] = json!(["legacy"]);
    let stream = "ssf-poll/18e80e46-d355-4b12-bd9e-d5b2743981b0";
    acme["security_events"]["audiences"] = json!([stream]);
    let clock = WallClock::ahead_by(SENT - now());
    let before = with_clock(&clock);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let feed = Feed::in_folder(new_folder(), &words, &before);
    let sample = |name: &str| samples[name].as_str().unwrap().to_owned();
    for name in [
        "logout.logged-out-by-herself",
        "logout.session-deleted-by-admin",
    ] {
        let answer = feed.logout(&sample(name));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    let sids = |list: &Value| {
        let entries = list["entries"].as_array().unwrap().iter();
        let sids = entries.filter_map(|entry| entry["sid"].as_str().map(str::to_owned));
        sids.collect::<Vec<_>>()
    };
    let of_logout = ["ZSr32tagVCd41qzkRqgXIqpt", "FkvEl119Cmlw2FECixNuZy9_"];
    assert_eq!(sids(&feed.list("")), of_logout);
    assert_eq!(feed.push(&sample("set.logged-out-by-herself")).status, 202);
    let three = [&of_logout[..], &["VjFrpeOIeHuTx4xV3cYK8AUt"]].concat();
    assert_eq!(sids(&feed.list("")), three);
    // Each says that the sessions of the person, or her password, have changed; the later counts.
    for name in ["set.user-logged-out-by-admin", "set.password-set-by-admin"] {
        assert_eq!(feed.push(&sample(name)).status, 202, "{name}");
    }
    let list = feed.list("");
    let person = list["entries"].as_array().unwrap().iter();
    let person: Vec<&Value> = person.filter(|entry| entry["sub"] == ALICE).collect();
    assert_eq!(person.len(), 1);
    assert_eq!(person[0]["not_before"], 1_795_900_892);
    // Two minutes later the logout token is over, and five more it counts all the same.
    clock.set(SENT - now() + 600);
    let answer = feed.logout(&sample("logout.logged-out-by-herself"));
    assert_eq!(answer.status, 400, "{answer:?}");
}
