//! A small HTTP/1.1 server on a loopback port: a thread accepts, a thread serves each connection.

use super::http1::{Message, Unsized, Wire};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Listens until dropped.
pub struct Server {
    pub address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// `serve` runs once for each connection, in a thread of its own.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let (serve, stop) = (Arc::new(serve), Arc::clone(&ended));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let serve = Arc::clone(&serve);
                let thread = std::thread::Builder::new().stack_size(256 * 1024);
                thread.spawn(move || serve(stream)).expect("a thread");
            }
        });
        Self { address, ended }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// Answers request after request with what `answer` writes; `None` ends the connection.
pub fn serve<S: Read + Write>(stream: S, mut answer: impl FnMut(Message) -> Option<Vec<u8>>) {
    let mut wire = Wire::new(stream);
    let mut next = || -> io::Result<()> {
        let request = wire.read(Unsized::Empty)?;
        let bytes = answer(request).ok_or(io::ErrorKind::ConnectionAborted)?;
        wire.send(&bytes)
    };
    while next().is_ok() {}
}
