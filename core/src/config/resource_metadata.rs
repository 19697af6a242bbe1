//! Where the metadata of the protected resource are (RFC 9728), and whether the gate itself serves
//! them.

use super::{
    Origin, PathMatch, PathPolicy, ResourceMetadata,
    pattern::{self, Field},
    text::Scope,
    uri::PageUri,
};
use crate::{
    decode::{At, Decode, Fault, Filled, Problems, Shape, Text, record, shown},
    json::Json,
    request::path,
};

/// What RFC 9728 section 3 inserts between host and path of a resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

record! {
    /// Metadata of the protected resource (RFC 9728).
    pub(super) RawResourceMetadata "resource_metadata" {
        /// The path that they are about, with all below it. Of those that fit a request the longest
        /// is named in its challenge. Default: every path; in a list, the path of the resource in
        /// `uri`.
        path_separated_prefix: Text,
        /// Where they are, on one of `origins`; named in challenges.
        uri: PageUri = "https://api.example.com/.well-known/oauth-protected-resource",
        /// Whether the gate itself serves them there, on every host of `origins`. Default: false.
        serve: bool,
        /// The scopes that they list. Default: those of the rules that decide about these paths.
        scopes: Filled<Scope>,
    }
}

/// One document, or one for each path; those that were refused keep their place.
#[derive(Debug)]
pub(super) struct RawDocuments {
    is_list: bool,
    all: Vec<Option<RawResourceMetadata>>,
}

impl Decode for RawDocuments {
    const SHAPE: Option<&'static Shape> = <RawResourceMetadata as Decode>::SHAPE;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let (is_list, elements) = match json {
            Json::Array(elements) => (true, &**elements),
            json => (false, core::slice::from_ref(json)),
        };
        if elements.is_empty() {
            problems.add(at, &["an empty list"], &["name at least one"]);
            return None;
        }
        let mut all = Vec::new();
        for (index, json) in elements.iter().enumerate() {
            let at = if is_list { at.element(index) } else { at };
            all.push(RawResourceMetadata::decode(json, at, problems));
        }
        Some(Self { is_list, all })
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for RawDocuments {
    fn schema() -> serde_json::Value {
        let one = <RawResourceMetadata as crate::decode::schema::Schema>::schema();
        let each = <Filled<RawResourceMetadata> as crate::decode::schema::Schema>::schema();
        serde_json::json!({ "anyOf": [one, each] })
    }
}

/// The places of all metadata, if clients reach this gate there.
pub(super) fn resource_metadata(
    raw: RawDocuments,
    origins: &[Origin],
    policy: PathPolicy,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<ResourceMetadata> {
    let RawDocuments { is_list, all } = raw;
    let mut read: Vec<ResourceMetadata> = Vec::new();
    for (index, raw) in all.into_iter().enumerate() {
        let at = if is_list { at.element(index) } else { at };
        let metadata = raw.and_then(|raw| one(raw, is_list, origins, policy, at, problems));
        let Some(metadata) = metadata else { continue };
        let is_at = |own: &str| metadata.served.as_ref().is_some_and(|(at, _)| at == own);
        if read.iter().any(|other| other.prefix == metadata.prefix) {
            let seen = [
                "a document before is about ",
                &*shown::text(&metadata.prefix),
                " too",
            ];
            let wanted = ["write one for each path"];
            problems.add(at.member("path_separated_prefix"), &seen, &wanted);
        } else if read.iter().any(|other| {
            let served = other.served.as_ref();
            other.uri == metadata.uri || served.is_some_and(|(at, _)| is_at(at))
        }) {
            let seen = ["a document before is there, too"];
            problems.add(at.member("uri"), &seen, &["write another for each path"]);
        }
        read.push(metadata);
    }
    read
}

/// The metadata's place, if it is one where clients reach this gate.
fn one(
    raw: RawResourceMetadata,
    is_one_of_many: bool,
    origins: &[Origin],
    policy: PathPolicy,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<ResourceMetadata> {
    let RawResourceMetadata {
        path_separated_prefix,
        uri,
        serve,
        scopes,
    } = raw;
    let prefix_at = at.member("path_separated_prefix");
    let is_absent = path_separated_prefix.is_absent();
    let prefix = path_separated_prefix.given().and_then(|text| {
        let prefix = prefix(&text.0, policy).map_err(|fault| {
            let seen = [&shown::text(&text.0), " ", &fault.seen];
            problems.add(prefix_at, &seen, &[&fault.wanted]);
        });
        prefix.ok()
    });
    let is_open = scopes.is_absent();
    let scopes = scopes.into_values().into_iter();
    let scopes = (!is_open).then(|| scopes.map(|scope| scope.0).collect());
    let PageUri { text, origin, path } = uri.given()?;
    let at = at.member("uri");
    if !origins.contains(&origin) {
        let example = origins
            .first()
            .map_or("https://api.example.com", |own| &own.text);
        let seen = [&shown::text(&text), " lies on none of origins"];
        let wanted = ["write ", example, WELL_KNOWN, ", or add its origin to them"];
        // One that was refused may be its own.
        if !problems.any_in("origins") {
            problems.add(at, &seen, &wanted);
        }
        return None;
    }
    let below = path.strip_prefix(WELL_KNOWN);
    // A pattern would name no document: each resource has its own.
    let below = below.filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let below = below.filter(|rest| !rest.contains('*'));
    let normal = path::one_spelling(path.as_bytes(), PathPolicy::default()).ok();
    let well_known = below.zip(normal);
    // The path of the resource, as requests have it.
    let resource = well_known.as_ref().and_then(|(_, normal)| {
        let resource = normal.strip_prefix(WELL_KNOWN)?;
        Some(resource.trim_end_matches('/').to_owned())
    });
    let mut served = None;
    if serve.given().unwrap_or(false) {
        let Some((below, normal)) = well_known else {
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
    let prefix = match (prefix, &resource) {
        (Some(prefix), Some(resource)) if !lies_below(&prefix, resource) => {
            let seen = [
                &shown::text(&prefix),
                " does not lie below ",
                &shown::text(resource),
                ", which its document is about",
            ];
            let wanted = ["write uri: ", &origin.text, WELL_KNOWN, &prefix];
            problems.add(prefix_at, &seen, &wanted);
            return None;
        }
        (Some(prefix), _) => prefix,
        (None, Some(resource)) if is_one_of_many => resource.clone(),
        (None, None) if is_one_of_many && is_absent => {
            let seen = ["missing: the uri does not say which path it is about"];
            problems.add(prefix_at, &seen, &["write path_separated_prefix: /mcp"]);
            return None;
        }
        (None, _) => String::new(),
    };
    Some(ResourceMetadata {
        prefix,
        uri: text,
        served,
        scopes,
    })
}

/// The path that a document is about; of `/` nothing is left.
fn prefix(text: &str, policy: PathPolicy) -> Result<String, Fault> {
    if text == "/" {
        return Ok(String::new());
    }
    match pattern::read(Field::PathSeparatedPrefix, text, policy) {
        Ok(PathMatch::Segments(prefix)) if !prefix.contains('*') => Ok(prefix),
        Ok(_) => Err(("is a pattern", "write one document for each path").into()),
        Err(refused) => Err(refused.fault),
    }
}

fn lies_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
