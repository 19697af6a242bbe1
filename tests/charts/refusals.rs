//! Values that mean nothing, or that would leave something open, are refused with what is wrong.

use crate::harness::{ALL, chart, scratch, try_render};

/// Values on top of the examples, and what Helm says of them.
const REFUSED: [(&[&str], &str); 27] = [
    // The image, and where it lies.
    (
        &["registry=https://ghcr.io/you"],
        "at '/registry': 'https://ghcr.io/you' does not match pattern",
    ),
    (
        &["registry=ghcr.io/you/passgate:0.1.0"],
        "at '/registry': 'ghcr.io/you/passgate:0.1.0' does not match pattern",
    ),
    (
        &["module.image=r.example.com/p:latest"],
        "at '/module/image': 'r.example.com/p:latest' does not match pattern",
    ),
    (
        &[
            "module.image=r.example.com/p@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
        "module.image: a digest of zeros is of no image",
    ),
    (
        &[
            "feed.image=r.example.com/p@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
        "feed.image: a digest of zeros is of no image",
    ),
    // Exactly one attachment, which judges.
    (
        &["attach=null"],
        "attach: say what is guarded: one of ingressGateway, ",
    ),
    (
        &["attach.workload.labels.app=ledger"],
        "at '/attach': maxProperties: got 2, want 1",
    ),
    (
        &["attach.gateway.name=edge"],
        "additional properties 'gateway' not allowed",
    ),
    (
        &["attach.ingressGateway.labels=null"],
        "at '/attach/ingressGateway/labels': got null, want object",
    ),
    (
        &["attach.ingressGateway.match=CLIENT"],
        "at '/attach/ingressGateway': additional properties 'match' not allowed",
    ),
    (
        &["attach.ingressGateway.labels.gateway\\.networking\\.k8s\\.io/gateway-name=waypoint"],
        "is a label of waypoints, which a selector does not reach",
    ),
    (
        &[r#"attach={"namespace":false}"#],
        "at '/attach/namespace': value must be true",
    ),
    (
        &[r#"attach={"mesh":true}"#],
        "attach.mesh: counts in the root namespace alone",
    ),
    (
        &[r#"attach={"everyWaypoint":true}"#],
        "attach.everyWaypoint: counts in the root namespace alone",
    ),
    (
        &[r#"attach={"namespace":true}"#, "rootNamespace=books"],
        "attach.namespace: in the root namespace books a plugin reaches the proxies of all namespaces",
    ),
    (
        &[r#"attach={"service":{"name":"accounts"}}"#],
        "at '/attach/service': missing property 'waypoint'",
    ),
    (
        &[r#"attach={"service":{"name":"a","waypoint":"w","namespace":"shop"}}"#],
        "additional properties 'namespace' not allowed",
    ),
    // What is not for values to say.
    (
        &["failStrategy=FAIL_OPEN"],
        "additional properties 'failStrategy' not allowed",
    ),
    (
        &["form=EnvoyFilter"],
        "at '/form': value must be one of 'WasmPlugin', 'TrafficExtension'",
    ),
    (
        &["priority=high"],
        "at '/priority': got string, want null or integer",
    ),
    // The policy, and the ways that it names.
    (
        &["policy=null"],
        "policy: write the configuration of the filter, or give a file",
    ),
    (
        &["policy.failStrategy=FAIL_OPEN"],
        "policy.failStrategy: the policy is what stands below pluginConfig",
    ),
    (
        &["egress[0].host=other.example.com"],
        "egress: the policy names the cluster outbound|443||id.example.com, and nothing leads there",
    ),
    (
        &["egress[0].port=0"],
        "at '/egress/0/port': minimum: got 0, want 1",
    ),
    // The feed: secrets by reference alone, one process at a file.
    (
        &["feed.env[0].value=hunter2"],
        "at '/feed/env/0': additional properties 'value' not allowed",
    ),
    (
        &["feed.replicas=2"],
        "feed.replicas: a store in a file has one replica",
    ),
    (
        &["feed.config.store=/tmp/feed.db"],
        "feed.config.store: the chart keeps what lies in /var/lib/passgate-feed alone",
    ),
];

#[test]
fn nonsense_is_refused_with_what_is_wrong() {
    for (set, expected) in REFUSED {
        let option = |one: &str| match one.contains("={") {
            true => "--set-json",
            false => "--set",
        };
        let set: Vec<&str> = set.iter().flat_map(|one| [option(one), one]).collect();
        match try_render(&chart(), ALL, &set) {
            Ok(written) => panic!("{set:?} is taken:\n{written}"),
            Err(said) => assert!(said.contains(expected), "{set:?}: {said}"),
        }
    }
}

#[test]
fn a_policy_that_is_not_yaml_is_refused() {
    let said = try_render(&chart(), ALL, &["--set-string", "policy=rules: ["]).unwrap_err();
    assert!(said.contains("policy: not YAML: "), "{said}");
}

/// Helm takes the last of two members of one name, and the first of two documents.
#[test]
fn a_policy_of_which_helm_would_take_a_part_is_refused() {
    let twice = "rules:\n- match: { path: / }\n\"rules\" :\n- match: { path: / }\n  public: true\n";
    let documents = "---\nproviders: {}\n---\nrules: []\n";
    for (policy, expected) in [
        (twice, "policy: the key \"rules\" occurs twice"),
        (documents, "policy: more than one document"),
        ("policy: { rules: [] }", "policy.policy: the policy is what"),
    ] {
        let file = scratch("policy-in-part.yaml", policy);
        let argument = format!("policy={}", file.display());
        let said = try_render(&chart(), ALL, &["--set-file", &argument]).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
