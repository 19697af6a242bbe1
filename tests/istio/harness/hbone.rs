//! A client of a waypoint: mutual TLS with the certificate of a workload, one CONNECT of HTTP/2,
//! and HTTP/1.1 inside (Istio's HBONE). A ztunnel would do the same.

use super::{PATIENCE, Request, Response};
use passgate_harness::{Unsized, Wire};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// A service behind the waypoint.
pub struct Behind {
    pub name: &'static str,
    /// Its cluster IP and port.
    pub address: &'static str,
}

pub const ACCOUNTS: Behind = Behind {
    name: "accounts",
    address: "10.96.0.20:8080",
};
pub const NEWS: Behind = Behind {
    name: "news",
    address: "10.96.0.30:8080",
};

impl Behind {
    /// A GET without a token.
    pub fn request(&self) -> Request {
        let authority = format!("{}.books.svc.cluster.local:8080", self.name);
        Request::get("/").authority(&authority)
    }
}

/// One request on a connection of its own, as the workload whose certificate the agent wrote to
/// this folder.
pub fn send(
    certificates: &Path,
    waypoint: SocketAddr,
    service: &str,
    request: &Request,
) -> io::Result<Response> {
    let config = client(certificates).map_err(Error::other)?;
    let stream = TcpStream::connect(waypoint)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from("waypoint").map_err(Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(Error::other)?;
    let tunnel = Tunnel::open(StreamOwned::new(connection, stream), service)?;
    let mut wire = Wire::new(tunnel);
    wire.send(&request.clone().header("connection", "close").to_http1())?;
    let message = wire.read(Unsized::UntilClose)?;
    let status = String::from_utf8_lossy(message.start.get(9..12).unwrap_or_default());
    Ok(Response {
        status: status.parse().map_err(Error::other)?,
        headers: message.headers,
        body: message.body,
    })
}

fn client(certificates: &Path) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let of = |name: &str| CertificateDer::pem_file_iter(certificates.join(name));
    let mut roots = RootCertStore::empty();
    for root in of("root-cert.pem")? {
        roots.add(root?)?;
    }
    let chain: Result<Vec<_>, _> = of("cert-chain.pem")?.collect();
    let key = PrivateKeyDer::from_pem_file(certificates.join("key.pem"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(OfTheMesh {
        roots,
        provider: Arc::clone(&provider),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.enable_sni = false;
    Ok(config)
}

/// Takes every certificate of the mesh: the name in it is a SPIFFE ID, not an address.
#[derive(Debug)]
struct OfTheMesh {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OfTheMesh {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// The bytes of one CONNECT stream. It carries less than a window of HTTP/2 (64 KiB) each way.
struct Tunnel<S> {
    stream: S,
    /// What was read and is not a whole frame yet.
    ahead: Vec<u8>,
    /// What came inside and was not read yet.
    inside: Vec<u8>,
    is_open: bool,
    has_ended: bool,
}

// Types of frames and flags (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl<S: Read + Write> Tunnel<S> {
    fn open(stream: S, authority: &str) -> io::Result<Self> {
        let mut tunnel = Self {
            stream,
            ahead: Vec::new(),
            inside: Vec::new(),
            is_open: false,
            has_ended: false,
        };
        // Literals without indexing, under the static names `:method` and `:authority` (RFC 7541).
        let mut fields = Vec::new();
        for (name, value) in [(2, "CONNECT"), (1, authority)] {
            fields.extend([name, u8::try_from(value.len()).unwrap()]);
            fields.extend(value.as_bytes());
        }
        let mut start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        start.extend(frame(SETTINGS, 0, 0, b""));
        start.extend(frame(HEADERS, END_HEADERS, 1, &fields));
        tunnel.stream.write_all(&start)?;
        while !tunnel.is_open {
            if tunnel.has_ended {
                return Err(ErrorKind::ConnectionRefused.into());
            }
            tunnel.step()?;
        }
        Ok(tunnel)
    }

    /// Takes the next frame.
    fn step(&mut self) -> io::Result<()> {
        let length = loop {
            if let Some([a, b, c, ..]) = self.ahead.first_chunk::<9>() {
                let length = 9 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
                if self.ahead.len() >= length {
                    break length;
                }
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.ahead.extend(&chunk[..count]),
            }
        };
        let frame: Vec<u8> = self.ahead.drain(..length).collect();
        let (head, payload) = frame.split_at(9);
        let (kind, flags, is_ours) = (head[3], head[4], head[8] == 1);
        match kind {
            SETTINGS if flags & ACK == 0 => {
                self.stream.write_all(&self::frame(SETTINGS, ACK, 0, b""))?
            }
            PING if flags & ACK == 0 => {
                self.stream.write_all(&self::frame(PING, ACK, 0, payload))?
            }
            HEADERS if is_ours => {
                // The first field is `:status`, and 0x88 the static one of 200.
                self.is_open = payload.first() == Some(&0x88);
                self.has_ended |= !self.is_open || flags & END_STREAM != 0;
            }
            DATA if is_ours => {
                self.inside.extend(payload);
                self.has_ended |= flags & END_STREAM != 0;
            }
            RST_STREAM | GOAWAY => self.has_ended = true,
            _ => {}
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for Tunnel<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.inside.is_empty() && !self.has_ended {
            self.step()?;
        }
        let count = bytes.len().min(self.inside.len());
        for (to, from) in bytes.iter_mut().zip(self.inside.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

impl<S: Read + Write> Write for Tunnel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(16 * 1024);
        let data = frame(DATA, 0, 1, &bytes[..count]);
        self.stream.write_all(&data)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}
