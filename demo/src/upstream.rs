//! The service behind the gate: says as JSON what reached it.

use crate::http::{self, Answer, Received};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A service that counts its requests.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
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
