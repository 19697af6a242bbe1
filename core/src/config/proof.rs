//! What rules want proved, and whether it can be.

use core::time::Duration;

use super::{
    Action, Origin, ProofDemand, Provider, Rule, duration,
    raw::{RawDpop, RawProof},
    words::NonceWish,
};
use crate::{
    decode::{At, Problems},
    limits,
    proof::Terms,
};

/// What is wanted.
pub(super) fn demand(raw: RawProof, at: At<'_>, problems: &mut Problems) -> Option<ProofDemand> {
    let RawProof { dpop, certificate } = raw;
    if dpop.is_absent() == certificate.is_absent() {
        let seen = if dpop.is_absent() {
            "says nothing"
        } else {
            "dpop and certificate are both given"
        };
        let wanted = "write one of dpop: {} and certificate: {}";
        problems.add(at, &[seen], &[wanted]);
        return None;
    }
    if certificate.given().is_some() {
        return Some(ProofDemand::Certificate);
    }
    let RawDpop {
        iat_window,
        nonce,
        forward,
    } = dpop.given()?;
    let mut terms = Terms {
        wants_nonce: nonce.given().unwrap_or(NonceWish::Required) == NonceWish::Required,
        ..Terms::default()
    };
    if let Some(window) = iat_window.given() {
        let at = at.member("dpop");
        let [least, most] =
            [limits::PROOF_WINDOW_MIN_SECS, limits::PROOF_WINDOW_MAX_SECS].map(Duration::from_secs);
        duration::bound(window, least, most, at.member("iat_window"), problems);
        terms.window = window;
    }
    Some(ProofDemand::Dpop {
        terms,
        forward: forward.given().unwrap_or(false),
    })
}

/// A proof names the whole URI, whose origin is never read off the request; and its token comes as
/// `Authorization: DPoP`.
pub(super) fn can_be_met(
    rules: &[Rule],
    providers: &[Provider],
    origins: &[Origin],
    at: At<'_>,
    problems: &mut Problems,
) {
    let mut has_told = false;
    for (index, rule) in rules.iter().enumerate() {
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let is_dpop = |proof: Option<ProofDemand>| matches!(proof, Some(ProofDemand::Dpop { .. }));
        let mut alternatives = requirement.alternatives.iter();
        let Some(alternative) = alternatives.find(|alternative| is_dpop(alternative.proof)) else {
            continue;
        };
        let at = at.element(index);
        let at = at.member("requires");
        if origins.is_empty() && !core::mem::replace(&mut has_told, true) {
            problems.add(
                at,
                &["wants DPoP proofs, which name the URI that a client asked for"],
                &["write origins: [https://api.example.com] at the top"],
            );
        }
        let named = alternative.provider.and_then(|id| providers.get(id.0));
        let accepted = providers
            .iter()
            .filter(|provider| named.is_none_or(|named| named.name == provider.name));
        for provider in accepted {
            if !provider.sources.iter().any(super::TokenSource::is_dpop) {
                let seen = [
                    "wants DPoP proofs, and tokens of ",
                    &provider.name,
                    " do not come in Authorization",
                ];
                let wanted =
                    "add { name: authorization, value_prefix: \"Bearer \" } to its from_headers";
                problems.add(at, &seen, &[wanted]);
            }
        }
    }
}
