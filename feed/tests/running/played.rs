//! A server of somebody else that is played: it answers with JSON, by what it knows.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use passgate_harness::{Message, Server, serve};
use serde_json::Value;

/// A server that knows this; tests look at it and change it.
pub(crate) struct Played<S> {
    server: Server,
    state: Arc<Mutex<S>>,
}

impl<S: Default + Send + 'static> Played<S> {
    /// One that answers so: a status and a body.
    pub(crate) fn answering(
        answer: impl Fn(&Mutex<S>, &Message) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(Mutex::new(S::default()));
        let held = Arc::clone(&state);
        let server = Server::start(move |stream| {
            serve(stream, |request| {
                let (status, body) = answer(&held, &request);
                let body = body.to_string();
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                Some([head.as_bytes(), body.as_bytes()].concat())
            });
        });
        Self { server, state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn state<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }
}
