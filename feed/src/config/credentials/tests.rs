//! What the configuration of the role takes, and what it says to mistakes.

use std::{env, fs, process};

use super::*;

/// The problems of a good file in which this line stands in place of the one that begins so.
fn with(start: &str, line: &str) -> Vec<String> {
    let folder = env::temp_dir().join(format!("passgate-feed-credentials-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (key, secret) = (folder.join("key.pem"), folder.join("secret"));
    fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::write(&secret, "0123456789abcdef0123456789").unwrap();
    let good = format!(
        "
listen: 127.0.0.1:8092
admin: {{ listen: 127.0.0.1:8093 }}
readers: anybody
signing_key: {{ file: {} }}
providers:
  acme:
    issuer: https://id.example.com/realms/acme
    cache_duration: 5s
    lifetime: 1m
    keycloak:
      admin_uri: https://id.example.com/admin/realms/acme
      client_credentials: {{ token_uri: 'https://id.example.com/token', client_id: c, client_secret: {{ file: {} }} }}
      timeout: 3s
",
        key.display(),
        secret.display(),
    );
    let is_it = |old: &str| old.trim_start().starts_with(start);
    assert!(good.lines().any(is_it), "{start}");
    let lines = good.lines().map(|old| match old {
        old if is_it(old) => {
            let (indent, _) = old.split_once(old.trim_start()).unwrap();
            format!("{indent}{line}")
        }
        old => old.to_owned(),
    });
    let parsed = Credentials::parse(&lines.collect::<Vec<_>>().join("\n"));
    let problems = parsed.map(drop).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_mistake_says_where_it_is_what_was_seen_and_what_to_write() {
    assert_eq!(with("listen", "listen: 127.0.0.1:8092"), [""; 0]);
    let rows = [
        (
            "readers",
            "store: feed.db",
            "store: unknown here; remove it; what Keycloak says is kept in memory, for a short time",
        ),
        (
            "readers",
            "readers: { certificate: { trusted_ca: gates.pem } }",
            "readers: asks for a certificate; write { env: NAME }, { file: PATH } or anybody: TLS is not spoken here",
        ),
        (
            "admin:",
            "admin: { listen: 127.0.0.1:1, operator: { env: X } }",
            "admin.operator: unknown here; remove it; nobody writes passkeys here",
        ),
        (
            "issuer",
            "back_channel_logout: { audiences: [shop] }",
            "providers.acme.back_channel_logout: unknown here; remove it; another process takes events",
        ),
        (
            "signing_key",
            "signing_key: a-key-that-is-not-shown",
            "signing_key: a string; write { env: NAME } or { file: PATH }",
        ),
        (
            "signing_key",
            "signing_key: { env: PATH }",
            "signing_key: the variable PATH does not hold a key; give it a P-256 key as PKCS#8 in PEM: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            "lifetime",
            "lifetime: 5s",
            "providers.acme.lifetime: is not longer than cache_duration: answers would be over when they come; write a longer one",
        ),
        (
            "cache_duration",
            "cache_duration: 0s",
            "providers.acme.cache_duration: 0s is out of bounds; write 1s to 300s",
        ),
        (
            "lifetime",
            "lifetime: 2h",
            "providers.acme.lifetime: 7200s is out of bounds; write 5s to 3600s",
        ),
        (
            "timeout",
            "timeout: 1m",
            "providers.acme.keycloak.timeout: 60s is out of bounds; write 1s to 30s",
        ),
        (
            "admin_uri",
            "admin_uri: http://id.example.com/admin/realms/acme",
            "providers.acme.keycloak.admin_uri: \"http://id.example.com/admin/realms/acme\" is reached without TLS, which only loopback may be; write https://",
        ),
        (
            "client_credentials",
            "bearer: { env: X }",
            "providers.acme.keycloak.client_credentials: missing; write client_credentials: { token_uri: …, client_id: credentials, client_secret: … }",
        ),
    ];
    for (start, line, wanted) in rows {
        let told = with(start, line);
        assert!(told.iter().any(|told| told == wanted), "{line}: {told:#?}");
    }
}
