//! Hosts as Envoy's virtual hosts name them: with patterns, and with ports.

use super::*;

/// The first rule for a part of the hosts is passed by another host within `*.test`.
#[test]
fn virtual_hosts_within_a_pattern_are_the_stricter_rules_too() {
    let admin = r#""requires": { "scopes": ["admin"] }"#;
    let rules = [
        rule(r#""api.test""#, "/admin/", admin),
        public(r#""*.test""#),
    ];
    for hosts in [
        &[(r#""*.test""#, UP)][..],
        &[(r#""*.test""#, UP), (r#""*""#, OTHER)],
        &[(r#"api.test, "*.test""#, UP)],
    ] {
        let output = check(&with_hosts(&rules, hosts));
        let said = "whoever writes \"*.test\" into Host gets past rules[0] by this rule";
        assert!(output.contains(said), "{hosts:?}: {output}");
    }
    let hosts = [("api.test", OTHER), (r#""*.test""#, UP)];
    let output = check(&with_hosts(&rules, &hosts));
    assert!(!output.contains("into Host"), "{output}");
}
