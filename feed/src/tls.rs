//! TLS at the addresses of the service. Certificates come from files, and are read again when the
//! files change.

use core::time::Duration;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{
        NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use webpki::EndEntityCert;

use crate::{config, fetch::Failure, log, metrics::Metrics};

/// TLS at one address.
pub(crate) struct Tls {
    files: Vec<PathBuf>,
    now: Mutex<Arc<ServerConfig>>,
}

/// Who is at the other end, as its certificate says.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// The URIs and host names of its certificate. `None`: it has not shown one.
    names: Option<Vec<String>>,
}

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

impl Peer {
    /// Whether it has a certificate with one of these names. Of no names: whether it has one.
    pub(crate) fn is_one_of(&self, wanted: &[String]) -> bool {
        let names = self.names.as_ref();
        names.is_some_and(|names| {
            wanted.is_empty() || names.iter().any(|name| wanted.contains(name))
        })
    }
}

impl Tls {
    /// Reads the files, and looks at them from now on. Clients may show a certificate of this
    /// authority.
    pub(crate) fn start(
        files: &config::Tls,
        authority: Option<&Path>,
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<Self>, Failure> {
        let files = [
            Some(&*files.certificate),
            Some(&*files.private_key),
            authority,
        ];
        let files: Vec<PathBuf> = files.into_iter().flatten().map(PathBuf::from).collect();
        let read = read(&files)?;
        let now = Mutex::new(Arc::new(built(&read)?));
        let this = Arc::new(Self { files, now });
        tokio::spawn(Arc::clone(&this).look_on(read, Arc::clone(metrics)));
        Ok(this)
    }

    /// Agrees on TLS with a client.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Peer)> {
        let now = Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner));
        let stream = TlsAcceptor::from(now).accept(stream).await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let names = shown.map(names).transpose().map_err(io::Error::other)?;
        Ok((stream, Peer { names }))
    }

    /// Looks at the files for ever. Those that cannot be used change nothing.
    async fn look_on(self: Arc<Self>, mut known: Vec<Vec<u8>>, metrics: Arc<Metrics>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let read = read(&self.files).unwrap_or_default();
            if read == known {
                continue;
            }
            let outcome = match built(&read) {
                Ok(new) => {
                    *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                    log::info("certificates are read anew", &[]);
                    "ok"
                }
                Err(error) => {
                    let error = error.to_string();
                    log::warn("certificates cannot be used", &[("error", &error)]);
                    "failed"
                }
            };
            let labels = [("outcome", outcome)];
            metrics.count("passgate_feed_certificate_reloads_total", &labels);
            known = read;
        }
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |file: &PathBuf| {
        let text = fs::read(file);
        text.map_err(|error| format!("{}: {error}", file.display()).into())
    };
    files.iter().map(read).collect()
}

/// What the files say: certificate, key, and perhaps the authority of clients.
fn built(read: &[Vec<u8>]) -> Result<ServerConfig, Failure> {
    let [certificate, key, authority @ ..] = read else {
        return Err("a file cannot be read".into());
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients: Arc<dyn ClientCertVerifier> = match authority.first() {
        None => Arc::new(NoClientAuth),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(authority)? {
                roots.add(certificate)?;
            }
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            // Providers have none.
            builder.allow_unauthenticated().build()?
        }
    };
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let mut config = config
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(certificate)?, key)?;
    if !authority.is_empty() {
        // A session that is resumed has the certificate of its first connection, at which nobody
        // looks again: each would go on for ever when the certificate is over.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates = CertificateDer::pem_slice_iter(pem);
    let certificates: Vec<CertificateDer<'static>> = certificates.collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err("a file without a certificate".into());
    }
    Ok(certificates)
}

/// The names of a certificate that was verified (RFC 5280 section 4.2.1.6).
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, webpki::Error> {
    let certificate = EndEntityCert::try_from(certificate)?;
    let names = certificate
        .valid_uri_names()
        .chain(certificate.valid_dns_names());
    Ok(names.map(str::to_owned).collect())
}
