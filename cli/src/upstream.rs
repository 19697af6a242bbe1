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

type Fault = (&'static str, &'static str);

fn fault(cluster: &Json) -> Option<Fault> {
    let socket = given(cluster, ["transport_socket", "transportSocket"]);
    let (mut proves, mut faults) = (false, Vec::new());
    each(socket.unwrap_or(&Json::Null), "", &mut |object, _| {
        let is_context = |name: &str| name.ends_with(".UpstreamTlsContext");
        let own = types(object).any(is_context).then_some(object);
        let of_quic = given(object, ["upstream_tls_context", "upstreamTlsContext"]);
        for context in own.into_iter().chain(of_quic) {
            proves = true;
            faults.extend(of_context(context, cluster));
        }
        let is_other = |name: &str| OTHERS.iter().any(|other| name.contains(other));
        proves |= types(object).any(is_other);
    });
    let matches = ["transport_socket_matches", "transportSocketMatches"];
    // By name or by discovery nobody can tell here whose address it is.
    if !proves && given(cluster, matches).is_none() && !is_of_this_machine(cluster) {
        return Some((NO_TLS, "write a transport_socket with UpstreamTlsContext"));
    }
    faults.into_iter().next()
}

/// Sockets that prove who is at the other end in a way of their own.
const OTHERS: [&str; 2] = [".transport_sockets.alts.", ".transport_sockets.s2a."];

/// A member that says something: not `null`, and not an empty list.
fn given<'j>(json: &'j Json, names: [&str; 2]) -> Option<&'j Json> {
    member(json, names).filter(|it| match it {
        Json::Null => false,
        Json::Array(elements) => !elements.is_empty(),
        _ => true,
    })
}

fn of_context(context: &Json, cluster: &Json) -> Option<Fault> {
    let context = context.get("value").unwrap_or(context);
    let common = given(context, ["common_tls_context", "commonTlsContext"]);
    let own = |names| common.and_then(|it| given(it, names));
    let sds = [
        "validation_context_sds_secret_config",
        "validationContextSdsSecretConfig",
    ];
    let combined = own(["combined_validation_context", "combinedValidationContext"]);
    let default = combined.and_then(|it| {
        let names = ["default_validation_context", "defaultValidationContext"];
        given(it, names)
    });
    let is_elsewhere = own(sds).is_some();
    let inline = own(["validation_context", "validationContext"]);
    let validation = default.or(inline);
    let of = |names: [&str; 2]| validation.and_then(|it| given(it, names));
    let has = |names: [&str; 2]| of(names).is_some();
    let verification = of(["trust_chain_verification", "trustChainVerification"]);
    if verification.is_some_and(accepts_untrusted) {
        return Some((NO_AUTHORITY, "remove trust_chain_verification"));
    }
    let is_one = has(["verify_certificate_spki", "verifyCertificateSpki"])
        || has(["verify_certificate_hash", "verifyCertificateHash"])
        || has(["custom_validator_config", "customValidatorConfig"]);
    let certificates =
        is_one || has(["trusted_ca", "trustedCa"]) || has(["system_root_certs", "systemRootCerts"]);
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
    let typed = of(["match_typed_subject_alt_names", "matchTypedSubjectAltNames"]);
    let plain = of(["match_subject_alt_names", "matchSubjectAltNames"]);
    let typed = elements(typed).iter().filter_map(|it| it.get("matcher"));
    let mut names = typed.chain(elements(plain)).peekable();
    // One of them is enough.
    let named = names.peek().is_some() && !names.any(takes_every_name);
    (!named && !by_host && !is_one && !is_elsewhere).then_some((
        NO_NAME,
        "write match_typed_subject_alt_names under validation_context",
    ))
}

/// Whether a chain that nobody trusts is enough. Envoy takes the number of the word, too.
fn accepts_untrusted(verification: &Json) -> bool {
    match verification {
        Json::Number(text) => text.parse::<f64>() == Ok(1.0),
        Json::String(text) => **text == *"ACCEPT_UNTRUSTED" || text.parse::<f64>() == Ok(1.0),
        _ => false,
    }
}

/// Whether a matcher of strings says nothing about a name.
fn takes_every_name(matcher: &Json) -> bool {
    let regex = member(matcher, ["safe_regex", "safeRegex"]).and_then(|it| it.get("regex"));
    let parts = ["prefix", "suffix", "contains"].into_iter();
    let mut parts = parts.filter_map(|name| matcher.get(name)?.as_str());
    parts.any(str::is_empty) || regex.and_then(Json::as_str).is_some_and(names_nothing)
}

/// Whether no letter and no digit stands for itself in a regular expression: all are of escapes,
/// sets, counts or flags.
fn names_nothing(regex: &str) -> bool {
    let mut rest = regex.chars();
    while let Some(next) = rest.next() {
        let end: &[char] = match next {
            '\\' => {
                rest.next();
                continue;
            }
            '[' => &[']'],
            '{' => &['}'],
            '(' if rest.as_str().starts_with('?') => &[':', ')', '>'],
            other if other.is_alphanumeric() => return false,
            _ => continue,
        };
        rest.find(|it| end.contains(it));
    }
    true
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
