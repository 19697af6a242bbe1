//! Which passkeys people have: from what people write to where it is fetched.

use super::{
    Issuer, ending, keys,
    raw::{RawBySubject, RawCredentialDocument, RawCredentials, RawSubjectUri},
};
use crate::{
    credentials::{CredentialDocument, CredentialSource, CredentialsBySubject, Piece},
    decode::{At, Problems},
};

pub(super) fn credentials(
    raw: RawCredentials,
    issuer: Option<&Issuer>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<CredentialSource> {
    let RawCredentials {
        document: whole,
        by_subject,
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
    if let Some(raw) = by_subject.given() {
        let at = at.member("by_subject");
        return of_each(raw, has_many, at, problems).map(CredentialSource::BySubject);
    }
    let at = at.member("document");
    if has_many {
        let wanted = "write by_subject, with {iss} in its uri: a document names one issuer";
        problems.add(at, &["issuer_template has no one issuer"], &[wanted]);
    }
    document(whole.given()?, at, problems).map(CredentialSource::Document)
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
    })
}
