//! A certificate authority for one story.

use super::{PATIENCE, Request, Response, Unsized, Wire};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, StreamOwned,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Signs the certificates of a story's servers.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn generate() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // A certificate whose subject is its issuer would count as signed by itself; and of two
        // authorities with one name the first in a file is meant.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::SeqCst));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// The authority's own certificate, for programs that shall trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A client that trusts whatever it meets, with a certificate of its own; and the certificate's
    /// SHA-256.
    pub fn client(&self) -> (TlsClient, [u8; 32]) {
        self.client_of(&["client.example.com"], &[])
    }

    /// The same of a workload, whose certificate has these URIs and no other names.
    pub fn workload(&self, uris: &[&str]) -> TlsClient {
        self.client_of(&[], uris).0
    }

    fn client_of(&self, hosts: &[&str], uris: &[&str]) -> (TlsClient, [u8; 32]) {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        let uris = uris
            .iter()
            .map(|&uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let der = certificate.der().clone();
        let digest = passgate_kit::sha256(&der);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (TlsClient::new(self, Some((der, key))), digest)
    }

    /// A client without a certificate.
    pub fn stranger(&self) -> TlsClient {
        TlsClient::new(self, None)
    }

    /// Certificate and key of a server of this name, in PEM.
    pub fn server_pem(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A server configuration with a certificate for this name.
    pub fn server_for(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            );
        Arc::new(config.unwrap())
    }
}

/// A client that speaks TLS to the gate, and resumes its sessions.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A connection over TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl TlsClient {
    fn new(trusted: &Authority, identity: Option<Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate], key)
                .unwrap(),
        };
        let config = Arc::new(config);
        Self { config }
    }

    /// One request over HTTP/1.1 on a connection of its own, to a gate of this name; and whether an
    /// earlier session was resumed.
    pub fn send(&self, address: SocketAddr, name: &str, request: &Request) -> (Response, bool) {
        let mut wire = Wire::new(self.connect(address, name));
        wire.send(&request.to_http1()).expect("the gate reads");
        let message = wire.read(Unsized::UntilClose).expect("an answer");
        let status = String::from_utf8_lossy(&message.start[9..12]).into_owned();
        let response = Response {
            status: status.parse().unwrap(),
            headers: message.headers,
            body: message.body,
        };
        let handshake = wire.stream().conn.handshake_kind();
        (response, handshake == Some(HandshakeKind::Resumed))
    }

    /// A connection to a gate of this name, for HTTP/1.1.
    pub fn connect(&self, address: SocketAddr, name: &str) -> TlsStream {
        let stream = TcpStream::connect(address).expect("the gate listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        StreamOwned::new(connection, stream)
    }

    /// Where one connection may come without TLS. Its bytes go to a gate of this name over TLS that
    /// speaks HTTP/2.
    pub fn tunnel(&self, address: SocketAddr, name: &str) -> SocketAddr {
        self.tunnel_of("h2", address, name)
    }

    /// The same for a gate that speaks this protocol, by its name in ALPN (RFC 7301).
    pub fn tunnel_of(&self, protocol: &'static str, address: SocketAddr, name: &str) -> SocketAddr {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let entry = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut plain, _) = listener.accept().expect("a connection");
            let stream = TcpStream::connect(address).expect("the gate listens");
            let mut tls = StreamOwned::new(connection, stream);
            tls.conn.complete_io(&mut tls.sock).expect("a handshake");
            assert_eq!(tls.conn.alpn_protocol(), Some(protocol.as_bytes()));
            for stream in [&plain, &tls.sock] {
                stream.set_read_timeout(Some(TICK)).unwrap();
            }
            while forward(&mut plain, &mut tls) && forward(&mut tls, &mut plain) {}
        });
        entry
    }
}

/// How long a tunnel waits for bytes from one side before it looks at the other.
const TICK: Duration = Duration::from_millis(2);

/// Carries what has come; `false`: one side has ended.
fn forward(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut bytes = [0; 16_384];
    match from.read(&mut bytes) {
        Ok(0) => false,
        Ok(count) => to.write_all(&bytes[..count]).is_ok() && to.flush().is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
