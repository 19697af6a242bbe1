//! An identity provider's key endpoint, with every mood a network can have.

use super::http1::Message;
use super::message::Headers;
use super::server::{Server, serve};
use super::tls::Authority;
use passgate_kit::{SigningKey, jwks};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Serves a JWK set at any path, but for those that were given a text of their own.
pub struct Issuer {
    pub key: SigningKey,
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    mood: Mutex<Mood>,
    changed: Condvar,
}

struct Mood {
    body: Vec<u8>,
    status: u16,
    held: bool,
    dropping: bool,
    tag: Option<String>,
    pages: Vec<(String, u16, String)>,
    /// Further headers of every answer.
    headers: String,
    fetches: usize,
    paths: Vec<String>,
    asked_with: Vec<Headers>,
    times: Vec<Instant>,
}

impl Issuer {
    /// With a fresh ES256 key named `k1`, published at once.
    pub fn start() -> Self {
        Self::with_key(SigningKey::es256("k1"))
    }

    /// With this key, published at once.
    pub fn with_key(key: SigningKey) -> Self {
        Self::serving(key, |stream, shared| {
            serve(stream, |request| shared.answer(&request));
        })
    }

    /// Behind TLS, with a certificate for `name` signed by `authority`.
    pub fn over_tls(authority: &Authority, name: &str) -> Self {
        let config = authority.server_for(name);
        Self::serving(SigningKey::es256("k1"), move |stream, shared| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = rustls::StreamOwned::new(session, stream);
            serve(stream, |request| shared.answer(&request));
        })
    }

    fn serving(
        key: SigningKey,
        connection: impl Fn(TcpStream, &Shared) + Send + Sync + 'static,
    ) -> Self {
        let mood = Mood {
            body: jwks(&[&key]).into_bytes(),
            status: 200,
            held: false,
            dropping: false,
            tag: None,
            pages: Vec::new(),
            headers: String::new(),
            fetches: 0,
            paths: Vec::new(),
            asked_with: Vec::new(),
            times: Vec::new(),
        };
        let shared = Arc::new(Shared {
            mood: Mutex::new(mood),
            changed: Condvar::new(),
        });
        let of_server = Arc::clone(&shared);
        let server = Server::start(move |stream| connection(stream, &of_server));
        Self {
            key,
            server,
            shared,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.publish_text(&jwks(keys));
    }

    /// Publishes this text from now on.
    pub fn publish_text(&self, body: &str) {
        self.publish_bytes(body.as_bytes());
    }

    /// Publishes these bytes from now on.
    pub fn publish_bytes(&self, body: &[u8]) {
        self.change(|mood| mood.body = body.to_vec());
    }

    /// Sends this header with every answer from now on.
    pub fn header(&self, name: &str, value: &str) {
        self.change(|mood| mood.headers += &format!("{name}: {value}\r\n"));
    }

    /// Answers with this status from now on.
    pub fn status(&self, status: u16) {
        self.change(|mood| mood.status = status);
    }

    /// Sends this `ETag` from now on, and 304 to who asks for anything else.
    pub fn tag(&self, tag: &str) {
        self.change(|mood| mood.tag = Some(tag.to_owned()));
    }

    /// Answers with this text at this path from now on.
    pub fn page(&self, path: &str, status: u16, body: &str) {
        self.change(|mood| {
            mood.pages.retain(|(known, ..)| known != path);
            mood.pages.push((path.to_owned(), status, body.to_owned()));
        });
    }

    /// Lets fetches wait until `release`.
    pub fn hold(&self) {
        self.change(|mood| mood.held = true);
    }

    /// Answers the fetches that wait, and those to come.
    pub fn release(&self) {
        self.change(|mood| mood.held = false);
    }

    /// Ends every connection without an answer from now on.
    pub fn drop_connections(&self) {
        self.change(|mood| mood.dropping = true);
    }

    /// Answers again.
    pub fn recover(&self) {
        self.change(|mood| (mood.dropping, mood.status) = (false, 200));
    }

    /// How many fetches came so far.
    pub fn fetches(&self) -> usize {
        self.shared.mood.lock().unwrap().fetches
    }

    /// The paths that were asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.shared.mood.lock().unwrap().paths.clone()
    }

    /// The headers of the fetches so far.
    pub fn asked_with(&self) -> Vec<Headers> {
        self.shared.mood.lock().unwrap().asked_with.clone()
    }

    /// When the fetches came.
    pub fn times(&self) -> Vec<Instant> {
        self.shared.mood.lock().unwrap().times.clone()
    }

    fn change(&self, edit: impl FnOnce(&mut Mood)) {
        edit(&mut self.shared.mood.lock().unwrap());
        self.shared.changed.notify_all();
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.release();
    }
}

impl Shared {
    fn answer(&self, request: &Message) -> Option<Vec<u8>> {
        let mut mood = self.mood.lock().unwrap();
        mood.fetches += 1;
        mood.times.push(Instant::now());
        let mut start = request.start.split(|b| *b == b' ');
        let path = String::from_utf8_lossy(start.nth(1).unwrap_or_default()).into_owned();
        mood.paths.push(path.clone());
        mood.asked_with.push(request.headers.clone());
        // Bounded: a story that never releases must not keep the thread.
        let longest = Duration::from_secs(60);
        let (mood, _) = self
            .changed
            .wait_timeout_while(mood, longest, |mood| mood.held)
            .unwrap();
        if mood.dropping {
            return None;
        }
        let tag = &mood.tag;
        let page = mood.pages.iter().find(|(known, ..)| *known == path);
        let (mut status, mut body) = match page {
            Some((_, status, body)) => (*status, body.as_bytes()),
            None => (mood.status, &*mood.body),
        };
        if tag.is_some() && request.headers.text("if-none-match") == tag.as_deref() {
            (status, body) = (304, b"");
        }
        let tag = tag.iter().map(|tag| format!("etag: {tag}\r\n"));
        let tag = tag.collect::<String>();
        let (length, headers) = (body.len(), &mood.headers);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{tag}{headers}content-length: {length}"
        );
        Some([head.as_bytes(), b"\r\n\r\n", body].concat())
    }
}
