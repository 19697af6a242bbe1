//! HTTP: two addresses, one for gates and providers ([`public`]), one for operators ([`admin`]).
//! Everything that a client can make last or grow is bounded here.

mod admin;
mod answer;
mod public;

use core::{convert::Infallible, net::SocketAddr, time::Duration};
use std::{error::Error, sync::Arc};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
};

use self::answer::{Response, name_of_status};
use crate::{config::Config, judge::Judge, log, metrics::Metrics, store::Store};

/// What requests are answered with.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store: Store,
    pub(crate) judge: Judge,
}

/// The service, while it listens.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    accepting: Vec<JoinHandle<()>>,
    places: Vec<(Arc<Semaphore>, u32)>,
}

/// Who asks at which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Public,
    Admin,
}

/// Most connections: thousands of gates hold one for each worker.
const CONNECTIONS: u32 = 16_384;
const ADMIN_CONNECTIONS: u32 = 64;
/// A client that is silent for so long between two requests, or within a head, has gone. Gates ask
/// every few seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// Longest that answers in flight may take when the service stops.
const STOPPING: Duration = Duration::from_secs(10);

/// Listens at both addresses.
pub(crate) async fn start(service: Service) -> Result<Serving, Box<dyn Error>> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = Serving {
        stop,
        accepting: Vec::new(),
        places: Vec::new(),
    };
    let service = Arc::new(service);
    for (side, address, most) in [
        (Side::Public, service.config.listen, CONNECTIONS),
        (Side::Admin, service.config.admin_listen, ADMIN_CONNECTIONS),
    ] {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        tell(side, listener.local_addr()?);
        let places = Arc::new(Semaphore::new(usize::try_from(most)?));
        serving.places.push((Arc::clone(&places), most));
        let accepting = accept(
            listener,
            side,
            Arc::clone(&service),
            places,
            stopped.clone(),
        );
        serving.accepting.push(tokio::spawn(accepting));
    }
    Ok(serving)
}

fn tell(side: Side, address: SocketAddr) {
    let name = match side {
        Side::Public => "listening for gates and providers",
        Side::Admin => "listening for operators",
    };
    log::info(name, &[("address", &address.to_string())]);
}

impl Serving {
    /// Takes no connections any more, and waits for the answers in flight.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        for accepting in self.accepting {
            // It ends by itself.
            let _ = accepting.await;
        }
        let all = async {
            for (places, most) in self.places {
                let _ = places.acquire_many_owned(most).await;
            }
        };
        if tokio::time::timeout(STOPPING, all).await.is_err() {
            log::warn("answers are cut off", &[]);
        }
    }
}

async fn accept(
    listener: TcpListener,
    side: Side,
    service: Arc<Service>,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let next = async {
            // Further ones wait in the kernel.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (stream, place) = tokio::select! {
            next = next => next,
            _ = stopped.changed() => return,
        };
        match (stream, place) {
            (Ok((stream, _)), Ok(place)) => {
                let service = Arc::clone(&service);
                tokio::spawn(serve(stream, side, service, place, stopped.clone()));
            }
            // Too many open files, as a rule.
            (Err(error), _) => {
                log::warn(
                    "a connection is not taken",
                    &[("error", &error.to_string())],
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (_, Err(_)) => return,
        }
    }
}

async fn serve(
    stream: TcpStream,
    side: Side,
    service: Arc<Service>,
    place: OwnedSemaphorePermit,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(side, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_buf_size(HEAD_BYTES)
        .half_close(false);
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    let mut connection = core::pin::pin!(connection);
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    drop(place);
}

impl Service {
    async fn answer(&self, side: Side, request: Request<Incoming>) -> Response {
        let (what, answer) = match side {
            Side::Public => self.public(request).await,
            Side::Admin => self.admin(request).await,
        };
        let status = name_of_status(answer.status());
        let labels = [("of", what), ("status", &*status)];
        self.metrics.count("passgate_feed_requests_total", &labels);
        answer
    }

    /// The provider of this name, and its place.
    fn provider(&self, name: &str) -> Option<(usize, &crate::config::Provider)> {
        let mut providers = self.config.providers.iter().enumerate();
        providers.find(|(_, provider)| provider.name == name)
    }
}
