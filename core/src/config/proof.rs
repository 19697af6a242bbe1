//! What rules want proved, and whether it can be.

use core::time::Duration;

use super::{
    Action, Origin, ProofDemand, Provider, ProviderId, RelyingParty, Rule, duration,
    raw::{RawAaguids, RawDpop, RawProof, RawRelyingParty, RawWebauthn},
    relying_party::PageOrigin,
    words::{ApprovalMode, BodyWish, NonceWish, VerificationWish},
};
use crate::{
    decode::{At, Field, List, Problems, texts},
    limits,
    proof::{ApprovalTerms, Approves, CnfJwk, Terms},
    webauthn::Aaguids,
};

/// What is wanted.
pub(super) fn demand(
    raw: RawProof,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<(ProofDemand, Aaguids)> {
    let none = Aaguids::default();
    let RawProof {
        dpop,
        certificate,
        webauthn,
    } = raw;
    let named = [
        ("dpop", dpop.is_absent()),
        ("certificate", certificate.is_absent()),
        ("webauthn", webauthn.is_absent()),
    ];
    let given = named.iter().filter(|(_, is_absent)| !is_absent);
    let given: Vec<&str> = given.map(|(name, _)| *name).collect();
    if given.len() != 1 {
        let given = given.join(" and ");
        let seen = if given.is_empty() {
            ["says nothing", ""]
        } else {
            [&given, " are given"]
        };
        let wanted = "write one of dpop: {}, certificate: {} and webauthn: { mode: transaction }";
        problems.add(at, &seen, &[wanted]);
        return None;
    }
    if certificate.given().is_some() {
        return Some((ProofDemand::Certificate, none));
    }
    if let Some(raw) = webauthn.given() {
        return approval(raw, at.member("webauthn"), problems);
    }
    let (terms, forward) = dpop_terms(dpop.given()?, at.member("dpop"), problems);
    let forward = forward.given().unwrap_or(false);
    Some((ProofDemand::Dpop { terms, forward }, none))
}

/// How DPoP proofs are judged, and whether they stay.
fn dpop_terms(raw: RawDpop, at: At<'_>, problems: &mut Problems) -> (Terms, Field<bool>) {
    let RawDpop {
        iat_window,
        nonce,
        forward,
    } = raw;
    let terms = Terms {
        wants_nonce: nonce.given().unwrap_or(NonceWish::Required) == NonceWish::Required,
        window: window(iat_window, at.member("iat_window"), problems),
    };
    (terms, forward)
}

fn approval(
    raw: RawWebauthn,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<(ProofDemand, Aaguids)> {
    let RawWebauthn {
        mode,
        max_session,
        dpop,
        body,
        window: written,
        user_verification,
        device_bound,
        aaguids,
        forward,
    } = raw;
    let wish = user_verification.given();
    let mode = mode.given()?;
    let aaguids = models(aaguids, at.member("aaguids"), problems);
    let (misplaced, wanted): ([_; 2], _) = match mode {
        ApprovalMode::Transaction => (
            [
                ("dpop", !dpop.is_absent()),
                ("max_session", !max_session.is_absent()),
            ],
            "remove it, or write mode: session",
        ),
        ApprovalMode::Session => (
            [
                ("body", !body.is_absent()),
                ("window", !written.is_absent()),
            ],
            "remove it, or write mode: transaction; a session has max_session and dpop: { iat_window }",
        ),
    };
    for (name, is_written) in misplaced {
        if is_written {
            problems.add(at.member(name), &["is not for this mode"], &[wanted]);
        }
    }
    let of = match mode {
        ApprovalMode::Transaction => Approves::Request {
            window: window(written, at.member("window"), problems),
            covers_body: body.given() == Some(BodyWish::Required),
        },
        ApprovalMode::Session => {
            let longest = max_session.given();
            let longest = longest.unwrap_or(Duration::from_secs(limits::SESSION_SECS));
            let [least, most] =
                [limits::SESSION_MIN_SECS, limits::SESSION_MAX_SECS].map(Duration::from_secs);
            duration::bound(longest, least, most, at.member("max_session"), problems);
            let mut terms = Terms {
                wants_nonce: true,
                ..Terms::default()
            };
            if let Some(raw) = dpop.given() {
                let at = at.member("dpop");
                let forward;
                (terms, forward) = dpop_terms(raw, at, problems);
                if !forward.is_absent() {
                    let wanted = "write it beside mode; it is for both headers";
                    problems.add(at.member("forward"), &["stands too deep"], &[wanted]);
                }
            }
            Approves::Session {
                longest,
                dpop: terms,
            }
        }
    };
    let demand = ProofDemand::Approval {
        terms: ApprovalTerms {
            of,
            is_verified: wish != Some(VerificationWish::Optional),
            is_device_bound: device_bound.given().unwrap_or(false),
        },
        forward: forward.given().unwrap_or(false),
    };
    Some((demand, aaguids))
}

fn models(written: Field<RawAaguids>, at: At<'_>, problems: &mut Problems) -> Aaguids {
    let Some(RawAaguids { allow, deny }) = written.given() else {
        return Aaguids::default();
    };
    if allow.is_absent() && deny.is_absent() {
        let wanted = "write allow or deny: [ee882879-721c-4913-9775-3dfcce97072a]";
        problems.add(at, &["says nothing"], &[wanted]);
    }
    Aaguids {
        allow: allow.into_values(),
        deny: deny.into_values(),
    }
}

/// `None`: it is not whole, and that was said.
pub(super) fn relying_party(
    raw: RawRelyingParty,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<RelyingParty> {
    let RawRelyingParty {
        id,
        origins,
        top_origins,
        app_ids,
    } = raw;
    let pages = |list: List<PageOrigin>| list.into_values().map(|page| page.0).collect();
    let origins = origins.given()?;
    if origins.is_empty() {
        let wanted = "write the page that asks: [https://app.example.com]";
        problems.add(at.member("origins"), &["is empty"], &[wanted]);
    }
    Some(RelyingParty {
        id: id.given()?.0,
        origins: pages(origins),
        top_origins: top_origins.given().map(pages).unwrap_or_default(),
        app_ids: app_ids.given().map(texts).unwrap_or_default(),
    })
}

/// How long a proof may count.
fn window(written: Field<Duration>, at: At<'_>, problems: &mut Problems) -> Duration {
    let Some(window) = written.given() else {
        return Terms::default().window;
    };
    let [least, most] =
        [limits::PROOF_WINDOW_MIN_SECS, limits::PROOF_WINDOW_MAX_SECS].map(Duration::from_secs);
    duration::bound(window, least, most, at, problems);
    window
}

/// An approval names the whole URI and the relying party, and its key must come from somewhere.
pub(super) fn can_be_approved(
    rules: &[Rule],
    providers: &[Provider],
    (origins, party): (&[Origin], Option<&RelyingParty>),
    at: At<'_>,
    problems: &mut Problems,
) {
    let mut has_told = false;
    for (index, rule) in rules.iter().enumerate() {
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let at = at.element(index);
        let at = at.member("requires");
        let wanting = requirement.alternatives.iter();
        let wanting: Vec<_> = wanting.filter(|way| way.approval().is_some()).collect();
        if wanting.is_empty() {
            continue;
        }
        let lacks_origins = origins.is_empty() && !problems.any_in("origins");
        if (lacks_origins || party.is_none()) && !core::mem::replace(&mut has_told, true) {
            let wanted = if party.is_none() {
                "write relying_party: { id: example.com, origins: [https://app.example.com] } at the top"
            } else {
                "write origins: [https://api.example.com] at the top"
            };
            let seen = "wants a passkey's approval, which names the URI and the relying party";
            problems.add(at, &[seen], &[wanted]);
        }
        for (number, provider) in providers.iter().enumerate() {
            let mut open = wanting.iter().filter(|way| way.accepts(ProviderId(number)));
            let (seen, wanted) = if provider.credentials.is_some() {
                continue;
            } else if provider.cnf_jwk != Some(CnfJwk::Passkey) && open.clone().next().is_some() {
                let wanted = "write credentials in the provider, or cnf_jwk: passkey if its cnf.jwk \
                              is one";
                (" name no passkey", wanted)
            } else if open.any(|way| !way.aaguids.is_empty()) {
                let wanted = "write credentials in the provider, or no aaguids";
                (" do not name the model of an authenticator", wanted)
            } else {
                continue;
            };
            let seen = [
                "wants a passkey's approval, and tokens of ",
                &provider.name,
                seen,
            ];
            problems.add(at, &seen, &[wanted]);
        }
    }
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
        let lacks_origins = origins.is_empty() && !problems.any_in("origins");
        if lacks_origins && !core::mem::replace(&mut has_told, true) {
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
