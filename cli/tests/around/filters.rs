//! What stands before the gate and behind it in its connection manager.

use super::*;

#[test]
fn a_filter_that_answers_or_copies_before_the_gate_is_said() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let gate = "                http_filters:\n";
    let with = |filter: &str| {
        check(&put(
            SMALLEST,
            gate,
            &format!("{gate}                  - {filter}\n"),
        ))
    };
    let http = "type.googleapis.com/envoy.extensions.filters.http";
    let cache = with(&format!(
        r#"{{ name: c, typed_config: {{ "@type": {http}.cache.v3.CacheConfig }} }}"#
    ));
    let warning = format!(
        "warning: {list}.http_filters[0]: answers from its cache before this filter is asked; put it behind this filter\n"
    );
    assert!(cache.ends_with(&warning), "{cache}");
    let matched = with(&format!(
        r#"{{ name: c, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: {{ name: c, typed_config: {{ "@type": {http}.cache.v3.CacheConfig }} }} }} }}"#
    ));
    assert!(matched.ends_with(&warning), "{matched}");
    let mutation = |what: &str| {
        format!(
            r#"{{ name: x-user, typed_config: {{ "@type": {http}.header_mutation.v3.HeaderMutation, mutations: {{ request_mutations: [{what}] }} }} }}"#
        )
    };
    let append = |value: &str| {
        mutation(&format!(
            "{{ append: {{ header: {{ key: x-copy, value: \"{value}\" }} }} }}"
        ))
    };
    let lua = |code: &str| {
        format!(
            r#"{{ name: l, typed_config: {{ "@type": {http}.lua.v3.Lua, inline_code: '{code}' }} }}"#
        )
    };
    for (filter, header) in [
        (append("%REQ(X-User)%"), "x-user"),
        (append("%REQ(x-passgate-subject)%"), "x-passgate-…"),
        (lua(r#"h:add("x-copy", h:get("x-user"))"#), "x-user"),
    ] {
        let output = with(&filter);
        let warning = format!(
            "warning: {list}.http_filters[0]: names the header {header} before this filter removes what a client wrote into it; put it behind this filter, unless it does not read the header\n"
        );
        assert!(output.ends_with(&warning), "{filter}: {output}");
    }
    for filter in [
        append("%REQ(x-user-agent)%"),
        append("%REQ(not-x-user)%"),
        mutation("{ remove: x-user }"),
    ] {
        let output = with(&filter);
        assert!(!output.contains("warning"), "{filter}: {output}");
    }
    // A mutation that comes before all filters; and a filter behind the gate.
    let early = append("%REQ(x-user)%");
    let early = format!("                early_header_mutation_extensions: [{early}]\n{gate}");
    let output = check(&put(SMALLEST, gate, &early));
    let warning = format!("warning: {list}.early_header_mutation_extensions[0]: names ");
    assert!(output.contains(&warning), "{output}");
    let router = "                  - name: envoy.filters.http.router\n";
    let behind = format!("                  - {}\n{router}", append("%REQ(x-user)%"));
    assert!(!check(&put(SMALLEST, router, &behind)).contains("warning"));
}

#[test]
fn a_clients_header_in_the_place_of_one_that_the_gate_wrote_is_said() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let add =
        |key: &str, value: &str| format!(r#"[{{ header: {{ key: {key}, value: "{value}" }} }}]"#);
    let by_route = |add: &str| {
        let routes = "                route_config:\n";
        let added = format!("{routes}                  request_headers_to_add: {add}\n");
        check(&put(SMALLEST, routes, &added))
    };
    let by_filter = |add: &str| {
        let router = "                  - name: envoy.filters.http.router\n";
        let kind =
            "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
        let filter =
            format!(r#"{{ name: m, typed_config: {{ "@type": {kind}, append: {add} }} }}"#);
        check(&put(
            SMALLEST,
            router,
            &format!("                  - {filter}\n{router}"),
        ))
    };
    let warning = |place: &str, key: &str| {
        format!(
            "warning: {list}.{place}: puts what may be the client's in the place of {key}, which this filter wrote; remove it, or write another header\n"
        )
    };
    let output = by_route(&add("X-User", "%REQ(X-Forwarded-User)%"));
    assert!(
        output.ends_with(&warning(
            "route_config.request_headers_to_add[0].header",
            "x-user"
        )),
        "{output}"
    );
    let output = by_filter(&add("x-passgate-subject", "%REQ(x-passgate-x?x-me):9%"));
    let place = "http_filters[1].typed_config.append[0].header";
    assert!(
        output.ends_with(&warning(place, "x-passgate-subject")),
        "{output}"
    );
    for value in [
        "%QUERY_PARAM(x-user)%",
        "%REQ_WITHOUT_QUERY(x-evil)%",
        "%REQUEST_HEADER(x-evil)%",
        "100%%%COOKIE(u)%",
        "%REQUESTED_SERVER_NAME%",
        "%PROTOCOL%/%START_TIME(%s)%/%DOWNSTREAM_PEER_SUBJECT%",
        "%REQ(:path)%",
    ] {
        let output = by_route(&add("x-user", value));
        assert!(
            output.contains("in the place of x-user"),
            "{value}: {output}"
        );
    }
    for (key, value) in [
        ("x-user", "nobody"),
        ("x-user", "of %PROTOCOL% (all of them)"),
        ("x-user", "%START_TIME(%Y)%, %ENVIRONMENT(HOME)%"),
        ("x-user", "REQUESTED_SERVER_NAME, 5 % of %% REQ(x-evil)"),
        ("x-user", "%REQUEST_HEADER(x-passgate-subject)%"),
        ("x-user", "%REQ(x-passgate-subject)%"),
        ("x-copy", "%REQ(x-user)%"),
        ("x-user-agent", "%REQ(user-agent)%"),
    ] {
        for output in [by_route(&add(key, value)), by_filter(&add(key, value))] {
            assert!(!output.contains("warning"), "{key}: {value}: {output}");
        }
    }
}

/// What the gate has judged is not a client's any more.
#[test]
fn what_was_judged_and_is_made_of_something_else_behind_the_gate_is_said() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let by_route = |rules: &[String], more: &str| {
        let route = "route: { cluster: upstream }";
        check(&put(
            &with_rules(rules),
            route,
            &format!("route: {{ cluster: upstream, {more} }}"),
        ))
    };
    let by_filter = |rules: &[String], key: &str, value: &str| {
        let router = "                  - name: envoy.filters.http.router\n";
        let kind =
            "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
        let filter = format!(
            r#"{{ name: m, typed_config: {{ "@type": {kind}, mutations: {{ request_mutations: [{{ append: {{ header: {{ key: "{key}", value: "{value}" }} }} }}] }} }} }}"#
        );
        let text = put(
            &with_rules(rules),
            router,
            &format!("                  - {filter}\n{router}"),
        );
        check(&text)
    };
    let (all, hosts) = ([strict("")], [strict(r#""api.test""#)]);
    let says = |output: &str, place: &str, key: &str| {
        let warning = format!(
            "warning: {list}.{place}: puts what may be the client's in the place of {key}, which this filter judged; remove it\n"
        );
        assert!(output.ends_with(&warning), "{output}");
    };
    let route = "route_config.virtual_hosts[0].routes[0].route";
    let filter = "http_filters[1].typed_config.mutations.request_mutations[0].append.header";
    says(
        &by_route(&all, "path_rewrite: \"/x%REQ(x-path)%\""),
        &format!("{route}.path_rewrite"),
        ":path",
    );
    says(
        &by_route(&hosts, "host_rewrite_header: x-host"),
        &format!("{route}.host_rewrite_header"),
        ":authority",
    );
    says(
        &by_route(&hosts, "hostRewrite: \"a.%REQ(x-host)%\""),
        &format!("{route}.hostRewrite"),
        ":authority",
    );
    says(&by_filter(&all, ":path", "%REQ(x-path)%"), filter, ":path");
    says(
        &by_filter(&all, ":method", "%REQ(x-method)%"),
        filter,
        ":method",
    );
    says(&by_filter(&hosts, "Host", "%REQ(x-host)%"), filter, "host");
    // By paths and methods rules differ, so not even a constant is meant.
    let admin = rule("", "/admin/", r#""requires": { "scopes": ["admin"] }"#);
    let paths = [admin, strict("")];
    let get = r#"{ "match": { "prefix": "/", "methods": ["GET"] }, "requires": {} }"#;
    let methods = [get.to_owned(), strict("")];
    for (rules, key, value) in [
        (&paths, ":path", "/admin/users"),
        (&paths, ":path", "/x%REQ(:path)%"),
        (&methods, ":method", "POST"),
    ] {
        let output = by_filter(rules, key, value);
        let warning = format!(
            "warning: {list}.{filter}: puts something else in the place of {key}, by which rules of this filter differ; remove it\n"
        );
        assert!(output.ends_with(&warning), "{output}");
    }
    for output in [
        by_filter(&paths, ":method", "POST"),
        by_filter(&methods, ":path", "/admin/users"),
        by_route(&all, "host_rewrite_header: x-host"),
        by_route(&hosts, "host_rewrite_header: \"\""),
        by_route(&hosts, "host_rewrite_header: x-user"),
        by_route(&hosts, "host_rewrite: inner.test"),
        by_route(&all, "path_rewrite: \"/x%PATH(NQ)%\""),
        by_route(&all, "path_rewrite: \"/of/%REQ(x-user)%\""),
        by_filter(&all, ":path", "/x%REQ(:path)%"),
        by_filter(&all, ":authority", "%REQ(x-host)%"),
        by_filter(&hosts, ":authority", "inner.test"),
        by_filter(&[], ":path", "%REQ(x-path)%"),
    ] {
        assert!(!output.contains("in the place of"), "{output}");
    }
}

#[test]
fn what_a_filter_before_the_gate_is_told_for_a_route_is_looked_at() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let http = "type.googleapis.com/envoy.extensions.filters.http";
    let with = |place: &str, of: &str| {
        let filter = format!(
            r#"                  - {{ name: rbac, typed_config: {{ "@type": {http}.rbac.v3.RBAC }} }}"#
        );
        let text = put(SMALLEST, place, &format!("{place}{filter}\n"));
        let route = "route: { cluster: upstream }";
        check(&put(
            &text,
            route,
            &format!("{route}, typed_per_filter_config: {{ {of} }}"),
        ))
    };
    let first = "                http_filters:\n";
    let rbac = |name: &str, header: &str| {
        format!(
            r#"{name}: {{ "@type": {http}.rbac.v3.RBACPerRoute, rbac: {{ rules: {{ policies: {{ p: {{ principals: [{{ header: {{ name: {header}, exact_match: root }} }}] }} }} }} }} }}"#
        )
    };
    let output = with(first, &rbac("rbac", "x-user"));
    let warning = format!(
        "warning: {list}.route_config.virtual_hosts[0].routes[0].typed_per_filter_config.rbac: names the header x-user before this filter removes what a client wrote into it; put it behind this filter, unless it does not read the header\n"
    );
    assert!(output.ends_with(&warning), "{output}");
    let cache = format!(r#"rbac: {{ "@type": {http}.cache.v3.CacheConfig }}"#);
    let said = "typed_per_filter_config.rbac: answers from its cache before this filter is asked";
    assert!(with(first, &cache).contains(said));
    // Of another filter, and of one behind the gate.
    for output in [
        with(first, &rbac("rbac", "x-agent")),
        with(first, &rbac("other", "x-user")),
    ] {
        assert!(!output.contains("warning"), "{output}");
    }
    let router = "                  - name: envoy.filters.http.router\n";
    let behind = format!(
        r#"                  - {{ name: rbac, typed_config: {{ "@type": {http}.rbac.v3.RBAC }} }}"#
    );
    let text = put(SMALLEST, router, &format!("{behind}\n{router}"));
    let route = "route: { cluster: upstream }";
    let of = rbac("rbac", "x-user");
    let text = put(
        &text,
        route,
        &format!("{route}, typed_per_filter_config: {{ {of} }}"),
    );
    assert!(!check(&text).contains("warning"), "{}", check(&text));
}

#[test]
fn a_filter_of_a_cluster_that_overwrites_what_the_gate_wrote_is_said() {
    let with = |value: &str| {
        let name = "    - name: upstream\n";
        let filter = format!(
            r#"{{ name: m, typed_config: {{ mutations: {{ request_mutations: [{{ append: {{ header: {{ key: x-user, value: "{value}" }} }} }}] }} }} }}"#
        );
        check(&put(
            SMALLEST,
            name,
            &format!(
                "{name}      typed_extension_protocol_options: {{ http: {{ http_filters: [{filter}] }} }}\n"
            ),
        ))
    };
    let output = with("%REQ(x-evil)%");
    let warning = "warning: static_resources.clusters[1].typed_extension_protocol_options.http.http_filters[0].typed_config.mutations.request_mutations[0].append.header: puts what may be the client's in the place of x-user, which this filter wrote; ";
    assert!(output.contains(warning), "{output}");
    assert!(!with("%REQ(x-user)%").contains("warning"));
}

/// What a rule says of a path holds for the service that the path is led to.
#[test]
fn a_header_of_the_client_that_chooses_the_cluster_is_said_where_rules_differ() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let with = |text: &str, header: &str| {
        let route = "route: { cluster: upstream }";
        check(&put(
            text,
            route,
            &format!("route: {{ cluster_header: {header} }}"),
        ))
    };
    let admin = rule("", "/admin/", r#""requires": { "scopes": ["admin"] }"#);
    let differ = with_rules(&[admin, strict("")]);
    let output = with(&differ, "X-To");
    let warning = format!(
        "warning: {list}.route_config.virtual_hosts[0].routes[0].route.cluster_header: a client may choose any cluster by the header x-to, whichever rule lets its request pass; name a header that this filter writes, or the cluster\n"
    );
    assert!(output.contains(&warning), "{output}");
    let lua = r#"                  - { name: l, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, inline_code: 'h:replace("x-to", "a")' } }"#;
    let router = "                  - name: envoy.filters.http.router\n";
    let written = put(&differ, router, &format!("{lua}\n{router}"));
    let behind = |filter: &str| {
        put(
            &differ,
            router,
            &format!("                  - {filter}\n{router}"),
        )
    };
    let http = "type.googleapis.com/envoy.extensions.filters.http";
    let mutation = |value: &str, action: &str| {
        behind(&format!(
            r#"{{ name: m, typed_config: {{ "@type": {http}.header_mutation.v3.HeaderMutation, mutations: {{ request_mutations: [{{ append: {{ header: {{ key: X-To, value: "{value}" }}, append_action: {action} }} }}] }} }} }}"#
        ))
    };
    let set = "OVERWRITE_IF_EXISTS_OR_ADD";
    // One that only reads it, and those that leave, or write, what a client wrote.
    let reads = behind(&format!(
        r#"{{ name: h, typed_config: {{ "@type": {http}.header_to_metadata.v3.Config, request_rules: [{{ header: x-to, on_header_present: {{ key: t }} }}] }} }}"#
    ));
    for text in [
        reads,
        mutation("upstream", "ADD_IF_ABSENT"),
        mutation("upstream", "APPEND_IF_EXISTS_OR_ADD"),
        mutation("%REQ(x-other)%", set),
    ] {
        let output = with(&text, "x-to");
        assert!(output.contains("may choose any cluster"), "{output}");
    }
    for output in [
        with(&differ, "x-user"),
        with(&differ, "x-passgate-subject"),
        with(&written, "x-to"),
        with(&mutation("upstream", set), "x-to"),
        with(&mutation("%REQ(x-user)%", set), "x-to"),
        with(&with_rules(&[strict("")]), "x-to"),
        with(SMALLEST, "x-to"),
    ] {
        assert!(!output.contains("may choose any cluster"), "{output}");
    }
}

#[test]
fn a_filter_that_is_told_to_write_a_header_of_the_gate_is_said() {
    let list = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let router = "                  - name: envoy.filters.http.router\n";
    let with = |of: &str| {
        let http = "type.googleapis.com/envoy.extensions.filters.http";
        let filter = format!(
            r#"                  - {{ name: a, typed_config: {{ "@type": {http}.{of} }} }}"#
        );
        check(&put(SMALLEST, router, &format!("{filter}\n{router}")))
    };
    for (of, place) in [
        (
            "basic_auth.v3.BasicAuth, forward_username_header: X-User",
            "forward_username_header",
        ),
        (
            "api_key_auth.v3.ApiKeyAuth, forwarding: { header: x-user }",
            "forwarding.header",
        ),
        (
            "jwt_authn.v3.JwtAuthentication, providers: { a: { claim_to_headers: [{ claim_name: sub, header_name: x-user }] } }",
            "providers.a.claim_to_headers[0].header_name",
        ),
    ] {
        let output = with(of);
        let warning = format!(
            "warning: {list}.http_filters[1].typed_config.{place}: puts what another filter knows in the place of x-user, which this filter wrote; name another header\n"
        );
        assert!(output.ends_with(&warning), "{of}: {output}");
    }
    let other = with("basic_auth.v3.BasicAuth, forward_username_header: x-name");
    assert!(!other.contains("warning"), "{other}");
}
