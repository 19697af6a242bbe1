#![expect(
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

use proptest::prelude::*;

use super::*;

/// RFC 3986 sections 6.2.2 and 6.2.3.
#[test]
fn spellings_of_one_uri_are_one() {
    for (text, normal) in [
        ("https://api.example.com/a", "https://api.example.com/a"),
        ("HTTPS://API.Example.COM/a", "https://api.example.com/a"),
        ("https://api.example.com", "https://api.example.com/"),
        ("https://api.example.com?q=1", "https://api.example.com/"),
        ("https://api.example.com#f", "https://api.example.com/"),
        (
            "https://api.example.com/a?q=/../b#f?",
            "https://api.example.com/a",
        ),
        ("https://api.example.com/a#f?q", "https://api.example.com/a"),
        ("https://api.example.com:443/a", "https://api.example.com/a"),
        ("https://api.example.com:/a", "https://api.example.com/a"),
        ("http://api.example.com:80/a", "http://api.example.com/a"),
        (
            "https://api.example.com:80/a",
            "https://api.example.com:80/a",
        ),
        (
            "https://[2001:DB8::1]:8443/a",
            "https://[2001:db8::1]:8443/a",
        ),
        (
            "https://a.example/%7euser/%2f%3a",
            "https://a.example/~user/%2F%3A",
        ),
        ("https://a.example/%61", "https://a.example/a"),
        ("https://a.example/a/./b/../c", "https://a.example/a/c"),
        ("https://a.example/a/%2e%2E/c", "https://a.example/c"),
        ("https://a.example/../../a/..", "https://a.example/"),
        ("https://a.example/a/.", "https://a.example/a/"),
        ("https://a.example/a//b/", "https://a.example/a//b/"),
        ("https://a.example/a|b\"", "https://a.example/a%7Cb%22"),
        ("https://a.example/*;v=1,2", "https://a.example/*;v=1,2"),
        ("https://a.example/a:b@c", "https://a.example/a:b@c"),
    ] {
        assert_eq!(normalised(text).as_deref(), Some(normal), "{text}");
    }
}

/// RFC 3986 knows no drives: a segment of any form goes with the `..` behind it.
#[test]
fn a_segment_that_looks_like_a_drive_is_one_like_others() {
    let normal = Some("https://a.example/".to_owned());
    for path in ["/c:/..", "/c:/%2E.", "/c:/../"] {
        let uri = format!("https://a.example{path}");
        assert_eq!(normalised(&uri), normal, "{path}");
    }
}

#[test]
fn other_uris_stay_others() {
    for (one, other) in [
        ("https://a.example/a", "https://a.example/a/"),
        ("https://a.example/a", "https://a.example/A"),
        ("https://a.example/a", "http://a.example/a"),
        ("https://a.example/a", "https://a.example:8443/a"),
        ("https://a.example/a%2Fb", "https://a.example/a/b"),
        ("https://a.example/a%2Cb", "https://a.example/a,b"),
        ("https://a.example/a//b", "https://a.example/a/b"),
    ] {
        assert_ne!(normalised(one).unwrap(), normalised(other).unwrap());
    }
}

#[test]
fn what_is_no_uri_of_ours_is_none() {
    for text in [
        "",
        "/a",
        "//a.example/a",
        "a.example/a",
        "ftp://a.example/a",
        "https:/a.example/a",
        "https:a",
        "https:///a",
        "https://user@a.example/a",
        "https://user:pw@a.example/a",
        "https://a.example/a b",
        "https://a.example/a\\b",
        "https://a.example\\a",
        "https://a.example/%",
        "https://a.example/%2",
        "https://a.example/%zz",
        "https://a.example:0443/a",
        "https://a.example:65536/a",
        "https://a%2eexample/a",
        "https://a.example./a",
        "https://\u{e4}.example/a",
        " https://a.example/a",
    ] {
        assert_eq!(normalised(text), None, "{text}");
    }
}

/// What the `url` crate makes of a URI, brought to the form of RFC 3986: the WHATWG standard leaves
/// percent-encodings as they are.
fn by_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let mut path = String::new();
    let mut rest = url.path();
    while let Some(at) = rest.find('%') {
        path.push_str(&rest[..at]);
        let byte = u8::from_str_radix(&rest[at + 1..at + 3], 16).unwrap();
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&rest[at..at + 3].to_ascii_uppercase());
        }
        rest = &rest[at + 3..];
    }
    path.push_str(rest);
    Some(origin + &path)
}

fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,6}",
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("%2E.".to_owned()),
        "(%[0-9a-fA-F]{2}|[a-z]){1,4}",
    ]
}

proptest! {
    #[test]
    fn a_kept_library_reads_a_uri_alike(
        scheme in "(https|HTTPS|http|Http)",
        host in "[a-zA-Z]{1,8}(\\.[a-zA-Z]{2,8}){0,2}|\\[::1\\]",
        port in "(|:|:443|:80|:8443)",
        segments in prop::collection::vec(segment(), 0..6),
        rest in "(|\\?[a-z=&/.]{0,6})(|#[a-z/?.]{0,6})",
    ) {
        // The library keeps `/c:` before `/..`, as in a path of Windows.
        prop_assume!(!segments.iter().any(|segment| is_drive(segment)));
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        let text = format!("{scheme}://{host}{port}{path}{rest}");
        prop_assert_eq!(normalised(&text), by_url(&text), "{}", text);
    }

    #[test]
    fn the_normal_form_is_its_own_normal_form(text in "(https|http)://[a-z]{1,5}(:[1-9]{1,4})?/[ -~]{0,20}") {
        if let Some(normal) = normalised(&text) {
            prop_assert_eq!(normalised(&normal), Some(normal.clone()));
        }
    }

    #[test]
    fn no_path_panics(raw: Vec<u8>) {
        let _ = normalised_path(&raw);
    }
}
