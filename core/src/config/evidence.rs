//! What an issuer's claims prove: lines, from a preset, from the configuration, or both.

use super::{
    claim,
    raw::{RawEvidence, RawLine},
};
use crate::{
    decode::{At, Filled, Problems},
    evidence::{Evidence, Fact, Facts, Line, Preset, SignInOrigin},
    webauthn::RelyingParty,
};

/// Lines of the configuration come first: the order is that of preference.
pub(super) fn evidence(
    raw: RawEvidence,
    party: Option<&RelyingParty>,
    at: At<'_>,
    problems: &mut Problems,
) -> Evidence {
    let RawEvidence {
        preset,
        lines,
        rp_id_claim,
        origin_claim,
    } = raw;
    let says_origin = !rp_id_claim.is_absent() || !origin_claim.is_absent();
    if preset.is_absent() && lines.is_absent() && !says_origin {
        problems.add(
            at,
            &["proves nothing"],
            &["write preset: keycloak, or lines"],
        );
    }
    let own = at.member("lines");
    let lines = lines.given().into_iter();
    let mut lines: Vec<Line> = lines
        .flat_map(|list| list.0.into_numbered())
        .filter_map(|(index, raw)| line(raw, own.element(index), problems))
        .collect();
    let preset = preset.given();
    lines.extend(preset.into_iter().flat_map(Preset::lines));
    let ours = |party: &RelyingParty| (vec![party.id.clone()], party.origins.clone());
    let (ids, origins) = party.map(ours).unwrap_or_default();
    let claims = [(rp_id_claim, ids), (origin_claim, origins)].into_iter();
    let claims = claims.filter_map(|(claim, ours)| Some((claim.given()?.0, ours)));
    Evidence {
        lines,
        is_entra: preset == Some(Preset::Entra),
        origin: SignInOrigin {
            claims: claims.collect(),
        },
    }
}

fn line(raw: RawLine, at: At<'_>, problems: &mut Problems) -> Option<Line> {
    let RawLine {
        when,
        proves,
        dated_by,
        request_acr,
    } = raw;
    let when = when.given();
    let when = when.map(|raw| claim::when(raw, at.member("when"), problems));
    let dated_by = dated_by.given().map(|dated| dated.0);
    Some(Line {
        when: when?,
        proves: facts(proves.given()?),
        dated_by: dated_by.unwrap_or_default(),
        request_acr: request_acr.given().map(|acr| acr.0),
    })
}

/// The facts of a list.
pub(super) fn facts(list: Filled<Fact>) -> Facts {
    let facts = list.0.into_values();
    facts.fold(Facts::NONE, |facts, fact| facts.and(Facts::of(&[fact])))
}
