//! Asks others: for keys, as the core's supply says, and for events. Redirects are not followed.

use std::{error::Error, fs::File, io::BufReader, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use passgate_core::Call;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::config::HttpUri;

/// How something at a provider is reached.
#[derive(Clone)]
pub(crate) struct Way {
    uri: HttpUri,
    /// `None`: without TLS.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What came.
pub(crate) struct Came {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

impl Way {
    /// Reads whom to trust.
    pub(crate) fn to(uri: &HttpUri, trusted_ca: Option<&Path>) -> Result<Self, Failure> {
        let tls = if uri.is_tls {
            let name = ServerName::try_from(uri.host.clone())?;
            Some((connector(trusted_ca)?, name))
        } else {
            None
        };
        let uri = uri.clone();
        Ok(Self { uri, tls })
    }

    /// Sends a call and reads what comes, within its time.
    pub(crate) async fn send(&self, call: &Call) -> Result<Came, Failure> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(&*call.endpoint.path)
            .header(HOST, &*call.endpoint.authority);
        for (name, value) in call.head() {
            if !name.starts_with(':') {
                request = request.header(name, value);
            }
        }
        let request = request.body(Full::default())?;
        self.ask(request, call.max_bytes, call.timeout).await
    }

    /// Gets what is below, at this path behind its own, with this `Authorization`.
    pub(crate) async fn get(
        &self,
        path: &str,
        authorization: &str,
        (most, timeout): (usize, Duration),
    ) -> Result<Came, Failure> {
        let request = Request::get([&*self.uri.path, path].concat())
            .header(HOST, &*self.uri.authority)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, authorization)
            .body(Full::default())?;
        self.ask(request, most, timeout).await
    }

    /// Posts a body of this type, with this `Authorization`.
    pub(crate) async fn post(
        &self,
        (content_type, body): (&'static str, String),
        authorization: &str,
        (most, timeout): (usize, Duration),
    ) -> Result<Came, Failure> {
        let request = Request::post(&*self.uri.path)
            .header(HOST, &*self.uri.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, content_type)
            .header(AUTHORIZATION, authorization)
            .body(Full::from(body))?;
        self.ask(request, most, timeout).await
    }

    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        most: usize,
        timeout: Duration,
    ) -> Result<Came, Failure> {
        let all = async {
            let (host, port) = (self.uri.host.as_str(), self.uri.port);
            let stream = TcpStream::connect((host, port)).await?;
            match &self.tls {
                None => exchange(stream, request, most).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await?;
                    exchange(stream, request, most).await
                }
            }
        };
        tokio::time::timeout(timeout, all).await?
    }
}

/// Sends a request. Of an answer with more bytes than this there is one byte more, so that whoever
/// reads it sees that there are too many.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> Result<Came, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    let came = async {
        let (head, body) = answer?.into_parts();
        let most = most.saturating_add(1);
        let body = Limited::new(body, most).collect().await;
        let body = match body {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => vec![b' '; most],
            Err(error) => return Err(error),
        };
        let headers = head.headers.iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()));
        Ok(Came {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body,
        })
    };
    let came = came.await;
    connection.abort();
    came
}

fn connector(trusted_ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    Ok(TlsConnector::from(Arc::new(client(trusted_ca)?)))
}

/// How we speak TLS to a server that has a certificate of these authorities, or of the machine's.
pub(crate) fn client(trusted_ca: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match trusted_ca {
        Some(path) => {
            let shown = path.display();
            let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
            for certificate in CertificateDer::pem_reader_iter(BufReader::new(file)) {
                let certificate = certificate.map_err(|error| format!("{shown}: {error}"))?;
                roots.add(certificate)?;
            }
        }
        None => {
            // What cannot be read of the machine's own spoils nothing else.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate to trust: write trusted_ca".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
