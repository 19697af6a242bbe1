//! Requests at full speed: made beforehand, one in flight on each of some connections. (Envoy ends
//! a connection on which more than two answers wait to be read, so several in flight on one are not
//! possible.)

use std::io::{Read, Write};

/// Connections at once.
const CONNECTIONS: usize = 16;

/// A connection, with TLS or without.
pub trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Connections to a gate that stay open.
pub struct Client {
    streams: Vec<Box<dyn Stream>>,
    start: String,
    /// One answer; all are as long as the first.
    answer: Vec<u8>,
}

impl Client {
    /// For requests like this one, which all get this status.
    pub fn connect(connect: impl Fn() -> Box<dyn Stream>, request: &str, status: u16) -> Self {
        let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| connect()).collect();
        let length = answer_length(&mut *streams[0], request);
        Self {
            streams,
            start: format!("HTTP/1.1 {status} "),
            answer: vec![0; length],
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

/// How many bytes Envoy sends for it.
fn answer_length(stream: &mut dyn Stream, request: &str) -> usize {
    stream
        .write_all(request.as_bytes())
        .expect("the gate reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.extend(byte);
    }
    let text = String::from_utf8(head).expect("text");
    let length = text.split_once("content-length: ");
    let length = length.and_then(|(_, rest)| rest.split_once("\r\n"));
    let body: usize = length.map_or(0, |(number, _)| number.parse().expect("a number"));
    stream.read_exact(&mut vec![0; body]).expect("a body");
    text.len() + body
}
