//! The document that tells clients which issuers this resource trusts and how tokens are sent (RFC 9728 section 2). It is
//! made of the configuration alone, once, and is the same for everybody.

use serde_json::{Value, json};

use crate::{
    config::{Action, Config, Origin, TokenSource},
    request::{Request, Target},
};

/// The document, as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// 200; 204 for a preflight.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Document {
    /// Header names and values of the answer. Any page may read it: there is nothing in it that is not public.
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

/// The documents of a configuration.
#[derive(Debug)]
pub(crate) struct Documents {
    /// At which path they are.
    path: String,
    /// Origins, each with the address of its document and the document.
    documents: Vec<(Origin, String, String)>,
}

impl Documents {
    /// `None`: the gate serves none.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let (path, resource) = config.resource_metadata.as_ref()?.served.as_ref()?;
        let document = |origin: &Origin| {
            let uri = format!("{}{path}", origin.text);
            let body = describe(config, &format!("{}{resource}", origin.text));
            (origin.clone(), uri, format!("{body}\n"))
        };
        Some(Self {
            path: path.clone(),
            documents: config.origins.iter().map(document).collect(),
        })
    }

    /// The document, if that is what is asked for.
    pub(crate) fn asked_for(
        &self,
        request: Request<'_>,
        target: &Target<'_>,
        origins: &[Origin],
    ) -> Option<Document> {
        let (_, body) = self.at(target.origin(origins)?)?;
        if target.path.as_deref() != Some(&self.path) {
            return None;
        }
        match target.method {
            "GET" | "HEAD" => Some(Document {
                status: 200,
                body: body.to_owned(),
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
    pub(crate) fn uri(&self, origin: &Origin) -> Option<&str> {
        self.at(origin).map(|(uri, _)| uri)
    }

    fn at(&self, wanted: &Origin) -> Option<(&str, &str)> {
        let mut documents = self.documents.iter();
        let (_, uri, body) = documents.find(|(origin, ..)| origin == wanted)?;
        Some((uri, body))
    }
}

fn describe(config: &Config, resource: &str) -> Value {
    let providers = || config.providers.iter();
    let issuers: Vec<&str> = providers().map(|provider| &*provider.issuer).collect();
    let mut document = json!({
        "resource": resource,
        "authorization_servers": issuers,
        "bearer_methods_supported": bearer_methods(config),
    });
    let scopes = scopes(config);
    if let (Some(members), false) = (document.as_object_mut(), scopes.is_empty()) {
        members.insert("scopes_supported".to_owned(), scopes.into());
    }
    document
}

/// The ways of RFC 6750 section 2 in which some provider's token may come; a cookie is none of them.
fn bearer_methods(config: &Config) -> Vec<&'static str> {
    let sources = || {
        config
            .providers
            .iter()
            .flat_map(|provider| &provider.sources)
    };
    let is_header = |source: &TokenSource| match source {
        TokenSource::Header { name, scheme } => {
            name == "authorization" && scheme.eq_ignore_ascii_case("Bearer")
        }
        TokenSource::Cookie(_) | TokenSource::Param(_) => false,
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
fn scopes(config: &Config) -> Vec<&str> {
    let mut scopes = Vec::new();
    for rule in config.rules.iter().flatten() {
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
