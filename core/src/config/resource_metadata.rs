//! Where the metadata of the protected resource are (RFC 9728), and whether the gate itself serves them.

use super::{Origin, PathPolicy, ResourceMetadata, raw::RawResourceMetadata, uri::PageUri};
use crate::{
    decode::{At, Problems, shown},
    request::path,
};

/// What RFC 9728 section 3 inserts between host and path of a resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata's place, if it is one where clients reach this gate.
pub(super) fn resource_metadata(
    raw: RawResourceMetadata,
    origins: &[Origin],
    at: At<'_>,
    problems: &mut Problems,
) -> Option<ResourceMetadata> {
    let RawResourceMetadata { uri, serve } = raw;
    let PageUri { text, origin, path } = uri.given()?;
    let at = at.member("uri");
    if !origins.contains(&origin) {
        let example = origins
            .first()
            .map_or("https://api.example.com", |own| &own.text);
        let seen = [&shown::text(&text), " lies on none of origins"];
        let wanted = ["write ", example, WELL_KNOWN, ", or add its origin to them"];
        problems.add(at, &seen, &wanted);
        return None;
    }
    let mut served = None;
    if serve.given().unwrap_or(false) {
        let below = path.strip_prefix(WELL_KNOWN);
        // A pattern would name no document: each resource has its own.
        let below = below.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let below = below.filter(|rest| !rest.contains('*'));
        let normal = path::one_spelling(path.as_bytes(), PathPolicy::default());
        let (Some(below), Ok(normal)) = (below, normal) else {
            let seen = [
                &shown::text(&text),
                " is not where clients look for it (RFC 9728 section 3)",
            ];
            let wanted = [
                "write ",
                &origin.text,
                WELL_KNOWN,
                ", and behind it the path of the resource, if it has one",
            ];
            problems.add(at, &seen, &wanted);
            return None;
        };
        served = Some((normal.into_owned(), below.to_owned()));
    }
    Some(ResourceMetadata { uri: text, served })
}
