//! The configuration of the role that serves people's passkeys: a file of its own.

use core::{net::SocketAddr, time::Duration};
use std::{ffi::OsStr, path::PathBuf};

use passgate_core::decode::{At, Map, Problem, Problems, Text, record};

use super::{
    HttpUri, Shows, bounds, client_of, each, loaded, parsed,
    raw::{Address, Named, RawClient, RawReaders},
    read, secret,
};
use crate::{credentials::SigningKey, secret::Secret};

/// What the role does.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// For gates.
    pub(crate) listen: SocketAddr,
    /// For tools.
    pub(crate) admin_listen: SocketAddr,
    /// What gates show. `None`: anybody may ask.
    pub(crate) reader: Option<Secret>,
    /// What signs each answer.
    pub(crate) key: SigningKey,
    /// In the order of their names.
    pub(crate) realms: Vec<Realm>,
}

/// A realm of Keycloak whose people's passkeys are served.
#[derive(Debug)]
pub(crate) struct Realm {
    pub(crate) name: String,
    /// `iss` of its tokens, to the letter.
    pub(crate) issuer: String,
    /// The realm in Keycloak's admin API.
    pub(crate) admin_uri: HttpUri,
    /// Most that all questions about one person may take.
    pub(crate) timeout: Duration,
    pub(crate) trusted_ca: Option<PathBuf>,
    pub(crate) shows: Shows,
    /// How long what Keycloak said is served.
    pub(crate) cache_duration: Duration,
    /// How long an answer counts, from the time at which Keycloak was asked.
    pub(crate) lifetime: Duration,
}

record! {
    /// The configuration of the role.
    RawCredentials "the file" {
        /// Address and port for gates.
        listen: Address = "127.0.0.1:8092",
        /// For tools.
        admin: RawTools = "{ listen: 127.0.0.1:8093 }",
        /// Who may read answers.
        readers: RawReaders = "{ file: /run/secrets/readers }",
        /// What signs answers: a P-256 key, PKCS#8 in PEM.
        signing_key: Named = "{ file: /run/secrets/credentials.pem }",
        /// The realms whose people's passkeys are served.
        providers: Map<RawRealm> = "{ acme: { issuer: https://id.example.com/realms/acme, … } }",
        "tls": "remove it; put a proxy with TLS before it",
        "store": "remove it; what Keycloak says is kept in memory, for a short time",
    }
}

record! {
    /// For tools: health, metrics.
    RawTools "admin" {
        /// Address and port.
        listen: Address = "127.0.0.1:8093",
        "operator": "remove it; nobody writes passkeys here",
    }
}

record! {
    /// A realm.
    RawRealm "provider" {
        /// The `iss` of its tokens, to the letter.
        issuer: Text = "https://id.example.com/realms/acme",
        /// How Keycloak is asked.
        keycloak: RawKeycloak = "{ admin_uri: https://id.example.com/admin/realms/acme, … }",
        /// How long what it said is served. Default: 5s.
        cache_duration: Duration,
        /// How long an answer counts, from the time at which Keycloak was asked. Default: 1m.
        lifetime: Duration,
        "back_channel_logout": "remove it; another process takes events",
        "security_events": "remove it; another process takes events",
    }
}

record! {
    /// How Keycloak is asked.
    RawKeycloak "keycloak" {
        /// The realm in the admin API.
        admin_uri: HttpUri = "https://id.example.com/admin/realms/acme",
        /// The account, which needs the role `view-users` of the client `realm-management`.
        client_credentials: RawClient = "{ token_uri: …, client_id: credentials, client_secret: … }",
        /// Most that all questions about one person may take. Default: 3s.
        timeout: Duration,
        /// A file of certificates to trust in place of the machine's.
        trusted_ca: Text,
    }
}

impl Credentials {
    /// Reads a file, and the secrets that it names.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub(crate) fn load(file: &OsStr) -> Result<Self, String> {
        loaded(file, Self::parse)
    }

    /// The same of a text.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the places.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        parsed(text, build)
    }
}

fn build(raw: RawCredentials, problems: &mut Problems) -> Option<Credentials> {
    let RawCredentials {
        listen,
        admin,
        readers,
        signing_key,
        providers,
    } = raw;
    let reader = match readers.given() {
        None | Some(RawReaders::Anybody) => None,
        Some(RawReaders::Bearer(raw)) => secret(raw, At::Root.member("readers"), problems),
        Some(RawReaders::Certificate(_)) => {
            let wanted = ["write { env: NAME }, { file: PATH } or anybody: TLS is not spoken here"];
            problems.add(
                At::Root.member("readers"),
                &["asks for a certificate"],
                &wanted,
            );
            None
        }
    };
    let key = signing_key.given();
    let key = key.and_then(|named| key_of(named, At::Root.member("signing_key"), problems));
    let realms = each(providers, realm, problems);
    Some(Credentials {
        listen: listen.given()?.0,
        admin_listen: admin.given()?.listen.given()?.0,
        reader,
        key: key?,
        realms: realms?,
    })
}

fn key_of(Named(raw): Named, at: At<'_>, problems: &mut Problems) -> Option<SigningKey> {
    let (place, text) = read(raw, at, problems)?;
    let key = SigningKey::of(&text);
    if key.is_none() {
        let wanted = [
            "give it a P-256 key as PKCS#8 in PEM: openssl genpkey -algorithm EC ",
            "-pkeyopt ec_paramgen_curve:P-256",
        ];
        problems.add(at, &[&place, " does not hold a key"], &wanted);
    }
    key
}

fn realm(name: String, raw: RawRealm, at: At<'_>, problems: &mut Problems) -> Option<Realm> {
    let RawRealm {
        issuer,
        keycloak,
        cache_duration,
        lifetime,
    } = raw;
    let place = at.member("cache_duration");
    let cache_duration = bounds(cache_duration, place, 5, (1, 300), problems);
    let place = at.member("lifetime");
    let lifetime = bounds(lifetime, place, 60, (5, 3_600), problems);
    if lifetime <= cache_duration {
        let seen = "is not longer than cache_duration: answers would be over when they come";
        problems.add(place, &[seen], &["write a longer one"]);
    }
    let RawKeycloak {
        admin_uri,
        client_credentials,
        timeout,
        trusted_ca,
    } = keycloak.given()?;
    let at = at.member("keycloak");
    let timeout = bounds(timeout, at.member("timeout"), 3, (1, 30), problems);
    let place = at.member("client_credentials");
    let shows = client_credentials.given();
    let shows = shows.and_then(|raw| client_of(raw, place, problems));
    Some(Realm {
        name,
        issuer: issuer.given()?.0,
        admin_uri: admin_uri.given()?,
        timeout,
        trusted_ca: trusted_ca.given().map(|path| PathBuf::from(path.0)),
        shows: shows?,
        cache_duration,
        lifetime,
    })
}

#[cfg(test)]
mod tests;
