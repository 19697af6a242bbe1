//! What the configuration takes, and what it says to mistakes.

use std::path::Path;

use super::{Config, Place, Readers};

const GOOD: &str = "
listen: 127.0.0.1:8090
admin: { listen: 127.0.0.1:8091 }
store: feed.db
readers: anybody
providers:
  acme:
    issuer: https://id.example.com
    remote_jwks: { uri: https://id.example.com/keys }
    max_token_lifetime: 1h
    back_channel_logout: { audiences: [shop] }
";

fn told(text: &str) -> Vec<String> {
    let problems = Config::parse(text).map(drop).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// The good one with a line in place of the one that begins so.
fn with(start: &str, line: &str) -> Vec<String> {
    let is_it = |old: &str| old.trim_start().starts_with(start);
    assert!(GOOD.lines().any(is_it), "{start}");
    let lines = GOOD.lines().map(|old| match old {
        old if is_it(old) => {
            let (indent, _) = old.split_once(old.trim_start()).unwrap();
            format!("{indent}{line}")
        }
        old => old.to_owned(),
    });
    told(&lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_good_one_is_taken() {
    let config = Config::parse(GOOD).unwrap();
    let [acme] = &*config.providers else {
        panic!("{config:?}");
    };
    assert_eq!(acme.name, "acme");
    assert_eq!(acme.logout, ["shop"]);
    assert!(acme.events.is_none() && config.tls.is_none() && config.operator.is_none());
    assert!(matches!(config.readers, Readers::Anybody));
    assert!(matches!(config.store, Place::File(path) if path == Path::new("feed.db")));
    assert_eq!(acme.max_token_lifetime.as_secs(), 3_600);
    assert_eq!((acme.keys.uri.port, &*acme.keys.uri.path), (443, "/keys"));
}

#[test]
fn each_mistake_says_where_it_is_what_was_seen_and_what_to_write() {
    let rows = [
        (
            "listen",
            "lisen: 127.0.0.1:8090",
            "lisen: unknown here; did you mean listen?",
        ),
        (
            "listen",
            "listen: 8090",
            "listen: 8090 is a number; write an IP address and a port, such as 127.0.0.1:8090",
        ),
        (
            "listen",
            "listen: localhost:80",
            "listen: \"localhost:80\" is not an IP address and a port; write 127.0.0.1:8090",
        ),
        (
            "admin",
            "admin: { listen: 127.0.0.1:1, operator: { value: x } }",
            "admin.operator.value: unknown here; write env: NAME or file: PATH; a secret does not stand in the configuration",
        ),
        (
            "readers",
            "readers: everybody",
            "readers: a string; write { env: NAME }, { file: PATH }, { certificate: { trusted_ca: PATH } } or anybody",
        ),
        (
            "readers",
            "readers: { certificate: { names: [gate] } }",
            "readers.certificate.trusted_ca: missing; write trusted_ca: /etc/passgate-feed/gates.pem",
        ),
        (
            "readers",
            "readers: { certificate: { trusted_ca: gates.pem } }",
            "readers: asks for a certificate; write tls, too: a certificate is shown over TLS",
        ),
        (
            "store",
            "store: 5",
            "store: a number; write the path of a file, or { postgresql: { file: PATH } }",
        ),
        (
            "store",
            "store: { postgresql: 'postgresql://feed:secret@db/feed' }",
            "store.postgresql: a string; write { env: NAME } or { file: PATH }",
        ),
        (
            "store",
            "store: { postgresql: { file: /dev/null } }",
            "store.postgresql: the file /dev/null does not say where the database is; name a host in it",
        ),
        (
            "store",
            "store: { postgresql: { file: Cargo.toml } }",
            "store.postgresql: the file Cargo.toml does not hold a connection string; give it one, such as postgresql://feed:PASSWORD@db.example.com/feed",
        ),
        (
            "store",
            "tls: { certificate: tls.crt }",
            "tls.private_key: missing; write private_key: /etc/passgate-feed/tls.key",
        ),
        (
            "admin",
            "admin: { listen: 127.0.0.1:1, operator: a-secret-that-is-not-shown }",
            "admin.operator: a string; write { env: NAME } or { file: PATH }",
        ),
        (
            "max_token",
            "subject_type: pairwis",
            "providers.acme.subject_type: \"pairwis\" is unknown here; did you mean pairwise?",
        ),
        (
            "readers",
            "readers: { env: PASSGATE_NOT_SET }",
            "readers: the variable PASSGATE_NOT_SET: is not set, or is not text; give it the secret",
        ),
        (
            "readers",
            "readers: {}",
            "readers: does not name one secret; write either env: NAME or file: PATH",
        ),
        (
            "remote_jwks",
            "remote_jwks: { uri: 'http://id.example.com/keys' }",
            "providers.acme.remote_jwks.uri: \"http://id.example.com/keys\" is reached without TLS, which only loopback may be; write https://",
        ),
        (
            "remote_jwks",
            "remote_jwks: { uri: 'https://id.example.com/keys', timeout: 90s }",
            "providers.acme.remote_jwks.timeout: 90s is out of bounds; write 1s to 60s",
        ),
        (
            "max_token",
            "max_token_lifetime: 1s",
            "providers.acme.max_token_lifetime: 1s is out of bounds; write 60s to 2592000s",
        ),
        (
            "max_token",
            "x: 1",
            "providers.acme.max_token_lifetime: missing; write max_token_lifetime: 1h",
        ),
        (
            "back_channel",
            "max_event_age: 1h",
            "providers.acme: takes no events; write back_channel_logout, security_events or keycloak",
        ),
        (
            "back_channel",
            "keycloak: { clients: [shop] }",
            "providers.acme.keycloak.admin_uri: missing; write admin_uri: https://id.example.com/admin/realms/acme",
        ),
        (
            "back_channel",
            "keycloak: { clients: [] }",
            "providers.acme.keycloak.clients: an empty list; name at least one",
        ),
        (
            "back_channel",
            "keycloak: { interval: 61s }",
            "providers.acme.keycloak.interval: 61s is out of bounds; write 1s to 60s",
        ),
        (
            "back_channel",
            "back_channel_logout: { audiences: [] }",
            "providers.acme.back_channel_logout.audiences: an empty list; name at least one",
        ),
        (
            "acme",
            "Acme/1:",
            "providers[\"Acme/1\"]: is not a name; write a name of a-z, 0-9, - and _, which stands in the path",
        ),
    ];
    for (start, line, wanted) in rows {
        let told = with(start, line);
        assert!(told.iter().any(|told| told == wanted), "{line}: {told:#?}");
    }
    let pairwise = "subject_type: pairwise\n    keycloak: {}";
    let wanted = "providers.acme.keycloak: names people by ids that no pairwise sub is; remove it, or write subject_type: public";
    let told_then = with("back_channel", pairwise);
    assert!(
        told_then.iter().any(|told| told == wanted),
        "{told_then:#?}"
    );
    let twice = told(&format!("{GOOD}\nlisten: 127.0.0.1:1\n"));
    assert!(twice[0].contains("duplicate"), "{twice:?}");
    // All at once.
    assert!(told("listen: 1").len() >= 5);
}
