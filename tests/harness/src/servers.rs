//! Servers beside a proxy on a machine of its own (`tools/isolated`), each at the address that
//! `tests/istio/hosts` gives its name.

use super::{Authority, Headers, Message, Unsized, Wire};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers one request with bytes; `None` ends the connection.
type Answer = dyn Fn(Message) -> Option<Vec<u8>> + Send + Sync;

/// Serves plain HTTP at this address until the tests end.
pub fn serve(address: &str, answer: impl Fn(Message) -> Option<Vec<u8>> + Send + Sync + 'static) {
    listen(address, None, Arc::new(answer));
}

/// The same behind TLS, with a certificate for this name.
pub fn serve_tls(
    address: &str,
    name: &str,
    authority: &Authority,
    answer: impl Fn(Message) -> Option<Vec<u8>> + Send + Sync + 'static,
) {
    listen(address, Some(authority.server_for(name)), Arc::new(answer));
}

fn listen(address: &str, tls: Option<Arc<ServerConfig>>, answer: Arc<Answer>) {
    let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let (tls, answer) = (tls.clone(), Arc::clone(&answer));
            std::thread::spawn(move || match tls {
                None => converse(stream, &*answer),
                Some(config) => {
                    let session = ServerConnection::new(config).unwrap();
                    converse(StreamOwned::new(session, stream), &*answer);
                }
            });
        }
    });
}

fn converse<S: Read + Write>(stream: S, answer: &Answer) {
    let mut wire = Wire::new(stream);
    while let Ok(request) = wire.read(Unsized::Empty) {
        let Some(bytes) = answer(request) else { return };
        if wire.send(&bytes).is_err() {
            return;
        }
    }
}

/// An answer with this body.
pub fn ok(content_type: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Some([head.as_bytes(), body].concat())
}

/// The path that was asked for.
pub fn path_of(request: &Message) -> String {
    let path = request.start.split(|byte| *byte == b' ').nth(1);
    String::from_utf8_lossy(path.unwrap_or_default()).into_owned()
}

/// A service of this name that tells the client what reached it:
/// `{ "server": …, "path": …, "headers": { … } }`.
pub fn echo(address: &str, name: &'static str) {
    serve(address, move |request| {
        let Headers(pairs) = &request.headers;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = pairs
            .iter()
            .map(|(name, value)| (text(name), Value::String(text(value))));
        let headers = Map::from_iter(headers);
        let seen = json!({ "server": name, "path": path_of(&request), "headers": headers });
        ok("application/json", seen.to_string().as_bytes())
    });
}

/// TLS before the registry, which speaks plain HTTP only: both clients of it then use certificates,
/// as anywhere. With `credentials` it answers only who sends them.
pub fn front(
    address: &str,
    name: &str,
    authority: &Authority,
    registry: &'static str,
    credentials: Option<&'static str>,
) {
    serve_tls(address, name, authority, move |request| {
        if credentials.is_some() && request.headers.text("authorization") != credentials {
            // Istio's agent wants a realm to be an address, whatever the scheme.
            let challenge = "www-authenticate: Basic realm=\"https://private.example.com\"";
            let refusal =
                format!("HTTP/1.1 401 Unauthorized\r\n{challenge}\r\ncontent-length: 0\r\n\r\n");
            return Some(refusal.into_bytes());
        }
        let mut head = request.start.clone();
        let Headers(pairs) = &request.headers;
        let passed_on = pairs.iter().filter(|(name, _)| {
            ["transfer-encoding", "content-length", "connection"]
                .iter()
                .all(|ours| !name.eq_ignore_ascii_case(ours.as_bytes()))
        });
        for (name, value) in passed_on {
            head.extend([b"\r\n", name.as_slice(), b": ", value].concat());
        }
        let length = request.body.len();
        head.extend(format!("\r\ncontent-length: {length}\r\n\r\n").as_bytes());
        let mut upstream = Wire::new(TcpStream::connect(registry).ok()?);
        upstream.send(&[head, request.body].concat()).ok()?;
        let how = match request.start.starts_with(b"HEAD") {
            true => Unsized::Never,
            false => Unsized::UntilClose,
        };
        let answer = upstream.read(how).ok()?;
        let mut bytes = answer.start;
        for (name, value) in &answer.headers.0 {
            if !name.eq_ignore_ascii_case(b"transfer-encoding") {
                bytes.extend([b"\r\n", name.as_slice(), b": ", value].concat());
            }
        }
        if answer.headers.all("content-length").is_empty() {
            let length = answer.body.len();
            bytes.extend(format!("\r\ncontent-length: {length}").as_bytes());
        }
        bytes.extend(b"\r\n\r\n");
        bytes.extend(answer.body);
        Some(bytes)
    });
}

/// Counts, for answers that a story wants to see asked for.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn value(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
