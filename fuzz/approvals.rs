//! What is tried on the parts of an approval, for the fuzzer and for the replay of its corpus. The
//! signature is good over whatever the part is. This gate has no memory, so what would pass is what
//! it cannot spend. Each function says whether it would.

use std::sync::LazyLock;

use passgate_core::{
    Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier, limits,
};
use passgate_kit::{ProofBuilder, SigningKey, base64url, jwks, public_members, sha256, thumbprint};
use serde_json::{Value, json};

/// A key that signs fast, for the token and in the authenticator; a configuration that trusts it;
/// and a token, nonces and the proof of a request for it.
struct World {
    key: SigningKey,
    config: String,
    token: String,
    nonce: String,
    nonce_of_session: String,
    dpop: String,
}

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const PATH: &str = "/pay?amount=10";
const CONSOLE: &str = "/console";
const PAGE: &str = "https://page";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SigningKey::of("EdDSA", "k");
    let config = json!({
        "origins": ["https://a"],
        "relying_party": { "id": "a", "origins": [PAGE] },
        "secrets": { "nonce": { "env": "NONCE" } },
        "providers": { "p": {
            "issuer": "i", "audiences": ["a"], "cnf_jwk": "passkey",
            "local_jwks": { "inline_string": jwks(&[&key]) },
        } },
        "rules": [
            { "match": { "path": "/console" }, "requires": { "proof": { "webauthn": {
                "mode": "session", "user_verification": "optional", "dpop": { "nonce": "none" },
            } } } },
            { "match": { "prefix": "/" }, "requires": { "proof": { "webauthn": {
                "mode": "transaction", "user_verification": "optional",
            } } } },
        ],
    });
    let claims = json!({
        "iss": "i", "aud": "a", "sub": "s", "exp": NOW.as_secs() + 60,
        "cnf": { "jwk": public_members(&key) },
    });
    let text = format!(
        "{}.{}",
        base64url(r#"{"alg":"EdDSA"}"#),
        base64url(claims.to_string())
    );
    let mut world = World {
        token: format!("{text}.{}", base64url(key.sign(text.as_bytes()))),
        key,
        config: config.to_string(),
        nonce: String::new(),
        nonce_of_session: String::new(),
        dpop: String::new(),
    };
    let dpop = ProofBuilder::of(&world.key, "POST", "https://a/console").token(&world.token);
    world.dpop = dpop.claim("iat", NOW.as_secs()).build();
    [world.nonce, world.nonce_of_session] = [PATH, CONSOLE].map(|path| {
        let Verdict::Deny(asked) = world.verdict(path, "") else {
            panic!("passes without an approval");
        };
        let headers = asked.headers();
        let nonce = headers.iter().find(|(name, _)| *name == "webauthn-nonce");
        nonce.expect("a nonce").1.clone()
    });
    world
});

impl World {
    fn verdict(&self, path: &str, approval: &str) -> Verdict {
        let secret = |_: &str| Some("a secret of thirty-two characters".to_owned());
        let config = Config::parse_with(self.config.as_bytes(), &secret);
        let config = config.expect("a good configuration");
        let mut supply = Supply::new(&config, 1);
        let authorization = format!("Bearer {}", self.token);
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"POST"),
            (b":path", path.as_bytes()),
            (b":authority", b"a"),
            (b"authorization", authorization.as_bytes()),
            (b"dpop", self.dpop.as_bytes()),
        ];
        if !approval.is_empty() {
            headers.push((b"webauthn-proof", approval.as_bytes()));
        }
        let request = Request::new(&headers).ending_here(true);
        match Verifier::new(config, 1).verify(request, &mut supply, NOW) {
            Step::Settle(Settlement { verdict, record }) => {
                let line = record.to_json();
                assert!(!line.contains('\n') && line.len() < 8_192, "{line}");
                verdict
            }
            Step::Await(_) => panic!("the keys are part of the configuration"),
        }
    }

    fn statement(&self) -> Value {
        json!({
            "mode": "transaction", "iss": "i", "sub": "s", "jti": "1", "iat": NOW.as_secs(),
            "nonce": self.nonce, "htm": "POST", "htu": format!("https://a{PATH}"),
            "ath": base64url(sha256(self.token.as_bytes())),
        })
    }

    /// Whether an approval of these parts would pass.
    fn passes(&self, statement: &[u8], client_data: &[u8], authenticator_data: &[u8]) -> bool {
        self.passes_at(PATH, statement, client_data, authenticator_data)
    }

    fn passes_at(
        &self,
        path: &str,
        statement: &[u8],
        client_data: &[u8],
        authenticator_data: &[u8],
    ) -> bool {
        let signed = [authenticator_data, &sha256(client_data)].concat();
        let assertion = json!({
            "id": "AQID", "rawId": "AQID", "type": "public-key",
            "response": {
                "clientDataJSON": base64url(client_data),
                "authenticatorData": base64url(authenticator_data),
                "signature": base64url(self.key.sign_as_authenticator(&signed)),
            },
        });
        let (statement, assertion) = (base64url(statement), base64url(assertion.to_string()));
        let Verdict::Deny(rejection) = self.verdict(path, &format!("{statement}.{assertion}"))
        else {
            panic!("spent without a memory");
        };
        rejection.code == "unavailable.replay_memory"
    }
}

fn challenge(mode: &str, statement: &[u8]) -> String {
    let label = ["webauthn-proof-v1:", mode, "\0"].concat();
    base64url(sha256(&[label.as_bytes(), statement].concat()))
}

fn client_data_for(mode: &str, statement: &[u8]) -> String {
    let challenge = challenge(mode, statement);
    json!({ "type": "webauthn.get", "challenge": challenge, "origin": PAGE }).to_string()
}

/// Authenticator data with these flags, and this behind the counter.
fn data(flags: u8, after: &[u8]) -> Vec<u8> {
    [&sha256(b"a")[..], &[flags, 0, 0, 0, 0], after].concat()
}

/// The input with its words in capitals put in.
fn filled(data: &[u8], words: &[(&str, &str)]) -> String {
    let text = String::from_utf8_lossy(data).into_owned();
    words.iter().fold(text, |text, (word, value)| {
        text.replace(word, &json!(value).to_string())
    })
}

/// A statement, `NONCE` and `ATH` in it put in: what passes names this request and this token, and
/// nothing else.
pub(crate) fn statement(input: &[u8]) -> bool {
    let world = &*WORLD;
    let wanted = world.statement();
    let ath = wanted["ath"].as_str().unwrap_or_default();
    let statement = filled(input, &[("NONCE", &world.nonce), ("ATH", ath)]);
    let client_data = client_data_for("transaction", statement.as_bytes());
    if !world.passes(statement.as_bytes(), client_data.as_bytes(), &data(1, &[])) {
        return false;
    }
    let Some(Value::Object(mut seen)) = super::as_serde_reads_it(statement.as_bytes()) else {
        return true;
    };
    let (jti, iat) = (seen.remove("jti"), seen.remove("iat"));
    assert!(jti.is_some_and(|jti| jti.as_str().is_some_and(|jti| !jti.is_empty())));
    assert!(iat.is_some_and(|iat| iat.is_number()));
    assert_eq!(seen.len(), 7);
    for (name, value) in seen {
        assert_eq!(wanted.get(&name), Some(&value), "{name}");
    }
    true
}

/// A statement about a session, `NONCE`, `ATH` and `JKT` in it put in: what passes is about this
/// key, person and origin, for ten minutes at most.
pub(crate) fn session(input: &[u8]) -> bool {
    let world = &*WORLD;
    let [ath, jkt] = [
        base64url(sha256(world.token.as_bytes())),
        thumbprint(&world.key),
    ];
    let words = [
        ("NONCE", &*world.nonce_of_session),
        ("ATH", &*ath),
        ("JKT", &*jkt),
    ];
    let statement = filled(input, &words);
    let client_data = client_data_for("session", statement.as_bytes());
    let (statement, client_data) = (statement.as_bytes(), client_data.as_bytes());
    if !world.passes_at(CONSOLE, statement, client_data, &data(1, &[])) {
        return false;
    }
    let Some(Value::Object(mut seen)) = super::as_serde_reads_it(statement) else {
        return true;
    };
    let (jti, iat) = (seen.remove("jti"), seen.remove("iat"));
    assert!(jti.is_some_and(|jti| jti.as_str().is_some_and(|jti| !jti.is_empty())));
    assert!(iat.is_some_and(|iat| iat.is_number()));
    let exp = seen.remove("exp").and_then(|exp| exp.as_f64());
    let now = std::time::Duration::from_secs(NOW.as_secs()).as_secs_f64();
    assert!(exp.is_some_and(|exp| exp > now && exp <= now + 600.0));
    assert!(seen.remove("ath").is_none_or(|own| own == *ath));
    let wanted = json!({
        "mode": "session", "iss": "i", "sub": "s", "nonce": world.nonce_of_session, "jkt": jkt,
        "aud": "https://a",
    });
    assert_eq!(Value::Object(seen), wanted);
    true
}

/// Client data, `CHALLENGE` in it put in: what passes is of our page, and answers our challenge.
pub(crate) fn client_data(input: &[u8]) -> bool {
    let world = &*WORLD;
    let statement = world.statement().to_string();
    let challenge = challenge("transaction", statement.as_bytes());
    let text = filled(input, &[("CHALLENGE", &challenge)]);
    if !world.passes(statement.as_bytes(), text.as_bytes(), &data(1, &[])) {
        return false;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Some(seen) = super::as_serde_reads_it(text.as_bytes()) else {
        return true;
    };
    assert_eq!(seen["type"], "webauthn.get");
    assert_eq!(
        (&seen["challenge"], &seen["origin"]),
        (&json!(challenge), &json!(PAGE))
    );
    assert_ne!(seen["crossOrigin"], true);
    assert!(seen.get("topOrigin").is_none());
    true
}

/// Authenticator data behind the hash of our RP ID: what passes says that a person was there, and
/// holds what its flags say.
pub(crate) fn authenticator_data(input: &[u8]) -> bool {
    let whole = [&sha256(b"a")[..], input].concat();
    if !passes_with(&whole) {
        return false;
    }
    let (flags, after) = (input[0], &input[5..]);
    assert_eq!(flags & 0x41, 0x01, "UP, and no attested data");
    assert!(flags & 0x10 == 0 || flags & 0x08 != 0, "BS without BE");
    assert_eq!(flags & 0x80 != 0, !after.is_empty());
    let mut other = whole;
    other[0] ^= 1;
    assert!(!passes_with(&other), "another relying party");
    true
}

/// CBOR, as the extensions of authenticator data: what passes is one map in few bytes, of which
/// nothing can be left out and to which nothing can be added.
pub(crate) fn cbor(input: &[u8]) -> bool {
    let extended = |extensions: &[u8]| passes_with(&data(0x81, extensions));
    if !extended(input) {
        return false;
    }
    assert_eq!(input[0] >> 5, 5, "a map");
    assert!(input.len() < limits::APPROVAL_BYTES);
    assert!(
        !extended(&[input, &[0]].concat()),
        "and something behind it"
    );
    assert!(!extended(&input[..input.len() - 1]), "without its end");
    true
}

fn passes_with(authenticator_data: &[u8]) -> bool {
    let world = &*WORLD;
    let statement = world.statement().to_string();
    let client_data = client_data_for("transaction", statement.as_bytes());
    world.passes(
        statement.as_bytes(),
        client_data.as_bytes(),
        authenticator_data,
    )
}
