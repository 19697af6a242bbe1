//! The document that tells clients which issuers this resource trusts and how tokens are sent (RFC
//! 9728 section 2). It is made of the configuration alone, once, and is the same for everybody.

use std::borrow::Cow;

use crate::{
    json::Json,
    policy::{Action, Matcher, PathMatch, Rule},
    provider::Provider,
    reason::{PROOF_ALGORITHMS, Scheme},
    request::{Origin, Request, Target, TokenSource},
};

/// Where the metadata of this resource are (RFC 9728), or of the part of it below one path.
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    /// The path that they are about, with all below it, in the form that requests are brought to;
    /// does not end in `/`. Empty: every request.
    pub prefix: String,
    /// Named in challenges; on one of the origins, without query and fragment.
    pub uri: String,
    /// The path, in the form that requests are brought to, at which the gate itself serves them on
    /// every origin, and the path of the resource that they are about. `None`: somebody else serves
    /// them.
    pub served: Option<(String, String)>,
    /// The scopes that they list. `None`: those of the rules.
    pub scopes: Option<Vec<String>>,
}

impl ResourceMetadata {
    /// Whether they are about this path.
    fn are_about(&self, path: Option<&str>) -> bool {
        let rest = path.and_then(|path| path.strip_prefix(&*self.prefix));
        self.prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Why such a document is served.
pub(crate) const METADATA_SERVED: &str = "permitted.resource_metadata";

/// Why the keys of identity tokens are served.
pub(crate) const KEYS_SERVED: &str = "permitted.identity_keys";

/// A document of the gate's own, as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Why it is served, for details of the answer and records.
    pub code: &'static str,
    /// 200; 204 for a preflight.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Document {
    /// The answer to a request for it: itself, a preflight's, or none of the gate's.
    pub(crate) fn answering(
        request: Request<'_>,
        target: &Target<'_>,
        code: &'static str,
        body: &dyn Fn() -> String,
    ) -> Option<Self> {
        let (status, body) = match target.method {
            "GET" | "HEAD" => (200, body()),
            _ if request.is_preflight(target) => (204, String::new()),
            _ => return None,
        };
        Some(Self { code, status, body })
    }

    /// Header names and values of the answer. Any page may read it: everything in it is public.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("access-control-allow-origin", "*".to_owned())];
        if self.body.is_empty() {
            headers.push(("access-control-allow-methods", "GET, HEAD".to_owned()));
            headers.push(("access-control-allow-headers", "*".to_owned()));
        } else {
            headers.push(("content-type", "application/json".to_owned()));
            headers.push(("cache-control", "public, max-age=300".to_owned()));
            headers.push(("x-content-type-options", "nosniff".to_owned()));
        }
        headers
    }
}

/// What the documents of a configuration say, in the order of its metadata: all members but
/// `resource`. What those of all origins share is kept once and the rest made when it is asked for,
/// because origins, scopes and the length of the path may be many each.
#[derive(Debug)]
pub(crate) struct Documents(Vec<Members>);

/// Of a JSON object.
type Members = Vec<(Box<str>, Json)>;

impl Documents {
    pub(crate) fn of(
        metadata: &[ResourceMetadata],
        providers: &[Provider],
        rules: &[Rule],
    ) -> Self {
        let describe = |metadata| describe(metadata, providers, rules);
        Self(metadata.iter().map(describe).collect())
    }

    /// The document, if that is what is asked for.
    pub(crate) fn asked_for(
        &self,
        metadata: &[ResourceMetadata],
        request: Request<'_>,
        target: &Target<'_>,
        origins: &[Origin],
    ) -> Option<Document> {
        let path = target.path.as_deref()?;
        for (metadata, shared) in metadata.iter().zip(&self.0) {
            let Some((at, resource)) = &metadata.served else {
                continue;
            };
            if at != path {
                continue;
            }
            let origin = target.origin(origins)?;
            let body = || body(shared, &[&*origin.text, resource].concat());
            return Document::answering(request, target, METADATA_SERVED, &body);
        }
        None
    }
}

/// Where the document about this path is: of those that are about it the one with the longest
/// prefix. A client holds `resource` against the address that it asked (section 3.3), so each
/// origin has its own.
pub(crate) fn uri<'m>(
    all: &'m [ResourceMetadata],
    path: Option<&str>,
    origin: Option<&Origin>,
) -> Option<Cow<'m, str>> {
    let fitting = all.iter().filter(|metadata| metadata.are_about(path));
    let metadata = fitting.max_by_key(|metadata| metadata.prefix.len())?;
    Some(match (&metadata.served, origin) {
        (Some((at, _)), Some(origin)) => [&*origin.text, at].concat().into(),
        _ => Cow::Borrowed(&*metadata.uri),
    })
}

fn body(shared: &Members, resource: &str) -> String {
    let mut members = vec![("resource".into(), Json::String(resource.into()))];
    members.extend_from_slice(shared);
    format!("{}\n", Json::Object(members))
}

fn describe(metadata: &ResourceMetadata, providers: &[Provider], rules: &[Rule]) -> Members {
    let mut issuers = Vec::new();
    for provider in providers {
        provider.issuer.list(&mut issuers);
    }
    let issuers: Vec<&str> = issuers.iter().map(String::as_str).collect();
    let mut members = Vec::new();
    let mut add = |name: &str, list: &[&str]| {
        let strings = list.iter().map(|text| Json::String((*text).into()));
        members.push((name.into(), Json::Array(strings.collect())));
    };
    add("authorization_servers", &issuers);
    add("bearer_methods_supported", &bearer_methods(providers));
    let scopes = match &metadata.scopes {
        Some(scopes) => scopes.iter().map(String::as_str).collect(),
        None => scopes(&metadata.prefix, rules),
    };
    if !scopes.is_empty() {
        add("scopes_supported", &scopes);
    }
    if rules.iter().any(wants_proofs) {
        let algorithms: Vec<&str> = PROOF_ALGORITHMS.split(' ').collect();
        add("dpop_signing_alg_values_supported", &algorithms);
    }
    members
}

/// Whether some token needs a DPoP proof by this rule.
fn wants_proofs(rule: &Rule) -> bool {
    let Action::Requires(requirement) = &rule.action else {
        return false;
    };
    requirement.schemes().contains(&Scheme::Dpop)
}

/// The ways of RFC 6750 section 2 in which some provider's token may come. A cookie is not one of
/// them.
fn bearer_methods(providers: &[Provider]) -> Vec<&'static str> {
    let sources = || providers.iter().flat_map(|provider| &provider.sources);
    let is_header = |source: &TokenSource| match source {
        TokenSource::Header { name, scheme } => {
            name == "authorization" && scheme.eq_ignore_ascii_case("Bearer")
        }
        TokenSource::Cookie(_) | TokenSource::Param(_) | TokenSource::WebSocketProtocol(_) => false,
    };
    let is_query = |source: &TokenSource| *source == TokenSource::Param("access_token".to_owned());
    let mut methods = Vec::new();
    if sources().any(is_header) {
        methods.push("header");
    }
    if sources().any(is_query) {
        methods.push("query");
    }
    methods
}

/// Every scope that some rule asks for which decides about requests below this prefix, once, in the
/// order of the rules.
fn scopes<'r>(prefix: &str, rules: &'r [Rule]) -> Vec<&'r str> {
    let below = Matcher {
        path: match prefix {
            "" => PathMatch::Any,
            _ => PathMatch::Segments(prefix.to_owned()),
        },
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    };
    let mut scopes = Vec::new();
    for rule in rules {
        if let Action::Requires(requirement) = &rule.action
            && rule.matcher.meets(&below)
        {
            let alternatives = requirement.alternatives.iter();
            for scope in alternatives.flat_map(|alternative| &alternative.scopes) {
                if !scopes.contains(&scope.as_str()) {
                    scopes.push(scope);
                }
            }
        }
        if rule.matcher.covers(&below) {
            break;
        }
    }
    scopes
}
