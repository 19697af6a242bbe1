//! What the program takes from providers and operators, and what it tells gates.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod running;

use std::{fs, process::Command};

use passgate_harness::{Authority, Issuer, Request, eventually};
use passgate_kit::{SigningKey, minted, now, tampered};
use serde_json::{Value, json};

use running::{
    Feed, OPERATOR, PUSH, READER, configuration, event_token, logout, logout_token, new_folder,
    person, spawn, try_send,
};

fn entries(list: &Value) -> Vec<Value> {
    list["entries"].as_array().unwrap().clone()
}

#[test]
fn a_logout_token_ends_its_session_once() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let empty = feed.list("");
    let token = logout_token(&issuer.key, "s1").build();
    let answer = feed.logout(&token);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers.text("cache-control"), Some("no-store"));
    let list = feed.list("");
    assert_eq!(
        entries(&list),
        [json!({ "sid": "s1", "reason": "logged out" })]
    );
    assert_eq!(list["epoch"], empty["epoch"]);
    assert!(list["sequence"].as_u64() > empty["sequence"].as_u64());
    let made = list["generated_at"].as_i64().unwrap();
    assert!((now() - 5..=now()).contains(&made), "{list}");
    // The same again is taken, because an answer may be lost, and changes nothing.
    assert_eq!(feed.logout(&token).status, 200);
    assert_eq!(feed.list("")["sequence"], list["sequence"]);
    let count = |outcome: &str| {
        feed.metric(&format!(
            "passgate_feed_events_total{{provider=\"acme\",kind=\"logout\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((count("taken"), count("known")), (1, 1));
    let remembered = "passgate_feed_remembered_tokens{provider=\"acme\"}";
    assert_eq!(feed.metric(remembered), 1);
    // When it was heard is known after a start, too.
    let last = "passgate_feed_last_event_seconds{provider=\"acme\"}";
    let heard = feed.metric(last);
    assert!((now() - 60..=now()).contains(&i64::try_from(heard).unwrap()));
    let words = configuration(issuer.address());
    let feed = Feed::in_folder(feed.kill(), &words, &[]);
    assert_eq!(feed.metric(last), heard);
    assert_eq!(feed.metric(remembered), 1);
}

#[test]
fn a_token_that_is_not_the_providers_for_us_now_ends_nothing() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let stranger = SigningKey::es256("k1");
    let token = || logout_token(&issuer.key, "s1");
    let good = token().build();
    let wrong = [
        (tampered(&good), "a signature"),
        (logout_token(&stranger, "s1").build(), "a signature"),
        (token().header("typ", "JWT").build(), "typ"),
        (token().header("typ", "secevent+jwt").build(), "typ"),
        (token().claim("iss", "https://other.example").build(), "iss"),
        (token().claim("aud", "other").build(), "aud"),
        (token().expires_in(-310).build(), "exp"),
        (token().without("exp").build(), "exp"),
        (token().without("jti").build(), "jti"),
        (token().without("sub").without("sid").build(), "sub or sid"),
        (token().without("events").build(), "events"),
        (token().claim("nonce", "n").build(), "nonce"),
        (token().hs256(b"secret").build(), "alg"),
        ("x".repeat(60_000), "a JWT"),
        (String::new(), "a JWT"),
    ];
    for (token, word) in wrong {
        let answer = feed.logout(&token);
        assert_eq!(answer.status, 400, "{word}: {answer:?}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["error"], "invalid_request");
        let told = body["error_description"].as_str().unwrap();
        assert!(told.contains(word), "{word}: {told}");
    }
    for request in [
        Request::post("/acme/backchannel-logout", b"logout_token=x"),
        logout(&format!("{good}&logout_token={good}")),
        logout(&"x".repeat(80_000)),
        Request::post("/acme/events", good.as_bytes()),
        Request::post("/other/events", good.as_bytes()),
        Request::get("/acme/backchannel-logout"),
    ] {
        let answer = feed.send(&request);
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert!(entries(&feed.list("")).is_empty());
    assert_eq!(feed.logout(&good).status, 200);
    // Neither tokens nor secrets nor people stand in the log.
    let log = eventually("the line of the event", || {
        let log = feed.log();
        log.contains("\"outcome\":\"taken\"").then_some(log)
    });
    for secret in minted()
        .iter()
        .map(String::as_str)
        .chain([OPERATOR, READER, "alice"])
    {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn a_token_from_the_future_comes_again_when_the_clocks_are_right() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let count = |outcome: &str| {
        let name = "passgate_feed_events_total{provider=\"acme\",kind=\"unread\",outcome=\"";
        feed.metric(&format!("{name}{outcome}\"}}"))
    };
    let token = |key| logout_token(key, "s1");
    for name in ["iat", "nbf"] {
        let early = token(&issuer.key).claim(name, now() + 90).build();
        let answer = feed.logout(&early);
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.headers.text("retry-after").is_some());
        let early = event_token(&issuer.key, "any", person("alice"));
        let early = early.claim(name, now() + 90).build();
        assert_eq!(feed.push(&early).status, 503);
    }
    assert_eq!(count("early"), 4);
    assert_eq!(
        feed.logout(&token(&issuer.key).expires_in(-310).build())
            .status,
        400
    );
    assert_eq!(count("late"), 1);
    // Who is not the issuer learns and counts nothing by it.
    let stranger = SigningKey::es256("k1");
    let forged = token(&stranger).claim("iat", now() + 90).build();
    assert_eq!(feed.logout(&forged).status, 400);
    assert_eq!((count("early"), count("late"), count("refused")), (4, 1, 1));
    assert!(entries(&feed.list("")).is_empty());
}

#[test]
fn pushed_events_end_what_the_table_says() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let push = |kind: &str, sub_id: Value| {
        let token = event_token(&issuer.key, kind, sub_id).build();
        let answer = feed.push(&token);
        assert_eq!(answer.status, 202, "{kind}: {answer:?}");
        assert!(answer.body.is_empty());
    };
    let session = json!({ "format": "complex", "user": person("alice"), "session": { "format": "opaque", "id": "s1" } });
    push("caep/event-type/session-revoked", session);
    push("caep/event-type/credential-change", person("bob"));
    push("caep/event-type/token-claims-change", person("carol"));
    push("risc/event-type/account-disabled", person("dave"));
    push(
        "ssf/event-type/verification",
        json!({ "format": "opaque", "id": "stream" }),
    );
    push("caep/event-type/device-compliance-change", person("erin"));
    let list = feed.list("");
    let named: Vec<&str> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["sub"].as_str().or(entry["sid"].as_str()).unwrap())
        .collect();
    assert_eq!(named, ["s1", "bob", "carol", "dave"]);
    let refused = |token: String, err: &str| {
        let answer = feed.push(&token);
        assert_eq!(answer.status, 400, "{answer:?}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["err"], err, "{body}");
    };
    let kind = "caep/event-type/session-revoked";
    let other = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "alice" });
    refused(
        event_token(&issuer.key, kind, other).build(),
        "invalid_request",
    );
    let token = || event_token(&issuer.key, kind, person("alice"));
    refused(token().claim("aud", "shop").build(), "invalid_audience");
    refused(token().claim("iss", "x").build(), "invalid_issuer");
    let stranger = SigningKey::es256("k1");
    refused(
        event_token(&stranger, kind, person("alice")).build(),
        "invalid_key",
    );
    refused(
        token().claim("iat", now() - 90_000).build(),
        "invalid_request",
    );
    assert_eq!(feed.list("")["sequence"], list["sequence"]);
}

#[test]
fn a_transmitter_shows_the_bearer_that_is_configured() {
    let issuer = Issuer::start();
    let folder = new_folder();
    fs::write(folder.join("push"), PUSH).unwrap();
    let mut words = configuration(issuer.address());
    words["providers"]["acme"]["security_events"]["bearer"] = json!({ "file": "push" });
    let feed = Feed::in_folder(folder, &words, &[]);
    let kind = "caep/event-type/session-revoked";
    let push = |bearers: &[&str]| {
        let token = event_token(&issuer.key, kind, person("alice")).build();
        let request = Request::post("/acme/events", token.as_bytes());
        let request = request.header("content-type", "application/secevent+jwt");
        let request = bearers
            .iter()
            .fold(request, |request, bearer| request.bearer(bearer));
        feed.send(&request).status
    };
    for odd in [&[][..], &[READER], &[OPERATOR], &[PUSH, PUSH], &[""]] {
        assert_eq!(push(odd), 401, "{odd:?}");
    }
    assert!(entries(&feed.list("")).is_empty());
    assert_eq!(push(&[PUSH]), 202);
    assert_eq!(entries(&feed.list("")).len(), 1);
}

#[test]
fn keys_are_not_taken_from_where_a_redirect_leads() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    issuer.status(302);
    issuer.header("location", &format!("http://{}/jwks", other.address()));
    let feed = Feed::start(&issuer);
    let answer = feed.logout(&logout_token(&other.key, "s1").build());
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(issuer.fetches() > 0);
    assert_eq!(other.fetches(), 0);
}

#[test]
fn an_operator_takes_away_what_an_operator_wrote_and_no_more() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let block = json!([{ "sub": "alice" }]);
    assert_eq!(feed.entries("POST", &block).status, 200);
    let token = logout_token(&issuer.key, "s1").build();
    assert_eq!(feed.logout(&token).status, 200);
    assert_eq!(feed.entries("DELETE", &block).status, 200);
    let sid = [json!({ "sid": "s1", "reason": "logged out" })];
    assert_eq!(entries(&feed.list("")), sid);
    assert_eq!(
        feed.entries("DELETE", &json!([{ "sid": "s1" }])).status,
        200
    );
    assert_eq!(entries(&feed.list("")), sid);
    // Also after a start.
    assert_eq!(feed.entries("POST", &block).status, 200);
    let words = configuration(issuer.address());
    let feed = Feed::in_folder(feed.kill(), &words, &[]);
    assert_eq!(entries(&feed.list("")).len(), 2);
    assert_eq!(feed.entries("DELETE", &block).status, 200);
    assert_eq!(entries(&feed.list("")), sid);
}

#[test]
fn keys_that_rotate_and_keys_that_are_away() {
    let issuer = Issuer::start();
    issuer.hold();
    let feed = Feed::start(&issuer);
    // A token that comes before the keys waits for them.
    std::thread::scope(|scope| {
        let early = scope.spawn(|| feed.logout(&logout_token(&issuer.key, "s1").build()).status);
        eventually("a fetch", || (issuer.fetches() > 0).then_some(()));
        issuer.release();
        assert_eq!(early.join().unwrap(), 200);
    });
    let next = SigningKey::rs256("k2");
    issuer.publish(&[&next]);
    assert_eq!(feed.logout(&logout_token(&next, "s2").build()).status, 200);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s3").build()).status,
        400,
        "withdrawn"
    );
    assert_eq!(entries(&feed.list("")).len(), 2);

    let away = Issuer::start();
    away.drop_connections();
    let feed = Feed::start(&away);
    let answer = feed.logout(&logout_token(&away.key, "s1").build());
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.text("retry-after").is_some());
}

#[test]
fn a_provider_whose_keys_stay_away_takes_no_places_of_others() {
    let (issuer, away) = (Issuer::start(), Issuer::start());
    away.hold();
    let mut words = configuration(issuer.address());
    let acme = words["providers"]["acme"].clone();
    words["providers"]["part"] = acme.clone();
    words["providers"]["away"] = acme;
    let keys = format!("http://{}/jwks", away.address());
    words["providers"]["away"]["remote_jwks"]["uri"] = json!(keys);
    let feed = Feed::with(&words);
    let to = |provider: &str, token: &str| {
        let mut request = logout(token);
        request.path = format!("/{provider}/backchannel-logout").into_bytes();
        request
    };
    let stuck = logout_token(&away.key, "s0").build();
    std::thread::scope(|scope| {
        // More than there are places to wait for keys.
        let stuck: Vec<_> = (0..150)
            .map(|_| scope.spawn(|| feed.send(&to("away", &stuck)).status))
            .collect();
        eventually("a fetch", || (away.fetches() > 0).then_some(()));
        let token = logout_token(&issuer.key, "s1").build();
        for provider in ["acme", "part"] {
            assert_eq!(feed.send(&to(provider, &token)).status, 200, "{provider}");
            let path = format!("/{provider}/revocations");
            let list = feed.send(&Request::get(path).bearer(READER));
            assert!(list.text().contains("s1"), "{provider}");
        }
        away.release();
        // Each has waited its turn.
        for stuck in stuck {
            assert_eq!(stuck.join().unwrap(), 200);
        }
    });
}

#[test]
fn keys_are_fetched_over_tls_from_whom_the_configuration_trusts() {
    let authority = Authority::generate();
    let issuer = Issuer::over_tls(&authority, "localhost");
    let folder = new_folder();
    let mut words = configuration(issuer.address());
    let port = issuer.address().port();
    let keys = json!({ "uri": format!("https://localhost:{port}/jwks"), "trusted_ca": "ca.pem" });
    words["providers"]["acme"]["remote_jwks"] = keys;
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let feed = Feed::in_folder(folder, &words, &[]);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s1").build()).status,
        200
    );
    // Nobody else's word counts.
    let folder = new_folder();
    fs::write(folder.join("ca.pem"), Authority::generate().pem()).unwrap();
    let feed = Feed::in_folder(folder, &words, &[]);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s1").build()).status,
        503
    );
}

#[test]
fn gates_are_told_what_is_new_and_what_has_not_changed() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    for name in ["a", "b"] {
        let written = feed.entries("POST", &json!([{ "sub": name, "not_before": 5 }]));
        assert_eq!(written.status, 200, "{written:?}");
    }
    let all = feed.list("");
    let sequence = all["sequence"].as_u64().unwrap();
    let before = sequence.checked_sub(1).unwrap();
    let new = feed.list(&format!("?after={before}"));
    assert_eq!(new["after"], before);
    assert_eq!(entries(&new), [json!({ "sub": "b", "not_before": 5 })]);
    assert!(entries(&feed.list(&format!("?after={sequence}"))).is_empty());
    for odd in ["?after=x", "?after=-1", "?after=", "?after=99999", "?x=1"] {
        assert_eq!(entries(&feed.list(odd)).len(), 2, "{odd}");
    }
    // Within a second the document is the same.
    eventually("304", || {
        let get = || Request::get("/acme/revocations").bearer(READER);
        let answer = feed.send(&get());
        let tag = answer.headers.text("etag").unwrap().to_owned();
        let again = feed.send(&get().header("if-none-match", &tag));
        (again.status == 304 && again.body.is_empty()).then_some(())
    });
    for request in [
        Request::get("/acme/revocations"),
        Request::get("/acme/revocations").bearer(OPERATOR),
        Request::get("/acme/revocations")
            .bearer(READER)
            .bearer(READER),
    ] {
        let answer = feed.send(&request);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.text().contains("entries"));
    }
}

#[test]
fn operators_write_and_remove_entries_and_nobody_else_does() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let entry = json!([{ "sub": "alice", "reason": "left" }]);
    assert_eq!(feed.entries("POST", &entry).status, 200);
    assert_eq!(
        entries(&feed.list("")),
        [json!({ "sub": "alice", "reason": "left" })]
    );
    let sequence = feed.list("")["sequence"].as_u64();
    assert_eq!(feed.entries("DELETE", &entry).status, 200);
    let list = feed.list("");
    assert!(entries(&list).is_empty());
    assert!(list["sequence"].as_u64() > sequence);
    // A gate that still has it is told everything.
    let old = sequence.unwrap();
    assert_eq!(feed.list(&format!("?after={old}"))["after"], Value::Null);
    let body = json!({ "entries": entry }).to_string();
    let post = || Request::post("/acme/entries", body.as_bytes());
    for request in [post(), post().bearer(READER), post().bearer("")] {
        assert_eq!(feed.ask_admin(&request).status, 401);
    }
    // Not at the address for gates and providers.
    assert_eq!(feed.send(&post().bearer(OPERATOR)).status, 404);
    assert_eq!(feed.entries("POST", &json!([{ "sub": "" }])).status, 400);
    assert_eq!(feed.entries("PUT", &entry).status, 404);
    assert!(entries(&feed.list("")).is_empty());
    assert_eq!(feed.ask_admin(&Request::get("/healthz")).status, 200);
    assert_eq!(feed.ask_admin(&Request::get("/readyz")).status, 200);
    assert_eq!(
        try_send(feed.address, &Request::get("/metrics"))
            .unwrap()
            .status,
        404
    );
}

#[test]
fn it_goes_on_where_it_stopped_and_two_do_not_share_a_store() {
    let issuer = Issuer::start();
    let words = configuration(issuer.address());
    let feed = Feed::with(&words);
    let token = logout_token(&issuer.key, "s1").build();
    assert_eq!(feed.logout(&token).status, 200);
    let before = feed.list("");
    let mut second = spawn(&feed.folder, &words, &[]);
    let status = eventually("the end of the second", || second.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let log = fs::read_to_string(feed.folder.join("log")).unwrap();
    assert!(log.contains("another process has it"), "{log}");
    let (folder, status) = feed.stop();
    assert!(status.success(), "{status}");

    let feed = Feed::in_folder(folder, &words, &[]);
    let after = feed.list("");
    assert_eq!(entries(&after), entries(&before));
    assert_eq!(
        (&after["epoch"], &after["sequence"]),
        (&before["epoch"], &before["sequence"])
    );
    assert_eq!(feed.logout(&token).status, 200);
    assert_eq!(feed.list("")["sequence"], before["sequence"], "known");
    let (folder, _) = feed.stop();

    // A store that was set back begins a new epoch when it is told to.
    let program = env!("CARGO_BIN_EXE_passgate-feed");
    let mut command = Command::new(program);
    let status = command
        .args(["--new-epoch", "feed.yaml", "--at-least", "9000000000"])
        .current_dir(&folder)
        .status();
    assert!(status.unwrap().success());
    let feed = Feed::in_folder(folder, &words, &[]);
    assert_eq!(feed.list("")["epoch"], 9_000_000_000_u64);
    assert_eq!(entries(&feed.list("")), entries(&before));
}

#[test]
fn a_configuration_with_mistakes_is_refused() {
    let folder = new_folder();
    let issuer = Issuer::start();
    let mut words = configuration(issuer.address());
    words["lisen"] = json!(1);
    words["providers"]["acme"]["issuer"] = json!("");
    let mut child = spawn(&folder, &words, &[]);
    let status = eventually("its end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        log.contains("lisen: unknown here; did you mean listen?"),
        "{log}"
    );
    assert!(
        log.contains("providers.acme.issuer: \"\" is empty; write the value"),
        "{log}"
    );
    fs::remove_dir_all(&folder).unwrap();
}
