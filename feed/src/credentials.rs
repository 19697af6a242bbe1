//! The role that serves people's passkeys: apart from lists of revocations, with a configuration,
//! an account and a key of its own. Passkeys *grant*, so nothing that takes events or entries can
//! write them: this role takes none.
//!
//! ```text
//! gate -- GET /PROVIDER/credentials/SUB --> Keycloak's admin API, remembered for seconds
//!      <-- a JWS: iss, sub, iat, exp, credentials
//! ```

mod desk;
mod key;
mod keycloak;

use std::{error::Error, ffi::OsStr, sync::Arc};

use hyper::{Method, Request, StatusCode, body::Incoming, header::RETRY_AFTER};

use self::desk::{Desk, Said};
pub(crate) use self::key::SigningKey;
use crate::{
    config::Credentials,
    http::{
        Answers, Listens, Response, Side, answer, json, name_of_status, refused, shows,
        unauthorized,
    },
    metrics::Metrics,
    tls::Peer,
};

/// What requests are answered with.
struct Role {
    config: Arc<Credentials>,
    metrics: Arc<Metrics>,
    /// One for each realm.
    desks: Vec<Desk>,
}

/// The media type of an answer.
const TYPE: &str = "application/credentials+jwt";

/// Listens at the addresses that the file says.
pub(crate) async fn start(file: &OsStr) -> Result<crate::http::Serving, Box<dyn Error>> {
    let config = Arc::new(Credentials::load(file)?);
    let metrics = Arc::new(Metrics::default());
    let desks = config.realms.iter().map(|realm| {
        let desk = Desk::of(realm);
        desk.map_err(|error| format!("{}: {error}", realm.name))
    });
    let role = Role {
        desks: desks.collect::<Result<_, _>>()?,
        config: Arc::clone(&config),
        metrics,
    };
    crate::http::start(Arc::new(role)).await
}

impl Answers for Role {
    fn listens(&self) -> [Listens<'_>; 2] {
        [
            ("listening for gates", self.config.listen),
            ("listening for operators", self.config.admin_listen),
        ]
        .map(|(message, address)| Listens {
            message,
            address,
            tls: None,
            authority: None,
        })
    }

    fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    async fn answer(&self, side: Side, _: &Peer, request: Request<Incoming>) -> Response {
        let (what, answer) = match side {
            Side::Public => self.public(&request).await,
            Side::Admin => self.admin(&request),
        };
        let status = name_of_status(answer.status());
        let labels = [("of", what), ("status", &*status)];
        self.metrics.count("passgate_feed_requests_total", &labels);
        answer
    }
}

impl Role {
    async fn public(&self, request: &Request<Incoming>) -> (&'static str, Response) {
        let nothing = |status| ("nothing", refused(status, "there is nothing here"));
        if request.method() != Method::GET {
            return nothing(StatusCode::METHOD_NOT_ALLOWED);
        }
        let path = request.uri().path();
        if path == "/keys" {
            return ("keys", json(StatusCode::OK, &self.config.key.published()));
        }
        let mut parts = path.splitn(4, '/').skip(1);
        let parts = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some("credentials"), Some(subject)) = parts else {
            return nothing(StatusCode::NOT_FOUND);
        };
        let found = self.config.realms.iter().zip(&self.desks);
        let mut found = found.filter(|(realm, _)| realm.name == name);
        let (Some((realm, desk)), Some(subject)) = (found.next(), decoded(subject)) else {
            return nothing(StatusCode::NOT_FOUND);
        };
        let reader = self.config.reader.as_ref();
        if reader.is_some_and(|secret| !shows(request.headers(), secret)) {
            return ("credentials", unauthorized());
        }
        let said = desk.ask(realm, &subject, &self.config.key, &self.metrics);
        let answer = match said.await {
            Said::Signed(text) => answer(StatusCode::OK, TYPE, String::from(&*text)),
            // Of this person alone: a gate goes on asking about others.
            Said::Odd => refused(StatusCode::BAD_GATEWAY, "Keycloak's answer cannot be read"),
            Said::Unavailable => {
                let why = "Keycloak does not answer";
                let mut answer = refused(StatusCode::SERVICE_UNAVAILABLE, why);
                answer.headers_mut().insert(RETRY_AFTER, 1.into());
                answer
            }
        };
        ("credentials", answer)
    }

    fn admin(&self, request: &Request<Incoming>) -> (&'static str, Response) {
        let ok = || refused(StatusCode::OK, "ok");
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/healthz") => ("health", ok()),
            (&Method::GET, "/readyz") => ("readiness", ok()),
            (&Method::GET, "/metrics") => {
                let text = self.metrics.exposed(&[]);
                let of_type = "text/plain; version=0.0.4";
                ("metrics", answer(StatusCode::OK, of_type, text))
            }
            _ => (
                "nothing",
                refused(StatusCode::NOT_FOUND, "there is nothing here"),
            ),
        }
    }
}

/// A name that is one segment, percent-decoded (RFC 3986 section 2.1). `None`: nobody has it.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'/' => return None,
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            other => other,
        });
    }
    let name = String::from_utf8(name).ok()?;
    let is_short = (1..=passgate_core::limits::SUBJECT_BYTES).contains(&name.len());
    (is_short && !matches!(&*name, "." | "..")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_name_is_one_segment_of_the_path() {
        for (segment, name) in [
            ("alice", Some("alice")),
            ("a%2F..%2fb%3F", Some("a/../b?")),
            ("%C3%BC", Some("ü")),
            ("", None),
            (".", None),
            ("%2e%2E", None),
            ("a/b", None),
            ("%", None),
            ("%2", None),
            ("%+1", None),
            ("%FF", None),
        ] {
            assert_eq!(decoded(segment).as_deref(), name, "{segment}");
        }
        assert_eq!(decoded(&"a".repeat(513)), None);
    }
}
