//! What a good configuration means: defaults, normal forms, and what stands beside alternatives.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use core::time::Duration;

use passgate_core::{
    Action, Algorithm, ClaimTest, Config, HostMatch, InvalidConfig, KeySource, Location, PathMatch,
    PathPolicy, Provider, Requirement, TokenSource, UnixTime,
    limits::{self, Limits},
};

const ISSUER: &str = "https://id.example.com/realms/acme";

/// A document with one provider, further members of the provider, and further members of the
/// document.
fn document(provider: &str, rest: &str) -> String {
    format!(
        r#"{{"providers":{{"acme":{{"issuer":"{ISSUER}","audiences":["https://api.example.com"],
        "remote_jwks":{{"http_uri":{{"uri":"https://id.example.com/certs","cluster":"id"}}}}{provider}}}}}{rest}}}"#
    )
}

fn parse(document: &str) -> Result<Config, Vec<InvalidConfig>> {
    Config::parse(document.as_bytes())
}

fn provider(members: &str) -> Provider {
    parse(&document(members, ""))
        .unwrap()
        .into_providers()
        .remove(0)
}

fn rules(rules: &str) -> Config {
    parse(&document("", &format!(r#","rules":{rules}"#))).unwrap()
}

fn requirement(requires: &str) -> Requirement {
    let config = rules(&format!(
        r#"[{{"match":{{"prefix":"/"}},"requires":{requires}}}]"#
    ));
    match &config.rules().unwrap()[0].action {
        Action::Requires(requirement) => requirement.clone(),
        Action::Public(_) | Action::Deny(_) => panic!("no requirement"),
    }
}

fn path(policy: &str, path_match: &str) -> PathMatch {
    let text = format!(
        r#","path":{{"allow":{policy}}},"rules":[{{"match":{path_match},"requires":{{}}}}]"#
    );
    parse(&document("", &text)).unwrap().rules().unwrap()[0]
        .matcher
        .path
        .clone()
}

#[test]
fn the_smallest_configuration_has_the_documented_defaults() {
    let config = parse(&document("", "")).unwrap();
    assert!(config.rules().is_none());
    assert!(!config.bypasses_cors_preflight());
    assert_eq!(config.path(), PathPolicy::default());
    assert_eq!(*config.limits(), Limits::default());
    assert!(config.kept_override_headers().is_empty() && config.origins().is_empty());

    let provider = &config.providers()[0];
    assert_eq!(
        (&*provider.name, &*provider.issuer.to_string()),
        ("acme", ISSUER)
    );
    assert_eq!(provider.audiences, ["https://api.example.com"]);
    assert_eq!(provider.audience_claim, "aud");
    assert_eq!(provider.algorithms, Algorithm::ALL);
    let authorization = |scheme: &str| TokenSource::Header {
        name: "authorization".into(),
        scheme: scheme.into(),
    };
    // A bound token comes where others do, under a scheme of its own.
    let sources = ["Bearer", "DPoP"].map(authorization);
    assert_eq!(provider.sources, sources);
    assert_eq!(provider.clock_skew, Duration::from_secs(60));
    assert!(!provider.forward && provider.forward_payload_header.is_none());
    assert!(provider.max_token_lifetime.is_none() && provider.claim_to_headers.is_empty());

    let KeySource::Remote(remote) = &provider.keys else {
        panic!("local")
    };
    let Location::Fixed(endpoint) = &remote.location else {
        panic!("discovered")
    };
    assert_eq!(endpoint.to_string(), "https://id.example.com/certs");
    assert_eq!(endpoint.cluster, "id");
    assert_eq!(remote.timeout, Duration::from_secs(4));
    assert_eq!(remote.cache_duration, Duration::from_secs(300));
    assert_eq!(remote.max_cache_duration, remote.cache_duration);
    assert_eq!(remote.max_stale, Duration::from_secs(3_600));
    assert_eq!(remote.refetch_cooldown, Duration::from_secs(30));
}

#[test]
fn naming_any_place_of_the_token_switches_the_default_off() {
    assert_eq!(
        provider(r#","from_cookies":["__Host-s"]"#).sources,
        [TokenSource::Cookie("__Host-s".into())]
    );
    assert_eq!(
        provider(r#","from_params":["t"]"#).sources,
        [TokenSource::Param("t".into())]
    );
    assert_eq!(
        provider(r#","from_websocket_protocol":"bearer""#).sources,
        [TokenSource::WebSocketProtocol("bearer".into())]
    );
    let own = provider(
        r#","from_headers":[{"name":"X-Token"},{"name":"x-other","value_prefix":"JWT "}]"#,
    );
    let header = |name: &str, scheme: &str| TokenSource::Header {
        name: name.into(),
        scheme: scheme.into(),
    };
    assert_eq!(
        own.sources,
        [header("x-token", ""), header("x-other", "JWT")]
    );
    let none = provider(r#","from_headers":[],"from_cookies":[],"from_params":[]"#);
    let default = ["Bearer", "DPoP"].map(|scheme| header("authorization", scheme));
    assert_eq!(none.sources, default);
    let dpop = r#","from_headers":[{"name":"authorization","value_prefix":"DPoP "}]"#;
    assert_eq!(provider(dpop).sources, [header("authorization", "DPoP")]);
}

#[test]
fn durations_have_four_units() {
    let skew = |text: &str| provider(&format!(r#","clock_skew":"{text}""#)).clock_skew;
    assert_eq!(skew("0s"), Duration::ZERO);
    assert_eq!(skew("1500ms"), Duration::from_millis(1_500));
    assert_eq!(skew("7s"), Duration::from_secs(7));
    assert_eq!(skew("10m"), Duration::from_secs(600));
    assert_eq!(
        provider(r#","max_token_lifetime":"12h""#).max_token_lifetime,
        Some(Duration::from_secs(43_200))
    );
}

#[test]
fn dots_nest_in_claim_name_and_not_in_claim_path() {
    let headers = provider(
        r#","claim_to_headers":[{"claim_name":"realm_access.roles","header_name":"X-Roles"},
        {"claim_path":["https://example.com/team","id"],"header_name":"x-team"}]"#,
    )
    .claim_to_headers;
    assert_eq!(headers[0].path, ["realm_access", "roles"]);
    assert_eq!(headers[0].header, "x-roles");
    assert_eq!(headers[1].path, ["https://example.com/team", "id"]);
}

#[test]
fn an_empty_list_of_rules_is_legal_and_none_is_something_else() {
    assert_eq!(rules("[]").rules().unwrap().len(), 0);
    assert!(parse(&document("", "")).unwrap().rules().is_none());
}

#[test]
fn requires_without_a_provider_means_any() {
    let any = requirement("{}");
    assert_eq!(any.alternatives.len(), 1);
    assert!(any.alternatives[0].provider.is_none() && any.alternatives[0].audiences.is_empty());
    assert!(
        requirement(r#"{"provider_name":"acme"}"#).alternatives[0]
            .provider
            .is_some()
    );
}

#[test]
fn what_stands_beside_alternatives_holds_for_each() {
    let both = requirement(
        r#"{"audiences":["a"],"scopes":["s"],"claims":[{"claim_name":"g","equals":true}],"requires_any":{"requirements":[
        {"provider_name":"acme","audiences":["b","c"],"scopes":["t","s"],"claims":[{"claim_name":"h","all_of":["x",1]}]},{}]}}"#,
    );
    let [first, second] = both.alternatives.as_slice() else {
        panic!("two")
    };
    assert_eq!(first.audiences, [vec!["a"], vec!["b", "c"]]);
    assert_eq!(first.scopes, ["s", "t"]);
    assert_eq!(first.claims.len(), 2);
    assert!(matches!(&first.claims[1].test, ClaimTest::AllOf(values) if values.len() == 2));
    assert!(first.provider.is_some() && second.provider.is_none());
    assert_eq!(
        (
            second.audiences.len(),
            second.scopes.len(),
            second.claims.len()
        ),
        (1, 1, 1)
    );
    assert!(matches!(&second.claims[0].test, ClaimTest::AnyOf(values) if values.len() == 1));
}

#[test]
fn paths_are_brought_to_the_normal_form() {
    assert_eq!(path("[]", "{}"), PathMatch::Any);
    assert_eq!(
        path("[]", r#"{"prefix":"/"}"#),
        PathMatch::Prefix("/".into())
    );
    assert_eq!(
        path("[]", r#"{"path":"/a-z%c3%a9%20"}"#),
        PathMatch::Exact("/a-z%C3%A9%20".into())
    );
    assert_eq!(
        path("[]", r#"{"path_separated_prefix":"/a/b"}"#),
        PathMatch::Segments("/a/b".into())
    );
    assert_eq!(
        path(r#"["encoded_slash"]"#, r#"{"path":"/a%2fb"}"#),
        PathMatch::Exact("/a%2Fb".into())
    );
    assert_eq!(
        path(r#"["double_slash"]"#, r#"{"prefix":"/a//"}"#),
        PathMatch::Prefix("/a//".into())
    );
    assert_eq!(
        path(r#"["semicolon"]"#, r#"{"path":"/a;v=1"}"#),
        PathMatch::Exact("/a;v=1".into())
    );
    assert_eq!(
        path(r#"["encoded_percent"]"#, r#"{"path":"/a%25"}"#),
        PathMatch::Exact("/a%25".into())
    );
    assert_eq!(
        path(r#"["backslash"]"#, r#"{"path":"/a%5cb\\"}"#),
        PathMatch::Exact("/a%5Cb\\".into())
    );
}

#[test]
fn hosts_are_exact_or_all_below_one_name() {
    let config =
        rules(r#"[{"match":{"hosts":["api.example.com","*.example.org","[::1]"]},"requires":{}}]"#);
    let exact = |host: &str| HostMatch::Exact(host.into());
    let expected = [
        exact("api.example.com"),
        HostMatch::Suffix(".example.org".into()),
        exact("[::1]"),
    ];
    assert_eq!(config.rules().unwrap()[0].matcher.hosts, expected);
}

#[test]
fn an_exemption_ends_with_its_last_day_and_may_have_ended_already() {
    let config = rules(
        r#"[{"match":{"path":"/a"},"public":{"reason":"r","owner":"o","until":"1970-01-01","identity_from":"acme"}},
        {"match":{"path":"/b"},"public":{"reason":"r","owner":"o","until":"never"}}]"#,
    );
    let until = |index: usize| match &config.rules().unwrap()[index].action {
        Action::Public(public) => (public.until, public.identity_from.is_some()),
        Action::Requires(_) | Action::Deny(_) => panic!("no exemption"),
    };
    assert_eq!(until(0), (Some(UnixTime::from_millis(86_399_999)), true));
    assert_eq!(until(1), (None, false));
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    let all = r#","origins":["https://API.example.com:443","http://localhost:8080","http://127.0.0.1","https://[2001:DB8::1]:8443"]"#;
    let origins = parse(&document("", all)).unwrap();
    let origins = origins.origins();
    let shown: Vec<_> = origins
        .iter()
        .map(|o| (o.text.as_str(), o.host.as_str(), o.port))
        .collect();
    let expected = [
        ("https://api.example.com", "api.example.com", 443),
        ("http://localhost:8080", "localhost", 8080),
        ("http://127.0.0.1", "127.0.0.1", 80),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]", 8443),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn providers_come_in_order_of_their_names() {
    let one = |name: &str| {
        let uri =
            format!(r#"{{"http_uri":{{"uri":"https://{name}.example.com","cluster":"{name}"}}}}"#);
        format!(
            r#""{name}":{{"issuer":"https://{name}.example.com","audiences":["a"],"remote_jwks":{uri}}}"#
        )
    };
    let config = parse(&format!(
        r#"{{"providers":{{{},{},{}}}}}"#,
        one("c"),
        one("a"),
        one("b")
    ))
    .unwrap();
    let names: Vec<_> = config
        .providers()
        .iter()
        .map(|provider| &*provider.name)
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let KeySource::Remote(remote) = &config.providers()[0].keys else {
        panic!("local")
    };
    let Location::Fixed(endpoint) = &remote.location else {
        panic!("discovered")
    };
    assert_eq!(endpoint.path, "/");
}

#[test]
fn discovery_has_the_documented_defaults() {
    let discovery = |issuer: &str, members: &str| {
        let text = format!(
            r#"{{"providers":{{"acme":{{"issuer":"{issuer}","audiences":["api"],"discovery":{{
            "cluster":"id","jwks_uri_prefix":"https://id.example.com/"{members}}}}}}}}}"#
        );
        let KeySource::Remote(remote) = parse(&text).unwrap().into_providers().remove(0).keys
        else {
            panic!("local")
        };
        let Location::Discovered(discovery) = remote.location.clone() else {
            panic!("fixed")
        };
        (remote, discovery)
    };
    let (remote, found) = discovery(ISSUER, "");
    let document = format!("{ISSUER}/.well-known/openid-configuration");
    assert_eq!(found.document.to_string(), document);
    assert_eq!(
        (&*found.document.cluster, &*found.jwks_cluster),
        ("id", "id")
    );
    assert_eq!(found.issuer, ISSUER);
    assert_eq!(found.refresh, Duration::from_secs(3_600));
    assert_eq!(remote.timeout, Duration::from_secs(4));
    assert_eq!(remote.cache_duration, Duration::from_secs(300));
    assert_eq!(remote.max_cache_duration, remote.cache_duration);
    assert_eq!(remote.max_stale, Duration::from_secs(3_600));
    assert_eq!(remote.refetch_cooldown, Duration::from_secs(30));

    // RFC 8414 section 3.1: between host and path.
    let (_, found) = discovery(ISSUER, r#","document":"oauth""#);
    let document = "https://id.example.com/.well-known/oauth-authorization-server/realms/acme";
    assert_eq!(found.document.to_string(), document);

    // A slash that ends the issuer is part of its name, but not of the address.
    let (_, found) = discovery("https://id.example.com/", r#","jwks_cluster":"keys""#);
    assert_eq!(found.issuer, "https://id.example.com/");
    let document = "https://id.example.com/.well-known/openid-configuration";
    assert_eq!(found.document.to_string(), document);
    assert_eq!(
        (&*found.document.cluster, &*found.jwks_cluster),
        ("id", "keys")
    );
}

#[test]
fn the_hash_is_of_what_is_said_not_of_how_it_is_spelled() {
    let a = parse(&document(r#","forward":true"#, "")).unwrap();
    let b = parse(&document(r#", "forward" : true"#, "\n")).unwrap();
    let c = parse(&document("", "")).unwrap();
    assert_eq!(a.hash(), b.hash());
    assert_ne!(a.hash(), c.hash());
    assert!(a.hash().len() == 12 && a.hash().bytes().all(|b| b.is_ascii_hexdigit()));
}

/// The problems of a document that must be refused.
fn problems(document: &[u8]) -> Vec<String> {
    let problems = Config::parse(document).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_struct_is_told_apart_from_bad_json() {
    // {"a": 1} as a google.protobuf.Struct, with its one entry, and with a first entry of 200
    // bytes.
    let long = [
        b"\x0a\xc8\x01\x0a\x01a\x12\xc2\x01\x1a\xbf\x01".as_slice(),
        &[b'x'; 191],
    ]
    .concat();
    for bytes in [
        b"\x0a\x0e\x0a\x01a\x12\x09\x11\0\0\0\0\0\0\xf0\x3f".as_slice(),
        &long,
    ] {
        let problems = problems(bytes);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("StringValue"), "{problems:?}");
    }
    for bytes in [
        b"\n{\n  \"providers\": ,}".as_slice(),
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff",
        b"\xff\xfe",
    ] {
        let problems = problems(bytes);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("the configuration is not JSON that is accepted: "),
            "{problems:?}"
        );
    }
}

#[test]
fn a_document_over_its_bound_is_refused_unread() {
    let spaces = limits::CONFIG_BYTES - document("", "").len();
    assert!(parse(&document("", &" ".repeat(spaces))).is_ok());
    let problems = problems(document("", &" ".repeat(spaces + 1)).as_bytes());
    assert_eq!(
        problems,
        ["the configuration is larger than 1 MiB; write less"]
    );
}

#[test]
fn the_numbers_of_rules_and_providers_are_bounded() {
    let rules = |count: usize| {
        let rule = |index| format!(r#"{{"match":{{"path":"/{index}"}},"requires":{{}}}}"#);
        let rules: Vec<String> = (0..count).map(rule).collect();
        document("", &format!(r#","rules":[{}]"#, rules.join(",")))
    };
    assert!(parse(&rules(limits::RULES)).is_ok());
    assert_eq!(
        problems(rules(limits::RULES + 1).as_bytes()),
        ["rules: has more than 1000 rules; write fewer"]
    );

    let providers = |count: usize| {
        let one = |index| {
            let keys = r#"{"http_uri":{"uri":"https://id.example.com","cluster":"c"}}"#;
            format!(
                r#""p{index}":{{"issuer":"https://{index}.example.com","audiences":["a"],"remote_jwks":{keys}}}"#
            )
        };
        let providers: Vec<String> = (0..count).map(one).collect();
        format!(r#"{{"providers":{{{}}}}}"#, providers.join(","))
    };
    assert!(parse(&providers(limits::PROVIDERS)).is_ok());
    let refused = problems(providers(limits::PROVIDERS + 1).as_bytes());
    assert_eq!(
        refused,
        ["providers: has more than 100 providers; write fewer"]
    );
}

#[test]
fn a_hundred_problems_are_told_and_the_rest_is_counted() {
    let rules = vec!["{}"; 120].join(",");
    let problems = problems(document("", &format!(r#","rules":[{rules}]"#)).as_bytes());
    assert_eq!(problems.len(), limits::CONFIG_PROBLEMS + 1);
    assert_eq!(
        problems.last().unwrap(),
        "and 140 more problems; correct these first"
    );
}

#[test]
fn what_is_shown_is_cut() {
    let long = "x".repeat(100_000);
    for member in [
        format!(r#","forward":"{long}""#),
        format!(r#","{long}":1"#),
        format!(r#","clock_skew":{}"#, "9".repeat(5_000)),
    ] {
        for problem in problems(document(&member, "").as_bytes()) {
            assert!(problem.len() < 600, "{problem}");
        }
    }
}
