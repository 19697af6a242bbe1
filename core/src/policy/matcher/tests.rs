use super::{HostMatch, Matcher, McpMatch, PathMatch};

/// What a matcher means, written down once more and as plainly as can be.
pub(in crate::policy) fn matches(matcher: &Matcher, path: &str, host: &str, method: &str) -> bool {
    let fold = |text: &str| {
        if matcher.ignore_case {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        }
    };
    let path = fold(path);
    let filled = |text: &str| fold(&filled(text, &path));
    let path = match &matcher.path {
        PathMatch::Any => true,
        PathMatch::Exact(text) => path == filled(text),
        PathMatch::Prefix(text) => path.starts_with(&filled(text)),
        PathMatch::Segments(text) => {
            path == filled(text) || path.starts_with(&(filled(text) + "/"))
        }
    };
    let host = matcher.hosts.is_empty()
        || matcher.hosts.iter().any(|wanted| match wanted {
            HostMatch::Exact(text) => host == text,
            HostMatch::Suffix(text) => host.ends_with(text) && host != text,
        });
    let method = if matcher.methods.is_empty() {
        matcher.all_methods || (method != "CONNECT" && method != "TRACE")
    } else {
        matcher.methods.iter().any(|wanted| wanted == method)
    };
    path && host && method
}

/// The text with the path's own segments in the places of `*`, where there is one.
fn filled(text: &str, path: &str) -> String {
    let own: Vec<&str> = path.split('/').collect();
    let segments = text.split('/').enumerate();
    let segments: Vec<&str> = segments
        .map(|(place, segment)| match own.get(place) {
            Some(own) if segment == "*" && !own.is_empty() => own,
            _ => segment,
        })
        .collect();
    segments.join("/")
}

fn matchers() -> Vec<Matcher> {
    let paths = |text: &str| {
        let text = text.to_owned();
        [
            PathMatch::Exact(text.clone()),
            PathMatch::Prefix(text.clone() + "/"),
            PathMatch::Segments(text),
        ]
    };
    let mut all = vec![
        PathMatch::Any,
        PathMatch::Prefix("/".to_owned()),
        PathMatch::Exact("/a/".to_owned()),
    ];
    all.extend(
        ["/a", "/A", "/a/b", "/1", "/*", "/*/b", "/a/*"]
            .into_iter()
            .flat_map(paths),
    );
    let exact = |host: &str| HostMatch::Exact(host.to_owned());
    let suffix = |host: &str| HostMatch::Suffix(host.to_owned());
    let hosts = [
        vec![],
        vec![exact("x.b")],
        vec![suffix(".b")],
        vec![exact("b"), suffix(".x.b")],
    ];
    let methods: [(&[&str], bool); 5] = [
        (&[], false),
        (&[], true),
        (&["GET"], false),
        (&["GET", "TRACE"], false),
        (&["TRACE"], true),
    ];
    let mut matchers = Vec::new();
    for path in all {
        for hosts in &hosts {
            for (methods, all_methods) in methods {
                for ignore_case in [false, true] {
                    matchers.push(Matcher {
                        path: path.clone(),
                        ignore_case,
                        hosts: hosts.clone(),
                        methods: methods.iter().map(|&method| method.to_owned()).collect(),
                        all_methods,
                        mcp: None,
                    });
                }
            }
        }
    }
    matchers
}

#[test]
fn a_rule_called_unreachable_is_reached_by_no_request() {
    let matchers = matchers();
    let mut requests = Vec::new();
    for path in [
        "*", "/", "/a", "/A", "/a/", "/A/", "/a/b", "/A/B", "/a/b/c", "/ab", "/1", "/1/2", "/1/b",
        "/a//", "/a//b", "//b", "//", "/a/c", "/c/", "/a/b/",
    ] {
        for host in ["b", "x.b", "y.b", "z.x.b", "xb", ".b"] {
            for method in ["GET", "PUT", "TRACE"] {
                requests.push((path, host, method));
            }
        }
    }
    let reached: Vec<Vec<bool>> = matchers
        .iter()
        .map(|matcher| {
            requests
                .iter()
                .map(|(path, host, method)| matches(matcher, path, host, method))
                .collect()
        })
        .collect();
    let mut covered = 0;
    for (earlier, by_earlier) in matchers.iter().zip(&reached) {
        assert!(earlier.covers(earlier), "{earlier:?}");
        for (later, by_later) in matchers.iter().zip(&reached) {
            let both = |(one, two): (&bool, &bool)| *one && *two;
            if by_later.iter().zip(by_earlier).any(both) {
                assert!(earlier.meets(later), "{earlier:?} meets {later:?}");
            }
            if earlier.covers(later) {
                covered += 1;
                let missed = by_later
                    .iter()
                    .zip(by_earlier)
                    .any(|(later, earlier)| *later && !*earlier);
                assert!(!missed, "{earlier:?} does not cover {later:?}");
            }
        }
    }
    assert!(
        covered > matchers.len() * 5,
        "the test finds what is covered: {covered}"
    );
}

fn path(path: PathMatch) -> Matcher {
    Matcher {
        path,
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    }
}

#[test]
fn patterns_cover_what_they_match_and_meet_what_they_share() {
    let exact = |text: &str| path(PathMatch::Exact(text.to_owned()));
    let prefix = |text: &str| path(PathMatch::Prefix(text.to_owned()));
    let segments = |text: &str| path(PathMatch::Segments(text.to_owned()));
    for (wide, narrow) in [
        (exact("/a/*"), exact("/a/b")),
        (exact("/*/*"), exact("/a/*")),
        (segments("/a"), exact("/a/*/c")),
        (segments("/a/*"), prefix("/a/b/")),
        (prefix("/"), segments("/*")),
        (prefix("/*/"), exact("/a/")),
    ] {
        assert!(wide.covers(&narrow), "{wide:?} {narrow:?}");
        assert!(wide.meets(&narrow) && narrow.meets(&wide));
    }
    for (one, two) in [
        (exact("/a/b"), exact("/a/*")),
        (exact("/a/*"), segments("/a/b")),
        (segments("/a/*"), segments("/a")),
        (exact("/a/*"), prefix("/a/")),
        (exact("/*/b"), exact("/a/*")),
    ] {
        assert!(!one.covers(&two), "{one:?} {two:?}");
        assert!(one.meets(&two) && two.meets(&one), "{one:?} {two:?}");
    }
    for (one, two) in [
        (exact("/a/*"), exact("/a/")),
        (exact("/a/*"), exact("/a")),
        (exact("/a/*"), exact("/a/b/c")),
        (exact("/*/b"), exact("/a/c")),
        (prefix("/a/*/"), exact("/a/b")),
        (prefix("/a/"), exact("/a")),
    ] {
        assert!(!one.meets(&two) && !two.meets(&one), "{one:?} {two:?}");
        assert!(!one.covers(&two), "{one:?} {two:?}");
    }
}

fn anything() -> Matcher {
    Matcher {
        path: PathMatch::Any,
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    }
}

/// Rules about calls, where each has every other thing in common.
#[test]
fn calls_cover_each_other() {
    let calls = |methods: &[&str], names: &[&str]| {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let mcp = McpMatch {
            methods: texts(methods),
            names: texts(names),
        };
        Matcher {
            mcp: Some(mcp),
            ..anything()
        }
    };
    let call = "tools/call";
    let all = anything();
    for (wide, narrow, covers) in [
        (&all, &calls(&[], &["a"]), true),
        (&calls(&[], &["a"]), &all, false),
        (&calls(&[], &["*"]), &calls(&[], &["a*"]), true),
        (
            &calls(&[call], &["a*"]),
            &calls(&[call], &["ab", "a*", "abc*"]),
            true,
        ),
        (
            &calls(&[call], &["a*"]),
            &calls(&[call], &["ab", "b"]),
            false,
        ),
        (&calls(&[call], &["ab*"]), &calls(&[call], &["a*"]), false),
        (&calls(&[call], &["ab"]), &calls(&[call], &["a*"]), false),
        (&calls(&[call], &["a"]), &calls(&[call], &["b"]), false),
        (&calls(&[call], &["a*"]), &calls(&[call], &["b*"]), false),
        (&calls(&[call], &["a*"]), &calls(&[call], &[]), false),
        (&calls(&[call], &[]), &calls(&[call], &["a*"]), true),
        (&calls(&[], &[]), &calls(&[call], &["a*"]), true),
        (&calls(&[call], &[]), &calls(&[], &[]), false),
        (&calls(&["x"], &[]), &calls(&[call], &[]), false),
    ] {
        assert_eq!(wide.covers(narrow), covers, "{wide:?} {narrow:?}");
    }
}
