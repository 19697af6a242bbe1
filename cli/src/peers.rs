//! What the listener around the filter, in a file of Envoy, does about client certificates, for
//! rules that ask for the workload at the other end of the connection.

use passgate_core::Json;

use crate::sign::{is_true, member};

/// What a listener does about client certificates, as far as the file tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asking {
    /// It verifies them, or the file does not say.
    #[default]
    Verifies,
    /// It verifies them in a full handshake, and takes sessions up again without one.
    Resumes,
    /// There is no TLS.
    Plain,
    /// It asks for none.
    Never,
    /// It takes certificates that nobody has vouched for; the member that says so.
    Unverified(&'static str),
}

impl Asking {
    /// Of the listener around the filter at this place.
    pub(crate) fn around(document: &Json, place: &str) -> Self {
        let mut chain = None;
        let mut at = (document, place);
        loop {
            let (json, rest) = at;
            if json.get("filters").is_some() {
                chain = Some(json);
            }
            match step(json, rest) {
                Some(next) => at = next,
                None => break,
            }
        }
        chain.map(Self::of).unwrap_or_default()
    }

    fn of(chain: &Json) -> Self {
        let Some(socket) = member(chain, ["transport_socket", "transportSocket"]) else {
            return Self::Plain;
        };
        let Some(context) = tls_context(socket) else {
            // A wrapper that is not known, or what does not encrypt at all.
            return Self::Plain;
        };
        let names = ["require_client_certificate", "requireClientCertificate"];
        let is_required = is_true(member(context, names));
        let Some(common) = member(context, COMMON) else {
            return Self::Verifies;
        };
        let combined = ["combined_validation_context", "combinedValidationContext"];
        let combined = member(common, combined);
        let default = combined.and_then(|it| {
            let names = ["default_validation_context", "defaultValidationContext"];
            member(it, names)
        });
        let inline = member(common, ["validation_context", "validationContext"]);
        let verification = ["trust_chain_verification", "trustChainVerification"];
        let verification = inline.or(default).and_then(|it| member(it, verification));
        let takes_all = match verification {
            Some(Json::String(word)) => word.eq_ignore_ascii_case("ACCEPT_UNTRUSTED"),
            Some(Json::Number(number)) => &**number == "1",
            _ => false,
        };
        if takes_all {
            return Self::Unverified("trust_chain_verification: ACCEPT_UNTRUSTED");
        }
        let sds = [
            "validation_context_sds_secret_config",
            "validationContextSdsSecretConfig",
        ];
        let is_elsewhere = combined.is_some() || member(common, sds).is_some();
        let vouches = |it: &Json| VOUCHING.iter().any(|names| member(it, *names).is_some());
        if is_elsewhere || inline.is_some_and(vouches) {
            let mut switches = RESUMPTION.iter();
            if switches.all(|names| is_true(member(context, *names))) {
                Self::Verifies
            } else {
                Self::Resumes
            }
        } else if is_required {
            Self::Unverified("require_client_certificate without a trusted_ca")
        } else {
            Self::Never
        }
    }

    /// What is wrong with it for rules that ask who the peer is.
    pub(crate) fn error(self) -> Option<String> {
        let Self::Unverified(member) = self else {
            return None;
        };
        Some(format!(
            "a rule asks for peer, and the listener has {member}: anybody can show a certificate of any name there; write validation_context: {{ trusted_ca: … }} and nothing that lifts it"
        ))
    }

    /// What lets such rules refuse everybody, or take what is over.
    pub(crate) fn warning(self) -> Option<String> {
        let why = match self {
            Self::Plain => "speaks no TLS",
            Self::Never => "asks for no client certificate",
            Self::Resumes => {
                return Some("a rule asks for peer, and the listener resumes sessions of TLS: nobody looks then whether the certificate is over, so it counts for days more; write disable_stateless_session_resumption: true and disable_stateful_session_resumption: true beside common_tls_context".to_owned());
            }
            Self::Verifies | Self::Unverified(_) => return None,
        };
        Some(format!(
            "a rule asks for peer, and the listener {why}, so a peer is never seen and its requests get 403 (missing.peer); write a DownstreamTlsContext with validation_context: {{ trusted_ca: … }}"
        ))
    }
}

const COMMON: [&str; 2] = ["common_tls_context", "commonTlsContext"];

/// What ends sessions with their connections: tickets, and those that Envoy keeps.
const RESUMPTION: [[&str; 2]; 2] = [
    [
        "disable_stateless_session_resumption",
        "disableStatelessSessionResumption",
    ],
    [
        "disable_stateful_session_resumption",
        "disableStatefulSessionResumption",
    ],
];

/// What a certificate is verified against.
const VOUCHING: [[&str; 2]; 6] = [
    ["trusted_ca", "trustedCa"],
    [
        "ca_certificate_provider_instance",
        "caCertificateProviderInstance",
    ],
    ["system_root_certs", "systemRootCerts"],
    ["custom_validator_config", "customValidatorConfig"],
    ["verify_certificate_hash", "verifyCertificateHash"],
    ["verify_certificate_spki", "verifyCertificateSpki"],
];

/// The context of TLS in a transport socket, whatever wraps it.
fn tls_context(json: &Json) -> Option<&Json> {
    match json {
        Json::Object(_) if member(json, COMMON).is_some() => Some(json),
        Json::Object(members) => members.iter().find_map(|(_, inside)| tls_context(inside)),
        Json::Array(elements) => elements.iter().find_map(tls_context),
        _ => None,
    }
}

/// One step down a place, as `find` writes it.
pub(crate) fn step<'j, 'p>(json: &'j Json, place: &'p str) -> Option<(&'j Json, &'p str)> {
    match json {
        Json::Object(members) => {
            let place = place.strip_prefix('.').unwrap_or(place);
            let mut inside = members.iter().filter_map(|(name, value)| {
                let rest = place.strip_prefix(&**name)?;
                let ends = rest.is_empty() || rest.starts_with(['.', '[']);
                ends.then_some((value, rest))
            });
            inside.next()
        }
        Json::Array(elements) => {
            let (index, rest) = place.strip_prefix('[')?.split_once(']')?;
            Some((elements.get(index.parse::<usize>().ok()?)?, rest))
        }
        _ => None,
    }
}
