//! Lists that end tokens before their time: what is revoked, at every worker, and what an outage,
//! an old list and a long one do.

use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy_with,
};
use passgate_kit::{SigningKey, Token, jwks, now};
use serde_json::{Value, json};

/// A gate whose keys are part of its configuration, and the server of its lists.
struct Story {
    gate: Gate,
    feed: Issuer,
    key: SigningKey,
}

impl Story {
    fn start(words: Value, workers: u32, prepare: impl FnOnce(&Issuer, &SigningKey)) -> Self {
        let key = SigningKey::es256("k1");
        let feed = Issuer::start();
        prepare(&feed, &key);
        let mut members = json!({
            "remote_jwks": null,
            "local_jwks": { "inline_string": jwks(&[&key]) },
        });
        let words = words.as_object().unwrap().clone();
        members.as_object_mut().unwrap().extend(words);
        let setup = Setup::new(policy_with(members)).workers(workers);
        let setup = setup.edit(|bootstrap| {
            let layer = &mut bootstrap.0["layered_runtime"]["layers"][0]["static_layer"];
            layer["http.async_response_buffer_limit"] = json!(16 << 20);
        });
        let gate = setup.cluster("feed", feed.address()).start();
        Self { gate, feed, key }
    }

    fn token(&self, subject: &str) -> String {
        let token = Token::of(&self.key, ISSUER, AUDIENCE);
        token.claim("sub", subject).build()
    }

    /// Sends a request on a connection of its own, and so to any worker.
    fn status(&self, token: &str) -> u16 {
        let request = Request::get("/").bearer(token);
        self.gate.send(Protocol::Http1, &request).status
    }

    fn denied(&self, token: &str, code: &str) {
        let request = Request::get("/").bearer(token);
        let answer = self.gate.send(Protocol::Http1, &request);
        self.gate.denied(&answer, code);
    }

    fn number(&self, name: &str) -> u64 {
        let name = format!("wasmcustom.passgate.revocations.provider.acme.{name}");
        self.gate.stat(&name)
    }
}

fn words(more: Value) -> Value {
    let mut words = json!({
        "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed", "timeout": "2s" },
        "cache_duration": "1s",
        "max_stale": "300s",
    });
    let more = more.as_object().unwrap().clone();
    words.as_object_mut().unwrap().extend(more);
    json!({ "revocations": words })
}

fn list(sequence: u64, entries: &Value) -> String {
    json!({
        "version": 1, "epoch": 1, "sequence": sequence, "generated_at": now(), "entries": entries,
    })
    .to_string()
}

/// Of requests on twenty connections, some of which reach each worker.
fn all_are(story: &Story, token: &str, status: u16) -> bool {
    (0..20).all(|_| story.status(token) == status)
}

#[test]
fn an_entry_takes_effect_at_every_worker_and_for_remembered_tokens() {
    let story = Story::start(words(json!({})), 4, |feed, _| {
        feed.publish_text(&list(1, &json!([])));
    });
    let (alice, bob) = (story.token("alice"), story.token("bob"));
    assert!(all_are(&story, &alice, 200));
    assert!(all_are(&story, &alice, 200), "remembered");
    let entry = json!([{ "sub": "alice", "not_before": now(), "reason": "signed_out" }]);
    story.feed.publish_text(&list(2, &entry));
    eventually("the entry at every worker", || {
        all_are(&story, &alice, 401).then_some(())
    });
    assert!(all_are(&story, &alice, 401));
    assert!(all_are(&story, &bob, 200));
    story.denied(&alice, "untrusted.revoked");
    // Who signs in again is let in, by a token of a later second.
    let again = Token::of(&story.key, ISSUER, AUDIENCE);
    let again = again.claim("sub", "alice").claim("iat", now() + 5).build();
    assert!(all_are(&story, &again, 200));
    eventually("numbers", || {
        (story.number("entries.sub") == 1 && story.number("sequence") == 2).then_some(())
    });
    assert_eq!(story.number("state.in_force"), 5, "one for each thread");
    story.gate.finish();
}

#[test]
fn a_list_that_is_rolled_back_is_no_answer() {
    let story = Story::start(words(json!({})), 1, |feed, _| {
        feed.publish_text(&list(2, &json!([{ "sub": "alice" }])));
    });
    let (alice, bob) = (story.token("alice"), story.token("bob"));
    story.denied(&alice, "untrusted.revoked");
    assert_eq!(story.status(&bob), 200);
    story.feed.publish_text(&list(1, &json!([])));
    eventually("refused lists", || {
        (story.number("fetches.rolled_back") >= 2).then_some(())
    });
    story.denied(&alice, "untrusted.revoked");
    assert_eq!(story.status(&bob), 200);
    let log = story.gate.log();
    assert!(
        log.contains("passgate revocations of acme: fetches fail: rolled back: "),
        "{log}"
    );
    story.gate.finish();
}

#[test]
fn without_a_young_list_the_policy_decides() {
    for (word, status) in [("deny", 503), ("allow", 200)] {
        let more = json!({ "when_unavailable": word, "max_stale": "2s" });
        let story = Story::start(words(more), 1, |feed, _| {
            feed.publish_text(&list(1, &json!([{ "sub": "alice" }])));
        });
        let (alice, bob) = (story.token("alice"), story.token("bob"));
        // Starting may have taken longer than a list is young.
        let renewed = list(2, &json!([{ "sub": "alice" }]));
        story.feed.publish_text(&renewed);
        eventually("a young list", || (story.status(&bob) == 200).then_some(()));
        story.feed.drop_connections();
        eventually("a list that is too old", || {
            (story.number("state.too_old") > 0).then_some(())
        });
        eventually("what the policy says then", || {
            (story.status(&bob) == status).then_some(())
        });
        story.denied(&alice, "untrusted.revoked");
        if status == 503 {
            story.denied(&bob, "unavailable.revocations");
        } else {
            eventually("unchecked requests", || {
                (story.number("unchecked") > 0).then_some(())
            });
        }
        let log = story.gate.log();
        assert!(
            log.contains("passgate revocations of acme: the list is too old"),
            "{log}"
        );
        story
            .feed
            .publish_text(&list(3, &json!([{ "sub": "alice" }])));
        story.feed.recover();
        eventually("a young list again", || {
            (story.status(&bob) == 200).then_some(())
        });
        story.gate.finish();
    }
}

#[test]
fn before_the_first_list_requests_wait_for_it() {
    let story = Story::start(words(json!({})), 1, |feed, _| {
        feed.publish_text(&list(1, &json!([{ "sub": "alice" }])));
        feed.hold();
    });
    let mut waiting = story.gate.client();
    let alice = story.token("alice");
    waiting.send(Request::get("/").bearer(&alice).to_http1());
    eventually("the fetch", || (story.feed.fetches() > 0).then_some(()));
    assert_eq!(story.gate.upstream.hits(), 0);
    story.feed.release();
    let answer = waiting.read();
    story.gate.denied(&answer, "untrusted.revoked");
    story.gate.finish();
}

/// A hundred thousand entries, as long as they are in the field: eight megabytes.
#[test]
fn a_list_of_a_hundred_thousand_is_read_beside_the_requests() {
    let entries: Vec<Value> = (0..100_000)
        .map(|n| json!({ "sub": format!("5f7c8ec7-c33c-6c00-4bba-{n:012}"), "not_before": now() + 600 }))
        .collect();
    let entries = json!(entries);
    let story = Story::start(words(json!({ "cache_duration": "2s" })), 1, |feed, _| {
        feed.tag("\"one\"");
        feed.publish_text(&list(1, &entries));
    });
    let last = story.token("5f7c8ec7-c33c-6c00-4bba-000000099999");
    let bob = story.token("bob");
    assert_eq!(story.status(&bob), 200);
    story.denied(&last, "untrusted.revoked");
    eventually("the number of entries", || {
        (story.number("entries.sub") == 100_000).then_some(())
    });
    eventually("confirmations", || {
        (story.number("fetches.not_modified") >= 2).then_some(())
    });
    assert_eq!(story.status(&bob), 200);
    story.gate.finish();
}

#[test]
fn a_status_list_ends_tokens_and_is_fetched_once() {
    let uri = "https://feed.example.com/status/1";
    let signed = |key: &SigningKey, lst: &str| {
        let list = json!({ "bits": 1, "lst": lst });
        let claims = json!({ "sub": uri, "iat": now(), "ttl": 1, "status_list": list });
        let token = Token::of(key, ISSUER, "").header("typ", "statuslist+jwt");
        token.raw_claims(&claims.to_string()).build()
    };
    let lists = json!({ "status_lists": {
        "uri_prefix": "https://feed.example.com/status/", "cluster": "feed", "timeout": "2s",
    } });
    let story = Story::start(lists, 1, |feed, key| {
        // The example of the draft: 1, 0, 0, 1.
        feed.publish_text(&signed(key, "eNrbuRgAAhcBXQ"));
    });
    let token = |index: u64| {
        let place = json!({ "status_list": { "idx": index, "uri": uri } });
        let token = Token::of(&story.key, ISSUER, AUDIENCE);
        token.claim("status", place).build()
    };
    let (first, second) = (token(0), token(1));
    story.denied(&first, "untrusted.revoked");
    assert_eq!(story.status(&second), 200);
    let (asked, before) = (story.feed.asked_with(), story.feed.fetches());
    assert_eq!(asked[0].text("accept"), Some("application/statuslist+jwt"));
    assert!(before <= 2, "{before} fetches");
    // All of them are revoked.
    let all = "eNr7_x8AAv8B_w";
    story.feed.publish_text(&signed(&story.key, all));
    eventually("the next list", || {
        (story.status(&second) == 401).then_some(())
    });
    story.feed.publish_text("no list");
    eventually("no list", || (story.status(&second) == 503).then_some(()));
    story.denied(&second, "unavailable.status_list");
    story.gate.finish();
}
