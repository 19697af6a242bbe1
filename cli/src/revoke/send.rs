//! One request to the feed. The bearer stays on this machine: the program has no TLS, which would
//! need a C compiler for each platform that it is built for.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where the feed listens for operators.
pub(super) struct Feed {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// Longest that all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of an answer.
const BYTES: usize = 64 << 10;

impl Feed {
    /// Reads the address.
    pub(super) fn at(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("--feed {text}: {why}");
        let uri: Uri = text.parse().map_err(|_| wrong("is not a URI"))?;
        let whole = || wrong("write the whole URI, such as http://127.0.0.1:8091");
        let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(whole)?;
        let host = authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if scheme != "http" || !is_loopback(host) {
            let why = "is not http on this machine; make a tunnel, such as ssh -L or kubectl port-forward";
            return Err(wrong(why));
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Sends entries; status and text of the answer.
    pub(super) fn send(
        &self,
        method: &str,
        provider: &str,
        bearer: &str,
        body: String,
    ) -> Result<(u16, String), String> {
        let path = [&*self.path, "/", provider, "/entries"].concat();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &*self.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, bearer)
            .body(Full::from(body));
        let request = request.map_err(|_| format!("{provider}: is not a name of a provider"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let all = async {
            let answer = tokio::time::timeout(PATIENCE, self.ask(request)).await;
            answer.unwrap_or_else(|_| Err("it took too long".into()))
        };
        let answer = runtime.block_on(all);
        answer.map_err(|error| format!("the feed at {} cannot be asked: {error}", self.authority))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<(u16, String), Failure> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the runtime.
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, BYTES).collect().await?.to_bytes();
        Ok((head.status.as_u16(), String::from_utf8_lossy(&body).into()))
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<core::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
