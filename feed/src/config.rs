//! The configuration: one YAML file, read strictly, every mistake at once.

mod credentials;
mod entrance;
mod raw;
mod watch;

use core::{net::SocketAddr, time::Duration};
use std::{ffi::OsStr, fmt::Write as _, fs, path::PathBuf};

use passgate_core::{
    Json,
    decode::{At, Decode, Field, Map, Problem, Problems},
    limits,
};
use serde_saphyr::{DuplicateKeyPolicy, Options};

pub(crate) use self::{
    credentials::{Credentials, Realm},
    entrance::{Place, Readers, Server, Tls},
    raw::{HttpUri, SubjectType},
    watch::Watch,
};
use self::{
    entrance::{place, readers_of, tls_of},
    raw::{Named, RawClient, RawEvents, RawFeed, RawKeys, RawPoll, RawProvider, RawSecret},
    watch::watch_of,
};
use crate::secret::{SHORTEST, Secret, Shown};

/// What the service does.
#[derive(Debug)]
pub(crate) struct Config {
    /// For gates and providers.
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<Tls>,
    /// For operators and their tools.
    pub(crate) admin_listen: SocketAddr,
    pub(crate) admin_tls: Option<Tls>,
    /// What operators show who write entries. `None`: nobody writes any.
    pub(crate) operator: Option<Secret>,
    /// What holds everything.
    pub(crate) store: Place,
    pub(crate) readers: Readers,
    /// In the order of their names.
    pub(crate) providers: Vec<Provider>,
}

/// A provider whose events are taken.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    /// `iss` of its tokens and events, to the letter.
    pub(crate) issuer: String,
    pub(crate) keys: Keys,
    /// No access token of it is good for longer.
    pub(crate) max_token_lifetime: Duration,
    /// How old an event may be when it comes.
    pub(crate) max_event_age: Duration,
    pub(crate) subjects: SubjectType,
    /// The audiences of logout tokens. Empty: none are taken.
    pub(crate) logout: Vec<String>,
    /// Security event tokens, if they are taken.
    pub(crate) events: Option<Events>,
    /// Keycloak's admin API, if it is asked.
    pub(crate) watch: Option<Watch>,
}

/// Where the keys of a provider are.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) uri: HttpUri,
    pub(crate) timeout: Duration,
    pub(crate) cache_duration: Duration,
    /// A file of certificates to trust in place of the machine's.
    pub(crate) trusted_ca: Option<PathBuf>,
}

/// Security event tokens, which are pushed (RFC 8935) or fetched.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) audiences: Vec<String>,
    /// What the transmitter shows beside the signature, if it must.
    pub(crate) bearer: Option<Secret>,
    pub(crate) poll: Option<Poll>,
}

/// Where security event tokens are fetched (RFC 8936).
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) uri: HttpUri,
    /// How long to wait when there is nothing.
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// How long the transmitter may wait for an event before it answers. `None`: not at all.
    pub(crate) long_polling: Option<Duration>,
    pub(crate) trusted_ca: Option<PathBuf>,
    pub(crate) shows: Shows,
}

/// What we show there.
#[derive(Debug)]
pub(crate) enum Shows {
    /// This.
    Bearer(Shown),
    /// A token that the client got (RFC 6749 section 4.4).
    Client {
        token_uri: HttpUri,
        client_id: String,
        client_secret: Shown,
        scope: Option<String>,
    },
}

/// Most bytes of the file: the configuration of a gate has as many.
const FILE_BYTES: usize = limits::CONFIG_BYTES;
/// Most providers, as a gate has.
const PROVIDERS: usize = limits::PROVIDERS;

impl Config {
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

/// A file as `parse` reads it, or all that is wrong with it.
fn loaded<T>(file: &OsStr, parse: fn(&str) -> Result<T, Vec<Problem>>) -> Result<T, String> {
    let shown = file.to_string_lossy();
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    parse(&text).map_err(|problems| {
        let mut told = format!("{shown} is refused");
        for problem in problems {
            let _ = write!(told, "\n{problem}");
        }
        told
    })
}

/// A text as `build` understands it, or all that is wrong with it.
fn parsed<R: Decode, T>(
    text: &str,
    build: fn(R, &mut Problems) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let mut problems = Problems::default();
    let config = json(text)
        .map_err(|(seen, wanted)| problems.add(At::Root.member("file"), &[&seen], &[wanted]))
        .ok()
        .and_then(|json| R::decode(&json, At::Root, &mut problems))
        .and_then(|raw| build(raw, &mut problems));
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.into_list()),
    }
}

/// What YAML says, as strict JSON.
fn json(text: &str) -> Result<Json, (String, &'static str)> {
    if text.len() > FILE_BYTES {
        return Err(("has more than 1 MiB".to_owned(), "write a shorter one"));
    }
    let options: Options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    let odd = |error: &dyn ToString| {
        let text = error.to_string();
        let line: Vec<&str> = text.lines().collect();
        (line.join(" "), "write YAML that can be read")
    };
    let value: serde_json::Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| odd(&error))?;
    let bytes = value.to_string();
    Json::parse(bytes.as_bytes(), limits::DOCUMENT_JSON_NODES).map_err(|error| odd(&error))
}

fn build(raw: RawFeed, problems: &mut Problems) -> Option<Config> {
    let RawFeed {
        listen,
        tls,
        admin,
        store,
        readers,
        providers,
    } = raw;
    let at = At::Root;
    let tls = tls.given().and_then(tls_of);
    let (admin_listen, admin_tls, operator) = match admin.given() {
        None => (None, None, None),
        Some(admin) => {
            let at = at.member("admin");
            let operator = admin.operator.given();
            let operator =
                operator.and_then(|Named(raw)| secret(raw, at.member("operator"), problems));
            let tls = admin.tls.given().and_then(tls_of);
            (admin.listen.given(), tls, operator)
        }
    };
    let store = store.given();
    let store = store.and_then(|raw| place(raw, at.member("store"), problems));
    let readers = readers.given();
    let readers = readers.and_then(|raw| readers_of(raw, at.member("readers"), problems));
    if matches!(readers, Some(Readers::Certificate { .. })) && tls.is_none() {
        let wanted = ["write tls, too: a certificate is shown over TLS"];
        problems.add(at.member("readers"), &["asks for a certificate"], &wanted);
    }
    let built = each(providers, provider, problems)?;
    Some(Config {
        listen: listen.given()?.0,
        tls,
        admin_listen: admin_listen?.0,
        admin_tls,
        operator,
        store: store?,
        readers: readers?,
        providers: built,
    })
}

/// All providers, in the order of their names.
fn each<R, P>(
    providers: Field<Map<R>>,
    build: fn(String, R, At<'_>, &mut Problems) -> Option<P>,
    problems: &mut Problems,
) -> Option<Vec<P>> {
    let at = At::Root.member("providers");
    let mut named = providers.given()?.0;
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    if named.is_empty() {
        problems.add(at, &["an empty object"], &["name at least one provider"]);
    }
    if named.len() > PROVIDERS {
        let seen = named.len().to_string();
        problems.add(at, &[&seen, " providers"], &["write at most 100"]);
    }
    let mut built = Vec::new();
    for (name, raw) in named {
        let at = at.member(&name);
        if !is_segment(&name) {
            let wanted = ["write a name of a-z, 0-9, - and _, which stands in the path"];
            problems.add(at, &["is not a name"], &wanted);
        }
        built.extend(raw.and_then(|raw| build(name.clone(), raw, at, problems)));
    }
    Some(built)
}

fn is_segment(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

fn provider(
    name: String,
    raw: RawProvider,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Provider> {
    let RawProvider {
        issuer,
        remote_jwks,
        max_token_lifetime,
        max_event_age,
        subject_type,
        back_channel_logout,
        security_events,
        keycloak,
    } = raw;
    let takes_none = back_channel_logout.is_absent() && security_events.is_absent();
    if takes_none && keycloak.is_absent() {
        let wanted = ["write back_channel_logout, security_events or keycloak"];
        problems.add(at, &["takes no events"], &wanted);
    }
    const DAY: u64 = 86_400;
    let lifetime = (60, DAY.saturating_mul(30));
    let max_token_lifetime = bounds(
        max_token_lifetime,
        at.member("max_token_lifetime"),
        3_600,
        lifetime,
        problems,
    );
    let age = (60, DAY.saturating_mul(7));
    let max_event_age = bounds(
        max_event_age,
        at.member("max_event_age"),
        DAY,
        age,
        problems,
    );
    let keys = remote_jwks.given().and_then(|raw| {
        let RawKeys {
            uri,
            timeout,
            cache_duration,
            trusted_ca,
        } = raw;
        let at = at.member("remote_jwks");
        Some(Keys {
            uri: uri.given()?,
            timeout: bounds(timeout, at.member("timeout"), 4, (1, 60), problems),
            cache_duration: bounds(
                cache_duration,
                at.member("cache_duration"),
                300,
                (1, DAY),
                problems,
            ),
            trusted_ca: trusted_ca.given().map(|path| PathBuf::from(path.0)),
        })
    });
    let logout = back_channel_logout.given();
    let logout = logout.map(|raw| raw.audiences.into_values());
    let logout = logout.unwrap_or_default();
    let events = security_events.given().map(|raw| {
        let RawEvents {
            audiences,
            bearer,
            poll,
        } = raw;
        let at = at.member("security_events");
        let bearer = bearer.given();
        Events {
            audiences: audiences
                .into_values()
                .into_iter()
                .map(|text| text.0)
                .collect(),
            bearer: bearer.and_then(|Named(raw)| secret(raw, at.member("bearer"), problems)),
            poll: poll
                .given()
                .and_then(|raw| poll_of(raw, at.member("poll"), problems)),
        }
    });
    let subjects = subject_type.given().unwrap_or(SubjectType::Public);
    let watch = keycloak.given();
    let watch = watch.and_then(|raw| watch_of(raw, subjects, at.member("keycloak"), problems));
    Some(Provider {
        name,
        issuer: issuer.given()?.0,
        keys: keys?,
        max_token_lifetime,
        max_event_age,
        subjects,
        logout: logout.into_iter().map(|text| text.0).collect(),
        events,
        watch,
    })
}

fn poll_of(raw: RawPoll, at: At<'_>, problems: &mut Problems) -> Option<Poll> {
    let RawPoll {
        uri,
        interval,
        timeout,
        long_polling,
        trusted_ca,
        bearer,
        client_credentials,
    } = raw;
    let long_polling = (!long_polling.is_absent()).then(|| {
        bounds(
            long_polling,
            at.member("long_polling"),
            30,
            (1, 300),
            problems,
        )
    });
    let (bearer, client) = (bearer.given(), client_credentials.given());
    let shows = match (bearer, client) {
        (Some(Named(raw)), None) => shown(raw, at.member("bearer"), problems).map(Shows::Bearer),
        (None, Some(raw)) => client_of(raw, at.member("client_credentials"), problems),
        _ => {
            let wanted = ["write either bearer or client_credentials"];
            problems.add(at, &["does not say what to show there"], &wanted);
            None
        }
    };
    Some(Poll {
        uri: uri.given()?,
        interval: bounds(interval, at.member("interval"), 5, (1, 300), problems),
        timeout: bounds(timeout, at.member("timeout"), 10, (1, 60), problems),
        long_polling,
        trusted_ca: trusted_ca.given().map(|path| PathBuf::from(path.0)),
        shows: shows?,
    })
}

fn client_of(raw: RawClient, at: At<'_>, problems: &mut Problems) -> Option<Shows> {
    let RawClient {
        token_uri,
        client_id,
        client_secret,
        scope,
    } = raw;
    let secret = client_secret.given();
    let at = at.member("client_secret");
    let secret = secret.and_then(|Named(raw)| shown(raw, at, problems));
    Some(Shows::Client {
        token_uri: token_uri.given()?,
        client_id: client_id.given()?.0,
        client_secret: secret?,
        scope: scope.given().map(|scope| scope.0),
    })
}

/// A duration within these seconds; the usual one if there is none.
fn bounds(
    field: Field<Duration>,
    at: At<'_>,
    usual: u64,
    (least, most): (u64, u64),
    problems: &mut Problems,
) -> Duration {
    let value = field.given().unwrap_or(Duration::from_secs(usual));
    if !(Duration::from_secs(least)..=Duration::from_secs(most)).contains(&value) {
        let seen = [&*value.as_secs().to_string(), "s is out of bounds"];
        let (least, most) = (least.to_string(), most.to_string());
        problems.add(at, &seen, &["write ", &least, "s to ", &most, "s"]);
    }
    value
}

/// A secret that others show.
fn secret(raw: RawSecret, at: At<'_>, problems: &mut Problems) -> Option<Secret> {
    let (place, text) = read(raw, at, problems)?;
    let secret = Secret::of(&text);
    if secret.is_none() {
        let shortest = SHORTEST.to_string();
        let wanted = [
            "give it one line of at least ",
            &shortest,
            " of A-Z a-z 0-9 - . _ ~ + / =",
        ];
        problems.add(at, &[&place, " does not hold a secret"], &wanted);
    }
    secret
}

/// A secret that we show.
fn shown(raw: RawSecret, at: At<'_>, problems: &mut Problems) -> Option<Shown> {
    let (place, text) = read(raw, at, problems)?;
    let shown = Shown::of(&text);
    if shown.is_none() {
        let wanted = ["give it one line of visible ASCII"];
        problems.add(at, &[&place, " does not hold a secret"], &wanted);
    }
    shown
}

/// Reads a secret from where it is named: the place, and what is there.
fn read(raw: RawSecret, at: At<'_>, problems: &mut Problems) -> Option<(String, String)> {
    let RawSecret { env, file } = raw;
    let (place, text) = match (env.given(), file.given()) {
        (Some(name), None) => {
            let text = std::env::var(&name.0).map_err(|_| "is not set, or is not text".to_owned());
            (["the variable ", &name.0].concat(), text)
        }
        (None, Some(path)) => {
            let text = fs::read_to_string(&path.0).map_err(|error| error.to_string());
            (["the file ", &path.0].concat(), text)
        }
        _ => {
            let wanted = ["write either env: NAME or file: PATH"];
            problems.add(at, &["does not name one secret"], &wanted);
            return None;
        }
    };
    match text {
        Ok(text) => Some((place, text)),
        Err(error) => {
            problems.add(at, &[&place, ": ", &error], &["give it the secret"]);
            None
        }
    }
}

#[cfg(test)]
mod tests;
