//! Whether the clusters of a file of Envoy, from which keys and lists come, prove who they are:
//! TLS, an authority, and the whole name of the host (CVE-2022-21656, CVE-2025-66220).

use std::net::IpAddr;

use passgate_core::Json;

use crate::{
    off::each,
    sign::{elements, is_true, member, types},
};

const NO_TLS: &str = "speaks no TLS, so anybody on the way can answer in its place";
const NO_AUTHORITY: &str = "takes any certificate";
const NO_NAME: &str = "takes a certificate of any host that the authority has signed";

/// A cluster that does not prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unproved {
    pub(crate) name: String,
    what: &'static str,
    remedy: &'static str,
}

impl Unproved {
    /// What is wrong with it, and what to write.
    pub(crate) fn told(&self) -> String {
        format!(
            "the cluster {:?}, which {}; {} (envoy/jwks-over-tls.yaml)",
            self.name, self.what, self.remedy
        )
    }
}

/// Those of a bootstrap, but for clusters on this machine.
pub(crate) fn unproved(document: &Json) -> Vec<Unproved> {
    let resources = member(document, ["static_resources", "staticResources"]);
    let clusters = elements(resources.and_then(|it| it.get("clusters"))).iter();
    clusters.filter_map(of).collect()
}

fn of(cluster: &Json) -> Option<Unproved> {
    let name = cluster.get("name")?.as_str()?.to_owned();
    let (what, remedy) = fault(cluster)?;
    Some(Unproved { name, what, remedy })
}

fn fault(cluster: &Json) -> Option<(&'static str, &'static str)> {
    let Some(socket) = member(cluster, ["transport_socket", "transportSocket"]) else {
        // By name or by discovery nobody can tell here whose address it is.
        let matches = member(
            cluster,
            ["transport_socket_matches", "transportSocketMatches"],
        );
        return (matches.is_none() && !is_of_this_machine(cluster))
            .then_some((NO_TLS, "write a transport_socket with UpstreamTlsContext"));
    };
    let mut faults = Vec::new();
    each(socket, "", &mut |context, _| {
        if types(context).any(|name| name.ends_with(".UpstreamTlsContext")) {
            faults.extend(of_context(context, cluster));
        }
    });
    faults.into_iter().next()
}

fn of_context(context: &Json, cluster: &Json) -> Option<(&'static str, &'static str)> {
    let context = context.get("value").unwrap_or(context);
    let common = member(context, ["common_tls_context", "commonTlsContext"]);
    let own = |names| common.and_then(|it| member(it, names));
    let sds = [
        "validation_context_sds_secret_config",
        "validationContextSdsSecretConfig",
    ];
    let combined = own(["combined_validation_context", "combinedValidationContext"]);
    let default = combined.and_then(|it| {
        let names = ["default_validation_context", "defaultValidationContext"];
        member(it, names)
    });
    let is_elsewhere = own(sds).is_some();
    let inline = own(["validation_context", "validationContext"]);
    let validation = default.or(inline);
    let has = |names: [&str; 2]| validation.is_some_and(|it| member(it, names).is_some());
    let certificates = has(["trusted_ca", "trustedCa"])
        || has(["system_root_certs", "systemRootCerts"])
        || has(["verify_certificate_spki", "verifyCertificateSpki"])
        || has(["verify_certificate_hash", "verifyCertificateHash"])
        || has(["custom_validator_config", "customValidatorConfig"]);
    if !certificates && combined.is_none() && !is_elsewhere {
        return Some((NO_AUTHORITY, "write trusted_ca under validation_context"));
    }
    let mut by_host = is_true(member(
        context,
        ["auto_sni_san_validation", "autoSniSanValidation"],
    ));
    each(cluster, "", &mut |options, _| {
        let names = ["auto_san_validation", "autoSanValidation"];
        by_host |= is_true(member(options, names));
    });
    let is_one = has(["verify_certificate_spki", "verifyCertificateSpki"])
        || has(["verify_certificate_hash", "verifyCertificateHash"])
        || has(["custom_validator_config", "customValidatorConfig"]);
    let named = has(["match_typed_subject_alt_names", "matchTypedSubjectAltNames"])
        || has(["match_subject_alt_names", "matchSubjectAltNames"]);
    (!named && !by_host && !is_one && !is_elsewhere).then_some((
        NO_NAME,
        "write match_typed_subject_alt_names under validation_context",
    ))
}

/// Whether all its addresses are of this machine: loopback, a socket in the file system, or a
/// listener of the same proxy.
fn is_of_this_machine(cluster: &Json) -> bool {
    let mut is_own = true;
    each(cluster, "", &mut |object, _| {
        let Some(socket) = member(object, ["socket_address", "socketAddress"]) else {
            return;
        };
        let address = socket
            .get("address")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
        is_own &= address == "localhost" || address.parse().is_ok_and(is_loopback);
    });
    let discovers = member(cluster, ["eds_cluster_config", "edsClusterConfig"]).is_some();
    is_own && !discovers
}
