//! Rules that no request can reach: an earlier rule matches all that a later one does.
//!
//! The test is sound, not complete: it compares two rules at a time, and what it is unsure of counts as reachable.

use super::{HostMatch, Matcher, PathMatch};

/// Whether every request that `later` matches is matched by `earlier`.
pub(super) fn covers(earlier: &Matcher, later: &Matcher) -> bool {
    path_covers(earlier, later)
        && hosts_cover(&earlier.hosts, &later.hosts)
        && methods_cover(&earlier.methods, &later.methods)
}

fn path_covers(earlier: &Matcher, later: &Matcher) -> bool {
    let (Some(wide), Some(narrow)) = (text(&earlier.path), text(&later.path)) else {
        return earlier.path == PathMatch::Any;
    };
    let has_case = wide.bytes().any(|b| b.is_ascii_alphabetic());
    if later.ignore_case && !earlier.ignore_case && has_case {
        return false;
    }
    let (wide, narrow) = if earlier.ignore_case {
        (wide.to_ascii_lowercase(), narrow.to_ascii_lowercase())
    } else {
        (wide.to_owned(), narrow.to_owned())
    };
    match (&earlier.path, &later.path) {
        (PathMatch::Any, _) => true,
        (PathMatch::Exact(_), PathMatch::Exact(_)) => narrow == wide,
        (PathMatch::Exact(_), _) => false,
        (PathMatch::Prefix(_), _) => narrow.starts_with(&wide),
        (PathMatch::Segments(_), PathMatch::Prefix(_)) => is_below(&narrow, &wide),
        (PathMatch::Segments(_), _) => narrow == wide || is_below(&narrow, &wide),
    }
}

fn text(path: &PathMatch) -> Option<&str> {
    match path {
        PathMatch::Any => None,
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Segments(text) => Some(text),
    }
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn hosts_cover(earlier: &[HostMatch], later: &[HostMatch]) -> bool {
    let covered = |host: &HostMatch| {
        earlier.iter().any(|wide| match (wide, host) {
            (HostMatch::Exact(wide), HostMatch::Exact(host)) => wide == host,
            (HostMatch::Exact(_), HostMatch::Suffix(_)) => false,
            (HostMatch::Suffix(wide), HostMatch::Exact(host)) => {
                host.ends_with(wide) && host.len() > wide.len()
            }
            (HostMatch::Suffix(wide), HostMatch::Suffix(host)) => host.ends_with(wide),
        })
    };
    earlier.is_empty() || (!later.is_empty() && later.iter().all(covered))
}

/// No list means all methods but CONNECT and TRACE.
fn methods_cover(earlier: &[String], later: &[String]) -> bool {
    if earlier.is_empty() {
        return !later
            .iter()
            .any(|method| method == "CONNECT" || method == "TRACE");
    }
    !later.is_empty() && later.iter().all(|method| earlier.contains(method))
}

#[cfg(test)]
mod tests {
    use super::{HostMatch, Matcher, PathMatch, covers};

    /// What a matcher means, written down once more and as plainly as can be.
    fn matches(matcher: &Matcher, path: &str, host: &str, method: &str) -> bool {
        let fold = |text: &str| {
            if matcher.ignore_case {
                text.to_ascii_lowercase()
            } else {
                text.to_owned()
            }
        };
        let path = fold(path);
        let path = match &matcher.path {
            PathMatch::Any => true,
            PathMatch::Exact(text) => path == fold(text),
            PathMatch::Prefix(text) => path.starts_with(&fold(text)),
            PathMatch::Segments(text) => {
                path == fold(text) || path.starts_with(&(fold(text) + "/"))
            }
        };
        let host = matcher.hosts.is_empty()
            || matcher.hosts.iter().any(|wanted| match wanted {
                HostMatch::Exact(text) => host == text,
                HostMatch::Suffix(text) => host.ends_with(text) && host != text,
            });
        let method = if matcher.methods.is_empty() {
            method != "CONNECT" && method != "TRACE"
        } else {
            matcher.methods.iter().any(|wanted| wanted == method)
        };
        path && host && method
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
        all.extend(["/a", "/A", "/a/b", "/1"].into_iter().flat_map(paths));
        let exact = |host: &str| HostMatch::Exact(host.to_owned());
        let suffix = |host: &str| HostMatch::Suffix(host.to_owned());
        let hosts = [
            vec![],
            vec![exact("x.b")],
            vec![suffix(".b")],
            vec![exact("b"), suffix(".x.b")],
        ];
        let methods: [&[&str]; 3] = [&[], &["GET"], &["GET", "TRACE"]];
        let mut matchers = Vec::new();
        for path in all {
            for hosts in &hosts {
                for methods in methods {
                    for ignore_case in [false, true] {
                        matchers.push(Matcher {
                            path: path.clone(),
                            ignore_case,
                            hosts: hosts.clone(),
                            methods: methods.iter().map(|&method| method.to_owned()).collect(),
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
            "*", "/", "/a", "/A", "/a/", "/A/", "/a/b", "/A/B", "/a/b/c", "/ab", "/1", "/1/2",
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
            assert!(covers(earlier, earlier), "{earlier:?}");
            for (later, by_later) in matchers.iter().zip(&reached) {
                if covers(earlier, later) {
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
}
