//! What holds everything, how an address speaks TLS, and who may read.

use std::path::PathBuf;

use passgate_core::decode::{At, Problems};

use super::{
    raw::{Named, RawCertificate, RawReaders, RawStore, RawTls},
    read, secret,
};
use crate::secret::Secret;

/// The files of a certificate and its key.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
}

/// What holds everything.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file, for one process.
    File(PathBuf),
    /// A database, for several.
    Server(Server),
}

/// A database of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it is and who we are there. Its debug form does not show the password.
    pub(crate) config: Box<postgres::Config>,
    /// A file of certificates to trust in place of the machine's.
    pub(crate) trusted_ca: Option<PathBuf>,
}

/// Who may read lists.
#[derive(Debug)]
pub(crate) enum Readers {
    /// Whoever reaches the address.
    Anybody,
    /// Those who show this.
    Bearer(Secret),
    /// Those with a certificate of this authority that has one of these names; of no names, with
    /// any.
    Certificate {
        trusted_ca: PathBuf,
        names: Vec<String>,
    },
}

pub(super) fn tls_of(raw: RawTls) -> Option<Tls> {
    Some(Tls {
        certificate: PathBuf::from(raw.certificate.given()?.0),
        private_key: PathBuf::from(raw.private_key.given()?.0),
    })
}

pub(super) fn readers_of(raw: RawReaders, at: At<'_>, problems: &mut Problems) -> Option<Readers> {
    match raw {
        RawReaders::Anybody => Some(Readers::Anybody),
        RawReaders::Bearer(raw) => secret(raw, at, problems).map(Readers::Bearer),
        RawReaders::Certificate(raw) => {
            let RawCertificate { trusted_ca, names } = raw.certificate.given()?;
            let names = names.into_values();
            Some(Readers::Certificate {
                trusted_ca: PathBuf::from(trusted_ca.given()?.0),
                names: names.into_iter().map(|name| name.0).collect(),
            })
        }
    }
}

pub(super) fn place(raw: RawStore, at: At<'_>, problems: &mut Problems) -> Option<Place> {
    let raw = match raw {
        RawStore::File(path) => return Some(Place::File(PathBuf::from(path))),
        RawStore::Server(raw) => raw,
    };
    let at = at.member("postgresql");
    let Named(named) = raw.postgresql.given()?;
    let (place, text) = read(named, at, problems)?;
    // What is wrong with it would show a part of it.
    let Ok(config) = text.trim_end().parse::<postgres::Config>() else {
        let wanted = ["give it one, such as postgresql://feed:PASSWORD@db.example.com/feed"];
        problems.add(at, &[&place, " does not hold a connection string"], &wanted);
        return None;
    };
    if config.get_hosts().is_empty() {
        let wanted = ["name a host in it"];
        problems.add(
            at,
            &[&place, " does not say where the database is"],
            &wanted,
        );
        return None;
    }
    let trusted_ca = raw.trusted_ca.given();
    Some(Place::Server(Server {
        config: Box::new(config),
        trusted_ca: trusted_ca.map(|path| PathBuf::from(path.0)),
    }))
}
