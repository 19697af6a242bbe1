//! The document that tells clients which issuers this resource trusts and how tokens are sent (RFC 9728 section 2). It is
//! made of the configuration alone, once, and is the same for everybody.

use serde_json::{Map, Value};

use crate::{
    policy::{Action, Rule},
    provider::Provider,
    reason::{PROOF_ALGORITHMS, Scheme},
    request::{Origin, Request, Target, TokenSource},
};

/// Where the metadata of this resource are (RFC 9728).
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    /// Named in challenges; on one of the origins, without query and fragment.
    pub uri: String,
    /// The path, in the form that requests are brought to, at which the gate itself serves them on every origin, and
    /// the path of the resource that they are about. `None`: somebody else serves them.
    pub served: Option<(String, String)>,
}

/// The document, as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// 200; 204 for a preflight.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Document {
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

/// The documents of a configuration, one for each origin. What they share is kept once and the rest
/// made when it is asked for, because origins, scopes and the length of the path may be many each.
#[derive(Debug)]
pub(crate) struct Documents {
    /// At which path they are.
    path: String,
    /// The path of the resource.
    resource: String,
    /// All members but `resource`.
    shared: Map<String, Value>,
}

impl Documents {
    /// `None`: the gate serves none.
    pub(crate) fn of(
        metadata: Option<&ResourceMetadata>,
        providers: &[Provider],
        rules: &[Rule],
    ) -> Option<Self> {
        let (path, resource) = metadata?.served.as_ref()?;
        Some(Self {
            path: path.clone(),
            resource: resource.clone(),
            shared: describe(providers, rules),
        })
    }

    /// The document, if that is what is asked for.
    pub(crate) fn asked_for(
        &self,
        request: Request<'_>,
        target: &Target<'_>,
        origins: &[Origin],
    ) -> Option<Document> {
        if target.path.as_deref() != Some(&self.path) {
            return None;
        }
        let origin = target.origin(origins)?;
        match target.method {
            "GET" | "HEAD" => Some(Document {
                status: 200,
                body: self.body(origin),
            }),
            _ if request.is_preflight(target) => Some(Document {
                status: 204,
                body: String::new(),
            }),
            _ => None,
        }
    }

    /// Where the document of this origin is. A client holds `resource` against the address that it asked (section 3.3),
    /// so each origin has its own.
    pub(crate) fn uri(&self, origin: &Origin) -> String {
        [&*origin.text, &self.path].concat()
    }

    fn body(&self, origin: &Origin) -> String {
        let resource = [&*origin.text, &self.resource].concat();
        let mut document = self.shared.clone();
        document.insert("resource".to_owned(), resource.into());
        format!("{}\n", Value::Object(document))
    }
}

fn describe(providers: &[Provider], rules: &[Rule]) -> Map<String, Value> {
    let issuers = providers
        .iter()
        .flat_map(|provider| provider.issuer.listed());
    let mut document = Map::new();
    let mut insert = |name: &str, value| document.insert(name.to_owned(), value);
    insert("authorization_servers", issuers.collect());
    insert("bearer_methods_supported", bearer_methods(providers).into());
    let scopes = scopes(rules);
    if !scopes.is_empty() {
        insert("scopes_supported", scopes.into());
    }
    if rules.iter().any(wants_proofs) {
        let algorithms: Vec<&str> = PROOF_ALGORITHMS.split(' ').collect();
        insert("dpop_signing_alg_values_supported", algorithms.into());
    }
    document
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

/// Every scope that some rule asks for, once, in the order of the rules.
fn scopes(rules: &[Rule]) -> Vec<&str> {
    let mut scopes = Vec::new();
    for rule in rules {
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let alternatives = requirement.alternatives.iter();
        for scope in alternatives.flat_map(|alternative| &alternative.scopes) {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
    }
    scopes
}
