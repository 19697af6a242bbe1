//! An endpoint of introspection (RFC 7662) that knows its clients by their secrets.

use super::http1::Message;
use super::server::{Server, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Answers POSTs with a `token` at any path.
pub struct Introspector {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    said: BTreeMap<String, Value>,
    of_all: Option<Value>,
    secrets: Vec<String>,
    held: bool,
    /// The tokens that were asked about, each with the `Authorization` of the question.
    questions: Vec<(String, String)>,
}

impl Introspector {
    /// Of clients with this `Authorization`.
    pub fn start(secret: &str) -> Self {
        let state = State {
            secrets: vec![secret.to_owned()],
            ..State::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let of_server = Arc::clone(&shared);
        let server = Server::start(move |stream| {
            serve(stream, |request| Some(of_server.answer(&request)));
        });
        Self { server, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Says this of a token from now on; of all others that they are not active.
    pub fn says(&self, token: &str, answer: Value) {
        self.change(|state| {
            state.said.insert(token.to_owned(), answer);
        });
    }

    /// Says this of each token of which it was told nothing else.
    pub fn says_of_all(&self, answer: Value) {
        self.change(|state| state.of_all = Some(answer));
    }

    /// Says that the token is not active from now on.
    pub fn revoke(&self, token: &str) {
        self.change(|state| {
            state.said.remove(token);
        });
    }

    /// Takes these values of `Authorization` from now on.
    pub fn accept(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
        self.change(|state| state.secrets = secrets);
    }

    /// Lets questions wait until `release`.
    pub fn hold(&self) {
        self.change(|state| state.held = true);
    }

    pub fn release(&self) {
        self.change(|state| state.held = false);
    }

    /// The tokens that were asked about so far, each with the `Authorization` of the question.
    pub fn questions(&self) -> Vec<(String, String)> {
        self.shared.state.lock().unwrap().questions.clone()
    }

    /// What it says to this question, for a server that is not its own.
    pub fn answer(&self, question: &Message) -> Vec<u8> {
        self.shared.answer(question)
    }

    fn change(&self, edit: impl FnOnce(&mut State)) {
        edit(&mut self.shared.state.lock().unwrap());
        self.shared.changed.notify_all();
    }
}

impl Drop for Introspector {
    fn drop(&mut self) {
        self.release();
    }
}

impl Shared {
    fn answer(&self, request: &Message) -> Vec<u8> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let token = body.rsplit_once("token=").map(|(_, token)| token);
        let token = token.unwrap_or_default().to_owned();
        let secret = request.headers.text("authorization").unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        state.questions.push((token.clone(), secret.to_owned()));
        // Bounded: a story that never releases must not keep the thread.
        let longest = Duration::from_secs(60);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, longest, |state| state.held)
            .unwrap();
        let is_known = state.secrets.iter().any(|known| known == secret);
        let (status, body) = if is_known && request.start.starts_with(b"POST ") {
            let said = state.said.get(&token).or(state.of_all.as_ref());
            let said = said.cloned();
            (200, said.unwrap_or_else(|| json!({ "active": false })))
        } else {
            (401, json!({ "error": "invalid_client" }))
        };
        let body = body.to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
