//! Hosts as Envoy's virtual hosts name them: with patterns, and with ports.

use super::*;

const ROUTES: &str = "                route_config:\n";

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

#[test]
fn a_virtual_host_with_a_port_is_not_the_one_without() {
    let rules = [public(r#""www.test""#), strict("")];
    let said = "whoever writes \"www.test\" into Host gets past rules[1] by this rule";
    let strips = "                strip_any_host_port: true";
    let says = |text: &str| check(text).contains(said);
    for domain in ["www.test:8081", "www.test:*"] {
        let domain = format!("{domain:?}");
        // Without ports nothing is led there, and `*` serves the host.
        let apart = with_hosts(&rules, &[(&domain, OTHER), (r#""*""#, UP)]);
        assert!(says(&apart), "{domain}");
        assert!(says(&put(&apart, strips, "")), "{domain}");
        let hosts = [("www.test", OTHER), (&*domain, UP), (r#""*""#, UP)];
        let both = with_hosts(&rules, &hosts);
        assert!(!check(&both).contains("warning"), "{domain}");
        // Who adds the port is led to the other one.
        assert!(says(&put(&both, strips, "")), "{domain}");
    }
}

#[test]
fn a_mirror_of_all_routes_is_where_each_host_is_led() {
    let rules = [public(r#""www.test""#), strict(r#""api.test""#)];
    let apart = with_hosts(&rules, &[("www.test", OTHER), ("api.test", UP)]);
    assert!(!check(&apart).contains("warning"));
    let mirror = |cluster: &str| {
        let mirror = format!("request_mirror_policies: [{{ cluster: {cluster} }}]");
        check(&put(
            &apart,
            ROUTES,
            &format!("{ROUTES}                  {mirror}\n"),
        ))
    };
    let said = "whoever writes \"www.test\" into Host gets past rules[1] by this rule, which does not ask for the same, since the routes lead both to the cluster \"upstream\"; ";
    assert!(mirror("upstream").contains(said), "{}", mirror("upstream"));
    // Copies of both go there.
    assert!(mirror("copies").contains("lead both to the cluster \"copies\""));
}

/// Of several route configurations a header of the request chooses one.
#[test]
fn routes_of_every_scope_are_looked_at() {
    let rules = [public(r#""www.test""#), strict(r#""api.test""#)];
    let host = |domain: &str, cluster: &str| {
        format!(
            "{{ name: h, domains: [{domain:?}], routes: [{{ match: {{ prefix: / }}, route: {{ {cluster} }} }}] }}"
        )
    };
    let with = |scopes: [&[String]; 2]| {
        let scopes = scopes.map(|hosts| {
            format!(
                "{{ name: s, route_configuration: {{ virtual_hosts: [{}] }} }}",
                hosts.join(", ")
            )
        });
        let scoped = format!(
            "                scoped_routes: {{ name: s, scoped_route_configurations_list: {{ scoped_route_configurations: [{}] }} }}\n                other:\n",
            scopes.join(", ")
        );
        check(&put(&with_rules(&rules), ROUTES, &scoped))
    };
    let apart = [host("api.test", UP), host("www.test", OTHER)];
    let output = with([&apart, &apart]);
    assert!(
        !output.contains("warning") && !output.contains("note"),
        "{output}"
    );
    let output = with([&apart, &[host("*", UP)]]);
    assert!(
        output.contains("lead both to the cluster \"upstream\"; "),
        "{output}"
    );
}
