//! Workloads that rules name, and the trust domains of their tokens.

use super::{
    Action, Alternative, Issuer, Rule,
    raw::{RawPeer, RawSpiffe},
};
use crate::{
    crypto::Algorithm,
    decode::{At, Fault, Field, Filled, Problems, Text, shown},
    evidence::Kind,
    spiffe::{self, ONE, SCHEME, SpiffePattern},
};

const LIKE: &str = "write it as spiffe://cluster.local/ns/pay/sa/*";

/// The patterns of a list.
#[inline(never)]
pub(super) fn patterns(raw: RawPeer, at: At<'_>, problems: &mut Problems) -> Vec<SpiffePattern> {
    let at = at.member("spiffe");
    let list = raw.spiffe.given().into_iter();
    let mut patterns = Vec::new();
    for (index, Text(text)) in list.flat_map(Filled::into_numbered) {
        match fault(&text) {
            Some(fault) => problems.add_fault(at.element(index), &shown::text(&text), &fault),
            None => patterns.push(SpiffePattern(text)),
        }
    }
    patterns
}

/// What is wrong with a pattern.
#[inline(never)]
fn fault(text: &str) -> Option<Fault> {
    let Some((trust_domain, path)) = spiffe::parts(text) else {
        let rest = text.strip_prefix(SCHEME);
        if rest.is_some_and(spiffe::is_trust_domain) {
            let wanted = ["write ", text, "/** for all of them"];
            return Some(Fault::of(
                &["is a trust domain, and not a workload"],
                &wanted,
            ));
        }
        return Some(("is not a SPIFFE ID", LIKE).into());
    };
    if !spiffe::is_trust_domain(trust_domain) {
        let seen = "names no trust domain: lower case letters, digits, . - and _, and no *";
        return Some((seen, LIKE).into());
    }
    let fixed = path.strip_suffix("/**").unwrap_or(path);
    let is_good = |segment: &[u8]| segment == ONE || spiffe::is_segment(segment);
    if path != "**" && !spiffe::segments(fixed).all(is_good) {
        let seen = "has a segment that no SPIFFE ID has";
        let wanted = "write letters, digits, . - and _; * for one whole segment, and ** at the end \
                      for the rest";
        return Some((seen, wanted).into());
    }
    None
}

/// The trust domain whose tokens a provider takes, with what may not stand beside it: names of
/// fields, and whether each is absent.
#[inline(never)]
pub(super) fn trust_domain(
    raw: Field<RawSpiffe>,
    beside: &[(&str, bool)],
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Issuer> {
    for (name, _) in beside.iter().filter(|(_, is_absent)| !is_absent) {
        let seen = "stands beside spiffe, whose tokens name workloads by sub, and no issuer";
        problems.add(at.member(name), &[seen], &["remove one of them"]);
    }
    let Text(name) = raw.given()?.trust_domain.given()?;
    if !spiffe::is_trust_domain(&name) {
        let seen = [&shown::text(&name), " is not the name of a trust domain"];
        let wanted = "write lower case letters, digits, . - and _, such as cluster.local";
        problems.add(at.member("spiffe").member("trust_domain"), &seen, &[wanted]);
    }
    Some(Issuer::TrustDomain([SCHEME, &name].concat().into()))
}

/// The algorithms of tokens where none are written: all, or those of JWT-SVIDs (section 2.1).
pub(super) fn algorithms(is_of_domain: bool) -> Vec<Algorithm> {
    let is_one = |algorithm: &Algorithm| !algorithm.name().starts_with("Ed");
    let all = Algorithm::ALL.into_iter();
    all.filter(|algorithm| !is_of_domain || is_one(algorithm))
        .collect()
}

/// What an alternative without a token may not ask of one.
#[inline(never)]
pub(super) fn check_tokenless(
    way: &Alternative,
    asks_for_peer: bool,
    at: At<'_>,
    problems: &mut Problems,
) {
    if !asks_for_peer {
        let seen = ["token: none lets everybody pass"];
        let wanted = ["write peer: { spiffe: [...] } beside it, or public in place of requires"];
        problems.add(at, &seen, &wanted);
    }
    let asks_nothing = way.audiences.is_empty()
        && way.scopes.is_empty()
        && way.claims.is_empty()
        && way.facts.is_empty()
        && way.max_age.is_none()
        && way.proof.is_none()
        && way.kind.is_none_or(|kind| kind == Kind::Workload)
        && way.max_token_lifetime.is_none()
        && !(way.origin_bound || way.single_use)
        && way.actors.is_empty()
        && way.max_act_depth.is_none();
    if !asks_nothing {
        let seen = ["token: none, and something is asked of a token"];
        problems.add(at, &seen, &["remove one of them"]);
    }
}

/// Whether it is said that somebody verifies the certificates that rules rely on.
#[inline(never)]
pub(super) fn can_be_known(is_verified: bool, rules: &[Rule], at: At<'_>, problems: &mut Problems) {
    let wants = |rule: &Rule| match &rule.action {
        Action::Requires(requirement) => requirement.wants_peer(),
        Action::Public(_) | Action::Deny(_) => false,
    };
    if let Some(index) = rules.iter().position(wants)
        && !is_verified
    {
        say_unverified(at.element(index).member("requires"), problems);
    }
}

pub(super) fn say_unverified(at: At<'_>, problems: &mut Problems) {
    let seen = "asks for peer, and Envoy does not tell a filter whether it has verified the client \
                certificate";
    let wanted = ["write peer_verified_by_listener: true at the top, if the listener does"];
    problems.add(at, &[seen], &wanted);
}
