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
fn a_cluster_whose_address_the_request_chooses_may_be_any() {
    let header = "    - { name: any, type: ORIGINAL_DST, original_dst_lb_config: { use_http_header: true } }\n";
    let kind =
        "type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig";
    let forward = format!(
        "    - {{ name: any, cluster_type: {{ name: f, typed_config: {{ \"@type\": {kind} }} }} }}\n"
    );
    for any in [header, &forward] {
        let output = check(&beside("any", any));
        let said = "leads to a cluster that is chosen by the request, such as \"upstream\" without this filter; ";
        assert!(output.contains(said), "{any}: {output}");
    }
}

#[test]
fn the_address_of_a_health_check_is_not_a_service() {
    let health = "health_check_config: { address: { socket_address: { address: 127.0.0.1, port_value: 9001 } } }";
    let files =
        at("files", "10.0.0.1", "9001").replace("endpoint: {", &format!("endpoint: {{ {health},"));
    assert!(!check(&beside("files", &files)).contains("warning"));
}
