//! What people write.

use core::{net::SocketAddr, time::Duration};

use hyper::Uri;
use passgate_core::{
    Json,
    decode::{At, Decode, Fault, Filled, FromText, Map, Problems, Text, record, words},
};

record! {
    /// The configuration of the feed.
    pub(super) RawFeed "the file" {
        /// Address and port for gates and providers.
        listen: Address = "127.0.0.1:8090",
        /// The certificate at this address. Absent: HTTP without TLS.
        tls: RawTls,
        /// For operators and their tools.
        admin: RawAdmin = "{ listen: 127.0.0.1:8091 }",
        /// What holds everything.
        store: RawStore = "/var/lib/passgate-feed/feed.db",
        /// Who may read lists.
        readers: RawReaders = "{ file: /run/secrets/readers }",
        /// The sign-in systems whose events are taken.
        providers: Map<RawProvider> = "{ acme: { issuer: https://id.example.com, … } }",
    }
}

record! {
    /// For operators and their tools: entries, health, metrics.
    pub(super) RawAdmin "admin" {
        /// Address and port.
        listen: Address = "127.0.0.1:8091",
        /// The certificate at this address. Absent: HTTP without TLS.
        tls: RawTls,
        /// The bearer that operators show who write entries. Absent: nobody writes any.
        operator: Named,
    }
}

record! {
    /// The certificate of an address, in files that are read again when they change.
    pub(super) RawTls "tls" {
        /// The certificate and those between it and the authority, in PEM.
        certificate: Text = "/etc/passgate-feed/tls.crt",
        /// Its key, in PEM.
        private_key: Text = "/etc/passgate-feed/tls.key",
    }
}

record! {
    /// A database that several replicas share.
    pub(super) RawServer "store" {
        /// Where it is and who we are there: a connection string, with a password as a rule.
        postgresql: Named = "{ file: /run/secrets/database }",
        /// A file of certificates to trust in place of the machine's.
        trusted_ca: Text,
    }
}

/// What holds everything.
#[derive(Debug)]
pub(super) enum RawStore {
    /// A file; its folder exists.
    File(String),
    /// A database.
    Server(RawServer),
}

impl Decode for RawStore {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::Object(_) => RawServer::decode(json, at, problems).map(Self::Server),
            Json::String(_) => Text::decode(json, at, problems).map(|text| Self::File(text.0)),
            _ => {
                let wanted = ["write the path of a file, or { postgresql: { file: PATH } }"];
                problems.add(at, &[json.kind()], &wanted);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl passgate_core::decode::schema::Schema for RawStore {
    fn schema() -> passgate_core::decode::schema::Value {
        RawServer::schema()
    }
}

record! {
    /// A secret is named and never written here.
    pub(super) RawSecret "secret" {
        /// The environment variable that holds it.
        env: Text,
        /// The file that holds it.
        file: Text,
        "value": "write env: NAME or file: PATH; a secret does not stand in the configuration",
        "bearer": "write env: NAME or file: PATH",
    }
}

/// A secret's name. What else stands there may be the secret itself, and is not shown.
#[derive(Debug)]
pub(super) struct Named(pub(super) RawSecret);

impl Decode for Named {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::Object(_) => RawSecret::decode(json, at, problems).map(Self),
            _ => {
                let wanted = ["write { env: NAME } or { file: PATH }"];
                problems.add(at, &[json.kind()], &wanted);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl passgate_core::decode::schema::Schema for Named {
    fn schema() -> passgate_core::decode::schema::Value {
        RawSecret::schema()
    }
}

words! {
    /// What `sub` of the provider's tokens is (OpenID Connect Core 1.0 section 8).
    pub(crate) enum SubjectType {
        /// One name of a person for all clients.
        "public" => Public,
        /// Another name for each client, or for some of them.
        "pairwise" => Pairwise,
    }
}

record! {
    /// A sign-in system.
    pub(super) RawProvider "provider" {
        /// The `iss` of its tokens and events, to the letter.
        issuer: Text = "https://id.example.com",
        /// Its keys.
        remote_jwks: RawKeys = "{ uri: https://id.example.com/keys }",
        "local_jwks": "write remote_jwks",
        /// How long its access tokens are good at most: entries end when none can be left.
        max_token_lifetime: Duration = "1h",
        /// How old an event may be when it comes. Default: 24h.
        max_event_age: Duration,
        /// What `sub` of its tokens is. Default: public.
        subject_type: SubjectType,
        /// Logout tokens of OpenID Connect Back-Channel Logout.
        back_channel_logout: RawLogout,
        /// Security event tokens (RFC 8417) that are pushed (RFC 8935).
        security_events: RawEvents,
        /// What Keycloak is asked that it does not tell.
        keycloak: RawWatch,
    }
}

record! {
    /// What Keycloak's admin API is asked.
    pub(super) RawWatch "keycloak" {
        /// The realm in the admin API.
        admin_uri: HttpUri = "https://id.example.com/admin/realms/acme",
        /// The clients whose tokens end with all sessions of the realm.
        clients: Filled<Text> = "[shop]",
        /// Whether the realm stores events of users, which say that a refresh token was revoked.
        stored_events: bool,
        /// How long to wait between two questions. Default: 10s.
        interval: Duration,
        /// Most that one answer may take. Default: 10s.
        timeout: Duration,
        /// A file of certificates to trust in place of the machine's.
        trusted_ca: Text,
        /// The account, which needs `view-users` and `view-realm` of `realm-management`.
        client_credentials: RawClient = "{ token_uri: …, client_id: feed, client_secret: … }",
    }
}

record! {
    /// Where keys are.
    pub(super) RawKeys "remote_jwks" {
        /// Where the key set is.
        uri: HttpUri = "https://id.example.com/keys",
        "http_uri": "write uri; there are no clusters here",
        /// Most that one fetch may take. Default: 4s.
        timeout: Duration,
        /// How long a key set is fresh if its answer does not say it. Default: 5m.
        cache_duration: Duration,
        /// A file of certificates to trust in place of the machine's.
        trusted_ca: Text,
    }
}

record! {
    /// Logout tokens.
    pub(super) RawLogout "back_channel_logout" {
        /// The clients for which the provider makes them.
        audiences: Filled<Text> = "[shop]",
    }
}

record! {
    /// Security event tokens.
    pub(super) RawEvents "security_events" {
        /// What their `aud` names one of.
        audiences: Filled<Text> = "[https://feed.example.com]",
        /// The bearer that the transmitter shows beside the signature.
        bearer: Named,
        /// Where they are fetched (RFC 8936), if they are not pushed.
        poll: RawPoll,
    }
}

record! {
    /// Where security event tokens are fetched.
    pub(super) RawPoll "poll" {
        /// The endpoint of the stream.
        uri: HttpUri = "https://id.example.com/ssf/streams/1/poll",
        /// How long to wait when there is nothing. Default: 5s.
        interval: Duration,
        /// Most that one answer may take. Default: 10s.
        timeout: Duration,
        /// How long the transmitter may wait for an event before it answers. Absent: it answers at
        /// once.
        long_polling: Duration,
        /// A file of certificates to trust in place of the machine's.
        trusted_ca: Text,
        /// The bearer that the transmitter wants to see.
        bearer: Named,
        /// Or how to get one (RFC 6749 section 4.4).
        client_credentials: RawClient,
    }
}

record! {
    /// A client that gets tokens of its own.
    pub(super) RawClient "client_credentials" {
        /// The token endpoint.
        token_uri: HttpUri = "https://id.example.com/token",
        /// Its name there.
        client_id: Text = "feed",
        /// Its secret there.
        client_secret: Named = "{ file: /run/secrets/client }",
        /// What it asks for.
        scope: Text,
    }
}

record! {
    /// Readers with a certificate.
    pub(super) RawCertified "readers" {
        /// Which certificates count.
        certificate: RawCertificate = "{ trusted_ca: /etc/passgate-feed/gates.pem }",
    }
}

record! {
    /// Certificates of readers.
    pub(super) RawCertificate "certificate" {
        /// A file of the authorities that make them.
        trusted_ca: Text = "/etc/passgate-feed/gates.pem",
        /// URIs and host names, of which one has one. Absent: each certificate counts.
        names: Filled<Text>,
    }
}

/// Who may read lists.
#[derive(Debug)]
pub(super) enum RawReaders {
    /// Whoever reaches the address.
    Anybody,
    /// Those who show it.
    Bearer(RawSecret),
    /// Those who have one.
    Certificate(RawCertified),
}

impl Decode for RawReaders {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::String(word) if **word == *"anybody" => Some(Self::Anybody),
            Json::Object(_) if json.get("certificate").is_some() => {
                RawCertified::decode(json, at, problems).map(Self::Certificate)
            }
            Json::Object(_) => RawSecret::decode(json, at, problems).map(Self::Bearer),
            _ => {
                let wanted = [
                    "write { env: NAME }, { file: PATH }, { certificate: { trusted_ca: PATH } } or anybody",
                ];
                problems.add(at, &[json.kind()], &wanted);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl passgate_core::decode::schema::Schema for RawReaders {
    fn schema() -> passgate_core::decode::schema::Value {
        RawSecret::schema()
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) SocketAddr);

impl FromText for Address {
    const WANTED: &'static str = "an IP address and a port, such as 127.0.0.1:8090";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let wrong = ("is not an IP address and a port", "write 127.0.0.1:8090");
        text.parse().map(Self).map_err(|_| wrong.into())
    }
}

/// Where something is that is fetched.
#[derive(Clone, Debug)]
pub(crate) struct HttpUri {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl FromText for HttpUri {
    const WANTED: &'static str = "a URI, such as https://id.example.com/keys";
    const PATTERN: &'static str = "^https?://";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let uri: Uri = text
            .parse()
            .map_err(|_| ("is not a URI", "write https://id.example.com/keys"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(("has no scheme and host", "write the whole URI").into());
        };
        if authority.as_str().contains('@') || text.contains('#') {
            return Err(("holds a user or a fragment", "remove it").into());
        }
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = match scheme {
            "https" => true,
            // Whoever is on the way could write the keys by which events count.
            "http" if is_loopback(bare) => false,
            "http" => {
                return Err((
                    "is reached without TLS, which only loopback may be",
                    "write https://",
                )
                    .into());
            }
            _ => return Err(("is neither https nor http", "write https://").into()),
        };
        Ok(Self {
            is_tls,
            host: bare.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<core::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
