//! What `passgate check` calls switched off is: Envoy asks the filter nothing there.

use passgate_harness::{BOTH, Gate, Request, Setup, policy};
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
