//! The least HTTP that the demo needs: answer a request, make a request.

use crate::Result;
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// A request with its whole body.
pub(crate) type Received = Request<Bytes>;
/// What a server of the demo says.
pub(crate) type Answer = Response<Full<Bytes>>;

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
    timeout(REQUEST_TIMEOUT, get_unbounded(port, path, headers)).await?
}

async fn get_unbounded(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::get(path).header("host", format!("127.0.0.1:{port}"));
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// An answer with a JSON body, indented for people.
pub(crate) fn json(value: &serde_json::Value) -> Answer {
    let mut answer = text(&format!("{value:#}\n"));
    answer.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    answer
}

/// An answer with a body of text.
pub(crate) fn text(text: &str) -> Answer {
    Response::new(Full::from(text.to_owned()))
}

/// 404.
pub(crate) fn not_found() -> Answer {
    let mut answer = text("not found\n");
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

const BODY_LIMIT: usize = 1 << 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
