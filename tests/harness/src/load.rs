//! Requests without pause while a story goes on.

use super::{Gate, Protocol, Request};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// A few clients that send one request after the other, each with the token of the moment.
pub struct Load {
    token: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Two clients of each protocol.
    pub fn start(address: SocketAddr, token: &str) -> Self {
        let token = Arc::new(Mutex::new(token.to_owned()));
        let ended = Arc::new(AtomicBool::new(false));
        let protocols = [
            Protocol::Http1,
            Protocol::Http2,
            Protocol::Http1,
            Protocol::Http2,
        ];
        let client = |protocol| {
            let (token, ended) = (Arc::clone(&token), Arc::clone(&ended));
            spawn(move || {
                let mut seen = Vec::new();
                while !ended.load(Ordering::SeqCst) {
                    let request = Request::get("/").bearer(&token.lock().unwrap().clone());
                    seen.push(match Gate::send_to(address, protocol, &request) {
                        Ok(answer) => answer.status.to_string(),
                        Err(error) => error,
                    });
                    sleep(Duration::from_millis(5));
                }
                seen
            })
        };
        let clients = protocols.into_iter().map(client).collect();
        Self {
            token,
            ended,
            clients,
        }
    }

    /// From now on with this token.
    pub fn use_token(&self, token: String) {
        *self.token.lock().unwrap() = token;
    }

    /// Ends it. Every request passed, and there were some: how many is up to the machine.
    #[track_caller]
    pub fn finish_without_a_refusal(self) {
        self.ended.store(true, Ordering::SeqCst);
        let clients = self.clients.into_iter();
        let seen: Vec<String> = clients.flat_map(|client| client.join().unwrap()).collect();
        let refused: Vec<&String> = seen.iter().filter(|answer| *answer != "200").collect();
        assert!(refused.is_empty(), "{refused:?} of {}", seen.len());
        assert!(seen.len() > 20, "only {} requests", seen.len());
    }
}
