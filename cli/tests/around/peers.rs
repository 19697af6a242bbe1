//! What the listener does about client certificates, where a rule asks for a peer.

use super::{SMALLEST, check, judged, put};

const WORKLOADS: &str = include_str!("../../../envoy/workloads.yaml");
const AUTHORITY: &str = "                validation_context:
                  trusted_ca: { filename: dist/workloads/authority.pem }
";

/// What the command says of a text that it refuses.
fn refused(text: &str) -> String {
    let (status, told) = judged(text);
    assert_eq!(status, Some(1), "{text}");
    told
}

#[test]
fn the_shipped_listener_verifies() {
    let said = check(WORKLOADS);
    assert!(!said.contains("peer"), "{said}");
    // Whichever way the authority comes.
    for instead in [
        "                validation_context_sds_secret_config: { name: authority }\n",
        "                combined_validation_context:
                  default_validation_context: {}
                  validation_context_sds_secret_config: { name: authority }\n",
        "                validation_context:
                  custom_validator_config: { name: envoy.tls.cert_validator.spiffe }\n",
        "                validationContext: { trustedCa: { filename: a.pem } }\n",
        "                validation_context: { verify_certificate_hash: [00] }\n",
    ] {
        let said = check(&put(WORKLOADS, AUTHORITY, instead));
        assert!(!said.contains("peer"), "{said}\n{instead}");
    }
    // A policy that does not ask has no use for it.
    let said = check(SMALLEST);
    assert!(!said.contains("peer"), "{said}");
}

/// Envoy takes up a session of a certificate that is over, and shows the certificate to filters.
#[test]
fn a_listener_that_resumes_sessions_is_warned_of() {
    for switch in ["stateless", "stateful"] {
        let line = format!("              disable_{switch}_session_resumption: true\n");
        let resumes = put(WORKLOADS, &line, "");
        let off = put(WORKLOADS, &line, &line.replace("true", "false"));
        for text in [resumes, off] {
            let said = check(&text);
            assert!(
                said.contains("the listener resumes sessions of TLS"),
                "{said}"
            );
        }
        let camel = format!(
            "              disable{}SessionResumption: true\n",
            match switch {
                "stateless" => "Stateless",
                _ => "Stateful",
            }
        );
        let said = check(&put(WORKLOADS, &line, &camel));
        assert!(!said.contains("peer"), "{said}");
    }
}

#[test]
fn a_listener_that_never_sees_a_certificate_is_warned_of() {
    let never = "asks for no client certificate, so a peer is never seen";
    for instead in [
        "",
        "                validation_context: { match_typed_subject_alt_names: [] }\n",
    ] {
        let said = check(&put(WORKLOADS, AUTHORITY, instead));
        assert!(said.contains("warning: ") && said.contains(never), "{said}");
    }
    let (before, after) = WORKLOADS
        .split_once("        - transport_socket:\n")
        .expect("TLS");
    let (_, after) = after.split_once("          filters:\n").expect("filters");
    let plain = format!("{before}        - filters:\n{after}");
    let said = check(&plain);
    assert!(
        said.contains("the listener speaks no TLS, so a peer is never seen"),
        "{said}"
    );
    // A transport socket that does not encrypt.
    let raw = format!(
        "{before}        - transport_socket: {{ name: raw, typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer }} }}\n          filters:\n{after}"
    );
    assert!(check(&raw).contains("speaks no TLS"), "{raw}");
}

#[test]
fn a_listener_that_takes_any_certificate_is_an_error() {
    let untrusted =
        |word: &str| format!("{AUTHORITY}                  trust_chain_verification: {word}\n");
    for word in ["ACCEPT_UNTRUSTED", "\"accept_untrusted\"", "1"] {
        let said = refused(&put(WORKLOADS, AUTHORITY, &untrusted(word)));
        assert!(said.contains("error: a rule asks for peer, and the listener has trust_chain_verification: ACCEPT_UNTRUSTED"), "{said}");
    }
    for word in ["VERIFY_TRUST_CHAIN", "0"] {
        check(&put(WORKLOADS, AUTHORITY, &untrusted(word)));
    }
    let combined = "                combined_validation_context:
                  default_validation_context: { trust_chain_verification: ACCEPT_UNTRUSTED }
                  validation_context_sds_secret_config: { name: authority }
";
    assert!(refused(&put(WORKLOADS, AUTHORITY, combined)).contains("ACCEPT_UNTRUSTED"));
    // A certificate is demanded, and nobody says of whom.
    let context = "              common_tls_context:\n";
    let required = format!("              require_client_certificate: true\n{context}");
    check(&put(WORKLOADS, context, &required));
    for instead in ["", "                validation_context: {}\n"] {
        let text = put(&put(WORKLOADS, context, &required), AUTHORITY, instead);
        let said = refused(&text);
        assert!(
            said.contains("require_client_certificate without a trusted_ca"),
            "{said}"
        );
    }
}
