//! For gates and providers:
//!
//! ```text
//! GET  /PROVIDER/revocations           the list, or with ?after= what is new in it
//! POST /PROVIDER/backchannel-logout    a logout token, in a form
//! POST /PROVIDER/events                a security event token (RFC 8935)
//! ```

use std::time::Duration;

use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH},
};
use passgate_core::{EventFault, limits};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Peer, Service,
    answer::{self, Parts, Response, later, refused, shows},
};
use crate::{
    clock,
    config::{Provider, Readers},
    event::Event,
    judge::{Judged, What, Wrong},
    list, log,
    store::{Act, Done},
};

/// What became of an event.
pub(crate) enum Outcome {
    Done,
    Wrong(EventFault),
    Later(Duration, &'static str),
}

/// Most bytes of a body: a token, and what stands around it in a form.
const BODY_BYTES: usize = limits::EVENT_TOKEN_BYTES + 1_024;

/// More comes than can be judged: when to try again.
const SOON: Duration = Duration::from_secs(1);
const BUSY: &str = "too much at once";
/// A token from the future may come again after this.
const CLOCKS: Duration = Duration::from_secs(30);

impl Service {
    /// What was asked for, and the answer.
    pub(super) async fn public(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> (&'static str, Response) {
        let path = request.uri().path().to_owned();
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let found = parts.and_then(|(name, what)| Some((self.provider(name)?, what)));
        let Some(((index, provider), what)) = found else {
            return (
                "nothing",
                refused(StatusCode::NOT_FOUND, "there is nothing here"),
            );
        };
        let method = request.method();
        match (method, what) {
            (&Method::GET | &Method::HEAD, "revocations") => {
                ("revocations", self.list(index, peer, &request).await)
            }
            (&Method::POST, "backchannel-logout") if !provider.logout.is_empty() => {
                ("logout", self.logout((index, provider), request).await)
            }
            (&Method::POST, "events") if provider.events.is_some() => {
                ("events", self.security((index, provider), request).await)
            }
            (_, "revocations" | "backchannel-logout" | "events") => {
                let answer = refused(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "not with this method, or not configured",
                );
                ("nothing", answer)
            }
            _ => (
                "nothing",
                refused(StatusCode::NOT_FOUND, "there is nothing here"),
            ),
        }
    }

    async fn list(&self, index: usize, peer: &Peer, request: &Request<Incoming>) -> Response {
        match &self.config.readers {
            Readers::Anybody => {}
            Readers::Bearer(secret) if shows(request.headers(), secret) => {}
            Readers::Bearer(_) => return answer::unauthorized(),
            Readers::Certificate { names, .. } if peer.is_one_of(names) => {}
            Readers::Certificate { .. } => {
                return refused(StatusCode::FORBIDDEN, "show a certificate of a reader");
            }
        }
        let query = request.uri().query().unwrap_or_default();
        let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after");
        let after = after.and_then(|(_, value)| value.parse().ok());
        let tags = request.headers().get_all(IF_NONE_MATCH).iter();
        let tags = tags
            .filter_map(|tags| tags.to_str().ok())
            .flat_map(|tags| tags.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"));
        let tags: Vec<&str> = tags.collect();
        let seen = tags.iter().copied().filter_map(list::read_tag).max();
        let document = match self.store.document_for(index, seen, after).await {
            Ok(Some(document)) => document,
            Ok(None) => return refused(StatusCode::NOT_FOUND, "there is nothing here"),
            // What is here is older than what the gate has from another replica.
            Err(why) => {
                return later(refused(StatusCode::SERVICE_UNAVAILABLE, why.words()), SOON);
            }
        };
        let seen = seen.filter(|(epoch, ..)| *epoch == document.epoch);
        let date = self.store.date(clock::now(), seen.map(|(.., date)| date));
        let written = document.written(after, date);
        let is_known = tags.iter().any(|tag| *tag == "*" || *tag == written.tag);
        let mut answer = if is_known {
            answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            let body = Parts::from(written.parts);
            let bytes = hyper::body::Body::size_hint(&body)
                .exact()
                .unwrap_or_default();
            if request.method() == Method::GET {
                self.metrics
                    .add("passgate_feed_bytes_served_total", &[], bytes);
            }
            let mut answer = Response::new(body);
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(CONTENT_TYPE, json);
            answer
        };
        let headers = answer.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&written.tag) {
            headers.insert(ETAG, tag);
        }
        // A cache may keep it, and asks each time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }

    /// Back-Channel Logout sections 2.5, 2.7 and 2.8.
    async fn logout(&self, of: (usize, &Provider), request: Request<Incoming>) -> Response {
        if !answer::is_of_type(request.headers(), "application/x-www-form-urlencoded") {
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send a form");
        }
        let Some(_place) = self.bodies.place(of.0, request.body()).await else {
            return later(refused(StatusCode::SERVICE_UNAVAILABLE, BUSY), SOON);
        };
        let body = match answer::text(request.into_body(), BODY_BYTES).await {
            Ok(body) => body,
            Err((status, why)) => return refused(status, why),
        };
        let mut tokens =
            form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == "logout_token");
        let odd = |why: &str| {
            let body = json!({ "error": "invalid_request", "error_description": why });
            answer::json(StatusCode::BAD_REQUEST, &body)
        };
        let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
            return odd("expected one logout_token");
        };
        match self.take(of, What::Logout, token.into_owned()).await {
            Outcome::Done => answer::empty(StatusCode::OK),
            Outcome::Wrong(fault) => odd(&expected(fault)),
            Outcome::Later(after, why) => {
                later(refused(StatusCode::SERVICE_UNAVAILABLE, why), after)
            }
        }
    }

    /// RFC 8935 sections 2.1 to 2.4.
    async fn security(&self, of: (usize, &Provider), request: Request<Incoming>) -> Response {
        let bearer =
            of.1.events
                .as_ref()
                .and_then(|events| events.bearer.as_ref());
        if bearer.is_some_and(|secret| !shows(request.headers(), secret)) {
            return answer::unauthorized();
        }
        if !answer::is_of_type(request.headers(), "application/secevent+jwt") {
            let why = "send application/secevent+jwt";
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
        let Some(_place) = self.bodies.place(of.0, request.body()).await else {
            return later(refused(StatusCode::SERVICE_UNAVAILABLE, BUSY), SOON);
        };
        let token = match answer::text(request.into_body(), BODY_BYTES).await {
            Ok(token) => token,
            Err((status, why)) => return refused(status, why),
        };
        match self.take(of, What::Security, token).await {
            Outcome::Done => answer::empty(StatusCode::ACCEPTED),
            Outcome::Wrong(fault) => answer::json(StatusCode::BAD_REQUEST, &error_of(fault)),
            Outcome::Later(after, why) => {
                later(refused(StatusCode::SERVICE_UNAVAILABLE, why), after)
            }
        }
    }

    /// Judges a token and writes down what it does. It is done when it is on disk.
    pub(crate) async fn take(
        &self,
        (index, provider): (usize, &Provider),
        what: What,
        token: String,
    ) -> Outcome {
        let (kinds, outcome, result) = match self.judge.ask(index, what, token).await {
            // It counts when the clock that is wrong is right again.
            Err(Wrong::Fault(EventFault::Early)) => {
                let result =
                    Outcome::Later(CLOCKS, "iat or nbf is in the future: check the clocks");
                ("unread".to_owned(), "early", result)
            }
            Err(Wrong::Fault(fault)) => {
                let outcome = match fault {
                    EventFault::Time(_) => "late",
                    _ => "refused",
                };
                ("unread".to_owned(), outcome, Outcome::Wrong(fault))
            }
            Err(Wrong::Unavailable(after)) => {
                let result = Outcome::Later(after, "the keys of the issuer cannot be had");
                ("unread".to_owned(), "unavailable", result)
            }
            Err(Wrong::Busy) => {
                let result = Outcome::Later(SOON, BUSY);
                ("unread".to_owned(), "busy", result)
            }
            Ok(Judged { event, until }) => {
                let kinds = event.kinds.iter().map(|kind| kind.name());
                let kinds = kinds.collect::<Vec<_>>().join(",");
                let (outcome, result) = self.keep((index, &provider.name), event, until).await;
                (kinds, outcome, result)
            }
        };
        let name = &*provider.name;
        for kind in kinds.split(',') {
            let labels = [("provider", name), ("kind", kind), ("outcome", outcome)];
            self.metrics.count("passgate_feed_events_total", &labels);
        }
        let told = [("provider", name), ("kinds", &*kinds), ("outcome", outcome)];
        match &result {
            Outcome::Done if outcome == "known" => self.refusals.info(name, "an event", &told),
            Outcome::Done => log::info("an event", &told),
            Outcome::Wrong(fault) => {
                let expected = expected(*fault);
                let told = [told.as_slice(), &[("why", &*expected)]].concat();
                self.refusals.warn(name, "an event is refused", &told);
            }
            Outcome::Later(_, why) => {
                let told = [told.as_slice(), &[("why", *why)]].concat();
                self.refusals.warn(name, "an event is put off", &told);
            }
        }
        result
    }

    async fn keep(
        &self,
        (index, provider): (usize, &str),
        event: Event,
        until: u64,
    ) -> (&'static str, Outcome) {
        let act = Act::Take {
            id: Sha256::digest(event.jti.as_bytes()).into(),
            endings: event.endings,
            until,
        };
        match self.store.write(index, act).await {
            Ok(Done::Written) => ("taken", Outcome::Done),
            Ok(Done::Unremembered) => {
                let name = "passgate_feed_unremembered_tokens_total";
                self.metrics.count(name, &[("provider", provider)]);
                ("taken", Outcome::Done)
            }
            // Sent again because the answer was lost, as a rule.
            Ok(Done::Known) => ("known", Outcome::Done),
            Err(refused) => {
                let later = Outcome::Later(Duration::from_secs(5), refused.words());
                (refused.name(), later)
            }
        }
    }
}

/// What a transmitter is told of a token that does not count (RFC 8935 section 2.3).
pub(crate) fn error_of(fault: EventFault) -> Value {
    let err = match fault {
        EventFault::Malformed(_) | EventFault::Time(_) | EventFault::Early => "invalid_request",
        EventFault::Issuer => "invalid_issuer",
        EventFault::Audience => "invalid_audience",
        EventFault::Key | EventFault::Signature => "invalid_key",
    };
    json!({ "err": err, "description": expected(fault) })
}

fn expected(fault: EventFault) -> String {
    format!("expected {fault}")
}
