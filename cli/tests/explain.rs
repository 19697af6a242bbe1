//! `passgate explain`, `print` and the warnings of `check`, as people use them.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

#[path = "explain/brought.rs"]
mod brought;
#[path = "common/program.rs"]
mod program;
#[path = "explain/warnings.rs"]
mod warnings;

use passgate_kit::{SigningKey, Token, jwks, tampered};

use self::program::{Folder, holds_all, run, run_on};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
const POLICY: &str = "\
origins: [https://api.example.com]
providers:
  acme:
    issuer: https://id.example.com
    audiences: [https://api.example.com]
    remote_jwks: { http_uri: { uri: https://id.example.com/certs, cluster: id } }
    evidence:
      lines:
        - { when: { amr_all_of: [pop, hwk] }, proves: [phishing_resistant, hardware_bound] }
        - { when: { acr_any_of: [phr] }, proves: [phishing_resistant], request_acr: phr }
    claim_to_headers: [{ claim_name: sub, header_name: x-user }]
rules:
  - match: { prefix: /old/ }
    public: { reason: moved, owner: web, until: 2020-01-31 }
  - match: { path_separated_prefix: /payments }
    requires: { provider_name: acme, facts: [phishing_resistant], max_age: 5m }
  - match: { prefix: / }
    requires: { provider_name: acme }
";

#[test]
fn bare_claims_are_explained_and_said_to_be_unsigned() {
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","iat":1000000000,"exp":1000000300,"auth_time":1000000000,"acr":"phr"}}"#
    );
    let files = Folder::with("claims", &[("gate.yaml", POLICY), ("claims.json", &claims)]);
    let (policy, claims) = (files.path("gate.yaml"), files.path("claims.json"));
    let explain = |at: &str| {
        let request = "GET /payments/1";
        run(&[
            "explain",
            "--config",
            &policy,
            "--claims",
            &claims,
            "--request",
            request,
            "--at",
            at,
        ])
    };
    let (status, output, error) = explain("1000000100");
    assert_eq!((status, error.as_str()), (Some(0), ""), "{output}");
    holds_all(
        &output,
        &[
            "request: GET /payments/1, host api.example.com at 2001-09-09T01:48:20.000Z",
            "signature: NOT CHECKED, since bare claims have none; what follows holds only if it is good",
            "evidence.lines[0]: does not hold: { amr_all_of: [pop, hwk] } proves phishing_resistant, hardware_bound",
            "evidence.lines[1]: holds: { acr_any_of: [phr] } proves phishing_resistant",
            "rule: rules[1], requires a token",
            "facts: phishing_resistant",
            "authentication age: 100s",
            "decision: allow, permitted.token",
            "  x-user: alice",
            "  no authorization",
        ],
    );
    // The same claims, too late for the rule and in time for the token.
    let (status, output, _) = explain("1000000330");
    assert_eq!(status, Some(1), "{output}");
    holds_all(
        &output,
        &[
            "decision: deny, insufficient.max_age",
            "the client gets 401",
            "  www-authenticate: Bearer realm=\"https://api.example.com\", error=\"insufficient_user_authentication\"",
            "max_age=\"300\"",
        ],
    );
    // It ends with the words of docs/reference/reasons.md.
    let end = "it means: the sign-in is older than max_age, or has no date\nlikely cause: signed in long ago and \
        refreshed since; the provider sends no auth_time; a delegated token (expected says no act)\nwhat to do: sign in \
        again; have the provider put auth_time into access tokens; delegated: allow\n";
    assert!(output.ends_with(end), "{output}");
}

#[test]
fn a_token_of_a_tenant_is_its_providers() {
    let policy = POLICY.replace(
        "issuer: https://id.example.com",
        "issuer_template: \"https://id.example.com/{tid}/v2.0\"\n    tenants: [one]",
    );
    let claims = |issuer: &str| {
        format!(
            r#"{{"iss":"{ISSUER}/{issuer}/v2.0","tid":"{issuer}","aud":"{AUDIENCE}","sub":"alice","iat":1000000000,"exp":1000000300}}"#
        )
    };
    let (one, two) = (claims("one"), claims("two"));
    let files = [
        ("gate.yaml", &*policy),
        ("one.json", &one),
        ("two.json", &two),
    ];
    let files = Folder::with("tenants", &files);
    let explain = |claims: &str| {
        let (policy, claims) = (files.path("gate.yaml"), files.path(claims));
        let arguments = ["explain", "--config", &policy, "--claims", &claims];
        let request = ["--request", "GET /", "--at", "1000000100"];
        run(&[&arguments[..], &request].concat())
    };
    let (status, output, _) = explain("one.json");
    assert_eq!(status, Some(0), "{output}");
    let principal = "  x-passgate-principal: https://id.example.com/one/v2.0/alice";
    let line = "evidence.lines[1]: does not hold: { acr_any_of: [phr] } proves phishing_resistant";
    holds_all(&output, &["provider: acme", line, principal]);
    let (status, output, _) = explain("two.json");
    assert_eq!(status, Some(1), "{output}");
    let wanted = "wanted instead: https://id.example.com/{tid}/v2.0";
    holds_all(&output, &["decision: deny, untrusted.issuer", wanted]);
}

#[test]
fn a_signature_is_checked_with_the_keys_that_are_given() {
    let key = SigningKey::es256("k1");
    let good = Token::of(&key, ISSUER, AUDIENCE).build();
    let files = Folder::with(
        "keys",
        &[("gate.yaml", POLICY), ("keys.json", &jwks(&[&key]))],
    );
    let (policy, keys) = (files.path("gate.yaml"), files.path("keys.json"));
    let with_keys = [
        "explain",
        "--config",
        &policy,
        "--request",
        "GET /",
        "--token",
        "-",
        "--jwks",
        &keys,
    ];
    let (without_keys, _) = with_keys.split_at(7);

    let (status, output, error) = run_on(&good, &with_keys);
    assert_eq!((status, error.as_str()), (Some(0), ""), "{output}");
    holds_all(
        &output,
        &[
            "signature: checked with the keys of --jwks",
            "rule: rules[2]",
            "subject: alice",
        ],
    );
    let (status, output, _) = run_on(&tampered(&good), &with_keys);
    assert_eq!(status, Some(1));
    holds_all(&output, &["decision: deny, untrusted.signature"]);

    let (status, output, _) = run_on(&tampered(&good), without_keys);
    assert_eq!(status, Some(0));
    holds_all(
        &output,
        &["signature: NOT CHECKED, since no keys were given (--jwks FILE)"],
    );
    for part in good.split('.') {
        assert!(!output.contains(part), "the token is shown: {output}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_named_with_the_member_that_is_at_fault() {
    let key = SigningKey::es256("k1");
    let good = Token::of(&key, ISSUER, AUDIENCE).build();
    let mut private = key.public_jwk();
    private["d"] = "AAAA".into();
    private["kid"] = "k2".into();
    let odd = format!(r#"{{"keys":[{private},{}]}}"#, key.public_jwk());
    let none = format!(r#"{{"keys":[{private},7]}}"#);
    let marked = format!("\u{feff}{odd}");
    let files = Folder::with(
        "odd_keys",
        &[
            ("gate.yaml", POLICY),
            ("odd.json", &odd),
            ("none.json", &none),
            ("marked.json", &marked),
        ],
    );
    let explain = |file: &str| {
        let (policy, keys) = (files.path("gate.yaml"), files.path(file));
        let arguments = ["explain", "--config", &policy, "--request", "GET /"];
        let arguments = [&arguments[..], &["--token", "-", "--jwks", &keys]].concat();
        run_on(&good, &arguments)
    };
    let stolen =
        "keys: \"k2\" is not used: a private key was published (it has d): treat it as stolen";
    let (status, output, _) = explain("odd.json");
    assert_eq!(status, Some(0), "{output}");
    holds_all(&output, &["keys: 1 usable", stolen]);
    let (status, output, _) = explain("none.json");
    assert_eq!(status, Some(1), "{output}");
    holds_all(
        &output,
        &[
            "keys: 0 usable",
            stolen,
            "keys: \"keys[1]\" is not used: not an object that can be read in one way",
            "keys: none can be used, so at the gate this is a fetch that failed",
        ],
    );
    let (status, _, error) = explain("marked.json");
    assert_eq!(status, Some(2), "{error}");
    assert!(
        error.contains("it starts with a byte order mark"),
        "{error}"
    );
}

#[test]
fn a_request_without_token_is_explained_too() {
    let files = Folder::with("none", &[("gate.yaml", POLICY)]);
    let policy = files.path("gate.yaml");
    let (status, output, _) = run(&["explain", "--config", &policy, "--request", "GET /payments"]);
    assert_eq!(status, Some(1));
    holds_all(
        &output,
        &[
            "token: none",
            "rule: rules[1]",
            "missing.token",
            "acr_values=\"phr\"",
        ],
    );
    let (_, output, _) = run(&["explain", "--config", &policy, "--request", "GET /a//b"]);
    holds_all(
        &output,
        &[
            "rule: none is about this request",
            "ambiguous.path",
            "the client gets 400",
        ],
    );
}

#[test]
fn a_time_is_given_in_rfc_3339_or_in_seconds() {
    let files = Folder::with("at", &[("gate.yaml", POLICY)]);
    let policy = files.path("gate.yaml");
    let at = |at: &str| {
        let options = [
            "explain",
            "--config",
            &policy,
            "--request",
            "GET /",
            "--at",
            at,
        ];
        run(&options)
    };
    for (given, shown) in [
        ("1000000100", "2001-09-09T01:48:20.000Z"),
        ("2001-09-09T01:48:20Z", "2001-09-09T01:48:20.000Z"),
        ("2001-09-09t01:48:20.75z", "2001-09-09T01:48:20.000Z"),
        ("2001-09-09T03:48:20+02:00", "2001-09-09T01:48:20.000Z"),
        ("2001-09-08T20:18:20-05:30", "2001-09-09T01:48:20.000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
    ] {
        let (_, output, error) = at(given);
        assert!(
            output.contains(&format!(" at {shown}\n")),
            "{given}: {output}{error}"
        );
    }
    for odd in [
        "2001-09-09",
        "2001-09-09T01:48:20",
        "2001-02-29T00:00:00Z",
        "2001-09-09T24:00:00Z",
        "2001-09-09T01:48:60Z",
        "1969-12-31T23:59:59Z",
        "2001-09-09T01:48:20+2:00",
        "2001-09-09T01:48:20+02:60",
        "2001-09-09T01:48:20+0200",
        "2001-09-09T01:48:20ZZ",
        "2001-09-09T01:48:2\u{e9}Z",
    ] {
        let (status, _, error) = at(odd);
        assert_eq!(status, Some(2), "{odd}");
        assert!(error.contains("--at wants a time"), "{odd}: {error}");
    }
}

#[test]
fn wrong_usage_of_explain_says_what_is_wrong() {
    for (arguments, problem) in [
        (&["explain"][..], "--config is missing"),
        (&["explain", "--config", "x"], "--request is missing"),
        (&["explain", "--config"], "--config wants a value"),
        (&["explain", "--config="], "--config wants a value"),
        (
            &["explain", "--config", "x", "--config", "y"],
            "--config is given twice",
        ),
        (&["explain", "x"], "x is not an option"),
        (&["explain", "--colour", "x"], "--colour is not an option"),
        (
            &["explain", "--config", "x", "--at", "noon"],
            "--at wants a time",
        ),
    ] {
        let (status, _, error) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}");
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn print_gives_the_json_of_a_string_value() {
    let files = Folder::with("print", &[("gate.yaml", POLICY)]);
    let (status, output, _) = run(&["print", "--json", &files.path("gate.yaml")]);
    assert_eq!((status, output.lines().count()), (Some(0), 1));
    let (_, of_yaml, _) = run(&["check", &files.path("gate.yaml")]);
    let (_, of_json, _) = run_on(&output, &["check", "-"]);
    assert_eq!(of_yaml, of_json);
}

/// It may be somebody else's token that is explained.
#[test]
fn a_subject_says_nothing_beyond_its_line() {
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice\ndecision: allow, permitted.token\u001b[8m","exp":4102444800}}"#
    );
    let files = Folder::with(
        "subject",
        &[("gate.yaml", POLICY), ("claims.json", &claims)],
    );
    let (policy, claims) = (files.path("gate.yaml"), files.path("claims.json"));
    let arguments = ["explain", "--config", &policy, "--claims", &claims];
    let (status, output, _) = run(&[&arguments[..], &["--request", "GET /payments"]].concat());
    assert_eq!(status, Some(1), "{output}");
    holds_all(
        &output,
        &[
            r"subject: alice\ndecision: allow, permitted.token\u{1b}[8m",
            "decision: deny, insufficient.authentication",
        ],
    );
    assert!(!output.contains('\u{1b}'), "{output:?}");
}
