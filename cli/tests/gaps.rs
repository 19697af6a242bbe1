//! What around a policy leaves a gap: servers of keys that do not prove who they are, a CORS filter
//! behind the gate, modules and runtimes that are not there, hosts that Istio does not know.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/check.rs"]
mod common;

use self::common::judged;
use std::{fs, process::Command};

const OVER_TLS: &str = include_str!("../../envoy/jwks-over-tls.yaml");
const SMALLEST: &str = include_str!("../../envoy/smallest.yaml");
const GATEWAY: &str = include_str!("../../istio/gateway.yaml");
const PROVIDER: &str = include_str!("../../istio/identity-provider.yaml");

fn put(text: &str, place: &str, instead: &str) -> String {
    assert!(text.contains(place), "{place}");
    text.replacen(place, instead, 1)
}

/// The warnings about an accepted text.
fn warnings(text: &str) -> Vec<String> {
    let (status, told) = judged(text);
    assert_eq!(status, Some(0), "{told}");
    let warnings = told
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "));
    warnings.map(str::to_owned).collect()
}

#[test]
fn keys_from_a_server_that_does_not_prove_its_name_are_warned_of() {
    assert!(warnings(OVER_TLS).is_empty());
    let authority = "              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }\n";
    let (_, name) = OVER_TLS.split_once(authority).expect("the authority");
    let (name, _) = name
        .split_once("    - name: upstream")
        .expect("the next cluster");
    let told = |what: &str| {
        vec![format!(
            "providers.acme: keys come from the cluster \"idp\", which {what} under validation_context (envoy/jwks-over-tls.yaml)"
        )]
    };
    let by_any = "takes a certificate of any host that the authority has signed; write match_typed_subject_alt_names";
    let any = "takes any certificate; write trusted_ca";
    let without_name = put(OVER_TLS, name, "");
    assert_eq!(warnings(&without_name), told(by_any));
    assert_eq!(warnings(&put(OVER_TLS, authority, "")), told(any));
    // Envoy compares the name with the host that it asks for.
    let auto = put(
        &without_name,
        "          sni: id.example.com\n",
        "          sni: id.example.com\n          auto_sni_san_validation: true\n",
    );
    assert!(warnings(&auto).is_empty());
    // What comes from SDS may name both.
    let (before, _) = OVER_TLS
        .split_once("            validation_context:\n")
        .expect("a context");
    let (_, after) = OVER_TLS.split_once(name).expect("the rest");
    let sds = "            validation_context_sds_secret_config: { name: ca }\n";
    assert!(warnings(&format!("{before}{sds}{after}")).is_empty());
}

#[test]
fn keys_that_come_over_the_network_without_tls_are_warned_of() {
    assert!(warnings(SMALLEST).is_empty(), "loopback");
    let (before, clusters) = SMALLEST.split_once("  clusters:\n").expect("clusters");
    for address in ["10.0.0.1", "id.example.com"] {
        let text = format!(
            "{before}  clusters:\n{}",
            clusters.replacen("127.0.0.1", address, 1)
        );
        let told = "providers.acme: keys come from the cluster \"idp\", which speaks no TLS, so anybody on the way can answer in its place; write a transport_socket with UpstreamTlsContext (envoy/jwks-over-tls.yaml)";
        assert_eq!(warnings(&text), [told]);
    }
}

/// A socket around no TLS, a check that is switched off, and a name that every host has.
#[test]
fn keys_over_tls_that_proves_nothing_are_warned_of() {
    let told = |what: &str| {
        vec![format!(
            "providers.acme: keys come from the cluster \"idp\", which {what} (envoy/jwks-over-tls.yaml)"
        )]
    };
    let no_tls = told(
        "speaks no TLS, so anybody on the way can answer in its place; write a transport_socket with UpstreamTlsContext",
    );
    let (before, rest) = OVER_TLS
        .split_once("      transport_socket:\n")
        .expect("a socket");
    let (own, after) = rest
        .split_once("    - name: upstream")
        .expect("the next cluster");
    let before = put(
        before,
        "127.0.0.1, port_value: 9443",
        "10.0.0.1, port_value: 9443",
    );
    let with = |socket: &str| format!("{before}{socket}    - name: upstream{after}");
    let of_type = |name: &str, more: &str| {
        with(&format!(
            "      transport_socket: {{ name: s, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.transport_sockets.{name}{more} }} }}\n"
        ))
    };
    let context = "common_tls_context: { validation_context: { trusted_ca: { filename: /ca } } }";
    for text in [
        of_type("raw_buffer.v3.RawBuffer", ""),
        of_type(
            "starttls.v3.UpstreamStartTlsConfig",
            &format!(", tls_socket_config: {{ {context} }}"),
        ),
        with("      transport_socket: null\n"),
        with("      transport_socket_matches: []\n"),
    ] {
        assert_eq!(warnings(&text), no_tls, "{text}");
    }
    let quic = of_type(
        "quic.v3.QuicUpstreamTransport",
        &format!(", upstream_tls_context: {{ {context} }}"),
    );
    let by_any = told(
        "takes a certificate of any host that the authority has signed; write match_typed_subject_alt_names under validation_context",
    );
    assert_eq!(warnings(&quic), by_any);
    assert!(warnings(&of_type("alts.v3.Alts", ", handshaker_service: h")).is_empty());
    let raw = "      transport_socket: { name: s, typed_config: { '@type': type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer } }\n";
    let here = SMALLEST.replacen("    - name: idp\n", &format!("    - name: idp\n{raw}"), 1);
    assert_ne!(here, SMALLEST);
    assert!(warnings(&here).is_empty(), "loopback");

    let authority = "              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }\n";
    for value in ["ACCEPT_UNTRUSTED", "1", "'1'"] {
        let text = format!("{authority}              trust_chain_verification: {value}\n");
        let any = told("takes any certificate; remove trust_chain_verification");
        assert_eq!(warnings(&put(OVER_TLS, authority, &text)), any, "{value}");
    }
    let verified =
        format!("{authority}              trust_chain_verification: VERIFY_TRUST_CHAIN\n");
    assert!(warnings(&put(OVER_TLS, authority, &verified)).is_empty());
    let null = "              trusted_ca: null\n";
    let any = told("takes any certificate; write trusted_ca under validation_context");
    assert_eq!(warnings(&put(OVER_TLS, authority, null)), any);

    let (_, name) = own.split_once(authority).expect("the authority");
    let names = |of: &str| {
        let text = format!("              match_typed_subject_alt_names: {of}\n");
        warnings(&put(OVER_TLS, name, &text))
    };
    let one = |matcher: &str| names(&format!("[{{ san_type: DNS, matcher: {{ {matcher} }} }}]"));
    assert_eq!(names("[]"), by_any);
    assert_eq!(names("null"), by_any);
    for matcher in [
        "safe_regex: { regex: '.*' }",
        "safeRegex: { regex: '^(?i:.+)$' }",
        "safe_regex: { regex: '[a-z0-9.-]{1,255}' }",
        "safe_regex: { regex: '\\S+\\..*' }",
        "prefix: ''",
        "suffix: ''",
        "contains: ''",
    ] {
        assert_eq!(one(matcher), by_any, "{matcher}");
    }
    for matcher in [
        "exact: id.example.com",
        "safe_regex: { regex: 'id[0-9]\\.example\\.com' }",
        "suffix: .example.com",
    ] {
        assert!(one(matcher).is_empty(), "{matcher}");
    }
    // Any of several is enough.
    let several =
        "[{ san_type: DNS, matcher: { exact: a } }, { san_type: DNS, matcher: { prefix: '' } }]";
    assert_eq!(names(several), by_any);
    let old = "              match_subject_alt_names: [{ prefix: '' }]\n";
    assert_eq!(warnings(&put(OVER_TLS, name, old)), by_any);
    // A hash stands for a name, but none does not.
    let hash = |list: &str| format!("              verify_certificate_hash: {list}\n");
    assert_eq!(warnings(&put(OVER_TLS, name, &hash("[]"))), by_any);
    assert!(warnings(&put(OVER_TLS, name, &hash("[abc]"))).is_empty());
}

#[test]
fn a_cors_filter_behind_the_gate_is_warned_of() {
    let page = include_str!("../../envoy/approvals-page.yaml");
    assert!(warnings(page).is_empty());
    let (before, rest) = page
        .split_once("                  - name: envoy.filters.http.cors\n")
        .expect("the filter");
    let (cors, rest) = rest
        .split_once("                  - name: passgate\n")
        .expect("the gate");
    let (gate, rest) = rest
        .split_once("                  - name: envoy.filters.http.router\n")
        .expect("the router");
    let behind = format!(
        "{before}                  - name: passgate\n{gate}                  - name: envoy.filters.http.cors\n{cors}                  - name: envoy.filters.http.router\n{rest}"
    );
    let told = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1]: answers preflights behind this filter, which refuses them, since they have no token; put it before this filter";
    assert_eq!(warnings(&behind), [told]);
    let bypassing = put(
        &behind,
        "\"origins\":",
        "\"bypass_cors_preflight\": true, \"origins\":",
    );
    assert!(
        !warnings(&bypassing)
            .iter()
            .any(|it| it.contains("preflights behind"))
    );
}

#[test]
fn a_runtime_that_envoy_does_not_have_is_warned_of() {
    for other in ["envoy.wasm.runtime.wamr", "envoy.wasm.runtime.null"] {
        let text = put(SMALLEST, "envoy.wasm.runtime.v8", other);
        let told = format!(
            "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.vm_config.runtime: Envoy's own builds do not have {other:?}, and refuse the listener; write envoy.wasm.runtime.v8"
        );
        assert_eq!(warnings(&text), [told]);
    }
}

#[test]
fn a_digest_of_zeros_is_warned_of() {
    let told = "spec.url: the digest is of zeros, which no module has, so the proxy never gets it and refuses every request; write the image's own (make image does)";
    assert_eq!(warnings(GATEWAY), [told]);
    let filled = GATEWAY.replace(&"0".repeat(64), &"0123456789abcdef".repeat(4));
    assert!(warnings(&filled).is_empty());
    let gate = include_str!("../../envoy-gateway/gate.yaml");
    let told = &warnings(gate)[0];
    assert!(
        told.starts_with("spec.wasm[0].code.image.url: the digest is of zeros"),
        "{told}"
    );
}

#[test]
fn a_cluster_of_istio_without_a_service_entry_is_warned_of_among_several_files() {
    let folder = std::env::temp_dir().join(format!("passgate-gaps-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let gateway = GATEWAY.replace(&"0".repeat(64), &"0123456789abcdef".repeat(4));
    let check = |files: &[(&str, &str)]| {
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
        let output = command.arg("check").arg(&folder).output().expect("it runs");
        let told = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success(), "{told}");
        for (name, _) in files {
            fs::remove_file(folder.join(name)).expect("a file");
        }
        told
    };
    let told = "warning: the cluster \"outbound|443||id.example.com\" is one of Istio's if a ServiceEntry has the host id.example.com, and none of these files has one";
    let second = gateway.replace("name: passgate,", "name: passgate-two,");
    let two = [("a.yaml", &*gateway), ("b.yaml", &second)];
    assert_eq!(check(&two).matches(told).count(), 2);
    let with = |provider: &str| {
        check(&[
            ("a.yaml", &gateway),
            ("b.yaml", &second),
            ("c.yaml", provider),
        ])
    };
    assert!(!with(PROVIDER).contains("warning"));
    assert!(!with(&PROVIDER.replace("[id.example.com]", "['*.example.com']")).contains("warning"));
    let other = PROVIDER.replace("hosts: [id.example.com]", "hosts: [id.example.org]");
    assert_eq!(with(&other).matches(told).count(), 2);
    // A file alone seldom has what stands around it.
    assert!(!check(&[("a.yaml", &gateway)]).contains("warning"));
    // A service of the mesh.
    let inside = gateway.replace(
        "outbound|443||id.example.com",
        "outbound|80||id.acme.svc.cluster.local",
    );
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: { name: id, namespace: acme }\nspec: {}\n";
    let files = [
        ("a.yaml", &*inside),
        ("b.yaml", &second),
        ("c.yaml", PROVIDER),
    ];
    assert!(check(&files).contains("has the host id.acme.svc.cluster.local"));
    let files = [
        ("a.yaml", &*inside),
        ("b.yaml", &second),
        ("c.yaml", PROVIDER),
        ("d.yaml", service),
    ];
    assert!(!check(&files).contains("warning"));
    fs::remove_dir(&folder).expect("the folder");
}
