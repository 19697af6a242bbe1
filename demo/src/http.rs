//! The least HTTP that the demo needs: answer a request, make a request.

use crate::Result;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// A request with its whole body.
pub(crate) type Received = Request<Bytes>;
/// What a server of the demo says.
pub(crate) type Answer = Response<Body>;

/// What it says it with.
pub(crate) enum Body {
    Whole(Full<Bytes>),
    /// Some bytes at first, and then nothing for ever.
    Open(Option<Bytes>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Open(first) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Open(_) => SizeHint::default(),
        }
    }
}

/// Answers every request of this socket, in the background, until the program ends.
pub(crate) fn serve<F>(
    listener: std::net::TcpListener,
    answer: impl Fn(Received) -> F + Clone + Send + Sync + 'static,
) -> Result<()>
where
    F: Future<Output = Answer> + Send,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(50)).await; // out of files, for instance
                continue;
            };
            let answer = answer.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = Limited::new(body, BODY_LIMIT).collect().await?;
                    let request = Request::from_parts(head, body.to_bytes());
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answer(request).await)
                }
            });
            // A client that hangs up is not worth a log line.
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(())
}

/// GET on 127.0.0.1, bounded in time and size.
pub(crate) async fn get(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response<Bytes>> {
    let request = request("GET", path, headers, String::new());
    timeout(REQUEST_TIMEOUT, send(port, request?)).await?
}

/// POST on 127.0.0.1, bounded in time and size.
pub(crate) async fn post(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<Response<Bytes>> {
    let request = request("POST", path, headers, body);
    timeout(REQUEST_TIMEOUT, send(port, request?)).await?
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(method).uri(path);
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    Ok(request.body(Full::from(body))?)
}

async fn send(port: u16, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let host = HeaderValue::try_from(format!("127.0.0.1:{port}"))?;
    request.headers_mut().entry(HOST).or_insert(host);
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// An answer with a JSON body, indented for people.
pub(crate) fn json(value: &serde_json::Value) -> Answer {
    let mut answer = text(&format!("{value:#}\n"));
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// An answer with a body of text.
pub(crate) fn text(text: &str) -> Answer {
    Response::new(Body::Whole(Full::from(text.to_owned())))
}

/// An event stream that stays open.
pub(crate) fn open() -> Answer {
    let mut answer = Response::new(Body::Open(Some(Bytes::from_static(b": open\n\n"))));
    let kind = HeaderValue::from_static("text/event-stream");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// 404.
pub(crate) fn not_found() -> Answer {
    let mut answer = text("not found\n");
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

const BODY_LIMIT: usize = 1 << 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
