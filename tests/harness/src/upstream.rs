//! The origin behind the gate: it records every request, byte for byte.

use super::http1::Message;
use super::server::{Server, serve};
use super::{Headers, eventually};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What reached the origin.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: Vec<u8>,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub trailers: Headers,
}

/// An HTTP/1.1 origin that answers 200.
pub struct Upstream {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    connections: usize,
    redirects: Vec<(String, String)>,
}

impl Upstream {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |stream| {
            shared.lock().unwrap().connections += 1;
            serve(stream, |request| {
                Some(shared.lock().unwrap().answer(request))
            });
        });
        Self { server, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Answers this path with a redirect from now on.
    pub fn redirect(&self, path: &str, location: &str) {
        let redirect = (path.to_owned(), location.to_owned());
        self.state.lock().unwrap().redirects.push(redirect);
    }

    /// All that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// How many requests came so far.
    pub fn hits(&self) -> usize {
        self.state.lock().unwrap().received.len()
    }

    /// How many connections were opened so far: an unfinished request opens one, too.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// The latest request.
    pub fn last(&self) -> Received {
        eventually("a request at the upstream", || self.received().pop())
    }
}

impl State {
    fn answer(&mut self, request: Message) -> Vec<u8> {
        let mut start = request.start.splitn(3, |byte| *byte == b' ');
        let method = start.next().unwrap_or_default();
        let path = start.next().unwrap_or_default().to_vec();
        let location = self
            .redirects
            .iter()
            .find(|(from, _)| from.as_bytes() == path);
        let answer = match location {
            Some((_, to)) => {
                format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
            }
            None if method == b"HEAD" => "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n".to_owned(),
            None => "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nupstream".to_owned(),
        };
        self.received.push(Received {
            method: String::from_utf8_lossy(method).into_owned(),
            path,
            headers: request.headers,
            body: request.body,
            trailers: request.trailers,
        });
        answer.into_bytes()
    }
}
