//! The service behind the gate: says as JSON what reached it. At [`LIVE`] it opens a stream.

use crate::http::{self, Answer, Received};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a page keeps a stream open, which the gate ends with the session.
const LIVE: &str = "/live";

/// A service that counts its requests.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if request.uri().path() == LIVE {
            return http::open();
        }
        let mut headers = Map::new();
        for name in request.headers().keys() {
            let values = request.headers().get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            headers.insert(name.to_string(), Value::from(values.join(", ")));
        }
        http::json(&json!({
            "method": request.method().as_str(),
            "path": request.uri().path_and_query().map(|path| path.as_str()),
            "headers": headers,
            "body": String::from_utf8_lossy(request.body()),
        }))
    }

    /// How many requests came through the gate.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
