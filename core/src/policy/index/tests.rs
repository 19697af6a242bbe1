use proptest::prelude::*;

use super::Index;
use crate::{
    policy::matcher::tests::matches,
    policy::{HostMatch, Matcher, PathMatch},
    request::Request,
    request::path::PathPolicy,
};

/// Segments that are alike: few, empty, in two cases, a pattern.
fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["*", "", "a", "A", "b", "%2A"])
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    let text = prop::collection::vec(segment(), 1..5).prop_map(|segments| segments.join("/"));
    (0..4, text).prop_map(|(kind, text)| match kind {
        0 => PathMatch::Any,
        1 => PathMatch::Exact(format!("/{text}")),
        2 => {
            PathMatch::Prefix(format!("/{text}/").replacen("//", "/", usize::from(text.is_empty())))
        }
        _ => PathMatch::Segments(format!("/{text}")),
    })
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let host = prop::sample::select(vec![
        None,
        Some(HostMatch::Exact("x.b".to_owned())),
        Some(HostMatch::Suffix(".b".to_owned())),
    ]);
    let method = prop::sample::select(vec![None, None, Some("GET"), Some("TRACE")]);
    (path_match(), any::<bool>(), host, method).prop_map(|(path, ignore_case, host, method)| {
        Matcher {
            path,
            ignore_case,
            hosts: host.into_iter().collect(),
            methods: method.map(str::to_owned).into_iter().collect(),
            all_methods: false,
            mcp: None,
        }
    })
}

/// What a request may have in the place of a segment; a `*` comes in two spellings and is one.
fn sent() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["*", "", "a", "A", "b", "%2a", "c"])
}

/// The index of the first matcher that fits, by the index and by looking at each.
fn both(matchers: &[Matcher], path: &str, host: &str, method: &str) -> [Option<usize>; 2] {
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", method.as_bytes()),
        (b":path", path.as_bytes()),
        (b":authority", host.as_bytes()),
    ];
    let policy = PathPolicy {
        double_slash: true,
        ..PathPolicy::default()
    };
    let target = Request::new(&headers).target(policy).expect("one reading");
    let index = Index::new(matchers.iter());
    let fits = |rule: usize| matchers[rule].fits_all_but_path(&target);
    let path = target.path.as_deref().unwrap_or_default();
    [
        index.first(&target, fits),
        matchers
            .iter()
            .position(|matcher| matches(matcher, path, host, method)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_rule_that_is_found_is_the_first_of_those_that_fit(
        matchers in prop::collection::vec(matcher(), 0..30),
        segments in prop::collection::vec(sent(), 1..6),
        host in prop::sample::select(vec!["x.b", "b"]),
        method in prop::sample::select(vec!["GET", "PUT", "TRACE"]),
    ) {
        let path = format!("/{}", segments.join("/"));
        let [found, first] = both(&matchers, &path, host, method);
        prop_assert_eq!(found, first, "{}", path);
    }
}

#[test]
fn a_request_about_no_path_is_found_by_rules_about_all() {
    let root = |path| Matcher {
        path,
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    };
    let matchers = [
        root(PathMatch::Prefix("/".to_owned())),
        root(PathMatch::Any),
    ];
    assert_eq!(both(&matchers, "*", "b", "OPTIONS"), [Some(1), Some(1)]);
    assert_eq!(both(&matchers, "/", "b", "OPTIONS"), [Some(0), Some(0)]);
}

#[test]
fn very_many_segments_are_no_deeper_than_few() {
    let deep = "/*".repeat(20_000);
    let matcher = |path| Matcher {
        path,
        ignore_case: true,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    };
    let matchers = [
        matcher(PathMatch::Exact(deep.clone())),
        matcher(PathMatch::Segments(deep.replacen("/*", "/a", 1))),
    ];
    let path = "/a".repeat(20_001);
    assert_eq!(both(&matchers, &path, "b", "GET"), [Some(1), Some(1)]);
}
