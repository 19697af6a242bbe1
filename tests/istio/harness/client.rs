//! Clients: of the gateway, and of a workload's own sidecar.

use super::{PATIENCE, Proxy, Request, Response};
use passgate_harness::Http1;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// The issuer that the examples trust.
pub const ISSUER: &str = "https://id.example.com/realms/acme";
/// What its tokens are for.
pub const AUDIENCE: &str = "https://api.example.com";
/// What Istio's policies answer, and the filter that denies all in the place of a module that
/// cannot be had.
pub const DENIED: &str = "RBAC: access denied";

/// One request on a connection of its own; `None` while nobody listens or answers.
pub fn send(address: SocketAddr, request: &Request) -> Option<Response> {
    let mut client = Http1::on(TcpStream::connect(address).ok()?, PATIENCE);
    let request = request.clone().header("connection", "close");
    client.send(request.to_http1());
    client.try_read().ok()
}

/// A few clients that send one request after the other while a story goes on.
pub struct Load {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    pub fn start(proxy: &Proxy, request: &Request) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (ended, request, address) = (Arc::clone(&ended), request.clone(), proxy.entrance());
            spawn(move || {
                let mut seen = Vec::new();
                while !ended.load(Ordering::SeqCst) {
                    seen.push(match send(address, &request) {
                        Some(answer) => answer.status.to_string(),
                        None => "no answer".to_owned(),
                    });
                    sleep(Duration::from_millis(5));
                }
                seen
            })
        };
        let clients = (0..4).map(client).collect();
        Self { ended, clients }
    }

    /// Ends it. Every request passed.
    #[track_caller]
    pub fn finish_without_a_failure(self) {
        self.finish_with(200);
    }

    /// Ends it. Every answer had this status, and there were some: how many is up to the machine.
    #[track_caller]
    pub fn finish_with(self, status: u16) {
        let status = status.to_string();
        self.ended.store(true, Ordering::SeqCst);
        let clients = self.clients.into_iter();
        let seen: Vec<String> = clients.flat_map(|client| client.join().unwrap()).collect();
        let failed: Vec<&String> = seen.iter().filter(|answer| **answer != status).collect();
        assert!(failed.is_empty(), "{failed:?} of {}", seen.len());
        assert!(seen.len() > 20, "only {} requests", seen.len());
    }
}
