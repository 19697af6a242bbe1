//! Whose the id of a request is, where identity tokens carry it (`txn`).

use super::{check, put};

const IDENTITY: &str = include_str!("../../../envoy/identity.yaml");
const PREFIX: &str = "                stat_prefix: edge\n";

#[test]
fn a_client_that_may_choose_txn_is_noted() {
    let token = "\"identity_token\": {";
    let of_requests = put(IDENTITY, token, &format!("{token} \"transaction\": true,"));
    let with = |settings: &str| {
        let settings = settings.split(", ");
        let lines: String = settings
            .map(|setting| format!("                {setting}\n"))
            .collect();
        check(&put(&of_requests, PREFIX, &format!("{PREFIX}{lines}")))
    };
    let note = "clients may write x-request-id, which is txn of the identity tokens";
    for (settings, wanted) in [
        ("via: gate", Some("write use_remote_address: true")),
        (
            "use_remote_address: false",
            Some("write use_remote_address: true"),
        ),
        ("use_remote_address: true", None),
        ("useRemoteAddress: true", None),
        (
            "use_remote_address: true, preserve_external_request_id: true",
            Some("remove preserve_external_request_id"),
        ),
        (
            "use_remote_address: true, generate_request_id: false",
            Some("write generate_request_id: true"),
        ),
        ("use_remote_address: true, generate_request_id: true", None),
    ] {
        let said = with(settings);
        assert_eq!(said.contains(note), wanted.is_some(), "{settings}: {said}");
        let wanted = wanted.unwrap_or_default();
        assert!(said.contains(wanted), "{settings}: {said}");
    }
    // One token for many requests does not carry it.
    assert!(!check(IDENTITY).contains("x-request-id"));
}
