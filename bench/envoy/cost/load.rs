//! Requests at full speed: made beforehand, one in flight on each of some connections. (Envoy ends
//! a connection on which more than two answers wait to be read, so several in flight on one are not
//! possible.)

use passgate_harness::{Http1, PATIENCE};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Connections at once.
const CONNECTIONS: usize = 16;

/// Connections to a gate that stay open.
pub struct Client {
    streams: Vec<TcpStream>,
    start: String,
    /// One answer; all are as long as the first.
    answer: Vec<u8>,
}

impl Client {
    /// For requests like this one, which all get this status.
    pub fn connect(address: SocketAddr, request: &str, status: u16) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(address).expect("the gate listens");
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        };
        Self {
            streams: (0..CONNECTIONS).map(connect).collect(),
            start: format!("HTTP/1.1 {status} "),
            answer: vec![0; answer_length(address, request)],
        }
    }

    /// Sends each of these requests once.
    pub fn send(&mut self, requests: &[String]) {
        for some in requests.chunks(CONNECTIONS) {
            for (stream, request) in self.streams.iter_mut().zip(some) {
                stream
                    .write_all(request.as_bytes())
                    .expect("the gate reads");
            }
            for (stream, _) in self.streams.iter_mut().zip(some) {
                stream.read_exact(&mut self.answer).expect("an answer");
                let is_expected = self.answer.starts_with(self.start.as_bytes());
                let answer = || String::from_utf8_lossy(&self.answer).into_owned();
                assert!(is_expected, "not {}: {}", self.start, answer());
            }
        }
    }
}

/// How many bytes Envoy sends for it, by the one that is sent alone.
fn answer_length(address: SocketAddr, request: &str) -> usize {
    let mut client = Http1::connect(address);
    client.send(request);
    let answer = client.read();
    let fields = &answer.headers.0;
    let names_and_values = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4);
    let reason = match answer.status {
        200 => "OK",
        401 => "Unauthorized",
        other => panic!("the benchmark knows no status {other}: {answer:?}"),
    };
    "HTTP/1.1 200 \r\n\r\n".len()
        + reason.len()
        + names_and_values.sum::<usize>()
        + answer.body.len()
}
