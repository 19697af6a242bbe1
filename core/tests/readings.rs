//! A path or a host that readers differ about never gets less strict treatment than any of its
//! readings.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

use std::sync::LazyLock;

use passgate_core::{
    AuditRecord, Config, Edit, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use proptest::prelude::*;
use serde_json::{Value, json};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("key-1"));

const ONE: &str = "https://one.example.com";
const TWO: &str = "https://two.example.com";
const WORDS: [&str; 5] = [
    "semicolon",
    "double_slash",
    "encoded_slash",
    "backslash",
    "encoded_percent",
];

fn provider(issuer: &str, header: &str, user: &str) -> Value {
    json!({
        "issuer": issuer,
        "audiences": ["api"],
        "local_jwks": { "inline_string": jwks(&[&KEY]) },
        "from_headers": [{ "name": header }],
        "claim_to_headers": [{ "claim_name": "sub", "header_name": user }],
    })
}

/// The token of a provider, in its header.
fn token(issuer: &str) -> (String, String) {
    let header = if issuer == ONE { "x-one" } else { "x-two" };
    let token = TokenBuilder::of(&KEY, issuer, "api").build();
    (header.to_owned(), token)
}

fn document(rules: Value, allow: &[&str]) -> Value {
    json!({
        "providers": { "one": provider(ONE, "x-one", "x-user"), "two": provider(TWO, "x-two", "x-partner") },
        "rules": rules,
        "path": { "allow": allow },
    })
}

fn public(prefix: &str) -> Value {
    json!({ "match": { "prefix": prefix }, "public": { "reason": "r", "owner": "o", "until": "never" } })
}

/// `/admin` needs a token of `one`, `/staff` one of `two`, and all else needs none.
fn open_but_admin(allow: &[&str]) -> Value {
    document(
        json!([
            { "match": { "path_separated_prefix": "/admin" }, "requires": { "provider_name": "one" } },
            { "match": { "path_separated_prefix": "/staff" }, "requires": { "provider_name": "two" } },
            public("/"),
        ]),
        allow,
    )
}

struct Judge(Verifier, Supply);

impl Judge {
    fn new(document: &Value) -> Self {
        let config = Config::parse(document.to_string().as_bytes()).unwrap();
        let keys = Supply::new(&config, 1);
        Self(Verifier::new(config, 1), keys)
    }

    fn record(
        &mut self,
        host: &str,
        path: &str,
        more: &[(String, String)],
    ) -> (Verdict, Box<AuditRecord>) {
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", host.as_bytes()),
        ];
        headers.extend(
            more.iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
        let now = UnixTime::from_secs(passgate_kit::now().unsigned_abs());
        match self.0.verify(Request::new(&headers), &mut self.1, now) {
            Step::Settle(Settlement { verdict, record }) => (verdict, record),
            Step::Await(_) => unreachable!("the keys are part of the configuration"),
        }
    }

    /// The code of the verdict.
    fn code(&mut self, path: &str, more: &[(String, String)]) -> &'static str {
        self.record("api", path, more).1.reason
    }
}

#[test]
fn an_allowed_word_opens_no_stricter_rule() {
    for (word, path, fine) in [
        ("semicolon", "/;/admin/secret", "/shop;v=1/x"),
        ("semicolon", "/x;/..;/admin", "/shop%3bv=1"),
        ("semicolon", "/admin;x/secret", "/;x"),
        ("semicolon", "/admin%3bx", "/shop;admin"),
        ("double_slash", "//admin", "/shop//x"),
        ("double_slash", "///admin/x", "//shop"),
        ("double_slash", "//host/admin", "/shop/x//"),
        ("encoded_slash", "/%2fadmin", "/shop%2Fx"),
        ("encoded_slash", "/admin%2fsecret", "/a%2fadmin"),
        ("backslash", "/%5cadmin", "/shop%5cx"),
        ("backslash", "/\\admin", "/shop\\x"),
        ("backslash", "/admin\\secret", "/shop"),
        ("encoded_percent", "/%2561dmin", "/100%25"),
        ("encoded_percent", "/%25252561dmin", "/a%2520b"),
        ("encoded_percent", "/admin%253Fx", "/a%253Fx"),
        ("encoded_percent", "/admin%25%2533fx", "/a%25%2533fx"),
    ] {
        let mut judge = Judge::new(&open_but_admin(&[word]));
        assert!(
            matches!(judge.code(path, &[]), "missing.token" | "ambiguous.path"),
            "{path}"
        );
        assert_eq!(judge.code(fine, &[]), "permitted.public", "{fine}");
        assert_eq!(
            judge.code(fine, &[token(ONE)]),
            "permitted.public",
            "{fine}"
        );
    }
    // The strict rule's own token opens it, and the record names that rule.
    let mut judge = Judge::new(&open_but_admin(&["semicolon"]));
    let (verdict, record) = judge.record("api", "/;/admin/secret", &[token(ONE)]);
    assert_eq!((record.reason, record.rule), ("permitted.token", Some(0)));
    let Verdict::Allow(permit) = verdict else {
        panic!("refused")
    };
    let user = Edit::Set("x-user".into(), b"alice".into());
    assert!(permit.edits().any(|edit| *edit == user));
}

#[test]
fn words_that_are_allowed_together_are_read_together() {
    let mut judge = Judge::new(&open_but_admin(&WORDS));
    for path in [
        "/%5c;/admin",
        "/;%2fadmin",
        "/x%2f..;/admin",
        "/%3b%2f%2fadmin",
        "/%255cadmin",
        "/a;%2fx/../admin",
        "/\\;x\\admin",
        "/%253b/admin",
    ] {
        assert!(
            matches!(judge.code(path, &[]), "missing.token" | "ambiguous.path"),
            "{path}"
        );
    }
    let everything = "/a%2fb%5cc\\d;e%3bf//g%2541%3ah%3fi%2525;j";
    assert_eq!(judge.code(everything, &[]), "ambiguous.path");
    let long = format!("/{}%3b", "x".repeat(70_000));
    assert_eq!(judge.code(&long, &[]), "ambiguous.path");
}

#[test]
fn an_encoded_percent_never_hides_a_dot_a_slash_or_nothing() {
    let mut judge = Judge::new(&open_but_admin(&WORDS));
    for path in [
        "/public/%252e%252e/admin",
        "/a%252Fb",
        "/a%255cb",
        "/a%2500",
        "/a%25252525252eb",
        "/a%250a",
        "/a%25%2530%2530",
        "/a%25%2530a",
        "/%25c0%25af",
        "/%25ef%25bc%258f",
    ] {
        assert_eq!(judge.code(path, &[token(ONE)]), "ambiguous.path", "{path}");
    }
}

#[test]
fn what_is_encoded_without_need_is_read_both_ways() {
    let rules = json!([
        { "match": { "path": "/v1/users:delete" }, "requires": { "provider_name": "one" } },
        { "match": { "path": "/caf%C3%A9" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
        { "match": { "path_separated_prefix": "/admin" }, "requires": { "provider_name": "one" } },
        public("/v1/"),
        public("/open/"),
        { "match": { "path": "/two" }, "requires": { "provider_name": "two" } },
        { "match": { "prefix": "/" }, "requires": { "provider_name": "one" } },
    ]);
    let mut judge = Judge::new(&document(rules, &[]));
    for (path, code) in [
        ("/v1/users", "permitted.public"),
        ("/v1/users:list", "permitted.public"),
        ("/v1/users%3alist", "permitted.public"),
        ("/v1/users:delete", "missing.token"),
        ("/v1/users%3Adelete", "missing.token"),
        ("/v1/users%3adelete%3Fx", "missing.token"),
        ("/v1/users%3Adelete%23x", "missing.token"),
        ("/caf%C3%A9", "permitted.public"),
        // Envoy's routes compare digits with their case.
        ("/caf%c3%a9", "missing.token"),
        ("/open/%c3%a9%20%3a", "permitted.public"),
        ("/%6fpen/a", "ambiguous.path"),
        ("/open/%7e", "ambiguous.path"),
    ] {
        assert_eq!(judge.code(path, &[]), code, "{path}");
    }
}

/// A service that does not look at case may take a letter outside ASCII for one of ASCII.
#[test]
fn no_letter_outside_ascii_gets_past_a_rule_that_ignores_case() {
    let mut document = open_but_admin(&["semicolon"]);
    document["rules"][0]["match"]["path_separated_prefix"] = json!("/Kiosk/admin");
    let letters = [
        "/kiosk/adm%C4%B0n",
        "/kiosk/adm%c4%b1n/x",
        "/%e2%84%aaiosk/ADMIN",
        "/kio%C5%BFk/admin",
        "/x;/kio%C5%BFk/admin",
        "/;x/kio%C5%BFk/admin",
    ];
    for (ignores_case, refused) in [(true, 5), (false, 0)] {
        document["rules"][0]["match"]["ignore_case"] = json!(ignores_case);
        let mut judge = Judge::new(&document);
        let codes = letters.map(|path| judge.code(path, &[]));
        let is_refused = |code: &&&str| **code == "missing.token";
        assert_eq!(
            codes.iter().filter(is_refused).count(),
            refused,
            "{codes:?}"
        );
        // Its own token opens it.
        let code = judge.code(letters[0], &[token(ONE)]);
        assert!(code.starts_with("permitted."), "{code}");
        for path in ["/kap%C4%B1", "/stra%C3%9Fe/kiosk"] {
            assert_eq!(judge.code(path, &[]), "permitted.public", "{path}");
        }
    }
}

#[test]
fn bytes_that_some_reader_takes_for_a_dot_or_a_slash_are_refused() {
    let mut judge = Judge::new(&open_but_admin(&WORDS));
    for path in [
        "/a%c0%afadmin",
        "/a%C0%AE%C0%AE/admin",
        "/a%e0%80%afb",
        "/a%f0%80%80%afb",
        "/a%c1%9cb",
        "/a%ff",
        "/a%e9",
        "/a%ed%a0%80",
        "/%e2%80%a4%e2%80%a4/admin",
        "/%e2%80%a5/admin",
        "/a%ef%bc%8fadmin",
        "/a%ef%bc%bcadmin",
        "/a%ef%b9%92",
        "/a%e2%84%80",
        "/a%f0%9f%84%80",
        "/a%0a",
        "/a%7f",
    ] {
        assert_eq!(judge.code(path, &[]), "ambiguous.path", "{path}");
    }
    for path in ["/%c3%a9", "/%e6%97%a5%e6%9c%ac", "/%f0%9f%98%80", "/a%20b"] {
        assert_eq!(judge.code(path, &[]), "permitted.public", "{path}");
    }
}

#[test]
fn two_tokens_do_not_stand_for_one_user() {
    let mut judge = Judge::new(&open_but_admin(&["double_slash"]));
    let both = [token(ONE), token(TWO)];
    assert_eq!(judge.code("/admin", &both), "permitted.token");
    // Nobody reads this one as `/staff`.
    assert_eq!(
        judge.code("/admin//staff", &[token(ONE)]),
        "permitted.token"
    );
    // One reader takes `admin` for a host.
    let path = "//admin/staff";
    assert_eq!(judge.code(path, &[]), "missing.token");
    assert_eq!(judge.code(path, &[token(ONE)]), "missing.token");
    assert_eq!(judge.code(path, &[token(TWO)]), "missing.token");
    assert_eq!(judge.code(path, &both), "ambiguous.credentials");
}

#[test]
fn a_path_of_two_rules_is_observed_only_where_both_are() {
    let shadow = json!({ "shadow": { "until": "2099-12-31" } });
    let mut document = open_but_admin(&["double_slash"]);
    for (of_admin, of_rest, decision) in [
        (true, false, "deny"),
        (false, true, "deny"),
        (true, true, "shadow"),
        (false, false, "deny"),
    ] {
        for (rule, is_shadow) in [(0, of_admin), (2, of_rest)] {
            let mode = if is_shadow {
                shadow.clone()
            } else {
                json!("enforce")
            };
            document["rules"][rule]["mode"] = mode;
        }
        let (_, record) = Judge::new(&document).record("api", "//admin", &[]);
        assert_eq!(record.decision, decision, "{of_admin} {of_rest}");
    }
    // What refuses because too many wait is observed by the same rules.
    document["rules"][0]["mode"] = shadow;
    let judge = Judge::new(&document);
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", b"GET"),
        (b":path", b"//admin"),
        (b":authority", b"a"),
    ];
    let now = UnixTime::from_secs(passgate_kit::now().unsigned_abs());
    let Settlement { verdict, .. } = judge.0.overloaded(Request::new(&headers), now);
    assert!(matches!(verdict, Verdict::Deny(_)));
}

#[test]
fn a_host_is_named_without_dot_and_foreign_port() {
    let rules = json!([
        { "match": { "hosts": ["www.test", "*.wild.test", "[::1]"] },
          "public": { "reason": "r", "owner": "o", "until": "never" } },
        { "match": {}, "requires": { "provider_name": "one" } },
    ]);
    let mut document = document(rules, &[]);
    document["rules"].as_array_mut().unwrap().push(
        json!({ "match": { "methods": ["CONNECT"] }, "requires": { "provider_name": "two" } }),
    );
    document["origins"] = json!(["https://www.test", "https://www.test:8443"]);
    let mut judge = Judge::new(&document);
    for (host, code) in [
        ("www.test", "permitted.public"),
        ("WWW.Test", "permitted.public"),
        ("www.test:443", "permitted.public"),
        ("www.test:8443", "permitted.public"),
        ("www.test:80", "ambiguous.authority"),
        ("www.test:0", "ambiguous.authority"),
        ("www.test:0443", "ambiguous.authority"),
        ("www.test.", "ambiguous.authority"),
        ("www.test.:443", "ambiguous.authority"),
        ("a.wild.test", "permitted.public"),
        ("a.wild.test:443", "ambiguous.authority"),
        ("[::1]", "permitted.public"),
        ("[::1]:80", "ambiguous.authority"),
        // A host that no rule names, as probes write it: the rule for all hosts is about it with
        // any port.
        ("10.0.0.1:8080", "missing.token"),
        ("other.test.", "ambiguous.authority"),
        ("other.test:0", "ambiguous.authority"),
    ] {
        assert_eq!(judge.record(host, "/", &[]).1.reason, code, "{host}");
    }
    // Where no rule names a host, nothing depends on it.
    let mut judge = Judge::new(&open_but_admin(&[]));
    for host in ["www.test.", "www.test:80", "www.test.:1"] {
        assert_eq!(
            judge.record(host, "/", &[]).1.reason,
            "permitted.public",
            "{host}"
        );
    }
}

/// What services do to a path, each in its own words; none of this is the core's.
fn done_by_services(path: &str, steps: &[u8]) -> String {
    let mut path = path.to_owned();
    for step in steps {
        path = match step {
            0 => decoded(&path),
            1 => path.replace('\\', "/"),
            2 => {
                let mut merged = path.clone();
                while merged.contains("//") {
                    merged = merged.replace("//", "/");
                }
                merged
            }
            3 => {
                let mut kept = String::new();
                let mut in_parameter = false;
                for c in path.chars() {
                    in_parameter = match c {
                        ';' => true,
                        '/' => false,
                        _ => in_parameter,
                    };
                    if !in_parameter {
                        kept.push(c);
                    }
                }
                kept
            }
            4 => path.split(['?', '#']).next().unwrap().to_owned(),
            _ => path,
        };
    }
    path
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = path.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii() => {
                text.push(char::from(byte));
                at += 3;
            }
            _ => {
                text.push(char::from(bytes[at]));
                at += 1;
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_without_a_token_is_public_for_every_service(
        path in "/(admin|/|;|\\\\|x|%2f|%5C|%3b|%25|2f|61dmin|:|%3A|%3F|[.]|%2e){0,7}",
        allowed in prop::collection::vec(any::<bool>(), 5),
        steps in prop::collection::vec(0..5_u8, 0..6),
    ) {
        let allow: Vec<&str> = WORDS.into_iter().zip(allowed).filter(|(_, is)| *is).map(|(word, _)| word).collect();
        let mut judge = Judge::new(&open_but_admin(&allow));
        if judge.code(&path, &[]) == "permitted.public" {
            let read = done_by_services(&path, &steps);
            let first = read.split('/').nth(1);
            prop_assert!(first != Some("admin"), "{} is {} for some service", path, read);
            prop_assert!(!read.split('/').any(|segment| matches!(segment, "." | "..")), "{}", read);
        }
    }
}
