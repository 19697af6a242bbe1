use proptest::prelude::*;

use super::{SpiffePattern, trust_domain};

#[test]
fn a_spiffe_id_has_one_spelling() {
    let longest = format!("spiffe://mesh/{}", "a".repeat(2_048 - 14));
    for id in [
        "spiffe://mesh/a",
        "spiffe://cluster.local/ns/pay/sa/api",
        "spiffe://a-b_c.1/A-b_c.1/...",
        &*longest,
    ] {
        let name = id.split('/').nth(2);
        assert_eq!(trust_domain(id), name, "{id}");
    }
    let too_long = format!("{longest}a");
    let long_name = format!("spiffe://{}/a", "a".repeat(256));
    for id in [
        "",
        "spiffe://",
        "spiffe:///a",
        "spiffe://mesh",
        "spiffe://mesh/",
        "spiffe://mesh/a/",
        "spiffe://mesh//a",
        "spiffe://mesh/a//b",
        "spiffe://mesh/.",
        "spiffe://mesh/a/../b",
        "spiffe://mesh/a/./b",
        "spiffe://mesh/%61",
        "spiffe://mesh/a%2fb",
        "spiffe://mesh/a b",
        "spiffe://mesh/a?b",
        "spiffe://mesh/a#b",
        "spiffe://mesh/é",
        "spiffe://mesh/a*",
        "spiffe://mesh/*",
        "spiffe://mesh/a\n",
        "spiffe://mesh:8443/a",
        "spiffe://user@mesh/a",
        "spiffe://Mesh/a",
        "spiffe://m%65sh/a",
        "Spiffe://mesh/a",
        "SPIFFE://mesh/a",
        " spiffe://mesh/a",
        "spiffe:/mesh/a",
        "https://mesh/a",
        &*too_long,
        &*long_name,
    ] {
        assert_eq!(trust_domain(id), None, "{id}");
    }
}

fn pattern(text: &str) -> SpiffePattern {
    SpiffePattern(text.into())
}

#[test]
fn a_pattern_takes_what_it_says() {
    for (of, id, takes) in [
        ("spiffe://mesh/a", "spiffe://mesh/a", true),
        ("spiffe://mesh/a", "spiffe://mesh/A", false),
        ("spiffe://mesh/a", "spiffe://mesh/a/b", false),
        ("spiffe://mesh/a", "spiffe://mesh.evil/a", false),
        ("spiffe://mesh/*", "spiffe://mesh/a", true),
        ("spiffe://mesh/*", "spiffe://mesh/a/b", false),
        ("spiffe://mesh/*", "spiffe://evil/a", false),
        ("spiffe://mesh/ns/*/sa/x", "spiffe://mesh/ns/pay/sa/x", true),
        ("spiffe://mesh/ns/*/sa/x", "spiffe://mesh/ns/sa/x", false),
        (
            "spiffe://mesh/ns/*/sa/x",
            "spiffe://mesh/ns/a/b/sa/x",
            false,
        ),
        ("spiffe://mesh/ns/**", "spiffe://mesh/ns/a", true),
        ("spiffe://mesh/ns/**", "spiffe://mesh/ns/a/b/c", true),
        ("spiffe://mesh/ns/**", "spiffe://mesh/ns", false),
        ("spiffe://mesh/ns/**", "spiffe://mesh/nsx/a", false),
        ("spiffe://mesh/**", "spiffe://mesh.evil/a", false),
        // All that another pattern takes.
        ("spiffe://mesh/**", "spiffe://mesh/a/**", true),
        ("spiffe://mesh/**", "spiffe://mesh/*", true),
        ("spiffe://mesh/*", "spiffe://mesh/*", true),
        ("spiffe://mesh/*", "spiffe://mesh/**", false),
        ("spiffe://mesh/a", "spiffe://mesh/*", false),
        ("spiffe://mesh/a/**", "spiffe://mesh/**", false),
    ] {
        assert_eq!(pattern(of).takes(id), takes, "{of} {id}");
    }
}

proptest! {
    /// As another implementation reads it: `*` is one segment, `**` is some.
    #[test]
    fn no_wildcard_takes_more_than_it_says(
        of in "spiffe://(m|n)(/(a|b|[*])){1,3}(/[*][*])?", id in "spiffe://(m|n|mm)(/(a|b|aa)){1,4}",
    ) {
        let own: Vec<&str> = of.split('/').skip(2).collect();
        let other: Vec<&str> = id.split('/').skip(2).collect();
        let ends = own.last() == Some(&"**");
        let fixed = if ends { own.len().saturating_sub(1) } else { own.len() };
        let fits = own.iter().take(fixed).zip(&other).enumerate();
        let fits = { fits }.all(|(at, (own, other))| own == other || (*own == "*" && at > 0));
        let long = if ends { other.len() > fixed } else { other.len() == fixed };
        prop_assert_eq!(pattern(&of).takes(&id), fits && long);
    }

    #[test]
    fn what_one_pattern_takes_the_wider_one_takes(
        wide in "spiffe://m(/(a|[*])){1,2}(/[*][*])?", narrow in "spiffe://m(/(a|b|[*])){1,3}(/[*][*])?",
        id in "spiffe://m(/(a|b)){1,4}",
    ) {
        let (wide, narrow) = (pattern(&wide), pattern(&narrow));
        if wide.takes(narrow.as_str()) && narrow.takes(&id) {
            prop_assert!(wide.takes(&id));
        }
    }

    #[test]
    fn a_spiffe_id_is_parts_that_say_themselves(text in "(spiffe:|[sS]piffe:)?/{0,3}[a-zA-Z0-9./%*_-]{0,12}") {
        if let Some(name) = trust_domain(&text) {
            let begins = ["spiffe://", name].concat();
            let path = text.strip_prefix(&begins).unwrap_or_default();
            prop_assert!(path.starts_with('/'));
            prop_assert!(!path.ends_with('/') && !path.contains("//"));
            prop_assert!(!text.contains(['%', '*']) && !path.split('/').any(|part| part == ".."));
            let url = url::Url::parse(&text).map(|url| url.to_string());
            prop_assert_eq!(url.ok(), Some(text.clone()), "read by others as something else");
        }
    }
}
