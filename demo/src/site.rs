//! What stands behind the gate: the demo's page, the provider's part of it, and the service.

use crate::gate::Log;
use crate::http::{self, Answer, Received};
use crate::ports::Ports;
use crate::provider::Provider;
use crate::upstream::Upstream;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{StatusCode, header};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// All that listens on the upstream's port.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    provider: Provider,
    upstream: Upstream,
    log: Log,
    admin: u16,
    /// Of the gate, as its configuration has them.
    rules: Value,
    /// The only authority under which the page works: a passkey belongs to a name, not to an
    /// address.
    authority: String,
}

impl Site {
    pub(crate) fn new(
        provider: Provider,
        upstream: Upstream,
        log: Log,
        ports: &Ports,
        rules: Value,
    ) -> Self {
        Self(Arc::new(Inner {
            provider,
            upstream,
            log,
            admin: ports.admin,
            rules,
            authority: format!("localhost:{}", ports.gate),
        }))
    }

    /// - `/` and `/page/FILE`: the page
    /// - `/page/counters`: the filter's counters, and the key that signs
    /// - `/page/rules`: what the gate is configured to want
    /// - `/page/record?REQUEST-ID`: what Envoy and the filter logged about a request
    /// - `/provider/…`: the provider's part of the page
    /// - everything else: the service, which says what reached it
    pub(crate) async fn answer(&self, request: &Received) -> Answer {
        let site = &*self.0;
        match request.uri().path() {
            "/" => self.page(request),
            "/page/counters" => self.counters().await,
            "/page/rules" => http::json(&site.rules),
            "/page/record" => {
                let id = request.uri().query().unwrap_or_default();
                http::json(&Value::from(site.log.of_request(id)))
            }
            path if path.starts_with("/page/") => file(path),
            path if path.starts_with("/provider/") => site.provider.answer_page(request).await,
            _ => site.upstream.answer(request),
        }
    }

    fn page(&self, request: &Received) -> Answer {
        let host = request.headers().get(header::HOST);
        let address = host.is_some_and(|host| host.as_bytes().starts_with(b"127.0.0.1"));
        if !address {
            return file("/page/index.html");
        }
        let mut answer = http::text("this page is at home under another name\n");
        let home = HeaderValue::try_from(format!("http://{}/", self.0.authority));
        if let Ok(home) = home {
            *answer.status_mut() = StatusCode::FOUND;
            answer.headers_mut().insert(header::LOCATION, home);
        }
        answer
    }

    /// Read from Envoy's admin interface, of which nothing else is shown to anybody.
    async fn counters(&self) -> Answer {
        let stats = "/stats?format=json&usedonly&filter=wasmcustom";
        let Ok(response) = http::get(self.0.admin, stats, &[]).await else {
            let mut answer = http::json(&json!({ "error": "Envoy does not answer" }));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            return answer;
        };
        let stats: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let stats = stats.get("stats").and_then(Value::as_array);
        let counters: Map<String, Value> = stats
            .into_iter()
            .flatten()
            .filter_map(|stat| {
                let name = stat.get("name")?.as_str()?.strip_prefix("wasmcustom.")?;
                Some((name.to_owned(), stat.get("value")?.clone()))
            })
            .collect();
        http::json(&json!({ "counters": counters, "kid": self.0.provider.signing_kid() }))
    }
}

/// The page's files, inside the program: it is one file, wherever it is started.
fn file(path: &str) -> Answer {
    const TEXTS: &[(&str, &str, &str)] = &[
        (
            "/page/index.html",
            "text/html; charset=utf-8",
            include_str!("../page/index.html"),
        ),
        (
            "/page/style.css",
            "text/css; charset=utf-8",
            include_str!("../page/style.css"),
        ),
        (
            "/page/app.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/app.js"),
        ),
        (
            "/page/advice.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/advice.js"),
        ),
        (
            "/page/gate.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/gate.js"),
        ),
        (
            "/page/passkeys.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/passkeys.js"),
        ),
        (
            "/page/approval.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/approval.js"),
        ),
        (
            "/page/agent.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/agent.js"),
        ),
        (
            "/page/client.js",
            "text/javascript; charset=utf-8",
            include_str!("../../client/index.js"),
        ),
        (
            "/page/view.js",
            "text/javascript; charset=utf-8",
            include_str!("../page/view.js"),
        ),
        (
            "/page/icon.svg",
            "image/svg+xml",
            include_str!("../page/icon.svg"),
        ),
    ];
    let Some((_, kind, text)) = TEXTS.iter().find(|(name, _, _)| *name == path) else {
        return http::not_found();
    };
    let mut answer = http::text(text);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in PROTECTION {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    answer
}

/// Nothing inline, nothing from elsewhere, in no frame; and no text becomes markup.
const PROTECTION: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    ),
    ("cache-control", "no-cache"),
];

#[cfg(test)]
mod tests {
    /// The page counts down what the gate judges: both must mean the same seconds.
    #[test]
    fn the_page_knows_the_age_that_the_gate_wants() {
        let page = include_str!("../page/index.html");
        let policy = include_str!("../../envoy/envoy.yaml");
        let seconds = |text: &str, before: &str| {
            let (_, rest) = text.split_once(before).unwrap();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().unwrap()
        };
        let counted = seconds(page, r#"data-path="/payments" data-max-age=""#);
        assert_eq!(counted, seconds(policy, r#""max_age": ""#));
        assert_eq!(policy.matches(r#""max_age""#).count(), 1);
        let words: Vec<&str> = page.split_whitespace().collect();
        let said = words.join(" ");
        assert!(said.contains(&format!("at most {counted} s ago")));
    }
}
