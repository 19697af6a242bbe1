//! What `passgate check` calls switched off is: Envoy asks the filter nothing there.

use passgate_harness::{BOTH, Bootstrap, Gate, Request, Setup, policy};
use serde_json::{Value, json};

/// A gate whose file was changed at one place.
fn gate(pointer: &str, member: &str, value: &Value) -> Gate {
    let setup = Setup::new(policy());
    setup
        .edit(|bootstrap| {
            let place = bootstrap.manager().pointer_mut(pointer);
            place.expect("the place in the file")[member] = value.clone();
        })
        .start()
}

#[test]
fn a_filter_that_the_file_switches_off_lets_everybody_pass() {
    let config = json!({ "passgate": {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true,
    } });
    let per_filter = "typed_per_filter_config";
    let host = "/route_config/virtual_hosts/0";
    let route = "/route_config/virtual_hosts/0/routes/0";
    let off = [
        ("/http_filters/0", "disabled", json!(true)),
        ("/route_config", per_filter, config.clone()),
        (host, per_filter, config.clone()),
        (route, per_filter, config.clone()),
        (
            route,
            "route",
            json!({ "weighted_clusters": { "clusters": [
                { "name": "upstream", "weight": 1, "typed_per_filter_config": config },
            ] } }),
        ),
    ];
    for (pointer, member, value) in &off {
        let gate = gate(pointer, member, value);
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/"));
            assert_eq!(answer.status, 200, "{pointer}");
        }
        gate.finish();
    }
}

/// All that the filter asks of Envoy and Envoy of the filter, but for what sees requests.
const BLIND: &str = "proxy_on_vm_start proxy_on_configure proxy_on_context_create proxy_on_tick proxy_on_done \
    proxy_on_delete proxy_on_http_call_response proxy_on_memory_allocate proxy_log proxy_get_buffer_bytes \
    proxy_set_effective_context proxy_set_tick_period_milliseconds proxy_get_current_time_nanoseconds proxy_call_foreign_function \
    proxy_define_metric proxy_increment_metric proxy_record_metric proxy_get_property proxy_http_call \
    random_get environ_get environ_sizes_get";

#[test]
fn a_filter_that_envoy_is_told_not_to_ask_lets_everybody_pass() {
    let names = BLIND.split_whitespace();
    let allowed: serde_json::Map<_, _> = names.map(|name| (name.to_owned(), json!({}))).collect();
    let restriction = json!({ "allowed_capabilities": allowed });
    let plugin = "/http_filters/0/typed_config/config";
    let gate = gate(plugin, "capability_restriction_config", &restriction);
    let answer = gate.send(BOTH[0], &Request::get("/"));
    assert_eq!(answer.status, 200);
    gate.finish();
}

/// A gate whose filter, the first of its chain, was put elsewhere.
fn moved(edit: impl FnOnce(&mut Bootstrap, Value)) -> Gate {
    let setup = Setup::new(policy());
    setup
        .edit(|bootstrap| {
            let ours = bootstrap.filters().remove(0);
            edit(bootstrap, ours);
        })
        .start()
}

/// The type of an HTTP filter's configuration.
fn of_type(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.filters.http.{name}")
}

/// A filter that lets everything pass.
fn nothing(name: &str) -> Value {
    json!({ "name": name, "typed_config": { "@type": of_type("cors.v3.Cors") } })
}

#[test]
fn a_chain_within_the_chain_lets_everybody_pass_where_a_route_has_another() {
    let gate = moved(|bootstrap, ours| {
        let name = ours["name"].as_str().unwrap().to_owned();
        let chain = json!({ "name": "chain", "typed_config": {
            "@type": of_type("filter_chain.v3.FilterChainConfig"),
            "default_filter_chain": { "filters": [ours] },
        } });
        bootstrap.filters().insert(0, chain);
        let routes = &mut bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"];
        let mut open = routes[0].clone();
        open["match"] = json!({ "prefix": "/open" });
        open["typed_per_filter_config"] = json!({ "chain": {
            "@type": of_type("filter_chain.v3.FilterChainConfigPerRoute"),
            "filter_chain": { "filters": [nothing(&name)] },
        } });
        routes.as_array_mut().unwrap().insert(0, open);
    });
    for protocol in BOTH {
        assert_eq!(gate.send(protocol, &Request::get("/")).status, 401);
        assert_eq!(gate.send(protocol, &Request::get("/open")).status, 200);
    }
    gate.finish();
}

#[test]
fn a_chain_that_an_action_names_is_asked_about_no_other_request() {
    let gate = moved(|bootstrap, ours| {
        let input = json!({ "name": "header", "typed_config": {
            "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
            "header_name": "x-check",
        } });
        let action = json!({ "name": "run", "typed_config": {
            "@type": of_type("composite.v3.ExecuteFilterAction"), "filter_chain_name": "checked",
        } });
        let predicate =
            json!({ "single_predicate": { "input": input, "value_match": { "exact": "yes" } } });
        let matchers = json!([{ "predicate": predicate, "on_match": { "action": action } }]);
        let composite = json!({ "name": "composite", "typed_config": {
            "@type": of_type("composite.v3.Composite"),
            "named_filter_chains": { "checked": { "typed_config": [ours] } },
            "matcher": { "matcher_list": { "matchers": matchers } },
        } });
        bootstrap.filters().insert(0, composite);
    });
    for protocol in BOTH {
        let asked = Request::get("/").header("x-check", "yes");
        assert_eq!(gate.send(protocol, &asked).status, 401);
        assert_eq!(gate.send(protocol, &Request::get("/")).status, 200);
    }
    gate.finish();
}

#[test]
fn an_upgrade_with_filters_of_its_own_lets_everybody_pass() {
    let router =
        json!({ "name": "router", "typed_config": { "@type": of_type("router.v3.Router") } });
    let upgrades = json!([{ "upgrade_type": "websocket", "filters": [router] }]);
    let gate = gate("", "upgrade_configs", &upgrades);
    let upgrade = Request::get("/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    assert_eq!(gate.send(BOTH[0], &Request::get("/")).status, 401);
    assert_eq!(gate.send(BOTH[0], &upgrade).status, 200);
    gate.finish();
}

#[test]
fn a_filter_of_connections_is_asked_about_no_request() {
    let gate = moved(|bootstrap, mut ours| {
        let of_connections = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";
        ours["typed_config"]["@type"] = json!(of_connections);
        let filters = &mut bootstrap.listener()["filter_chains"][0]["filters"];
        filters.as_array_mut().unwrap().insert(0, ours);
    });
    for protocol in BOTH {
        assert_eq!(gate.send(protocol, &Request::get("/")).status, 200);
    }
    gate.finish();
}
