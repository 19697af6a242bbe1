//! Providers: from what people write to issuers that are trusted.

use core::time::Duration;

use super::{
    ClaimHeader, Issuer, KeySource, Provider, TokenSource, claim,
    claim_name::claim_path,
    credentials, duration, ending, evidence, introspection, issuer, keys, peer,
    raw::{RawClaimToHeader, RawFromHeader, RawProvider},
    text::{CookieName, ParamName},
};
use crate::{
    decode::{At, Field, List, Problems, texts},
    evidence::Kinds,
    jose::{JwkSet, KeyUse},
    limits::{self, Limits},
    webauthn::RelyingParty,
};

/// One provider, if it is right.
pub(super) fn provider(
    name: String,
    raw: RawProvider,
    (limits, party): (&Limits, Option<&RelyingParty>),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Provider> {
    let RawProvider {
        issuer,
        issuer_template,
        tenants,
        audiences,
        audience_claim,
        subject_claims,
        spiffe,
        algorithms,
        token_types,
        remote_jwks,
        discovery,
        local_jwks,
        introspection,
        from_headers,
        from_cookies,
        from_params,
        from_websocket_protocol,
        forward,
        forward_payload_header,
        claim_to_headers,
        clock_skew,
        max_token_lifetime,
        kinds,
        evidence,
        cnf_jwk,
        credentials,
        revocations,
        status_lists,
        login,
        shared_subjects: _, // read by the check across providers
    } = raw;
    let is_of_domain = !spiffe.is_absent();
    let algorithms = algorithms.given().map_or_else(
        || peer::algorithms(is_of_domain),
        |list| list.0.into_values().collect(),
    );
    let issuer = if is_of_domain {
        let beside = [
            ("issuer", issuer.is_absent()),
            ("issuer_template", issuer_template.is_absent()),
            ("tenants", tenants.is_absent()),
            ("subject_claims", subject_claims.is_absent()),
            ("discovery", discovery.is_absent()),
            ("introspection", introspection.is_absent()),
            ("kinds", kinds.is_absent()),
            ("evidence", evidence.is_absent()),
            ("credentials", credentials.is_absent()),
            ("status_lists", status_lists.is_absent()),
            ("login", login.is_absent()),
        ];
        peer::trust_domain(spiffe, &beside, at, problems)
    } else {
        issuer::issuer(issuer, issuer_template, tenants, at, problems)
    };
    let key_sources = keys::Sources {
        remote: remote_jwks,
        discovery,
        local: local_jwks,
    };
    let has_keys = key_sources.is_some();
    let is_asked = !introspection.is_absent();
    let clock_skew = clock_skew.given().unwrap_or(DEFAULT_SKEW);
    let introspection = introspection.given().map(|raw| {
        let of = (issuer.as_ref(), has_keys, clock_skew);
        introspection::introspection(raw, of, at.member("introspection"), problems)
    });
    // It has none, so no JWT is its.
    let no_keys = KeySource::Local(JwkSet::default());
    let keys = if is_asked && !has_keys {
        Some(no_keys)
    } else {
        keys::source(
            key_sources,
            issuer.as_ref(),
            &algorithms,
            (limits, KeyUse::of(is_of_domain)),
            at,
            problems,
        )
    };
    let mut sources = sources(from_headers, from_cookies, from_params, at, problems);
    let marker = from_websocket_protocol.given();
    sources.extend(marker.map(|marker| TokenSource::WebSocketProtocol(marker.0)));
    if sources.is_empty() {
        sources.push(TokenSource::authorization("Bearer"));
    }
    // RFC 9449 section 7.1: a bound token comes under a scheme of its own, where others come as
    // bearer tokens.
    let is_bearer = |source: &TokenSource| source.is_authorization("Bearer");
    if sources.iter().any(is_bearer) && !sources.iter().any(TokenSource::is_dpop) {
        sources.push(TokenSource::authorization("DPoP"));
    }
    let claim_to_headers = claim_headers(claim_to_headers, at.member("claim_to_headers"), problems);
    let most = Duration::from_secs(limits::CLOCK_SKEW_SECS);
    duration::bound(
        clock_skew,
        Duration::ZERO,
        most,
        at.member("clock_skew"),
        problems,
    );
    let max_token_lifetime = max_token_lifetime.given();
    if let Some(lifetime) = max_token_lifetime {
        let (least, at) = (Duration::from_secs(1), at.member("max_token_lifetime"));
        duration::bound(lifetime, least, Duration::MAX, at, problems);
    }
    let kinds = kinds
        .given()
        .map(|raw| claim::kinds(raw, at.member("kinds"), problems));
    let kinds = if is_of_domain {
        Some(Kinds::WORKLOADS)
    } else {
        kinds
    };
    let evidence = evidence
        .given()
        .map(|raw| evidence::evidence(raw, party, at.member("evidence"), problems));
    let credentials = credentials.given().map(|raw| {
        let at = at.member("credentials");
        let (of, bounds) = ((&*name, issuer.as_ref()), (limits, clock_skew));
        credentials::credentials(raw, of, bounds, at, problems)
    });
    let revocations = revocations
        .given()
        .map(|raw| ending::revocations(raw, at.member("revocations"), problems));
    let status_lists = status_lists
        .given()
        .map(|raw| ending::status_lists(raw, at.member("status_lists"), problems));
    if let (Some(_), Some(Issuer::Template(..))) = (&status_lists, &issuer) {
        let wanted = "write a provider with issuer for each tenant: a list names one issuer";
        problems.add(
            at.member("status_lists"),
            &["issuer_template has no one issuer"],
            &[wanted],
        );
    }
    // What was written and is wrong is no policy without it.
    let (credentials, credential_keys) = match credentials {
        None => (None, None),
        Some(found) => found.map(|(source, keys)| (Some(source), keys))?,
    };
    Some(Provider {
        name: name.into(),
        issuer: issuer?,
        audiences: texts(audiences.given()?),
        audience_claim: audience_claim
            .given()
            .map_or("aud", |claim| claim.0)
            .to_owned(),
        subject_claims: subject_claims
            .given()
            .map_or_else(|| vec!["sub".to_owned()], texts),
        algorithms,
        token_types: token_types
            .given()
            .map(|list| list.0.into_values().collect())
            .unwrap_or_default(),
        keys: keys?,
        introspection: introspection.map_or(Some(None), |found| found.map(Some))?,
        sources,
        forward: forward.given().unwrap_or(false),
        forward_payload_header: forward_payload_header.given().map(|header| header.0),
        claim_to_headers,
        clock_skew,
        max_token_lifetime,
        kinds: kinds.unwrap_or_default(),
        cnf_jwk: cnf_jwk.given(),
        credentials,
        credential_keys,
        revocations: revocations.map_or(Some(None), |found| found.map(Some))?,
        status_lists: status_lists.map_or(Some(None), |found| found.map(Some))?,
        login: login.given().and_then(|raw| raw.uri.given()),
        evidence: evidence.unwrap_or_default(),
    })
}

/// Tolerance between clocks when nothing is written, as in `jwt_authn`.
const DEFAULT_SKEW: Duration = Duration::from_secs(60);

/// The places in headers, cookies and query that are named.
fn sources(
    headers: Field<List<RawFromHeader>>,
    cookies: Field<List<CookieName>>,
    params: Field<List<ParamName>>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<TokenSource> {
    let mut sources = Vec::new();
    let mut add = |source: TokenSource, at: At<'_>| {
        if sources.contains(&source) {
            problems.add(
                at,
                &["names a place that was named before"],
                &["remove one"],
            );
        } else {
            sources.push(source);
        }
    };
    let list = at.member("from_headers");
    for (index, raw) in headers.given().into_iter().flat_map(List::into_numbered) {
        let RawFromHeader { name, value_prefix } = raw;
        let scheme = value_prefix
            .given()
            .map(|prefix| prefix.0)
            .unwrap_or_default();
        if let Some(name) = name.given() {
            add(
                TokenSource::Header {
                    name: name.0,
                    scheme,
                },
                list.element(index),
            );
        }
    }
    let list = at.member("from_cookies");
    for (index, name) in cookies.given().into_iter().flat_map(List::into_numbered) {
        add(TokenSource::Cookie(name.0), list.element(index));
    }
    let list = at.member("from_params");
    for (index, name) in params.given().into_iter().flat_map(List::into_numbered) {
        add(TokenSource::Param(name.0), list.element(index));
    }
    sources
}

fn claim_headers(
    raw: Field<List<RawClaimToHeader>>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<ClaimHeader> {
    let raw = raw.given().into_iter().flat_map(List::into_numbered);
    raw.filter_map(|(index, raw)| {
        let RawClaimToHeader {
            claim_name,
            claim_path: path,
            members,
            header_name,
        } = raw;
        let path = claim_path(claim_name, path, at.element(index), problems);
        Some(ClaimHeader {
            path: path?,
            header: header_name.given()?.0,
            members: members.given().unwrap_or(false),
        })
    })
    .collect()
}
