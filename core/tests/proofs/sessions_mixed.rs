//! Sessions of a passkey with other rules, tokens, keys and times than they were made for.

use passgate_core::UnixTime;
use passgate_kit::{ApprovalBuilder, ProofBuilder, SigningKey, bound_to, public_members};
use serde_json::{Value, json};

use crate::{
    approvals::{PAGE, RP_ID},
    holders::{by_subject, entry},
    sessions::{Console, ORIGIN, console, parameter},
    world::ISSUER,
};

#[test]
fn a_mode_counts_only_where_the_rule_wants_it() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    let judged = console.send("/pay", &session);
    assert_eq!(judged.code, "untrusted.proof_request");
    assert_eq!(
        parameter(&judged, "proof_mode").as_deref(),
        Some("transaction")
    );
    assert_eq!(
        console.send("/either-mode", &session).code,
        "permitted.token"
    );
    let approval = |console: &mut Console, path: &str| {
        let bearer = [("authorization", format!("Bearer {}", console.token()))];
        let nonce = console
            .alice
            .0
            .judge("/pay", &bearer)
            .header("webauthn-nonce")
            .unwrap();
        let uri = [ORIGIN, path].concat();
        ApprovalBuilder::of(&console.alice.0.key, (RP_ID, PAGE), ("GET", &uri))
            .token(&console.token())
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", 1)
            .claim("nonce", nonce)
            .build()
    };
    let own = approval(&mut console, "/console");
    let judged = console.send("/console", &own);
    assert_eq!(judged.code, "untrusted.proof_request");
    assert_eq!(
        judged.record()["expected"],
        "proof: mode: the one that the rule wants"
    );
    assert_eq!(parameter(&judged, "proof_mode").as_deref(), Some("session"));
    let own = approval(&mut console, "/either-mode");
    assert_eq!(console.send("/either-mode", &own).code, "permitted.token");
    assert_eq!(
        console.send("/either-mode", &own).code,
        "untrusted.proof_replayed"
    );
}

/// An alternative that wants the other mode is not met, whatever else it asks.
#[test]
fn an_approval_of_one_mode_does_not_meet_the_alternative_of_the_other() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    let judged = console.send("/never-sessions", &session);
    assert_eq!(judged.code, "insufficient.scope");
    let bearer = [("authorization", format!("Bearer {}", console.token()))];
    let judged = console.alice.0.judge("/pay", &bearer);
    let nonce = judged.header("webauthn-nonce").unwrap();
    let uri = [ORIGIN, "/never-requests"].concat();
    let approval = ApprovalBuilder::of(&console.alice.0.key, (RP_ID, PAGE), ("GET", &uri))
        .token(&console.token())
        .claim("iss", ISSUER)
        .claim("sub", "alice")
        .claim("iat", 1)
        .claim("nonce", nonce)
        .build();
    let judged = console.send("/never-requests", &approval);
    assert_eq!(judged.code, "insufficient.scope");
}

/// What a rule allows does not become more by the session of another rule.
#[test]
fn each_rule_bounds_the_sessions_that_it_takes() {
    let mut console = Console::new();
    let long = console.session("/long", |statement| statement);
    assert_eq!(console.send("/long", &long).code, "permitted.token");
    for path in ["/short", "/console"] {
        assert_eq!(
            console.send(path, &long).code,
            "untrusted.proof_time",
            "{path}"
        );
    }
    let short = console.session("/short", |statement| statement);
    for path in ["/short", "/console", "/long"] {
        assert_eq!(console.send(path, &short).code, "permitted.token", "{path}");
    }
    let middling = console.session("/console", |statement| statement);
    assert_eq!(
        console.send("/first-too-short", &middling).code,
        "permitted.token"
    );
    let touched = console.session("/touched", |it| it.flags(0x01, &[]));
    assert_eq!(console.send("/touched", &touched).code, "permitted.token");
    assert_eq!(
        console.send("/console", &touched).code,
        "untrusted.proof_flags"
    );
    let synced = console.session("/console", |it| it.flags(0x1d, &[]));
    assert_eq!(console.send("/console", &synced).code, "permitted.token");
    assert_eq!(
        console.send("/device", &synced).code,
        "untrusted.proof_flags"
    );
    console.alice.0.wait(60);
    assert_eq!(console.send("/short", &short).code, "untrusted.proof_time");
}

/// The facts are as old as the gesture, and where that is too old another one is asked for.
#[test]
fn a_session_proves_its_person_as_of_its_gesture() {
    let mut console = Console::new();
    let session = console.session("/fresh", |statement| statement);
    console.alice.0.wait(120);
    assert_eq!(console.send("/fresh", &session).code, "permitted.token");
    console.alice.0.wait(1);
    let judged = console.send("/fresh", &session);
    assert_eq!(judged.code, "insufficient.authentication");
    assert_eq!(parameter(&judged, "proof_mode").as_deref(), Some("session"));
    assert!(judged.header("webauthn-nonce").is_some());
    assert_eq!(console.send("/console", &session).code, "permitted.token");
    let again = console.session("/fresh", |statement| statement);
    assert_eq!(console.send("/fresh", &again).code, "permitted.token");
}

/// What was checked is remembered by what was signed, and all else is judged each time.
#[test]
fn a_session_that_is_remembered_is_judged_like_a_new_one() {
    let mut console = Console::new();
    let token = console.token();
    let session = console.session("/console", |it| it.token(&token));
    assert_eq!(console.send("/console", &session).code, "permitted.token");
    // Another token of the same person, and one of another person.
    let own = |console: &Console, token: &str| {
        let dpop = console.proof("/console").token(token).build();
        let [_, session, dpop] = console.headers(&session, &dpop);
        [("authorization", format!("Bearer {token}")), session, dpop]
    };
    let world = &console.alice.0;
    let other = world.token_with(|it| it.claim("sub", "alice").without("cnf").claim("x", 1));
    let mallory = world.token_with(|it| it.claim("sub", "mallory").without("cnf"));
    for token in [other, mallory] {
        let headers = own(&console, &token);
        let judged = console.alice.0.judge("/console", &headers);
        assert_eq!(judged.code, "untrusted.proof_token");
    }
    // The signature is part of no name: what was signed is.
    let (statement, _) = session.split_once('.').unwrap();
    let asked = console.asked("/console");
    let wrong = console
        .statement(&console.alice.0.key, &asked)
        .signature(&[0x30; 70])
        .build();
    let (_, of_another) = wrong.split_once('.').unwrap();
    let mixed = [statement, of_another].join(".");
    assert_eq!(
        console.send("/console", &mixed).code,
        "untrusted.proof_request"
    );
    assert_eq!(
        console.send("/console", &wrong).code,
        "untrusted.proof_signature"
    );
}

/// The passkey is looked up for each request: gone, disabled, or with another key under its id.
#[test]
fn a_remembered_session_is_of_a_passkey_that_counts_now() {
    let mut policy = console();
    policy["providers"]["acme"]["credentials"] = by_subject();
    let mut console = Console::with(&policy);
    let own = entry(&console.alice.0.key);
    let mut disabled = own.clone();
    disabled["disabled"] = json!(true);
    let says = |entries: Value| {
        let answer = json!({ "iss": ISSUER, "sub": "alice", "credentials": entries });
        Some(answer.to_string())
    };
    console.alice.0.says.credentials = says(json!([own]));
    let session = console.session("/console", |statement| statement);
    for (entries, code) in [
        (json!([own]), "permitted.token"),
        (json!([]), "untrusted.credential"),
        (json!([disabled]), "untrusted.credential"),
        (
            json!([entry(&SigningKey::es256("other"))]),
            "untrusted.proof_signature",
        ),
        (json!([own]), "permitted.token"),
    ] {
        console.alice.0.says.credentials = says(entries);
        console.alice.0.wait(61);
        assert_eq!(console.send("/console", &session).code, code);
    }
    let asked = console.alice.0.says.asked.len();
    assert_eq!(console.send("/console", &session).code, "permitted.token");
    assert_eq!(
        console.alice.0.says.asked.len(),
        asked,
        "not for each request"
    );
}

#[test]
fn a_token_may_name_the_passkey_or_be_bound_to_the_key_of_the_session() {
    let mut policy = console();
    policy["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    let mut console = Console::with(&policy);
    let mut jwk = public_members(&console.alice.0.key);
    jwk["alg"] = json!("ES256");
    let named = json!({ "jwk": jwk });
    let own = bound_to(&console.page);
    let others = bound_to(&SigningKey::es256("another"));
    let session = console.session("/console", |statement| statement);
    for (scheme, cnf, code) in [
        ("Bearer", &named, "permitted.token"),
        ("DPoP", &own, "permitted.token"),
        ("Bearer", &own, "untrusted.key_bound"),
        ("DPoP", &others, "untrusted.proof_key"),
    ] {
        let world = &mut console.alice.0;
        let token = world.token_with(|it| it.claim("sub", "alice").claim("cnf", cnf.clone()));
        let dpop = console.proof("/console").token(&token).build();
        let [_, session, dpop] = console.headers(&session, &dpop);
        let bearer = ("authorization", format!("{scheme} {token}"));
        let judged = console.alice.0.judge("/console", &[bearer, session, dpop]);
        assert_eq!(judged.code, code, "{scheme} {cnf}");
    }
}

/// A token that is bound to a key, with a proof by it, and a session of another key.
#[test]
fn a_session_of_another_key_than_the_tokens_is_refused() {
    let mut console = Console::new();
    let other = SigningKey::es256("bound");
    let session = console.session("/console", |statement| statement);
    let world = &console.alice.0;
    let token = world.token_with(|it| it.claim("sub", "alice").claim("cnf", bound_to(&other)));
    let uri = [ORIGIN, "/console"].concat();
    let dpop = ProofBuilder::of(&other, "GET", &uri).token(&token);
    let dpop = dpop.claim("iat", console.alice.0.now()).build();
    let headers = [
        ("authorization", format!("DPoP {token}")),
        ("webauthn-proof", session),
        ("dpop", dpop),
    ];
    let judged = console.alice.0.judge("/console", &headers);
    assert_eq!(judged.code, "untrusted.proof_key");
    let wanted = "proof: jkt: the key that cnf of the token names";
    assert_eq!(judged.record()["expected"], wanted);
}

/// A page cannot hash a token that it cannot read.
#[test]
fn a_token_in_a_cookie_needs_no_hash_in_session_and_proof() {
    let mut policy = console();
    policy["providers"]["acme"]["from_cookies"] = json!(["session"]);
    policy["providers"]["acme"]["from_headers"] =
        json!([{ "name": "authorization", "value_prefix": "Bearer " }]);
    let mut console = Console::with(&policy);
    let session = console.session("/console", |statement| statement);
    let proof = console.proof("/console");
    let bare = proof.clone().without("ath").build();
    let wrong = proof.token("another").build();
    let token = console.token();
    for (dpop, code) in [(bare, "permitted.token"), (wrong, "untrusted.proof_token")] {
        let headers = [
            ("cookie", format!("session={token}")),
            ("sec-fetch-site", "same-origin".to_owned()),
            ("webauthn-proof", session.clone()),
            ("dpop", dpop),
        ];
        assert_eq!(console.alice.0.judge("/console", &headers).code, code);
    }
}

#[test]
fn both_headers_stay_where_the_rule_says_so() {
    let mut console = Console::new();
    let session = console.session("/kept", |statement| statement);
    let judged = console.send("/kept", &session);
    assert_eq!(judged.code, "permitted.token");
    assert!(!judged.removes("webauthn-proof") && !judged.removes("dpop"));
}

/// Nothing of a session is asked for or spent where something else lets the request pass.
#[test]
fn a_rule_may_take_a_session_or_something_else() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    let headers = console.headers(&session, &console.proof("/or-scope-session").build());
    assert_eq!(
        console.alice.0.judge("/or-scope-session", &headers).code,
        "permitted.token"
    );
    let judged = console.alice.0.judge("/or-scope-session", &headers);
    assert_eq!(judged.code, "untrusted.proof_replayed");
}

/// Else its proof would not be spent, and pass again and again.
#[test]
fn the_gesture_of_a_session_meets_no_way_without_its_proof() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    for (path, first, again) in [
        (
            "/facts-or-session",
            "permitted.token",
            "untrusted.proof_replayed",
        ),
        (
            "/never-session-or-facts",
            "insufficient.authentication",
            "insufficient.authentication",
        ),
    ] {
        let headers = console.headers(&session, &console.proof(path).build());
        let codes = [(); 2].map(|()| console.alice.0.judge(path, &headers).code);
        assert_eq!(codes, [first, again], "{path}");
    }
}

/// As many as there is budget for: a session that was taken costs nothing of it, and a wrong one
/// its passkey alone.
#[test]
fn wrong_sessions_come_under_the_budget_of_proofs() {
    let mut policy = console();
    policy["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
    let mut console = Console::with(&policy);
    let good = console.session("/console", |statement| statement);
    for _ in 0..400 {
        assert_eq!(console.send("/console", &good).code, "permitted.token");
    }
    let stranger = SigningKey::es256("stranger").sign_as_authenticator(b"something else");
    let wrong = console.session("/console", |it| it.signature(&stranger));
    let codes: Vec<_> = (0..400)
        .map(|_| console.send("/console", &wrong).code)
        .collect();
    let refused = codes
        .iter()
        .filter(|code| **code == "unavailable.budget")
        .count();
    assert!(refused > 100, "{refused}");
    assert_eq!(
        console.send("/console", &good).code,
        "permitted.token",
        "it is remembered"
    );
}

#[test]
fn where_it_is_only_observed_a_session_spends_nothing() {
    let mut policy = console();
    policy["mode"] = json!({ "shadow": { "until": "2023-12-31" } });
    let mut console = Console::with(&policy);
    let headers = [("authorization", format!("Bearer {}", console.token()))];
    let judged = console.alice.0.judge("/console", &headers);
    assert!(judged.is_observed && judged.passed() && judged.answer.is_empty());
}

/// Two providers, one person at both, one passkey: nonce and statement are of one of them.
#[test]
fn a_session_is_of_one_provider() {
    const OTHER: &str = "https://other.example.com";
    let mut policy = console();
    policy["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    let rules = policy["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["match"]["path_separated_prefix"] == "/console");
    let console = Console::with(&policy);
    let keys = console.alice.0.policy["providers"]["acme"]["local_jwks"].clone();
    policy["providers"]["other"] = json!({
        "issuer": OTHER, "audiences": [ORIGIN], "cnf_jwk": "passkey", "local_jwks": keys,
    });
    let both = console.alice.0.other_worker(1, &policy, "gate");
    let mut jwk = public_members(&console.alice.0.key);
    jwk["alg"] = json!("ES256");
    let token = |issuer: &str| {
        let world = &console.alice.0;
        let cnf = json!({ "jwk": jwk });
        world.token_with(|it| {
            it.claim("iss", issuer)
                .claim("sub", "alice")
                .claim("cnf", cnf)
        })
    };
    let tokens = [ISSUER, OTHER].map(|issuer| (issuer, token(issuer)));
    let mut gate = both;
    let asked = tokens.clone().map(|(_, token)| {
        let headers = [("authorization", format!("Bearer {token}"))];
        let judged = gate.judge("/console", &headers);
        let exp = parameter(&judged, "exp").unwrap().parse().unwrap();
        (judged.header("webauthn-nonce").unwrap(), exp)
    });
    for (index, (issuer, token)) in tokens.iter().enumerate() {
        let other = 1 - index;
        for (iss, asked, code) in [
            (*issuer, &asked[index], "permitted.token"),
            (*issuer, &asked[other], "untrusted.proof_nonce"),
            (tokens[other].0, &asked[index], "untrusted.proof_token"),
            (tokens[other].0, &asked[other], "untrusted.proof_token"),
        ] {
            let session = console.statement(&console.alice.0.key, asked);
            let session = session.claim("iss", iss).build();
            let dpop = console.proof("/console").token(token).build();
            let [_, session, dpop] = console.headers(&session, &dpop);
            let bearer = ("authorization", format!("Bearer {token}"));
            let judged = gate.judge("/console", &[bearer, session, dpop]);
            assert_eq!(judged.code, code, "{issuer} {iss}");
        }
    }
}

/// A clock that goes back makes no session longer.
#[test]
fn a_nonce_from_a_time_to_come_bounds_its_session_all_the_same() {
    let mut console = Console::new();
    console.alice.0.wait(60);
    let (nonce, exp) = console.asked("/console");
    let asked = [exp, exp + 1].map(|exp| (nonce.clone(), exp));
    let key = SigningKey::es256("passkey");
    console.alice.0.says.credentials =
        Some(json!({ "iss": ISSUER, "credentials": [entry(&key)] }).to_string());
    console.alice.0.clock = UnixTime::from_secs(console.alice.0.now() - 30);
    for (asked, code) in [
        (&asked[0], "permitted.token"),
        (&asked[1], "untrusted.proof_time"),
    ] {
        let session = console.statement(&key, asked).build();
        assert_eq!(console.send("/console", &session).code, code);
    }
}
