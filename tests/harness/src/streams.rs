//! Thousands of streams that nobody ends: a service whose answers go on for ever, and clients that
//! keep them open. HTTP/2 on both sides, so that a stream takes no socket.

use super::Request;
use super::http2::{connect, send};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;
use tokio::net::TcpStream;

/// Streams of one connection: fewer than Envoy's default for clients.
const OF_A_CONNECTION: usize = 100;
/// More than any story opens.
const MOST: u32 = 100_000;

/// A service over HTTP/2 whose answers begin and never end.
pub struct Endless {
    pub address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Endless {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        spawn(move || {
            runtime().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&counter)));
                }
            });
        });
        Self { address, open }
    }

    /// How many streams are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, open: Arc<AtomicUsize>) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(MOST);
    let Ok(mut connection) = builder.handshake::<_, bytes::Bytes>(stream).await else {
        return;
    };
    while let Some(Ok((request, mut answer))) = connection.accept().await {
        let open = Arc::clone(&open);
        tokio::spawn(async move {
            let head = http::Response::builder().header("content-type", "text/event-stream");
            if let Ok(mut body) = answer.send_response(head.body(()).unwrap(), false) {
                open.fetch_add(1, Ordering::SeqCst);
                // An error: the connection is gone.
                let _ = poll_fn(|context| body.poll_reset(context)).await;
                open.fetch_sub(1, Ordering::SeqCst);
            }
            drop(request);
        });
    }
}

/// Clients that keep streams open until the other side ends them; dropped, they leave.
pub struct Crowd {
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicUsize,
    leave: AtomicBool,
}

impl Crowd {
    /// Opens so many streams, each with the request of its number.
    pub fn start(
        address: SocketAddr,
        streams: usize,
        request: impl Fn(usize) -> Request + Send + 'static,
    ) -> Self {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let thread = spawn(move || {
            runtime().block_on(async {
                for first in (0..streams).step_by(OF_A_CONNECTION) {
                    let mut requests = connect(address).await.unwrap();
                    for number in first..streams.min(first + OF_A_CONNECTION) {
                        requests = requests.ready().await.unwrap();
                        let answer = send(&mut requests, &request(number)).unwrap();
                        tokio::spawn(keep(answer, Arc::clone(&shared)));
                    }
                }
                while !shared.leave.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        });
        Self {
            counts,
            thread: Some(thread),
        }
    }

    /// How many answers have begun, with 200.
    pub fn begun(&self) -> usize {
        self.counts.begun.load(Ordering::SeqCst)
    }

    /// How many streams got another answer, or none.
    pub fn refused(&self) -> usize {
        self.counts.refused.load(Ordering::SeqCst)
    }

    /// How many answers have begun and ended.
    pub fn over(&self) -> usize {
        self.counts.over.load(Ordering::SeqCst)
    }
}

async fn keep(answer: h2::client::ResponseFuture, counts: Arc<Counts>) {
    let Ok(answer) = answer.await else {
        counts.refused.fetch_add(1, Ordering::SeqCst);
        return;
    };
    if answer.status() != http::StatusCode::OK {
        counts.refused.fetch_add(1, Ordering::SeqCst);
        return;
    }
    counts.begun.fetch_add(1, Ordering::SeqCst);
    let mut body = answer.into_body();
    while let Some(Ok(_)) = body.data().await {}
    counts.over.fetch_add(1, Ordering::SeqCst);
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.counts.leave.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}
