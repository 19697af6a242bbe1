//! What `passgate check` calls switched off is: Envoy asks the filter nothing there.

use crate::harness::{BOTH, Gate, Request, Setup, policy};
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
