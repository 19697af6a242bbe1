//! What each chunk of a request's body costs: frames of HTTP/2, which Envoy hands to its filters
//! one by one. `buffer` behind the filter under test waits for the whole body, so that Envoy itself
//! can answer.

use super::filter::{Guard, Keys, gate_with};
use super::measure::{core, token};
use super::process::cpu_micros;
use super::sample::Sample;
use passgate_harness::{Bootstrap, PATIENCE};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

pub const CHUNK: &str = "a chunk of a request's body";

/// Chunks of a long body. A short one has one.
const LONG: usize = 257;
/// Requests of a turn, one after the other.
const TURN: usize = 16;
/// Turns of a round.
const TURNS: usize = 30;

/// Microseconds that a chunk costs each gate, in each round.
pub fn costs(guards: [Guard; 3], rounds: usize) -> [Sample; 3] {
    let keys = Keys::new(Guard::NOTHING.size, "ES256");
    let (issuer, key) = keys.last();
    let token = token(&issuer, key).build();
    let gates = guards.map(|guard| gate_with(guard, &keys, 1, core(), buffer));
    let mut clients = gates.each_ref().map(|gate| Client::connect(gate.address));
    let mut taken: [Sample; 3] = Default::default();
    // The first round only warms up.
    for round in 0..=rounds {
        let mut turns: [Sample; 3] = Default::default();
        for turn in 0..TURNS {
            for place in 0..gates.len() {
                let which = (place + turn) % gates.len();
                let mut cost = |chunks| {
                    let before = cpu_micros(gates[which].process_id());
                    for _ in 0..TURN {
                        clients[which].send(&token, chunks);
                    }
                    cpu_micros(gates[which].process_id()) - before
                };
                let more = cost(LONG) - cost(1);
                turns[which].0.push(more / (TURN * (LONG - 1)) as f64);
            }
        }
        if round > 0 {
            for (taken, turns) in taken.iter_mut().zip(turns) {
                taken.0.push(turns.median());
            }
        }
    }
    taken
}

fn buffer(bootstrap: &mut Bootstrap) {
    let filters = bootstrap.filters();
    let router = filters.len() - 1;
    filters.insert(
        router,
        json!({
            "name": "envoy.filters.http.buffer",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                "max_request_bytes": 65_536,
            },
        }),
    );
}

/// An HTTP/2 connection (RFC 9113), on which one request follows the other.
struct Client {
    stream: TcpStream,
    next: u32,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the gate listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        begin.extend(frame(SETTINGS, 0, 0, &[]));
        begin.extend(frame(SETTINGS, ACK, 0, &[]));
        stream.write_all(&begin).unwrap();
        Self { stream, next: 1 }
    }

    /// Sends a request with so many chunks of a byte, and waits for its answer.
    fn send(&mut self, token: &str, chunks: usize) {
        let id = self.next;
        self.next += 2;
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/orders/17"),
            (":authority", "api.example.com"),
            ("authorization", &format!("Bearer {token}")),
        ] {
            // A literal without indexing (RFC 7541 section 6.2.2), so that all blocks are alike.
            block.push(0);
            text(&mut block, name);
            text(&mut block, value);
        }
        let mut request = frame(HEADERS, END_HEADERS, id, &block);
        for chunk in 1..=chunks {
            let flags = if chunk == chunks { END_STREAM } else { 0 };
            request.extend(frame(DATA, flags, id, b"x"));
        }
        self.stream.write_all(&request).expect("the gate reads");
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).expect("a frame");
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.stream.read_exact(&mut payload).expect("a payload");
            if kind == HEADERS {
                // Indexed: `:status: 200` (RFC 7541 appendix A).
                assert_eq!(payload.first(), Some(&0x88), "not 200: {payload:?}");
            }
            let is_answer = kind == HEADERS || kind == DATA;
            if is_answer && flags & END_STREAM != 0 && u32::from_be_bytes(stream) == id {
                return;
            }
            assert!(
                kind != 3 && kind != 7,
                "the gate ends the stream: {head:?} {payload:?}"
            );
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[..], &[kind, flags], &stream, payload].concat()
}

/// A string of a header block (RFC 7541 section 5.2), as it is.
fn text(block: &mut Vec<u8>, text: &str) {
    let (mut rest, most) = (text.len(), 127);
    if rest < most {
        block.push(u8::try_from(rest).unwrap());
    } else {
        block.push(127);
        rest -= most;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap());
    }
    block.extend(text.bytes());
}
