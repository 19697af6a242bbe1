//! A request through a workload.

use passgate_core::Connection;
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::json;

use super::{Specimen, good};

/// A specimen whose rule wants a workload, on a connection whose certificate has these URIs.
pub(super) fn through(uris: &[&str]) -> Specimen {
    let mut params = CertificateParams::default();
    let uris = uris
        .iter()
        .map(|&uri| SanType::URI(uri.try_into().unwrap()));
    params.subject_alt_names = uris.collect();
    let certificate = params.self_signed(&KeyPair::generate().unwrap());
    let mut specimen = good();
    specimen.certificate = Some(certificate.unwrap().pem());
    specimen.config["peer_verified_by_listener"] = json!(true);
    specimen.config["rules"][1]["requires"]["peer"] =
        json!({ "spiffe": ["spiffe://mesh/ns/web/sa/*"] });
    specimen
}

/// A specimen whose rule is about a tool, and whose headers name this one; the body names `pay`.
pub(super) fn calling(name: &'static str) -> Specimen {
    let mut specimen = good();
    specimen.mcp_name = Some(name);
    specimen.config["rules"][1]["match"]["mcp"] = json!({ "names": ["pay"] });
    specimen
}

/// A connection with this certificate, and a request whose body calls `pay`.
#[derive(Debug)]
pub(super) struct Shown<'s>(pub(super) Option<&'s str>);

impl Connection for Shown<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.0.map(|pem| pem.as_bytes().to_vec())
    }

    fn mcp(&self, member: &str) -> Option<Vec<u8>> {
        match member {
            "is_mcp_request" => Some(vec![1]),
            "method" => Some(b"tools/call".to_vec()),
            "params\0name" => Some(b"pay".to_vec()),
            _ => None,
        }
    }
}
