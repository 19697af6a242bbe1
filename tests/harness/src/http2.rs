//! HTTP/2 with prior knowledge: odd methods and authorities go out as they are.

use super::{Headers, PATIENCE, Request, Response};
use h2::client::ResponseFuture;
use http::header::CONTENT_LENGTH;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// Sends one request on a connection of its own; the error is a reset or the end of the connection.
pub fn exchange(address: SocketAddr, request: &Request) -> Result<Response, String> {
    in_time(async {
        let mut requests = connect(address).await?;
        receive(send(&mut requests, request)?).await
    })
}

/// Sends all requests at once on one connection; the answers in the same order.
pub fn exchange_all(address: SocketAddr, requests: &[Request]) -> Result<Vec<Response>, String> {
    in_time(async {
        let mut connection = connect(address).await?;
        let mut streams = Vec::new();
        for request in requests {
            connection = connection.ready().await.map_err(told)?;
            streams.push(send(&mut connection, request)?);
        }
        let mut answers = Vec::new();
        for stream in streams {
            answers.push(receive(stream).await?);
        }
        Ok(answers)
    })
}

/// Sends one request, the second half of its body only when it is told to go on.
pub fn exchange_in_halves(
    address: SocketAddr,
    request: &Request,
    go_on: &AtomicBool,
) -> Result<Response, String> {
    in_time(async {
        let mut requests = connect(address).await?;
        let (answer, mut stream) = send_head(&mut requests, request)?;
        let body = request.body.clone().unwrap_or_default();
        let (first, second) = body.split_at(body.len() / 2);
        stream
            .send_data(first.to_vec().into(), false)
            .map_err(told)?;
        while !go_on.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // A gate that has answered may have ended the stream.
        let ends = request.trailers.0.is_empty();
        if stream.send_data(second.to_vec().into(), ends).is_ok() {
            let _ = send_trailers(&mut stream, request);
        }
        receive(answer).await
    })
}

/// Opens a WebSocket (RFC 8441) with this token, and reads until its stream ends: the status, and
/// the error that ends it. `None`: it ended as it should.
pub fn websocket(address: SocketAddr, token: &str) -> Result<(u16, Option<String>), String> {
    in_time(async {
        let requests = connect(address).await?;
        // The server says first that it takes them.
        while !requests.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let head = http::Request::builder()
            .method(Method::CONNECT)
            .uri("http://api.example.com/stream")
            .version(Version::HTTP_2)
            .header("authorization", format!("Bearer {token}"))
            .header("sec-websocket-version", "13")
            .extension(h2::ext::Protocol::from_static("websocket"));
        let head = head.body(()).map_err(told)?;
        let mut requests = requests.ready().await.map_err(told)?;
        let (answer, _stream) = requests.send_request(head, false).map_err(told)?;
        let (head, mut stream) = answer.await.map_err(told)?.into_parts();
        let status = head.status.as_u16();
        while let Some(chunk) = stream.data().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Ok((status, Some(told(error)))),
            };
            let window = stream.flow_control();
            window.release_capacity(chunk.len()).map_err(told)?;
        }
        Ok((status, None))
    })
}

/// Sends one request and resets its stream after this long without an answer.
pub fn abandon(address: SocketAddr, request: &Request, wait: Duration) -> Result<(), String> {
    in_time(async {
        let mut requests = connect(address).await?;
        let answer = send(&mut requests, request)?;
        if tokio::time::timeout(wait, answer).await.is_ok() {
            return Err("answered before it could be abandoned".to_owned());
        }
        // The dropped future resets the stream; the connection's task sends that.
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(requests);
        Ok(())
    })
}

/// Sends one request with the first half of its body, and resets its stream after this long.
pub fn leave_in_the_middle(
    address: SocketAddr,
    request: &Request,
    wait: Duration,
) -> Result<(), String> {
    in_time(async {
        let mut requests = connect(address).await?;
        let (_answer, mut stream) = send_head(&mut requests, request)?;
        let body = request.body.clone().unwrap_or_default();
        let (first, _) = body.split_at(body.len() / 2);
        let first = first.to_vec().into();
        stream.send_data(first, false).map_err(told)?;
        tokio::time::sleep(wait).await;
        stream.send_reset(h2::Reason::CANCEL);
        // The connection's task sends it.
        tokio::time::sleep(wait).await;
        Ok(())
    })
}

pub(super) type Requests = h2::client::SendRequest<bytes::Bytes>;

pub(super) async fn connect(address: SocketAddr) -> Result<Requests, String> {
    let stream = TcpStream::connect(address).await.map_err(told)?;
    let (requests, connection) = h2::client::handshake(stream).await.map_err(told)?;
    tokio::spawn(connection);
    requests.ready().await.map_err(told)
}

async fn receive(answer: ResponseFuture) -> Result<Response, String> {
    let (head, mut stream) = answer.await.map_err(told)?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(told)?;
        let window = stream.flow_control();
        window.release_capacity(chunk.len()).map_err(told)?;
        body.extend(chunk);
    }
    let pairs = head.headers.iter();
    let headers = pairs.map(|(n, v)| (n.as_str().as_bytes().to_vec(), v.as_bytes().to_vec()));
    let headers = Headers(headers.collect());
    let status = head.status.as_u16();
    Ok(Response {
        status,
        headers,
        body,
    })
}

pub(super) fn send(requests: &mut Requests, request: &Request) -> Result<ResponseFuture, String> {
    let (answer, mut stream) = send_head(requests, request)?;
    let has_trailers = !request.trailers.0.is_empty();
    if let Some(bytes) = &request.body {
        let data = bytes.clone().into();
        stream.send_data(data, !has_trailers).map_err(told)?;
    }
    send_trailers(&mut stream, request)?;
    Ok(answer)
}

fn send_head(
    requests: &mut Requests,
    request: &Request,
) -> Result<(ResponseFuture, h2::SendStream<bytes::Bytes>), String> {
    let mut uri =
        Uri::builder().path_and_query(PathAndQuery::try_from(&request.path[..]).map_err(told)?);
    let mut version = Version::HTTP_2;
    match &request.authority {
        Some(authority) => uri = uri.scheme(Scheme::HTTP).authority(authority.as_str()),
        // So does `h2` send a request without `:authority`.
        None => version = Version::HTTP_11,
    }
    let mut head = http::Request::new(());
    *head.method_mut() = Method::from_bytes(request.method.as_bytes()).map_err(told)?;
    *head.uri_mut() = uri.build().map_err(told)?;
    *head.version_mut() = version;
    *head.headers_mut() = map(&request.headers)?;
    if let Some(body) = request.body.as_ref().filter(|_| !request.is_chunked()) {
        head.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    }
    let ends_with_head = request.body.is_none() && request.trailers.0.is_empty();
    requests.send_request(head, ends_with_head).map_err(told)
}

fn send_trailers(
    stream: &mut h2::SendStream<bytes::Bytes>,
    request: &Request,
) -> Result<(), String> {
    if request.trailers.0.is_empty() {
        return Ok(());
    }
    let trailers = map(&request.trailers)?;
    stream.send_trailers(trailers).map_err(told)
}

fn map(headers: &Headers) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in &headers.0 {
        let name = HeaderName::from_bytes(name).map_err(told)?;
        map.append(name, HeaderValue::from_bytes(value).map_err(told)?);
    }
    Ok(map)
}

fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let work = async { tokio::time::timeout(PATIENCE, work).await };
    runtime.block_on(work).expect("an answer in time")
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
