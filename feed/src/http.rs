//! HTTP: two addresses, one for gates and providers ([`public`]), one for operators ([`admin`]).
//! Everything that a client can make last or grow is bounded here.

mod admin;
mod answer;
mod public;
#[cfg(test)]
mod tests;

use core::{convert::Infallible, net::SocketAddr, time::Duration};
use std::{error::Error, io, path::Path, sync::Arc};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

pub(crate) use self::answer::{
    Bodies, Response, answer, json, name_of_status, refused, shows, unauthorized,
};
pub(crate) use self::public::{Outcome, error_of};
use crate::{
    config::{self, Config, Readers},
    judge::Judge,
    log,
    metrics::Metrics,
    store::Store,
    tls::{Peer, Tls},
};

/// What requests are answered with.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store: Store,
    pub(crate) judge: Judge,
    pub(crate) refusals: log::Refusals,
    pub(crate) bodies: Bodies,
}

/// Who answers at two addresses.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Where it listens: for the public, and for operators.
    fn listens(&self) -> [Listens<'_>; 2];

    fn metrics(&self) -> &Arc<Metrics>;

    /// What is answered at one of them.
    fn answer(
        &self,
        side: Side,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response> + Send;
}

/// An address where someone listens.
#[derive(Debug)]
pub(crate) struct Listens<'a> {
    /// For whom, as the log says it.
    pub(crate) message: &'static str,
    pub(crate) address: SocketAddr,
    /// `None`: HTTP without TLS.
    pub(crate) tls: Option<&'a config::Tls>,
    /// The file of the authorities of clients, who may show a certificate.
    pub(crate) authority: Option<&'a Path>,
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
pub(crate) enum Side {
    Public,
    Admin,
}

impl Side {
    /// For metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }
}

/// What stands behind an address.
struct Entrance<S> {
    side: Side,
    tls: Option<Arc<Tls>>,
    service: Arc<S>,
}

/// Most connections: thousands of gates hold one for each worker.
const CONNECTIONS: u32 = 16_384;
const ADMIN_CONNECTIONS: u32 = 64;
/// So many open files are kept for operators, keys and the store.
const OTHER_FILES: u32 = 256;
/// With fewer connections of gates and providers there is no start.
const FEWEST_CONNECTIONS: u32 = 64;
/// So many wait in the kernel until they are taken, if it lets them: after a restart all gates come
/// at once.
const BACKLOG: u32 = 4_096;
/// A client that has not asked anything so long after it has connected has gone: it takes the place
/// of a gate.
const FIRST: Duration = Duration::from_secs(3);
/// A client that is silent for so long between two requests, or within a head, has gone. Gates ask
/// every few seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest that an answer may take to be read. A client that reads more slowly keeps an edition of
/// the list in memory.
const READING: Duration = Duration::from_secs(60);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// A connection with TLS ends after this: a certificate that is over does not read for ever.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Longest that answers in flight may take when the service stops.
const STOPPING: Duration = Duration::from_secs(10);

/// Listens at both addresses.
pub(crate) async fn start(service: Arc<impl Answers>) -> Result<Serving, Box<dyn Error>> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = Serving {
        stop,
        accepting: Vec::new(),
        places: Vec::new(),
    };
    let connections = connections()?;
    let [public, admin] = service.listens();
    for (side, most, listens) in [
        (Side::Public, connections, public),
        (Side::Admin, ADMIN_CONNECTIONS, admin),
    ] {
        let Listens {
            message,
            address,
            tls,
            authority,
        } = listens;
        let tls = tls.map(|files| Tls::start(files, authority, service.metrics()));
        let tls = tls.transpose().map_err(|error| format!("tls: {error}"))?;
        let listener = listen(address);
        let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        tell(message, listener.local_addr()?, most);
        let places = Arc::new(Semaphore::new(usize::try_from(most)?));
        serving.places.push((Arc::clone(&places), most));
        let entrance = Entrance {
            side,
            tls,
            service: Arc::clone(&service),
        };
        let accepting = entrance.accept(listener, places, stopped.clone());
        serving.accepting.push(tokio::spawn(accepting));
    }
    Ok(serving)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A start does not wait until connections of the last one are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many connections of gates and providers there are open files for. As many as the system
/// allows are asked for.
fn connections() -> Result<u32, Box<dyn Error>> {
    let wanted = u64::from(CONNECTIONS.saturating_add(OTHER_FILES));
    let held = getrlimit(Resource::Nofile);
    let most = wanted.min(held.maximum.unwrap_or(wanted));
    let files = held.current.unwrap_or(wanted);
    if files < most {
        let raised = Rlimit {
            current: Some(most),
            maximum: held.maximum,
        };
        setrlimit(Resource::Nofile, raised)?;
    }
    let files = u32::try_from(files.max(most)).unwrap_or(u32::MAX);
    let connections = files.saturating_sub(OTHER_FILES).min(CONNECTIONS);
    if connections < FEWEST_CONNECTIONS {
        let fewest = FEWEST_CONNECTIONS.saturating_add(OTHER_FILES);
        return Err(format!(
            "at most {files} files may be open (RLIMIT_NOFILE); allow at least {fewest}"
        )
        .into());
    }
    Ok(connections)
}

fn tell(message: &str, address: SocketAddr, connections: u32) {
    let (address, connections) = (address.to_string(), connections.to_string());
    log::info(
        message,
        &[("address", &address), ("connections", &connections)],
    );
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

impl<S: Answers> Entrance<S> {
    async fn accept(
        self,
        listener: TcpListener,
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
                    let _ = stream.set_nodelay(true);
                    let entrance = Self {
                        service: Arc::clone(&self.service),
                        tls: self.tls.clone(),
                        ..self
                    };
                    tokio::spawn(entrance.greet(stream, place, stopped.clone()));
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

    /// Agrees on TLS, if it is spoken here, and serves.
    async fn greet(
        self,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
        stopped: watch::Receiver<bool>,
    ) {
        let Some(tls) = &self.tls else {
            self.serve(stream, Peer::default(), None, stopped).await;
            drop(place);
            return;
        };
        match tokio::time::timeout(FIRST, tls.accept(stream)).await {
            Ok(Ok((stream, peer))) => {
                let until = Instant::now().checked_add(LONGEST);
                self.serve(stream, peer, until, stopped).await;
            }
            Ok(Err(_)) | Err(_) => {
                let labels = [("side", self.side.name())];
                let metrics = self.service.metrics();
                metrics.count("passgate_feed_failed_handshakes_total", &labels);
            }
        }
        drop(place);
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: Peer,
        end: Option<Instant>,
        mut stopped: watch::Receiver<bool>,
    ) {
        // When the first head must have come, and later when the answer must have been read.
        let (until, sent) = watch::channel(Instant::now().checked_add(FIRST));
        let answer = service_fn(|request| {
            until.send_replace(None);
            let (peer, until) = (&peer, &until);
            async move {
                let answer = self.service.answer(self.side, peer, request).await;
                until.send_replace(Instant::now().checked_add(READING));
                Ok::<_, Infallible>(answer)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(SILENCE)
            .max_buf_size(HEAD_BYTES)
            .half_close(false);
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        let mut connection = core::pin::pin!(connection);
        let mut too_slow = core::pin::pin!(too_slow(sent));
        // How a connection ends is the client's affair.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = too_slow.as_mut() => {}
            () = is_over(end, &mut stopped) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    _ = connection => {}
                    () = too_slow => {}
                }
            }
        }
    }
}

/// Ends when this time has come, or the service stops.
async fn is_over(end: Option<Instant>, stopped: &mut watch::Receiver<bool>) {
    let end = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => core::future::pending().await,
        }
    };
    tokio::select! {
        () = end => {}
        _ = stopped.changed() => {}
    }
}

/// Ends when the first head has not come, or an answer was not read, in time.
async fn too_slow(mut sent: watch::Receiver<Option<Instant>>) {
    loop {
        let until = *sent.borrow_and_update();
        let over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => core::future::pending().await,
            }
        };
        tokio::select! {
            () = over => return,
            // It cannot end before the connection does.
            _ = sent.changed() => {}
        }
    }
}

impl Answers for Service {
    fn listens(&self) -> [Listens<'_>; 2] {
        let Config {
            listen,
            tls,
            admin_listen,
            admin_tls,
            readers,
            ..
        } = &*self.config;
        let readers = match readers {
            Readers::Certificate { trusted_ca, .. } => Some(&**trusted_ca),
            Readers::Anybody | Readers::Bearer(_) => None,
        };
        [
            Listens {
                message: "listening for gates and providers",
                address: *listen,
                tls: tls.as_ref(),
                authority: readers,
            },
            Listens {
                message: "listening for operators",
                address: *admin_listen,
                tls: admin_tls.as_ref(),
                authority: None,
            },
        ]
    }

    fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    async fn answer(&self, side: Side, peer: &Peer, request: Request<Incoming>) -> Response {
        let (what, answer) = match side {
            Side::Public => self.public(peer, request).await,
            Side::Admin => self.admin(request).await,
        };
        let status = name_of_status(answer.status());
        let labels = [("of", what), ("status", &*status)];
        self.metrics.count("passgate_feed_requests_total", &labels);
        answer
    }
}

impl Service {
    /// The provider of this name, and its place.
    fn provider(&self, name: &str) -> Option<(usize, &config::Provider)> {
        let mut providers = self.config.providers.iter().enumerate();
        providers.find(|(_, provider)| provider.name == name)
    }
}
