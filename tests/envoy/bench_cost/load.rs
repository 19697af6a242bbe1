//! Requests at full speed: made beforehand, one in flight on each of some connections. (Envoy ends a connection on
//! which more than two answers wait to be read, so several in flight on one are not possible.)

use super::super::harness::{Http1, PATIENCE};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Connections at once.
const CONNECTIONS: usize = 16;

/// Sends each of these requests once. All answers must have this status, and the length of the first one.
pub fn send(address: SocketAddr, requests: &[String], status: u16) {
    let length = answer_length(address, &requests[0]);
    let connect = || {
        let stream = TcpStream::connect(address).expect("the gate listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect()).collect();
    let start = format!("HTTP/1.1 {status} ");
    let mut answer = vec![0; length];
    for some in requests.chunks(CONNECTIONS) {
        for (stream, request) in streams.iter_mut().zip(some) {
            stream
                .write_all(request.as_bytes())
                .expect("the gate reads");
        }
        for (stream, _) in streams.iter_mut().zip(some) {
            stream.read_exact(&mut answer).expect("an answer");
            let is_expected = answer.starts_with(start.as_bytes());
            assert!(
                is_expected,
                "not {status}: {}",
                String::from_utf8_lossy(&answer)
            );
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
