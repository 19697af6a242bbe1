//! What the feed asks of an admin API, before a Keycloak that is played.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{collections::BTreeMap, fs};

use passgate_harness::{Issuer, Message, eventually};
use serde_json::{Value, json};

use running::{Feed, configuration, new_folder, played::Played};

/// In seconds since 1970.
fn now() -> u64 {
    passgate_kit::now().try_into().unwrap()
}

/// The admin API of one realm.
type Keycloak = Played<State>;

#[derive(Default)]
struct State {
    not_before: Value,
    /// Whether they are enabled.
    people: BTreeMap<String, bool>,
    /// What it gave; the last one is good.
    tokens: u64,
    /// Tokens that were revoked, the last first.
    events: Vec<Value>,
    /// Whether it stores them, and which types else.
    stores: Value,
    status: Option<u16>,
    /// It is an old one, which knows no such question.
    names_everybody: bool,
}

impl Keycloak {
    fn start() -> Self {
        let this = Self::answering(|state, request| state.lock().unwrap().answer(request));
        this.state(|state| {
            state.not_before = json!(0);
            state.stores = json!({ "is_on": true, "types": [] });
        });
        this
    }

    fn person(&self, id: &str, enabled: bool) {
        self.state(|state| state.people.insert(id.to_owned(), enabled));
    }

    /// A person's refresh token is revoked, or, by `token_id`, an access token.
    fn revoke(&self, at: u64, sid: &str, person: &str, detail: &str) {
        let event = json!({
            "time": at * 1_000,
            "type": "REVOKE_GRANT",
            "sessionId": sid,
            "userId": person,
            "details": { detail: "shop" },
        });
        self.state(|state| state.events.insert(0, event));
    }
}

impl State {
    fn answer(&mut self, request: &Message) -> (u16, Value) {
        let start = String::from_utf8_lossy(&request.start).into_owned();
        if start == "POST /token HTTP/1.1" {
            self.tokens += 1;
            let token = format!("t{}", self.tokens);
            return (200, json!({ "access_token": token, "expires_in": 300 }));
        }
        let shown = request.headers.text("authorization").unwrap_or_default();
        if shown != format!("Bearer t{}", self.tokens) {
            return (401, json!({}));
        }
        if let Some(status) = self.status {
            return (status, json!({}));
        }
        let path = start.strip_prefix("GET /admin/realms/acme").unwrap();
        let Some((place, query)) = path.split_once('?') else {
            let realm = json!({
                "realm": "acme",
                "notBefore": self.not_before,
                "eventsEnabled": self.stores["is_on"],
                "enabledEventTypes": self.stores["types"],
            });
            return (200, realm);
        };
        let number = |name: &str| -> usize {
            let (_, rest) = query.split_once(name).unwrap();
            let digits = rest.split(|byte: char| !byte.is_ascii_digit());
            digits.into_iter().next().unwrap().parse().unwrap()
        };
        if place == "/events" {
            assert!(query.contains("type=REVOKE_GRANT"), "{query}");
            let page = self.events.iter().skip(number("first="));
            return (200, page.take(number("max=")).cloned().collect());
        }
        assert!(query.contains("enabled=false"), "{query}");
        let all = self.people.iter();
        let asked = all.filter(|(_, enabled)| !**enabled || self.names_everybody);
        let page = asked.skip(number("first=")).take(number("max="));
        let page = page.map(|(id, enabled)| json!({ "id": id, "enabled": enabled }));
        (200, page.collect())
    }
}

fn start(issuer: &Issuer, keycloak: &Keycloak) -> Feed {
    let folder = new_folder();
    fs::write(folder.join("client"), "s3cret").unwrap();
    let address = keycloak.address();
    let mut words = configuration(issuer.address());
    words["providers"]["acme"]["keycloak"] = json!({
        "admin_uri": format!("http://{address}/admin/realms/acme"),
        "clients": ["shop", "app"],
        "stored_events": true,
        "interval": "1s",
        "timeout": "2s",
        "client_credentials": {
            "token_uri": format!("http://{address}/token"),
            "client_id": "feed",
            "client_secret": { "file": "client" },
        },
    });
    Feed::in_folder(folder, &words, &[])
}

/// Waits until it was asked and answered so twice more: what was there before the first of them was
/// seen.
fn asked_again(feed: &Feed, outcome: &str) {
    let labels = format!("{{provider=\"acme\",outcome=\"{outcome}\"}}");
    let name = format!("passgate_feed_admin_polls_total{labels}");
    let before = feed.metric(&name);
    eventually("two more questions", || {
        (feed.metric(&name) > before + 1).then_some(())
    });
}

fn entries(feed: &Feed) -> Vec<Value> {
    feed.list("")["entries"].as_array().unwrap().clone()
}

/// When the entry of this person begins to let pass.
fn not_before(feed: &Feed, sub: &str) -> Option<u64> {
    let all = entries(feed);
    let own = all.iter().find(|entry| entry["sub"] == sub)?;
    own["not_before"].as_u64()
}

#[test]
fn a_person_who_is_disabled_ends_once_and_no_outage_changes_that() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    keycloak.person("alice", true);
    let feed = start(&issuer, &keycloak);
    asked_again(&feed, "ok");
    assert_eq!(entries(&feed), Vec::<Value>::new());
    keycloak.state(|state| state.names_everybody = true);
    asked_again(&feed, "ok");
    assert_eq!(entries(&feed), Vec::<Value>::new());

    let before = now();
    keycloak.person("alice", false);
    let first = eventually("her entry", || not_before(&feed, "alice"));
    assert!((before..=now()).contains(&first), "{first}");
    assert_eq!(entries(&feed)[0]["reason"], "disabled");
    let edition = feed.list("")["sequence"].clone();
    asked_again(&feed, "ok");
    // It does not answer, and she is enabled again: nothing begins and nothing ends.
    keycloak.person("bob", false);
    keycloak.state(|state| state.status = Some(500));
    keycloak.person("alice", true);
    asked_again(&feed, "odd");
    assert_eq!(feed.list("")["sequence"], edition);
    keycloak.state(|state| state.status = Some(403));
    asked_again(&feed, "status");
    assert!(
        feed.log()
            .contains("the account needs view-realm of realm-management")
    );
    assert_eq!(feed.list("")["sequence"], edition);

    keycloak.state(|state| state.status = None);
    eventually("the other's entry", || not_before(&feed, "bob"));
    assert_eq!(not_before(&feed, "alice"), Some(first));
    // And again.
    keycloak.person("alice", false);
    eventually("her next entry", || {
        (not_before(&feed, "alice") > Some(first)).then_some(())
    });
    assert_eq!(entries(&feed).len(), 2);
}

#[test]
fn many_are_read_page_by_page_over_several_polls() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    for number in 0..250 {
        keycloak.person(&format!("p{number:05}"), false);
    }
    let feed = start(&issuer, &keycloak);
    eventually("all of them", || {
        (entries(&feed).len() == 250).then_some(())
    });
    asked_again(&feed, "ok");
    // More than one poll reads: the next one reads on, and then it begins anew.
    for number in 0..10_050 {
        keycloak.person(&format!("p{number:05}"), false);
    }
    eventually("the rest", || {
        (entries(&feed).len() == 10_050).then_some(())
    });
    keycloak.person("a", false);
    eventually("the first of the next round", || not_before(&feed, "a"));
}

#[test]
fn all_sessions_of_a_realm_end_by_its_clients() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    let ended = |at: u64| {
        ["shop", "app"].map(|client| {
            json!({ "client_id": client, "not_before": at, "reason": "all sessions ended" })
        })
    };
    let before = now() - 600;
    keycloak.state(|state| state.not_before = json!(before));
    let feed = start(&issuer, &keycloak);
    eventually("the end of before", || {
        (entries(&feed) == ended(before)).then_some(())
    });

    // The token of the feed's own account is worth nothing then.
    let at = now();
    keycloak.state(|state| {
        state.not_before = json!(at);
        state.tokens += 1;
    });
    eventually("the end", || (entries(&feed) == ended(at)).then_some(()));
    let edition = feed.list("")["sequence"].clone();
    // It goes back, is to come, or is missing: whoever has ended stays so, and nobody else ends.
    keycloak.state(|state| state.not_before = json!(0));
    asked_again(&feed, "ok");
    for odd in [json!(now() + 3_600), Value::Null] {
        keycloak.state(|state| state.not_before = odd);
        asked_again(&feed, "odd");
    }
    assert_eq!(feed.list("")["sequence"], edition);
}

fn sids(feed: &Feed) -> Vec<String> {
    let all = entries(feed);
    let sids = all.iter().filter_map(|entry| entry["sid"].as_str());
    sids.map(str::to_owned).collect()
}

/// What Keycloak 26.7 says of a refresh token, and of an access token.
const REFRESH: &str = "revoked_client";
const ACCESS: &str = "token_id";

#[test]
fn sessions_whose_refresh_tokens_were_revoked_end_once() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    let revoke = |at, sid: &str| keycloak.revoke(at, sid, "alice", REFRESH);
    revoke(now() - 86_400, "over");
    revoke(now() - 600, "before");
    revoke(now() + 86_400, "to come");
    keycloak.revoke(now(), "one access token", "alice", ACCESS);
    let feed = start(&issuer, &keycloak);
    eventually("the session of before", || {
        (sids(&feed) == ["to come", "before"]).then_some(())
    });
    assert_eq!(entries(&feed)[0]["reason"], "refresh token revoked");
    let edition = feed.list("")["sequence"].clone();
    asked_again(&feed, "ok");
    assert_eq!(feed.list("")["sequence"], edition);
    revoke(now(), "now");
    eventually("the next one", || {
        (sids(&feed) == ["to come", "before", "now"]).then_some(())
    });
    // Many of one person become one entry, as always; none of them is lost on another page. One
    // that is dated in the future does not end what will be issued until then.
    for number in 0..250 {
        revoke(now() + 86_400, &format!("s{number}"));
    }
    let at = eventually("alice", || not_before(&feed, "alice"));
    assert!(at <= now() + 60, "{at}");
    assert!(sids(&feed).len() < 16, "{}", sids(&feed).len());
}

#[test]
fn no_event_is_skipped_because_there_are_many() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    let start_of_all = now() - 1_800;
    keycloak.revoke(start_of_all, "first", "bob", REFRESH);
    for number in 0..10_050 {
        let at = start_of_all + number / 10;
        keycloak.revoke(at, &format!("s{number}"), "alice", REFRESH);
    }
    let feed = start(&issuer, &keycloak);
    let is_there = |sid: &'static str| {
        eventually(sid, || {
            sids(&feed).iter().any(|held| held == sid).then_some(())
        });
    };
    is_there("first");
    let read_in_part = r#"passgate_feed_admin_polls_total{provider="acme",outcome="too_many"}"#;
    assert_eq!(feed.metric(read_in_part), 1);
    keycloak.revoke(now(), "last", "bob", REFRESH);
    is_there("last");
    asked_again(&feed, "ok");
    assert_eq!(feed.metric(read_in_part), 1);
}

#[test]
fn a_realm_that_stores_no_events_is_told() {
    let (issuer, keycloak) = (Issuer::start(), Keycloak::start());
    let feed = start(&issuer, &keycloak);
    asked_again(&feed, "ok");
    keycloak.state(|state| state.stores = json!({ "is_on": true, "types": ["LOGIN"] }));
    asked_again(&feed, "odd");
    assert!(feed.log().contains("REVOKE_GRANT among the saved types"));
    // The end of all sessions is found all the same.
    keycloak.state(|state| state.not_before = json!(1));
    eventually("the end", || (entries(&feed).len() == 2).then_some(()));
    let stores = json!({ "is_on": true, "types": ["LOGIN", "REVOKE_GRANT"] });
    keycloak.state(|state| state.stores = stores);
    asked_again(&feed, "ok");
}
