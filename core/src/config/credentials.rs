//! Which passkeys people have: from what people write to where it is fetched.

use core::time::Duration;
use std::rc::Rc;

use super::{
    Issuer, KeySource, ending, keys,
    raw::{RawBySubject, RawCredentialDocument, RawCredentials, RawSignedBy, RawSubjectUri},
};
use crate::{
    credentials::{CredentialDocument, CredentialSource, CredentialsBySubject, Piece},
    crypto::Algorithm,
    decode::{At, Field, Problems},
    jose::KeyUse,
    limits::Limits,
};

/// The keys that sign what is said, and their name in metrics.
type SignedBy = Box<(Rc<str>, KeySource)>;

/// Where they are, and the keys that sign them. `skew`: how far clocks may be apart.
pub(super) fn credentials(
    raw: RawCredentials,
    (name, issuer): (&str, Option<&Issuer>),
    (limits, skew): (&Limits, Duration),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<(CredentialSource, Option<SignedBy>)> {
    let RawCredentials {
        document: whole,
        by_subject,
        signed_by,
    } = raw;
    if whole.is_absent() == by_subject.is_absent() {
        let seen = if whole.is_absent() {
            "says nothing"
        } else {
            "document and by_subject are given"
        };
        let wanted = "write one of document: { http_uri: … } and by_subject: { http_uri: … }";
        problems.add(at, &[seen], &[wanted]);
        return None;
    }
    let has_many = matches!(issuer, Some(Issuer::Template(..)));
    let is_signed = !signed_by.is_absent();
    if is_signed && !whole.is_absent() {
        let wanted = "write by_subject: one document for all people is not read signed";
        problems.add(at.member("signed_by"), &["is beside document"], &[wanted]);
    }
    let place = at.member("signed_by");
    let keys = signed_by.given();
    let keys = keys.map(|raw| signers(raw, (name, limits), place, problems));
    if let Some(raw) = by_subject.given() {
        let at = at.member("by_subject");
        let mut source = of_each(raw, has_many, at, problems)?;
        source.signed_within = is_signed.then_some(skew);
        return Some((CredentialSource::BySubject(source), keys.flatten()));
    }
    let at = at.member("document");
    if has_many {
        let wanted = "write by_subject, with {iss} in its uri: a document names one issuer";
        problems.add(at, &["issuer_template has no one issuer"], &[wanted]);
    }
    let document = document(whole.given()?, at, problems)?;
    Some((CredentialSource::Document(document), None))
}

fn signers(
    raw: RawSignedBy,
    (name, limits): (&str, &Limits),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<SignedBy> {
    let RawSignedBy {
        remote_jwks,
        local_jwks,
    } = raw;
    let sources = keys::Sources {
        remote: remote_jwks,
        discovery: Field::Absent,
        local: local_jwks,
    };
    if !sources.is_some() {
        problems.add(at, &["has no keys"], &["write remote_jwks or local_jwks"]);
        return None;
    }
    let bounds = (limits, KeyUse::Signature);
    let keys = keys::source(sources, None, &Algorithm::ALL, bounds, at, problems)?;
    Some(Box::new(([name, "_credentials"].concat().into(), keys)))
}

fn document(
    raw: RawCredentialDocument,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<CredentialDocument> {
    let RawCredentialDocument {
        http_uri,
        cache_duration,
        max_stale,
    } = raw;
    let place = at.member("cache_duration");
    let cache_duration = ending::age(cache_duration, 60, 1, place, problems);
    let max_stale = ending::age(max_stale, 600, 0, at.member("max_stale"), problems);
    let (endpoint, timeout) = keys::http_uri_of(http_uri, at, problems)?;
    Some(CredentialDocument {
        endpoint,
        timeout,
        cache_duration,
        max_stale,
    })
}

fn of_each(
    raw: RawBySubject,
    has_many: bool,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<CredentialsBySubject> {
    let RawBySubject {
        http_uri,
        cache_duration,
    } = raw;
    let place = at.member("cache_duration");
    let cache_duration = ending::age(cache_duration, 60, 1, place, problems);
    let at = at.member("http_uri");
    let RawSubjectUri {
        uri,
        cluster,
        timeout,
    } = http_uri.given()?;
    let timeout = keys::bounded_timeout(timeout, at, problems);
    let uri = uri.given()?;
    if has_many && !uri.pieces.contains(&Piece::Issuer) {
        let seen = "does not say whose subject it is, and issuer_template has many issuers";
        problems.add(at.member("uri"), &[seen], &["write {iss} in its path, too"]);
    }
    Some(CredentialsBySubject {
        endpoint: uri.uri.through(cluster.given()?.0),
        pieces: uri.pieces,
        timeout,
        cache_duration,
        signed_within: None,
    })
}
