//! Which clusters may be one and the same service.

use super::*;

/// The file with a way beside the gate to a cluster, with further clusters.
fn beside(cluster: &str, clusters: &str) -> String {
    let text = with_beside(&manager(cluster, ROUTER), SMALLEST);
    put(&text, "  clusters:\n", &format!("  clusters:\n{clusters}"))
}

fn at(name: &str, address: &str, port: &str) -> String {
    format!(
        "    - {{ name: {name}, load_assignment: {{ endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {address:?}, port_value: {port} }} }} }} }}] }}] }} }}\n"
    )
}

fn says(cluster: &str, clusters: &str) {
    let output = check(&beside(cluster, clusters));
    let warning = format!(
        "leads to the cluster {cluster:?}, which is \"upstream\" by another name without this filter; "
    );
    assert!(output.contains(&warning), "{clusters}: {output}");
}

#[test]
fn an_address_may_be_written_in_more_than_one_way() {
    for port in ["9001", "\"9001\"", "9001.0", "9.001e3"] {
        says("files", &at("files", "127.0.0.1", port));
    }
    for address in [
        "::1",
        "0:0:0:0:0:0:0:1",
        "0000::0001",
        "::ffff:127.0.0.1",
        "LOCALHOST",
    ] {
        says("files", &at("files", address, "9001"));
    }
    let other = at("files", "::2", "9001");
    assert!(!check(&beside("files", &other)).contains("warning"));
}

#[test]
fn a_discovered_service_has_the_name_of_its_cluster() {
    let upstream = "    - name: upstream\n";
    let discovered = "    - name: upstream\n      type: EDS\n      eds_cluster_config: {}\n";
    let with = |service: &str| {
        let files = format!(
            "    - {{ name: files, type: EDS, eds_cluster_config: {{ service_name: {service} }} }}\n"
        );
        check(&put(&beside("files", &files), upstream, discovered))
    };
    let output = with("upstream");
    assert!(output.contains("by another name"), "{output}");
    assert!(!with("others").contains("warning"));
}

#[test]
fn an_aggregate_is_all_that_is_in_its_parts() {
    let aggregate = |name: &str, part: &str| {
        format!(
            "    - {{ name: {name}, cluster_type: {{ typed_config: {{ clusters: [{part}] }} }} }}\n"
        )
    };
    says("all", &aggregate("all", "upstream"));
    let twice = aggregate("all", "more") + &aggregate("more", "upstream");
    says("all", &twice);
    // One that holds itself; and one that holds a second name.
    let circle = aggregate("all", "more") + &aggregate("more", "all, files");
    says(
        "all",
        &[&circle, &*at("files", "127.0.0.1", "9001")].concat(),
    );
    assert!(!check(&beside("all", &circle)).contains("warning"));
}

#[test]
fn what_other_clusters_are_made_of_is_all_that_is_in_it() {
    let of = |kind: &str, members: &str| {
        let kind = format!("type.googleapis.com/envoy.extensions.clusters.{kind}.v3.ClusterConfig");
        format!(
            "    - {{ name: all, cluster_type: {{ name: c, typed_config: {{ \"@type\": {kind}, {members} }} }} }}\n"
        )
    };
    let servers = "servers: [{ name: a, mcp_cluster: { cluster: PART } }]";
    for all in [
        of("composite", "clusters: [{ name: PART }]"),
        of("mcp_multicluster", servers),
    ] {
        says("all", &all.replace("PART", "upstream"));
        let files = at("files", "10.0.0.1", "9001");
        let all = all.replace("PART", "files");
        let output = check(&beside("all", &[all, files].concat()));
        assert!(!output.contains("warning"), "{output}");
    }
}

#[test]
fn a_cluster_whose_address_the_request_chooses_may_be_any() {
    let original = |rest: &str| format!("    - {{ name: any, {rest} }}\n");
    let extension = |kind: &str| {
        let kind = format!("type.googleapis.com/envoy.extensions.clusters.{kind}.v3.ClusterConfig");
        original(&format!(
            "cluster_type: {{ name: f, typed_config: {{ \"@type\": {kind} }} }}"
        ))
    };
    for any in [
        original("type: ORIGINAL_DST, original_dst_lb_config: { use_http_header: true }"),
        original("type: ORIGINAL_DST, original_dst_lb_config: { metadata_key: { key: a } }"),
        original("type: ORIGINAL_DST"),
        original("type: 4"),
        extension("original_dst"),
        extension("dynamic_forward_proxy"),
        extension("dynamic_modules"),
        extension("reverse_connection"),
    ] {
        let output = check(&beside("any", &any));
        let said = "leads to a cluster that is chosen by the request or an extension, such as \"upstream\" without this filter; ";
        assert!(output.contains(said), "{any}: {output}");
    }
    for other in [
        original("type: STRICT_DNS"),
        extension("dns"),
        extension("redis"),
    ] {
        let output = check(&beside("any", &other));
        assert!(!output.contains("warning"), "{other}: {output}");
    }
}

/// A filter of connections chooses the cluster of the proxy behind it.
#[test]
fn a_filter_that_chooses_the_cluster_of_a_connection_is_said() {
    let kind = |kind: &str| format!("type.googleapis.com/envoy.extensions.filters.{kind}");
    let proxy = format!(
        "{{ name: t, typed_config: {{ \"@type\": {}, cluster: other }} }}",
        kind("network.tcp_proxy.v3.TcpProxy")
    );
    let before = |typed: &str| {
        let filters =
            format!("{{ filters: [{{ name: s, typed_config: {{ {typed} }} }}, {proxy}] }}");
        check(&with_beside(&filters, SMALLEST))
    };
    let state = |kind: &str, key: &str| {
        format!(
            "\"@type\": {kind}, on_new_connection: [{{ object_key: {key}, format_string: {{ text_format_source: {{ inline_string: \"%REQUESTED_SERVER_NAME%\" }} }} }}]"
        )
    };
    let set = kind("network.set_filter_state.v3.Config");
    let sni = kind("network.sni_cluster.v3.SniCluster");
    let wrapped = format!(
        "\"@type\": type.googleapis.com/xds.type.v3.TypedStruct, type_url: {sni}, value: {{}}"
    );
    let said = ": leads to a cluster that is chosen by the request or an extension, such as \"upstream\" without this filter; ";
    for typed in [
        format!("\"@type\": {sni}"),
        wrapped,
        state(&set, "envoy.tcp_proxy.cluster"),
        state(
            &kind("listener.set_filter_state.v3.Config"),
            "envoy.tcp_proxy.cluster",
        ),
        state(
            &kind("udp.udp_proxy.session.x.v3.X"),
            "envoy.udp_proxy.cluster",
        ),
    ] {
        let output = before(&typed);
        assert!(output.contains(said), "{typed}: {output}");
    }
    let output = before(&state(&set, "my.own.key"));
    assert!(!output.contains("without this filter"), "{output}");
}

#[test]
fn a_filter_of_connections_that_nobody_can_follow_is_noted() {
    let kind = |kind: &str| format!("type.googleapis.com/envoy.extensions.filters.network.{kind}");
    let noted = |filter: &str, place: &str, why: &str| {
        let chain = format!("{{ filters: [{{ name: s, {filter} }}] }}");
        let output = check(&with_beside(&chain, SMALLEST));
        let note = format!(
            "note: static_resources.listeners[0].default_filter_chain.filters[0].{place}: {why}, so whether it leads to the same clusters without this filter is not looked at\n"
        );
        assert!(output.ends_with(&note), "{filter}: {output}");
    };
    let typed = |of: &str| format!("typed_config: {{ \"@type\": {} }}", kind(of));
    let place = "typed_config";
    let unknown = "is a filter that is not known here";
    noted(
        &typed("dynamic_modules.v3.DynamicModuleNetworkFilter"),
        place,
        unknown,
    );
    let elsewhere =
        "has no filter of passgate, and its routes, or those of the filter, stand elsewhere";
    let trds = typed("thrift_proxy.v3.ThriftProxy, trds: {}");
    noted(&trds, place, elsewhere);
    let discovered = format!(
        "config_discovery: {{ config_source: {{ ads: {{}} }}, type_urls: [{}] }}",
        kind("tcp_proxy.v3.TcpProxy")
    );
    noted(&discovered, "config_discovery", "stands elsewhere");
    let dynamic = "dynamic_resources: { lds_config: { ads: {} } }\nstatic_resources:";
    let output = check(&put(SMALLEST, "static_resources:", dynamic));
    let note = "note: dynamic_resources.lds_config: some listeners stand elsewhere, so whether they lead to the same clusters without this filter is not looked at\n";
    assert!(output.ends_with(note), "{output}");
}

/// Neither its routes nor its type hide where a manager leads.
#[test]
fn every_kind_of_connection_manager_is_looked_at() {
    let routes = "virtual_hosts: [{ domains: [\"*\"], routes: [{ match: { prefix: / }, route: { cluster: upstream } }] }]";
    let http = "type.googleapis.com/envoy.extensions.filters.http";
    let mobile = MANAGER.replace(".HttpC", ".EnvoyMobileHttpC");
    for (typed, place) in [
        (
            format!("\"@type\": {mobile}, config: {{ route_config: {{ {routes} }} }}"),
            ".config",
        ),
        (
            format!(
                "\"@type\": {MANAGER}, scoped_routes: {{ name: s, scoped_route_configurations_list: {{ scoped_route_configurations: [{{ name: a, route_configuration: {{ {routes} }} }}] }} }}"
            ),
            "",
        ),
        (
            format!(
                "\"@type\": {MANAGER}, route_config: {{}}, http_filters: [{{ name: m, typed_config: {{ \"@type\": {http}.mcp_router.v3.McpRouter, servers: [{{ mcp_cluster: {{ cluster: upstream }} }}] }} }}]"
            ),
            "",
        ),
        (
            format!(
                "\"@type\": {MANAGER}, route_config: {{}}, http_filters: [{{ name: c, typed_config: {{ \"@type\": {http}.cache_v2.v3.CacheV2Config, override_upstream_cluster: upstream }} }}]"
            ),
            "",
        ),
    ] {
        let says = |text: &str| {
            let output = check(&with_beside(&chain(&format!("{{ {text} }}")), SMALLEST));
            let said = format!(
                "warning: {BESIDE}{place}: leads to the cluster \"upstream\" without this filter; "
            );
            assert!(!output.contains("note"), "{output}");
            output.contains(&said)
        };
        assert!(says(&typed), "{typed}");
        assert!(
            !says(&typed.replace("cluster: upstream", "cluster: other")),
            "{typed}"
        );
    }
}

#[test]
fn the_address_of_a_health_check_is_not_a_service() {
    let health = "health_check_config: { address: { socket_address: { address: 127.0.0.1, port_value: 9001 } } }";
    let files =
        at("files", "10.0.0.1", "9001").replace("endpoint: {", &format!("endpoint: {{ {health},"));
    assert!(!check(&beside("files", &files)).contains("warning"));
}

/// The file with a listener before its own.
fn with_listener(listener: &str, text: &str) -> String {
    let listeners = "  listeners:\n";
    put(text, listeners, &format!("{listeners}    - {listener}\n"))
}

#[test]
fn a_cluster_that_is_a_listener_of_this_proxy_is_what_comes_behind_it() {
    let own = "routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";
    let inner = put(SMALLEST, own, &own.replace("upstream", "inner"));
    let file = |listener: &str, address: &str, cluster: &str| {
        let to = format!(
            "    - {{ name: inner, load_assignment: {{ endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ {address} }} }} }}] }}] }} }}\n"
        );
        let text = put(&inner, "  clusters:\n", &format!("  clusters:\n{to}"));
        // The gate leads to the listener, which leads to a cluster, as another chain does.
        let chains = format!("filter_chains: [{}]", manager("upstream", ROUTER));
        let text = with_beside(&manager(cluster, ROUTER), &text);
        check(&with_listener(
            &format!("{{ {listener}, {chains} }}"),
            &text,
        ))
    };
    let socket = |host: &str| format!("socket_address: {{ address: {host}, port_value: 8081 }}");
    let said = "static_resources.listeners[1].default_filter_chain.filters[0].typed_config: leads to the cluster \"upstream\", which is \"inner\" by another name without this filter; ";
    let internal = "envoy_internal_address: { server_listener_name: in }";
    let any = format!("name: any, address: {{ {} }}", socket("0.0.0.0"));
    for (listener, address) in [
        ("name: in, internal_listener: {}", internal),
        (&*any, &*socket("127.0.0.1")),
    ] {
        let output = file(listener, address, "upstream");
        assert!(output.contains(said), "{listener}: {output}");
        // Nobody but a cluster gets to an internal listener.
        let is_internal = listener.contains("internal");
        let of_listener = output.contains("warning: static_resources.listeners[0].");
        assert_eq!(of_listener, !is_internal, "{output}");
        let output = file(listener, address, "other");
        assert!(
            !output.contains("listeners[1].default_filter_chain"),
            "{output}"
        );
    }
    // Behind a gate nothing is led past it.
    let tunnel = manager("inner", ROUTER);
    let address = "    - address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }\n";
    let gate = put(
        SMALLEST,
        address,
        "    - name: in\n      internal_listener: {}\n",
    );
    let to = format!(
        "  clusters:\n    - {{ name: inner, load_assignment: {{ endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ {internal} }} }} }}] }}] }} }}\n"
    );
    let gate = put(&gate, "  clusters:\n", &to);
    let output = check(&with_listener(
        &format!("{{ name: out, filter_chains: [{tunnel}] }}"),
        &gate,
    ));
    assert!(!output.contains("warning"), "{output}");
}

#[test]
fn another_gate_before_the_same_cluster_is_noted_if_it_has_other_rules() {
    let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    let gate = |configuration: &str| {
        format!(
            r#"{{ name: passgate, typed_config: {{ "@type": {wasm}, config: {{ vm_config: {{}}, configuration: {configuration} }} }} }}, {ROUTER}"#
        )
    };
    let (_, rest) = SMALLEST.split_once("value: |\n").expect("the policy");
    let (policy, _) = rest
        .split_once("                  - name: envoy")
        .expect("the end");
    let indent = " ".repeat(28);
    let policy: String = policy
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix(&indent).unwrap_or(line)))
        .collect();
    let of = |policy: &str| {
        format!(
            r#"{{ "@type": type.googleapis.com/google.protobuf.StringValue, value: {policy:?} }}"#
        )
    };
    let with = |cluster: &str, policy: &str| {
        check(&with_beside(
            &manager(cluster, &gate(&of(policy))),
            SMALLEST,
        ))
    };
    let note = format!(
        "note: {BESIDE}: leads to the cluster \"upstream\", too, by a filter with a configuration of its own: there its rules hold, and not these\n"
    );
    let other = policy.replacen('{', r#"{ "rules": [],"#, 1);
    let output = with("upstream", &other);
    assert!(output.contains(&note), "{output}");
    for output in [with("upstream", &policy), with("other", &other)] {
        assert!(!output.contains("note"), "{output}");
    }
}
