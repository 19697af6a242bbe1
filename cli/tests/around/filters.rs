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
