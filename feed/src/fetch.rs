//! Sends the calls of the core's supply of keys. Redirects are not followed.

use std::{error::Error, fs::File, io::BufReader, path::Path, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, client::conn::http1};
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

use crate::config::Keys;

/// How a provider is reached.
#[derive(Clone)]
pub(crate) struct Way {
    host: String,
    port: u16,
    /// `None`: without TLS.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What came.
pub(crate) struct Came {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Way {
    /// Reads whom to trust.
    pub(crate) fn to(keys: &Keys) -> Result<Self, Failure> {
        let uri = &keys.uri;
        let tls = if uri.is_tls {
            let name = ServerName::try_from(uri.host.clone())?;
            Some((connector(keys.trusted_ca.as_deref())?, name))
        } else {
            None
        };
        Ok(Self {
            host: uri.host.clone(),
            port: uri.port,
            tls,
        })
    }

    /// Sends a call and reads what comes, within its time.
    pub(crate) async fn send(&self, call: &Call) -> Result<Came, Failure> {
        let all = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            match &self.tls {
                None => exchange(stream, call).await,
                Some((connector, name)) => {
                    exchange(connector.connect(name.clone(), stream).await?, call).await
                }
            }
        };
        tokio::time::timeout(call.timeout, all).await?
    }
}

async fn exchange<S>(stream: S, call: &Call) -> Result<Came, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender.
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(call.method)
        .uri(&*call.endpoint.path);
    request = request.header("host", &*call.endpoint.authority);
    for (name, value) in call.head() {
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    let answer = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await;
    let came = async {
        let (head, body) = answer?.into_parts();
        // One byte more than the core takes, so that it sees that there are too many.
        let most = call.max_bytes.saturating_add(1);
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
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
