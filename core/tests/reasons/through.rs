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

/// A connection with this certificate.
#[derive(Debug)]
pub(super) struct Shown<'s>(pub(super) Option<&'s str>);

impl Connection for Shown<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.0.map(|pem| pem.as_bytes().to_vec())
    }
}
