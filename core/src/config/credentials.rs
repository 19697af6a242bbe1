//! Which passkeys people have: from what people write to where it is fetched.

use super::{
    Issuer, ending, keys,
    raw::{RawCredentialDocument, RawCredentials, RawHttpUri},
};
use crate::{
    credentials::{CredentialDocument, CredentialSource},
    decode::{At, Problems},
};

pub(super) fn credentials(
    raw: RawCredentials,
    issuer: Option<&Issuer>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<CredentialSource> {
    let RawCredentials { document } = raw;
    if let Some(Issuer::Template(..)) = issuer {
        let wanted = "write a provider with issuer for each tenant: a document names one issuer";
        problems.add(at, &["issuer_template has no one issuer"], &[wanted]);
    }
    let at = at.member("document");
    let RawCredentialDocument {
        http_uri,
        cache_duration,
        max_stale,
    } = document.given()?;
    let place = at.member("cache_duration");
    let cache_duration = ending::age(cache_duration, 60, 1, place, problems);
    let max_stale = ending::age(max_stale, 600, 0, at.member("max_stale"), problems);
    let RawHttpUri {
        uri,
        cluster,
        timeout,
    } = http_uri.given()?;
    let timeout = keys::bounded_timeout(timeout, at.member("http_uri"), problems);
    let uri = uri.given()?;
    Some(CredentialSource::Document(CredentialDocument {
        endpoint: uri.through(cluster.given()?.0),
        timeout,
        cache_duration,
        max_stale,
    }))
}
