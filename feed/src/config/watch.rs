//! What Keycloak's admin API is asked.

use core::time::Duration;
use std::path::PathBuf;

use passgate_core::decode::{At, Problems};

use super::{HttpUri, Shows, SubjectType, bounds, client_of, raw::RawWatch};

/// Where Keycloak is asked what it does not tell.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The realm in the admin API.
    pub(crate) admin_uri: HttpUri,
    /// The clients whose tokens end with all sessions of the realm.
    pub(crate) clients: Vec<String>,
    /// Whether the realm stores events of users.
    pub(crate) has_events: bool,
    /// How long to wait between two questions.
    pub(crate) interval: Duration,
    /// Most that one answer may take.
    pub(crate) timeout: Duration,
    pub(crate) trusted_ca: Option<PathBuf>,
    pub(crate) shows: Shows,
}

pub(super) fn watch_of(
    raw: RawWatch,
    subjects: SubjectType,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Watch> {
    let RawWatch {
        admin_uri,
        clients,
        stored_events,
        interval,
        timeout,
        trusted_ca,
        client_credentials,
    } = raw;
    if subjects == SubjectType::Pairwise {
        let seen = "names people by ids that no pairwise sub is";
        problems.add(at, &[seen], &["remove it, or write subject_type: public"]);
    }
    let interval = bounds(interval, at.member("interval"), 10, (1, 60), problems);
    let timeout = bounds(timeout, at.member("timeout"), 10, (1, 60), problems);
    let shows = client_credentials.given();
    let place = at.member("client_credentials");
    let shows = shows.and_then(|raw| client_of(raw, place, problems));
    let clients = clients.into_values().into_iter();
    Some(Watch {
        admin_uri: admin_uri.given()?,
        clients: clients.map(|client| client.0).collect(),
        has_events: stored_events.given().unwrap_or_default(),
        interval,
        timeout,
        trusted_ca: trusted_ca.given().map(|path| PathBuf::from(path.0)),
        shows: shows?,
    })
}
