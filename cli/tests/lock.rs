//! A gate in Envoy Gateway needs a lock beside it: without one requests pass while Envoy does not
//! have the filter that its routes want.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/check.rs"]
mod common;

use std::fs;

use self::common::judged as check;

/// The shipped example: two halves of the lock, and the gate.
fn example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy-gateway/gate.yaml");
    fs::read_to_string(path).expect("the example")
}

/// The example with one text in the place of another, which is there.
fn with(old: &str, new: &str) -> String {
    let text = example();
    assert!(text.contains(old), "{old}");
    text.replace(old, new)
}

const UNLOCKED: &str = "spec: Envoy Gateway lets new routes run without the filter while Envoy refuses or still loads what they want, so that requests pass unjudged; put beside it, ";
const REPLACES: &str = "spec: takes the place of the lock, which is the Gateway's, so that requests of this target may pass unjudged; ";

#[test]
fn the_shipped_example_has_the_lock() {
    let (status, output) = check(&example());
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.starts_with("spec.wasm[0].config:\naccepted: 1 provider, "),
        "{output}"
    );
}

#[test]
fn a_gate_without_the_lock_is_refused() {
    let documents = example();
    let documents: Vec<&str> = documents.split("\n---\n").collect();
    let [client, security, gate] = &documents[..] else {
        unreachable!("three documents")
    };
    let half = |lock: &str| format!("{lock}\n---\n{gate}");
    for text in [
        (*gate).to_owned(),
        half(client),
        half(security),
        // The one half or the other is for another Gateway, or for a part of it.
        half(&format!(
            "{client}\n---\n{}",
            security.replace("name: edge", "name: other")
        )),
        half(&format!(
            "{}\n---\n{security}",
            client.replace("name: edge", "name: other")
        )),
        with(
            "kind: Gateway, name: edge }]\n  headers",
            "kind: Gateway, name: edge, sectionName: http }]\n  headers",
        ),
        // It lets requests pass without the filter's header, or takes a client's own.
        with("defaultAction: Deny", "defaultAction: Allow"),
        with("name: x-passgate-provider, values", "name: x-user, values"),
        with("values: [acme] }]", "values: [] }]"),
        with("remove: [x-passgate-provider, ", "remove: ["),
        with(
            "      - name: passgate-was-here",
            "      - { name: all, action: Allow, principal: { clientCIDRs: [0.0.0.0/0] } }\n      - name: passgate-was-here",
        ),
    ] {
        let (status, output) = check(&text);
        let first = format!("SWITCHED OFF in 1 place\n{UNLOCKED}");
        assert!(output.starts_with(&first), "{text}\n{output}");
        assert_eq!(status, Some(1), "{output}");
    }
}

#[test]
fn a_policy_that_takes_the_place_of_the_lock_is_refused() {
    let of_route = |spec: &str| {
        format!(
            "{}\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {{ name: items, namespace: shop }}\nspec: {{ targetRefs: [{{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: items }}], {spec} }}\n",
            example()
        )
    };
    let (status, output) = check(&of_route("cors: { allowOrigins: ['*'] }"));
    assert!(
        output.starts_with(&format!("SWITCHED OFF in 1 place\n{REPLACES}")),
        "{output}"
    );
    assert_eq!(status, Some(1), "{output}");
    let same = "authorization: { defaultAction: Deny, rules: [{ action: Allow, principal: { headers: [{ name: X-Passgate-Provider, values: [acme] }] } }] }";
    for good in [
        same,
        "mergeType: StrategicMerge, cors: { allowOrigins: ['*'] }",
    ] {
        let (status, output) = check(&of_route(good));
        assert_eq!(status, Some(0), "{output}");
    }
}

#[test]
fn client_traffic_of_a_listener_that_takes_the_place_of_the_lock_is_refused() {
    let of_listener = |spec: &str| {
        format!(
            "{}\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: ClientTrafficPolicy\nmetadata: {{ name: http, namespace: shop }}\nspec: {{ targetRefs: [{{ group: gateway.networking.k8s.io, kind: Gateway, name: edge, sectionName: http }}], {spec} }}\n",
            example()
        )
    };
    let (status, output) = check(&of_listener("timeout: {}"));
    assert!(
        output.starts_with(&format!("SWITCHED OFF in 1 place\n{REPLACES}")),
        "{output}"
    );
    assert_eq!(status, Some(1), "{output}");
    let same = "headers: { earlyRequestHeaders: { remove: [X-Passgate-Provider] } }";
    let (status, output) = check(&of_listener(same));
    assert_eq!(status, Some(0), "{output}");
}

#[test]
fn a_gate_of_a_route_wants_the_lock_of_a_gateway() {
    let gate = "metadata: { name: passgate, namespace: shop }\nspec:\n  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]";
    let of_route = gate.replace("kind: Gateway, name: edge", "kind: HTTPRoute, name: api");
    let (status, output) = check(&with(gate, &of_route));
    assert_eq!(status, Some(0), "{output}");
    let text = with(gate, &of_route);
    let (_, alone) = text.rsplit_once("\n---\n").expect("several documents");
    let (status, output) = check(alone);
    assert!(output.contains(UNLOCKED), "{output}");
    assert_eq!(status, Some(1), "{output}");
}
