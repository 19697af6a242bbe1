//! What is tried on each input, for the fuzzer and for the replay of its corpus
//! (core/tests/fuzz_corpus.rs). Each function checks something beside "it does not panic".

#[path = "approvals.rs"]
mod approvals;
#[path = "certificates.rs"]
mod certificates;
#[path = "credentials.rs"]
mod credentials;

use std::sync::LazyLock;

pub(crate) use approvals::{authenticator_data, cbor, client_data, session, statement};
pub(crate) use certificates::certificate;
pub(crate) use credentials::credentials;
use passgate_core::{
    Algorithm, Config, Edit, JwkSet, Request, Settlement, Step, Supply, UnixTime, Verdict,
    Verifier, limits::Limits, thumbprint,
};
use passgate_kit::{SigningKey, base64url, bound_to, jwks, public_members, sha256};
use serde_json::json;

/// A key that signs fast, and a configuration that trusts it.
struct World {
    key: SigningKey,
    config: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SigningKey::of("EdDSA", "k");
    let config = json!({
        "origins": ["https://a"],
        "providers": { "p": {
            "issuer": "i", "audiences": ["a"], "local_jwks": { "inline_string": jwks(&[&key]) },
            "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
            "from_cookies": ["s"], "from_params": ["t"],
            "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-user" }, { "claim_name": "g", "header_name": "x-g" }],
            "kinds": { "human": { "amr_any_of": ["hwk"] }, "workload": { "claim": { "path": ["c", "d"], "equals": 1 } } },
        } },
        "rules": [
            { "match": { "path": "/public" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
            { "match": { "path_separated_prefix": "/strict", "hosts": ["*.example.com"] }, "requires": {
                "scopes": ["w"], "claims": [{ "claim_name": "g", "any_of": ["x"], "split": "space" }] } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "p" } },
        ],
    });
    World {
        key,
        config: config.to_string(),
    }
});

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn verdict(headers: &[(&[u8], &[u8])]) -> Verdict {
    let config = Config::parse(WORLD.config.as_bytes()).expect("a good configuration");
    let mut keys = Supply::new(&config, 1);
    match Verifier::new(config, 1).verify(Request::new(headers), &mut keys, NOW) {
        Step::Settle(Settlement { verdict, record }) => {
            let line = record.to_json();
            assert!(!line.contains('\n') && line.len() < 8_192, "{line}");
            verdict
        }
        Step::Await(_) => panic!("the keys are part of the configuration"),
    }
}

fn verdict_on(token: &[u8]) -> Verdict {
    let authorization = [b"Bearer ", token].concat();
    verdict(&[
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"a"),
        (b"authorization", &authorization),
    ])
}

/// A status list is taken apart and inflated within its bounds, whatever its bytes are: the first
/// says how many bits a status has.
pub(crate) fn status_list(data: &[u8]) {
    if let Some((bits, rest)) = data.split_first() {
        passgate_core::inspect_status_list(rest, *bits, usize::from(*bits));
    }
}

/// A token that nobody signed passes nowhere.
pub(crate) fn token(data: &[u8]) {
    assert!(matches!(verdict_on(data), Verdict::Deny(_)));
}

/// A proof whose header is the first line and whose claims are the rest, `KEY` and `ATH` in them
/// put in, under a good signature. This gate has no memory, so what would pass is what it cannot
/// spend.
pub(crate) fn proof(data: &[u8]) {
    let claims = json!({ "iss": "i", "aud": "a", "sub": "s", "exp": NOW.as_secs() + 60, "cnf": bound_to(&WORLD.key) });
    let text = format!(
        "{}.{}",
        base64url(r#"{"alg":"EdDSA"}"#),
        base64url(claims.to_string())
    );
    let token = format!("{text}.{}", base64url(WORLD.key.sign(text.as_bytes())));
    let ath = json!(base64url(sha256(token.as_bytes())));
    let filled = String::from_utf8_lossy(data)
        .replace("KEY", &public_members(&WORLD.key).to_string())
        .replace("ATH", &ath.to_string());
    let (header, claims) = filled.split_once('\n').unwrap_or((&filled, ""));
    let text = format!("{}.{}", base64url(header), base64url(claims));
    let proof = format!("{text}.{}", base64url(WORLD.key.sign(text.as_bytes())));
    let judged = verdict(&[
        (b":method", b"GET"),
        (b":path", b"/x?y"),
        (b":authority", b"a"),
        (b"authorization", format!("DPoP {token}").as_bytes()),
        (b"dpop", proof.as_bytes()),
    ]);
    let Verdict::Deny(rejection) = judged else {
        panic!("spent without a memory");
    };
    if rejection.code != "unavailable.replay_memory" {
        return;
    }
    let (Some(header), Some(claims)) = (
        as_serde_reads_it(header.as_bytes()),
        as_serde_reads_it(claims.as_bytes()),
    ) else {
        return;
    };
    let typ = header["typ"].as_str().map(str::to_ascii_lowercase);
    assert!(typ.is_some_and(|typ| typ.ends_with("dpop+jwt")));
    assert!(["EdDSA", "Ed25519"].contains(&header["alg"].as_str().unwrap_or_default()));
    assert!(header.get("crit").is_none() && header["jwk"].get("d").is_none());
    assert_eq!((&claims["htm"], &claims["ath"]), (&json!("GET"), &ath));
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
    let iat = claims["iat"].as_f64();
    assert!(iat.is_some_and(|iat| (iat - 1_700_000_000.0).abs() <= 60.0));
    let uri = claims["htu"].as_str().map(str::to_ascii_lowercase);
    assert!(uri.is_some_and(|uri| uri.starts_with("https://a")));
}

/// What passed is JSON. `None`: a number that nobody reads is beyond what serde_json's own values
/// hold; ours keep the digits.
fn as_serde_reads_it(data: &[u8]) -> Option<serde_json::Value> {
    match serde_json::from_slice(data) {
        Ok(value) => Some(value),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(error) => panic!("{error}"),
    }
}

/// Any header over good claims, with a signature that is right for an Ed25519 key: it passes with
/// two names only.
pub(crate) fn header(data: &[u8]) {
    let claims = json!({ "iss": "i", "aud": "a", "sub": "s", "exp": NOW.as_secs() + 60 });
    let text = format!("{}.{}", base64url(data), base64url(claims.to_string()));
    let signature = WORLD.key.sign(text.as_bytes());
    if let Verdict::Allow(_) = verdict_on(format!("{text}.{}", base64url(signature)).as_bytes()) {
        let Some(header) = as_serde_reads_it(data) else {
            return;
        };
        assert_eq!(header["alg"], "EdDSA");
        assert!(
            ["crit", "b64", "zip", "enc", "epk"]
                .iter()
                .all(|name| header.get(name).is_none())
        );
    }
}

/// Any claims under a good signature: what passes names issuer, audience, subject and an end to
/// come.
pub(crate) fn claims(data: &[u8]) {
    let text = format!("{}.{}", base64url(r#"{"alg":"EdDSA"}"#), base64url(data));
    let signature = WORLD.key.sign(text.as_bytes());
    if let Verdict::Allow(permit) =
        verdict_on(format!("{text}.{}", base64url(signature)).as_bytes())
    {
        let Some(claims) = as_serde_reads_it(data) else {
            return;
        };
        assert_eq!(claims["iss"], "i");
        assert!(
            claims["aud"] == "a"
                || claims["aud"]
                    .as_array()
                    .is_some_and(|list| list.contains(&json!("a")))
        );
        assert!(claims["sub"].is_string() && claims.get("cnf").is_none());
        assert!(
            claims["exp"]
                .as_f64()
                .is_some_and(|exp| exp + 60.0 > 1_700_000_000.0)
        );
        for edit in permit.edits() {
            if let Edit::Set(_, value) = edit {
                // Text as it is, also beyond ASCII; but nothing that ends a header or that a hop
                // would trim.
                let text = std::str::from_utf8(value).expect("UTF-8");
                assert!(!text.chars().any(char::is_control), "{text:?}");
                assert_eq!(text.trim_matches(' '), text);
            }
        }
    }
}

/// Any document: each key of a set serves some algorithm and has a thumbprint; nothing is lost
/// unnamed.
pub(crate) fn jwk_set(data: &[u8]) {
    let Ok(set) = JwkSet::parse(data, &Limits::default()) else {
        return;
    };
    assert!(set.keys().len() + set.skipped().len() <= Limits::default().jwks_keys);
    for jwk in set.keys() {
        assert!(
            Algorithm::ALL
                .into_iter()
                .any(|algorithm| jwk.fits(algorithm))
        );
        for algorithm in Algorithm::ALL {
            assert!(
                !jwk.key
                    .verifies(algorithm, b"text", &vec![0; jwk.key.signature_length()])
            );
        }
        assert_ne!(thumbprint(&jwk.key), [0; 32]);
    }
    assert!(
        set.skipped()
            .iter()
            .all(|key| !key.name.is_empty() && key.name.len() <= 512)
    );
}

/// Any bytes: a key in COSE serves the algorithm that it names, and can be neither cut nor
/// extended. Says whether it is one.
pub(crate) fn cose(data: &[u8]) -> bool {
    let Ok((key, algorithm)) = passgate_core::read_cose_key(data) else {
        return false;
    };
    assert!(!key.verifies(algorithm, b"text", &vec![0; key.signature_length()]));
    assert_ne!(thumbprint(&key), [0; 32]);
    assert!(passgate_core::read_cose_key(&data[..data.len() - 1]).is_err());
    assert!(passgate_core::read_cose_key(&[data, &[0]].concat()).is_err());
    true
}

/// Any document: accepted whole, or refused with a bounded number of problems of bounded length.
pub(crate) fn configuration(data: &[u8]) {
    match Config::parse(data) {
        Ok(config) => {
            assert!(!config.providers().is_empty() || config.rules().is_some());
            let mut keys = Supply::new(&config, 1);
            let request: [(&[u8], &[u8]); 3] = [
                (b":method", b"GET"),
                (b":path", b"/"),
                (b":authority", b"a"),
            ];
            let _ = Verifier::new(config, 1).verify(Request::new(&request), &mut keys, NOW);
        }
        Err(problems) => {
            assert!((1..=101).contains(&problems.len()));
            assert!(
                problems
                    .iter()
                    .all(|problem| problem.to_string().len() < 4_096)
            );
        }
    }
}

/// Any headers, a line each, `name value`: without a token nothing passes but the public path.
pub(crate) fn request(data: &[u8]) {
    let headers: Vec<(&[u8], &[u8])> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b' ')?;
            Some((line.get(..at)?, line.get(at + 1..)?))
        })
        .collect();
    if let Verdict::Allow(permit) = verdict(&headers) {
        assert_eq!(permit.code(), "permitted.public");
        assert!(
            permit
                .edits()
                .all(|edit| matches!(edit, Edit::Remove(_))
                    || !format!("{edit:?}").contains("x-user"))
        );
    }
}
