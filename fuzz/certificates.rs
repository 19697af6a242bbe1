//! What is tried on the certificate that a connection shows.

use std::sync::LazyLock;

use passgate_core::{
    Config, Connection, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, jwks};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Every workload of one trust domain passes.
static CONFIG: LazyLock<String> = LazyLock::new(|| {
    let key = SigningKey::of("EdDSA", "k");
    let provider = json!({
        "issuer": "i", "audiences": ["a"], "local_jwks": { "inline_string": jwks(&[&key]) },
    });
    let rule =
        |path: &str, requires: Value| json!({ "match": { "path": path }, "requires": requires });
    let config = json!({
        "peer_verified_by_listener": true,
        "providers": { "p": provider },
        "rules": [
            rule("/", json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/**"] } })),
            rule("/person", json!({ "provider_name": "p" })),
        ],
    });
    config.to_string()
});

#[derive(Debug)]
struct Shown(Vec<u8>);

impl Connection for Shown {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
}

/// The workload that a connection with this certificate is.
fn workload(pem: Vec<u8>) -> Option<String> {
    let config = Config::parse(CONFIG.as_bytes()).expect("a good configuration");
    let mut supply = Supply::new(&config, 1);
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"a"),
    ];
    let shown = Shown(pem);
    let request = Request::new(&headers).on(&shown);
    let step = Verifier::new(config, 1).verify(request, &mut supply, NOW);
    let Step::Settle(Settlement { verdict, record }) = step else {
        panic!("there is nothing to wait for");
    };
    let line = record.to_json();
    assert!(!line.contains('\n') && line.len() < 8_192, "{line}");
    match verdict {
        Verdict::Allow(_) => Some(record.peer.expect("it passed by its name").to_string()),
        Verdict::Deny(rejection) => {
            assert!(["missing.peer", "forbidden.peer"].contains(&rejection.code));
            None
        }
        Verdict::Serve(_) => panic!("nothing is served"),
    }
}

/// DER of a certificate, or what Envoy may say in its place, PEM as it is. A workload that it names
/// stands in it as a URI. Whether it names one.
pub(crate) fn certificate(data: &[u8]) -> bool {
    if data.starts_with(BEGIN.as_bytes()) {
        return workload(data.to_vec()).is_some();
    }
    let pem = [BEGIN, &base64(data), END].join("\n");
    let Some(id) = workload(pem.into_bytes()) else {
        return false;
    };
    assert!(id.starts_with("spiffe://mesh/"), "{id}");
    assert!(!id.contains(['%', '?', '#', '*', '\0', ' ']), "{id}");
    // Tag and length of a GeneralName stand before it.
    let length = id.len().to_be_bytes();
    let length = match id.len() {
        ..0x80 => vec![length[7]],
        0x80..0x100 => vec![0x81, length[7]],
        _ => vec![0x82, length[6], length[7]],
    };
    let name = [&[0x86], &*length, id.as_bytes()].concat();
    assert!(data.windows(name.len()).any(|part| part == name), "{id}");
    true
}

/// RFC 4648 section 4, in lines.
fn base64(data: &[u8]) -> String {
    let url = passgate_kit::base64url(data);
    let padding = "=".repeat(url.len().next_multiple_of(4) - url.len());
    let text = url.replace('-', "+").replace('_', "/") + &padding;
    let lines: Vec<&[u8]> = text.as_bytes().chunks(64).collect();
    String::from_utf8(lines.join(&b'\n')).expect("ASCII")
}
