//! The keys that sign: where they come from, who sees them, and how one takes the place of another.

use passgate_core::Config;
use passgate_kit::{SigningKey, base64url};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::{Value, json};

use crate::world::{GateKey, NOW, Sent, World, policy};

fn parsed(policy: &Value, variables: &[(&str, String)]) -> Result<Config, String> {
    let value = |name: &str| {
        let found = variables.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| value.clone())
    };
    let mut policy = policy.clone();
    let keys = passgate_kit::jwks(&[&SigningKey::es256("k")]);
    policy["providers"]["acme"]["local_jwks"] = json!({ "inline_string": keys });
    Config::parse_with(policy.to_string().as_bytes(), &value).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{problem}\n"));
        lines.collect()
    })
}

fn standard_base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

#[test]
fn a_key_is_pkcs8_or_a_jwk() {
    let key = GateKey::new();
    let mut named = key.jwk();
    named["alg"] = json!("ES256");
    named["use"] = json!("sig");
    named["kid"] = json!("mine");
    let base64 = standard_base64(&key.der());
    for text in [
        key.pem(),
        format!("\n{}\n\n", key.pem().replace('\n', "\r\n")),
        key.pem().replace('\n', " "),
        base64.clone(),
        format!(" {base64}\n"),
        base64url(key.der()),
        key.jwk().to_string(),
        named.to_string(),
    ] {
        let config = parsed(&policy(), &[("KEY", text.clone())]);
        let config = config.unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(config.identity_header(), Some("x-passgate-identity"));
    }
}

#[test]
fn what_is_not_a_private_key_of_p256_refuses_the_configuration_and_is_not_shown() {
    let key = GateKey::new();
    let jwk = |edit: &dyn Fn(&mut Value)| {
        let mut jwk = key.jwk();
        edit(&mut jwk);
        jwk.to_string()
    };
    let other = GateKey::new().jwk();
    let pem_of = |algorithm| KeyPair::generate_for(algorithm).unwrap().serialize_pem();
    let mut long = key.der();
    long.push(0);
    let zero = [&key.der()[..36], &[0; 32], &key.der()[68..]].concat();
    let order = [
        &key.der()[..36],
        b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51".as_slice(),
        &key.der()[68..],
    ]
    .concat();
    for text in [
        "no key".to_owned(),
        key.pem().replace("PRIVATE KEY", "EC PRIVATE KEY"),
        key.pem().replace("PRIVATE KEY", "PUBLIC KEY"),
        key.pem().replace("-----END PRIVATE KEY-----", ""),
        pem_of(&PKCS_ECDSA_P384_SHA384),
        pem_of(&PKCS_ED25519),
        base64url(&key.der()[..100]),
        base64url(long),
        base64url(zero),
        base64url(order),
        base64url(key.number()),
        jwk(&|jwk| jwk["d"] = other["d"].clone()),
        jwk(&|jwk| jwk["x"] = other["x"].clone()),
        jwk(&|jwk| drop(jwk.as_object_mut().unwrap().remove("y"))),
        jwk(&|jwk| drop(jwk.as_object_mut().unwrap().remove("d"))),
        jwk(&|jwk| jwk["crv"] = json!("P-384")),
        jwk(&|jwk| jwk["kty"] = json!("OKP")),
        jwk(&|jwk| jwk["alg"] = json!("ES384")),
        jwk(&|jwk| jwk["use"] = json!("enc")),
        json!({ "keys": [key.jwk()] }).to_string(),
    ] {
        let told = parsed(&policy(), &[("KEY", text.clone())]).expect_err(&text);
        assert_eq!(
            told,
            "identity_token.keys[0].env: KEY does not hold a private key of P-256; set it to \
             PKCS #8, as PEM or as the base64 of it, or to a JWK with d\n",
            "{text}"
        );
    }
    let told = parsed(&policy(), &[]).expect_err("no key");
    assert!(told.contains("KEY is not set for this filter"), "{told}");
    let told = parsed(&policy(), &[("KEY", String::new())]).expect_err("an empty key");
    assert!(told.contains("KEY is not set for this filter"), "{told}");
}

#[test]
fn each_key_is_named_once_and_there_are_few() {
    let mut policy = policy();
    let [one, two] = [GateKey::new(), GateKey::new()];
    policy["identity_token"]["keys"] = json!([{ "env": "ONE" }, { "env": "TWO" }]);
    let variables = [("ONE", one.pem()), ("TWO", two.jwk().to_string())];
    parsed(&policy, &variables).unwrap();
    let variables = [("ONE", one.pem()), ("TWO", one.jwk().to_string())];
    let told = parsed(&policy, &variables).expect_err("the same");
    assert!(
        told.contains("keys[1].env: TWO holds the key of another variable before"),
        "{told}"
    );
    let names: Vec<String> = (0..9).map(|number| format!("K{number}")).collect();
    let variables: Vec<(&str, String)> = names
        .iter()
        .map(|name| (&**name, GateKey::new().pem()))
        .collect();
    let keys: Vec<Value> = names.iter().map(|name| json!({ "env": name })).collect();
    policy["identity_token"]["keys"] = json!(keys);
    let told = parsed(&policy, &variables).expect_err("too many");
    assert!(told.contains("keys[8]: is one key too many"), "{told}");
}

#[test]
fn no_text_of_the_gate_holds_the_private_half() {
    let mut world = World::new();
    let token = world.token().build();
    let judged = world.judge(&Sent::get("/").bearer(&token));
    let config = world.config();
    let jwks = world.judge(&Sent::get("/.well-known/passgate/jwks.json"));
    let texts = [
        format!("{config:?} {config} {}", config.hash()),
        judged.record(),
        format!("{:?}", judged.verdict),
        jwks.document().body.clone(),
    ];
    let number = world.key.number();
    let hex: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = format!("{number:?}");
    let decimal = decimal.trim_matches(['[', ']']);
    for text in texts {
        let forms = [base64url(&number), standard_base64(&number), hex.clone()];
        for form in forms.iter().map(String::as_str).chain([decimal]) {
            assert!(
                !text
                    .to_ascii_lowercase()
                    .contains(&form.to_ascii_lowercase())
            );
        }
    }
}

#[test]
fn every_worker_and_replica_serves_the_same_public_keys() {
    let mut world = World::new();
    let get = || Sent::get("/.well-known/passgate/jwks.json");
    let judged = world.judge(&get());
    assert_eq!(judged.code(), "permitted.identity_keys");
    let document = judged.document().clone();
    let mut public = world.key.jwk();
    public.as_object_mut().unwrap().remove("d");
    for (name, value) in [("alg", "ES256"), ("use", "sig"), ("kid", &*world.key.kid())] {
        public[name] = json!(value);
    }
    let served: Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!((document.status, &served["keys"]), (200, &json!([public])));
    // Another worker has started later, and has signed meanwhile.
    let mut other = World::new();
    other.key = world.key;
    other.now = NOW + 500;
    let token = other.token().build();
    other.claims(&token);
    let again = other.judge(&get().host("other.example.com:8443").header("accept", "*/*"));
    assert_eq!(again.document(), &document);

    let mut preflight = get();
    preflight.method = "OPTIONS";
    let preflight = preflight.header("origin", "https://page.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    assert_eq!(other.judge(&preflight).document().status, 204);
    // Elsewhere, and for other methods, it is a path like any other.
    let mut post = get();
    post.method = "POST";
    for sent in [
        post,
        get().host("evil.example"),
        Sent::get("/.well-known/passgate"),
    ] {
        assert_eq!(other.judge(&sent).code(), "missing.token");
    }
    let mut policy = policy();
    policy["identity_token"]
        .as_object_mut()
        .unwrap()
        .remove("keys_uri");
    let mut world = World::with(policy);
    assert_eq!(world.judge(&get()).code(), "missing.token");
}

#[test]
fn a_new_key_is_published_before_it_signs_and_an_old_one_until_its_tokens_have_ended() {
    let [old, new] = [GateKey::new(), GateKey::new()];
    let policy = policy();
    let kids = |keys: Value, old: &GateKey, new: &GateKey| -> (Vec<String>, String) {
        let mut policy = policy.clone();
        policy["identity_token"]["keys"] = keys;
        let provider = SigningKey::es256("k");
        policy["providers"]["acme"]["local_jwks"] =
            json!({ "inline_string": passgate_kit::jwks(&[&provider]) });
        let value = |name: &str| Some(if name == "OLD" { old.pem() } else { new.pem() });
        let config = Config::parse_with(policy.to_string().as_bytes(), &value).unwrap();
        let (served, token) = crate::world::served_and_signed(config, &provider);
        let kids = served["keys"].as_array().unwrap().iter();
        let kids = kids.map(|key| key["kid"].as_str().unwrap().to_owned());
        (kids.collect(), token)
    };
    let both = [old.kid(), new.kid()];
    let (published, token) = kids(json!([{ "env": "OLD" }, { "env": "NEW" }]), &old, &new);
    assert_eq!(published, both);
    old.read(&token);
    let (published, token) = kids(json!([{ "env": "NEW" }, { "env": "OLD" }]), &old, &new);
    assert_eq!(published, [new.kid(), old.kid()]);
    new.read(&token);
}
