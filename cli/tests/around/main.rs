//! What stands around the filter in a file of Envoy and opens a way past it: hosts that the routes
//! do not tell apart, other ways to the same cluster, filters that come first.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "../common/check.rs"]
mod common;
mod doors;
mod filters;
mod hosts;
mod mcp;
mod peers;
mod readings;
mod request_ids;
mod services;

use self::common::judged;

const SMALLEST: &str = include_str!("../../../envoy/smallest.yaml");

/// What the command says of a text that it accepts.
fn check(text: &str) -> String {
    let (status, told) = judged(text);
    assert_eq!(status, Some(0), "{told}\n{text}");
    told
}

fn put(text: &str, place: &str, instead: &str) -> String {
    assert!(text.contains(place), "{place}");
    text.replacen(place, instead, 1)
}

/// A rule that lets everybody pass.
fn public(hosts: &str) -> String {
    rule(
        hosts,
        "/",
        r#""public": { "reason": "files", "owner": "web", "until": "never" }"#,
    )
}

fn strict(hosts: &str) -> String {
    rule(hosts, "/", r#""requires": {}"#)
}

fn rule(hosts: &str, prefix: &str, action: &str) -> String {
    let hosts = if hosts.is_empty() {
        String::new()
    } else {
        format!(r#", "hosts": [{hosts}]"#)
    };
    format!(r#"{{ "match": {{ "prefix": "{prefix}"{hosts} }}, {action} }}"#)
}

/// The policy of the smallest file with these rules.
fn with_rules(rules: &[String]) -> String {
    let (before, after) = SMALLEST.split_once("value: |").expect("the policy");
    let rules = format!(r#"{{ "rules": [{}],"#, rules.join(", "));
    format!("{before}value: |{}", put(after, "{", &rules))
}

/// The file with these rules and with these virtual hosts: domains, and the cluster of each.
fn with_hosts(rules: &[String], hosts: &[(&str, &str)]) -> String {
    let own = "                    - name: everything
                      domains: [\"*\"]
                      routes: [{ match: { prefix: / }, route: { cluster: upstream } }]
";
    let hosts = hosts.iter().map(|(domains, cluster)| {
        format!("                    - {{ name: h, domains: [{domains}], routes: [{{ match: {{ prefix: / }}, route: {{ {cluster} }} }}] }}\n")
    });
    put(&with_rules(rules), own, &hosts.collect::<String>())
}

/// Further clusters of the file, each with its port.
fn with_clusters(text: &str, clusters: &[(&str, u16)]) -> String {
    let clusters = clusters.iter().map(|(name, port)| {
        format!("    - {{ name: {name}, load_assignment: {{ endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: localhost, port_value: {port} }} }} }} }}] }}] }} }}\n")
    });
    let clusters: String = clusters.collect();
    put(text, "  clusters:\n", &format!("  clusters:\n{clusters}"))
}

const UP: &str = "cluster: upstream";
const OTHER: &str = "cluster: other";

#[test]
fn a_host_that_asks_for_less_and_is_led_to_the_same_cluster_is_said() {
    let shared = |host: &str, cluster: &str| {
        format!(
            "warning: rules[0].match.hosts: whoever writes {host:?} into Host gets past rules[1] by this rule, which does not ask for the same, since the routes lead both to {cluster}; lead {host:?} to a cluster of its own, or let this rule ask for as much\n"
        )
    };
    let upstream = r#"the cluster "upstream""#;
    let www = public(r#""www.test""#);
    let later = [www.clone(), strict("")];
    // The same, with a strict rule that names hosts as well.
    let named = [www.clone(), strict(r#""api.test""#)];
    let around = [www.clone(), strict(r#""*.test""#)];
    for rules in [&later, &named, &around] {
        for hosts in [
            &[(r#""*""#, UP)][..],
            &[(r#""*", "www.test""#, UP)],
            &[(r#""*.test""#, UP)],
            &[("www.test, api.test", UP)],
            &[("Www.test", UP), (r#""*""#, UP)],
            &[("www.test, api.test", UP), (r#""*""#, OTHER)],
            &[("www.test", UP), ("api.test", UP), (r#""*""#, OTHER)],
            &[
                (
                    "www.test",
                    "weighted_clusters: { clusters: [{ name: upstream, weight: 1 }, { name: other, weight: 1 }] }",
                ),
                (r#""*""#, UP),
            ],
            &[("\"www.*\"", UP), ("\"*\"", UP)],
        ] {
            let output = check(&with_hosts(rules, hosts));
            assert!(
                output.ends_with(&shared("www.test", upstream)),
                "{hosts:?}: {output}"
            );
        }
        for hosts in [
            &[("Www.test", OTHER), (r#""*""#, UP)][..],
            &[("www.test", OTHER), ("api.test", UP)],
            // It does not lead anywhere.
            &[("api.test", UP)],
        ] {
            let output = check(&with_hosts(rules, hosts));
            assert!(!output.contains("warning"), "{hosts:?}: {output}");
        }
    }
    // Hosts that nobody names are served by `www.*`, too; api.test is not.
    let starts = [("\"www.*\"", OTHER), ("\"*\"", UP)];
    assert!(check(&with_hosts(&later, &starts)).contains("lead both to the cluster \"other\""));
    assert!(!check(&with_hosts(&named, &starts)).contains("warning"));
    let all = [public(r#""*.static.test""#), strict("")];
    let output = check(&with_hosts(&all, &[(r#""*""#, UP)]));
    assert!(
        output.ends_with(&shared("*.static.test", upstream)),
        "{output}"
    );
    let hosts = [(r#""*.static.test""#, OTHER), (r#""*""#, UP)];
    assert!(!check(&with_hosts(&all, &hosts)).contains("warning"));
    // A domain inside is served by another virtual host.
    let hosts = [
        ("a.static.test", UP),
        (r#""*.static.test""#, OTHER),
        (r#""*""#, UP),
    ];
    let output = check(&with_hosts(&all, &hosts));
    assert!(
        output.ends_with(&shared("*.static.test", upstream)),
        "{output}"
    );
    // Nothing is got past by a rule that asks for as much, by one for all hosts of the other, or
    // where there is no other.
    let pass = r#""public": { "reason": "files", "owner": "web", "until": "never" }"#;
    let both = rule(r#""www.test", "api.test""#, "/open/", pass);
    for rules in [
        vec![strict(r#""www.test""#), strict("")],
        vec![both, strict(r#""api.test""#)],
        vec![strict(r#""www.test""#)],
    ] {
        let output = check(&with_hosts(&rules, &[(r#""*""#, UP)]));
        assert!(!output.contains("warning"), "{rules:?}: {output}");
    }
    // Who chooses the cluster may choose this one.
    let chosen = [("www.test", "cluster_header: x-to"), (r#""*""#, UP)];
    let said = shared(
        "www.test",
        "a cluster that is chosen by the request or an extension, such as \"upstream\"",
    );
    assert!(check(&with_hosts(&later, &chosen)).ends_with(&said));
}

#[test]
fn a_strict_rule_with_hosts_before_a_weaker_one_with_more_is_said() {
    let api = r#""api.test""#;
    let admin = rule(api, "/admin/", r#""requires": { "scopes": ["admin"] }"#);
    let warning = |host: &str| {
        format!(
            "rules[1].match.hosts: whoever writes {host:?} into Host gets past rules[0] by this rule, which does not ask for the same"
        )
    };
    let routes = ", since the routes lead both to the cluster \"upstream\"; lead ";
    for hosts in [r#""*.test""#, r#""api.test", "www.test""#, r#""www.test""#] {
        let rules = [admin.clone(), public(hosts)];
        let host = if hosts.contains('*') {
            "*.test"
        } else {
            "www.test"
        };
        let said = [&warning(host), routes].concat();
        let instead = " to a cluster of its own, or leave hosts out of rules[0]\n";
        let output = check(&with_hosts(&rules, &[(r#""*""#, UP)]));
        assert!(
            output.contains(&said) && output.ends_with(instead),
            "{output}"
        );
        let output = check(&with_hosts(&rules, &[("api.test", UP), (r#""*""#, UP)]));
        assert!(output.contains(&said), "{output}");
        let output = check(&with_hosts(&rules, &[("api.test", UP), (r#""*""#, OTHER)]));
        assert!(!output.contains("match.hosts"), "{output}");
    }
    // For the same hosts, or behind a rule that takes them, it is not reached.
    let everywhere = rule("", "/admin/", r#""requires": { "scopes": ["admin"] }"#);
    for rules in [
        vec![admin.clone(), public(api)],
        vec![admin.clone(), everywhere, public(r#""*.test""#)],
    ] {
        let output = check(&with_hosts(&rules, &[(r#""*""#, UP)]));
        assert!(!output.contains("match.hosts"), "{output}");
    }
}

/// Of a policy alone nobody can tell where its hosts are led.
#[test]
fn hosts_whose_routes_stand_elsewhere_are_told_as_they_can_be() {
    let admin = rule(
        r#""api.test""#,
        "/admin/",
        r#""requires": { "scopes": ["admin"] }"#,
    );
    let bare = |rules: &[String]| {
        let provider = r#"{ "issuer": "https://id.test", "audiences": ["a"], "remote_jwks": { "http_uri": { "uri": "https://id.test", "cluster": "id" } } }"#;
        let rules = rules.join(", ");
        check(&format!(
            r#"{{ "providers": {{ "acme": {provider} }}, "rules": [{rules}] }}"#
        ))
    };
    let routes = "                route_config:\n";
    let rds = "                rds: { route_config_name: r }\n                other:\n";
    let elsewhere = |rules: &[String]| check(&put(&with_rules(rules), routes, rds));
    // Both are about one service.
    let rules = [admin.clone(), public(r#""*.test""#)];
    let warning = "warning: rules[1].match.hosts: whoever writes \"*.test\" into Host gets past rules[0] by this rule, which does not ask for the same and is about its hosts, too; leave hosts out of rules[0], or \"*.test\" out of this rule\n";
    assert!(bare(&rules).ends_with(warning), "{}", bare(&rules));
    assert!(
        elsewhere(&rules).ends_with(warning),
        "{}",
        elsewhere(&rules)
    );
    for rules in [
        [admin, public(r#""www.test""#)],
        [public(r#""www.test""#), strict("")],
    ] {
        for output in [bare(&rules), elsewhere(&rules)] {
            assert!(!output.contains("warning"), "{output}");
            assert!(
                output.contains("\nnote: rules[") && output.ends_with(" by this rule, which does not ask for the same, unless the routes, which are not in this file, lead \"www.test\" to another service\n"),
                "{output}"
            );
        }
    }
}

#[test]
fn a_second_name_of_a_cluster_does_not_make_it_another() {
    let rules = [public(r#""www.test""#), strict("")];
    let hosts = [("www.test", "cluster: files"), (r#""*""#, UP)];
    let text = with_hosts(&rules, &hosts);
    let said = "since the routes lead both to the cluster \"files\", which is \"upstream\" by another name; ";
    assert!(check(&with_clusters(&text, &[("files", 9001)])).contains(said));
    assert!(!check(&with_clusters(&text, &[("files", 9002)])).contains("warning"));
    let beside = with_beside(&manager("files", ROUTER), SMALLEST);
    let said = ": leads to the cluster \"files\", which is \"upstream\" by another name without this filter; ";
    assert!(check(&with_clusters(&beside, &[("files", 9001)])).contains(said));
    assert!(!check(&with_clusters(&beside, &[("files", 9002)])).contains("warning"));
}

const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "{ name: envoy.filters.http.router }";

fn routes(cluster: &str) -> String {
    format!("route_config: {{ virtual_hosts: [{{ routes: [{{ route: {{ {cluster} }} }}] }}] }}")
}

/// A chain with a connection manager that leads there.
fn manager(cluster: &str, filters: &str) -> String {
    chain(&format!(
        r#"{{ "@type": {MANAGER}, http_filters: [{filters}], {} }}"#,
        routes(&format!(
            "weighted_clusters: {{ clusters: [{{ name: {cluster}, weight: 1 }}] }}"
        ))
    ))
}

fn chain(typed_config: &str) -> String {
    format!("{{ filters: [{{ name: beside, typed_config: {typed_config} }}] }}")
}

/// The file with a further chain of filters.
fn with_beside(chain: &str, text: &str) -> String {
    let listener = "      filter_chains:\n";
    put(
        text,
        listener,
        &format!("      default_filter_chain: {chain}\n{listener}"),
    )
}

const BESIDE: &str = "static_resources.listeners[0].default_filter_chain.filters[0].typed_config";

#[test]
fn another_way_to_the_same_cluster_that_has_no_gate_is_said() {
    let network = "type.googleapis.com/envoy.extensions.filters.network";
    let tunnel = |cluster: &str| {
        chain(&format!(
            r#"{{ "@type": {network}.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: {cluster} }}"#
        ))
    };
    let other = |cluster: &str| {
        let routes = format!("prefix_routes: {{ catch_all_route: {{ cluster: {cluster} }} }}");
        chain(&format!(
            r#"{{ "@type": {network}.redis_proxy.v3.RedisProxy, {routes} }}"#
        ))
    };
    // What bears the name of the gate is not one.
    let named = |name: &str, kind: &str| {
        let mutation = "{ remove: x-passgate-subject }";
        format!(
            r#"{{ name: {name}, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.{kind}, mutations: {mutation} }} }}, {ROUTER}"#
        )
    };
    let mention = named("headers", "header_mutation.v3.HeaderMutation");
    let rbac = named("passgate-ready", "rbac.v3.RBAC");
    let wrapped = |cluster: &str| {
        let value = format!(
            "http_filters: [{ROUTER}], {}",
            routes(&format!("cluster: {cluster}"))
        );
        chain(&format!(
            r#"{{ "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: {MANAGER}, value: {{ {value} }} }}"#
        ))
    };
    let says = |chain: &str, place: &str, cluster: &str| {
        let output = check(&with_beside(chain, SMALLEST));
        let warning = format!(
            "warning: {BESIDE}{place}: leads to {cluster} without this filter; put the filter there too, unless nobody else can reach it\n"
        );
        assert!(output.ends_with(&warning), "{chain}: {output}");
    };
    let upstream = "the cluster \"upstream\"";
    says(&manager("upstream", ROUTER), "", upstream);
    says(&manager("upstream", &mention), "", upstream);
    says(&manager("upstream", &rbac), "", upstream);
    says(&tunnel("upstream"), "", upstream);
    says(&other("upstream"), "", upstream);
    says(&wrapped("upstream"), ".value", upstream);
    let chosen = format!(
        r#"{{ "@type": {MANAGER}, http_filters: [{ROUTER}], {} }}"#,
        routes("cluster_header: x-to")
    );
    let by_request =
        "a cluster that is chosen by the request or an extension, such as \"upstream\"";
    says(&chain(&chosen), "", by_request);
    let gate = named("gate", "wasm.v3.Wasm").replace("mutations", "config: { name: passgate }, x");
    for chain in [
        manager("other", ROUTER),
        tunnel("other"),
        other("other"),
        wrapped("other"),
        manager("upstream", &gate),
    ] {
        let output = check(&with_beside(&chain, SMALLEST));
        assert!(!output.contains("warning"), "{output}");
        assert!(!output.contains("not looked at"), "{output}");
    }
    // Nobody can tell where routes lead that are not in the file.
    let rds = format!(r#"{{ "@type": {MANAGER}, rds: {{ route_config_name: r }} }}"#);
    let output = check(&with_beside(&chain(&rds), SMALLEST));
    let note = format!(
        "note: {BESIDE}: has no filter of passgate, and its routes, or those of the filter, stand elsewhere, so whether it leads to the same clusters without this filter is not looked at\n"
    );
    assert!(output.ends_with(&note), "{output}");
}

/// Of many notes of one kind the first ones do.
#[test]
fn not_every_host_whose_routes_stand_elsewhere_is_noted() {
    let hosts: Vec<String> = (0..12).map(|n| format!(r#""h{n}.test""#)).collect();
    let rules = [public(&hosts.join(", ")), strict("")];
    let routes = "                route_config:\n";
    let rds = "                rds: { route_config_name: r }\n                other:\n";
    let output = check(&put(&with_rules(&rules), routes, rds));
    assert_eq!(output.matches("\nnote: ").count(), 11, "{output}");
    assert!(
        output.ends_with("\nnote: 2 more hosts of rules are such\n"),
        "{output}"
    );
}
