//! The requests that both filters get.

use passgate_harness::{AUDIENCE, ISSUER, Request};
use passgate_kit::{SigningKey, Token, TokenBuilder, base64url, now, tampered};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret that the key set gives away";
const HOUR: i64 = 3_600;

/// The keys of the issuer, good ones and odd ones.
pub struct Keys {
    main: SigningKey,
    bare: SigningKey,
    encryption: SigningKey,
    signing: SigningKey,
    private: SigningKey,
    first: SigningKey,
    second: SigningKey,
    others: Vec<SigningKey>,
    short: Value,
}

impl Keys {
    pub fn new() -> Self {
        let others = ["RS256", "PS256", "ES384", "ES512", "EdDSA"];
        Self {
            main: SigningKey::es256("main"),
            bare: SigningKey::es256("bare"),
            encryption: SigningKey::es256("encryption"),
            signing: SigningKey::es256("signing"),
            private: SigningKey::es256("private"),
            first: SigningKey::es256("twice"),
            second: SigningKey::es256("twice"),
            others: others.map(|alg| SigningKey::of(alg, alg)).into(),
            short: serde_json::from_str(include_str!("rsa_1024.json")).unwrap(),
        }
    }

    /// The key set.
    pub fn published(&self) -> String {
        let with = |key: &SigningKey, members: Value| {
            let mut jwk = key.public_jwk();
            let known = jwk.as_object_mut().unwrap();
            for (name, value) in members.as_object().unwrap() {
                match value {
                    Value::Null => known.remove(name),
                    value => known.insert(name.clone(), value.clone()),
                };
            }
            jwk
        };
        let no_alg = json!({ "alg": null, "use": null });
        let mut keys: Vec<Value> = self.others.iter().map(|key| with(key, json!({}))).collect();
        keys.extend([
            with(&self.main, json!({})),
            with(&self.bare, no_alg),
            with(&self.encryption, json!({ "use": "enc" })),
            with(&self.signing, json!({ "use": null, "key_ops": ["sign"] })),
            with(&self.private, json!({ "d": base64url([7; 32]) })),
            with(&self.first, json!({})),
            with(&self.second, json!({})),
            json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": base64url(SECRET) }),
            self.short["jwk"].clone(),
        ]);
        json!({ "keys": keys }).to_string()
    }

    fn good(&self) -> TokenBuilder<'_> {
        of(&self.main)
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.good().claim(name, value).build()
    }

    fn header(&self, name: &str, value: Value) -> String {
        self.good().header(name, value).build()
    }

    fn raw_claims(&self, edit: impl FnOnce(String) -> String) -> String {
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + HOUR });
        self.good().raw_claims(&edit(claims.to_string())).build()
    }
}

fn of(key: &SigningKey) -> TokenBuilder<'_> {
    Token::of(key, ISSUER, AUDIENCE)
}

/// What each of them is called in the table, and the request.
pub fn cases(keys: &Keys) -> Vec<(&'static str, Request)> {
    let tokens = [
        algorithms(keys),
        spellings(keys),
        headers(keys),
        claims(keys),
    ];
    let bearer = |(name, token): (&'static str, String)| (name, Request::get("/").bearer(&token));
    let mut cases: Vec<_> = tokens.into_iter().flatten().map(bearer).collect();
    cases.extend(places(keys));
    cases
}

fn algorithms(keys: &Keys) -> Vec<(&'static str, String)> {
    let stranger = SigningKey::es256("main");
    let good = keys.good().build();
    let names = [
        "a good token, RS256",
        "a good token, PS256",
        "a good token, ES384",
        "a good token, ES512",
        "a good token, EdDSA",
    ];
    let others = keys.others.iter().map(|key| of(key).build());
    let mut cases = vec![("a good token, ES256", good.clone())];
    cases.extend(names.into_iter().zip(others));
    cases.extend([
        (
            "HS256 with an `oct` key of the set",
            keys.good().header("kid", "secret").hs256(SECRET).build(),
        ),
        ("HS256 with a public key as the secret", {
            let secret = keys.bare.public_jwk()["x"].to_string();
            of(&keys.bare).hs256(secret.as_bytes()).build()
        }),
        (
            "`alg: none` and no signature",
            keys.good().header("alg", "none").signature(b"").build(),
        ),
        (
            "`alg: none` and a good signature",
            keys.header("alg", json!("none")),
        ),
        ("no `alg`", keys.good().without_header("alg").build()),
        ("`alg` in lower case", keys.header("alg", json!("es256"))),
        (
            "an RS256 header over a signature by an EC key without `alg`",
            of(&keys.bare).header("alg", "RS256").build(),
        ),
        (
            "an ES384 header over a signature by a P-256 key",
            of(&keys.bare).header("alg", "ES384").build(),
        ),
        (
            "an RSA key of 1,024 bits",
            keys.short["token"].as_str().unwrap().to_owned(),
        ),
        (
            "a key that was published for encryption (`use`)",
            of(&keys.encryption).build(),
        ),
        (
            "a key that was published for signing, not verifying (`key_ops`)",
            of(&keys.signing).build(),
        ),
        (
            "a key that was published with its private half",
            of(&keys.private).build(),
        ),
        (
            "the first of two keys with one `kid`",
            of(&keys.first).build(),
        ),
        (
            "the second of two keys with one `kid`",
            of(&keys.second).build(),
        ),
        (
            "no `kid`, where several keys fit",
            keys.good().without_header("kid").build(),
        ),
        (
            "the `kid` of another key",
            keys.header("kid", json!("bare")),
        ),
        (
            "a `kid` that no key has",
            keys.header("kid", json!("nobody")),
        ),
        ("a `kid` that is a number", keys.header("kid", json!(7))),
        ("another subject under the same signature", tampered(&good)),
        (
            "the signature of another key of this `kid`",
            of(&stranger).build(),
        ),
        (
            "its own key in the header (`jwk`)",
            of(&stranger).header("jwk", stranger.public_jwk()).build(),
        ),
        (
            "an unread `jku` and `x5u` in the header",
            keys.good()
                .header("jku", "https://evil.example/")
                .header("x5u", "x")
                .build(),
        ),
    ]);
    cases
}

fn spellings(keys: &Keys) -> Vec<(&'static str, String)> {
    let good = || keys.good().build();
    let (text, signature) = {
        let token = good();
        let (text, signature) = token.rsplit_once('.').unwrap();
        (text.to_owned(), signature.to_owned())
    };
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The last letter of 64 bytes carries two bits; the other four are zero in the one right
    // spelling.
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    let sibling = alphabet.chars().nth(last + 1).unwrap();
    let respelt = format!("{}{sibling}", &signature[..signature.len() - 1]);
    let standard = loop {
        let token = good();
        if token.contains(['-', '_']) {
            break token.replace('-', "+").replace('_', "/");
        }
    };
    vec![
        (
            "other trailing bits in the signature",
            format!("{text}.{respelt}"),
        ),
        (
            "padding after the signature",
            format!("{text}.{signature}=="),
        ),
        ("the alphabet of plain base64", standard),
        ("a fourth part", format!("{text}.{signature}.")),
        (
            "a fourth part that is not empty",
            format!("{text}.{signature}.AAAA"),
        ),
        ("no signature", format!("{text}.")),
        ("two parts", text),
        ("`alg` twice in the header", {
            let header = r#"{"alg":"none","alg":"ES256","kid":"main"}"#;
            keys.good().raw_header(header).build()
        }),
        (
            "`sub` twice in the claims",
            keys.raw_claims(|text| text.replacen('{', r#"{"sub":"root","#, 1)),
        ),
        (
            "a member twice deep in the claims",
            keys.raw_claims(|text| text.replacen('{', r#"{"x":{"y":1,"y":2},"#, 1)),
        ),
        (
            "claims with something after them",
            keys.raw_claims(|text| text + " {}"),
        ),
        (
            "claims nested 100 deep",
            keys.raw_claims(|text| {
                text.replacen(
                    '{',
                    &format!(r#"{{"x":{}{},"#, "[".repeat(100), "]".repeat(100)),
                    1,
                )
            }),
        ),
        (
            "claims after a byte order mark",
            keys.raw_claims(|text| format!("\u{feff}{text}")),
        ),
        (
            "a token of 20,000 bytes",
            keys.claim("x", json!("x".repeat(15_000))),
        ),
    ]
}

fn headers(keys: &Keys) -> Vec<(&'static str, String)> {
    let typ = |typ: &str| keys.header("typ", json!(typ));
    vec![
        (
            "`crit` that names an extension",
            keys.good()
                .header("crit", json!(["x"]))
                .header("x", 1)
                .build(),
        ),
        ("an empty `crit`", keys.header("crit", json!([]))),
        (
            "`b64: false`, listed in `crit`",
            keys.good()
                .header("crit", json!(["b64"]))
                .header("b64", false)
                .build(),
        ),
        ("`b64: false`, not listed", keys.header("b64", json!(false))),
        ("`zip`", keys.header("zip", json!("DEF"))),
        ("`enc`", keys.header("enc", json!("A256GCM"))),
        (
            "a nested token (`cty: JWT`)",
            keys.header("cty", json!("JWT")),
        ),
        ("no `typ`", keys.good().without_header("typ").build()),
        (
            "an access token that says so (`typ: at+jwt`)",
            typ("at+jwt"),
        ),
        ("a DPoP proof (`typ: dpop+jwt`)", typ("dpop+jwt")),
        ("a logout token (`typ: logout+jwt`)", typ("logout+jwt")),
        (
            "a security event token (`typ: secevent+jwt`)",
            typ("secevent+jwt"),
        ),
        (
            "an answer of introspection (`typ: token-introspection+jwt`)",
            typ("token-introspection+jwt"),
        ),
        (
            "an authorization request (`typ: oauth-authz-req+jwt`)",
            typ("oauth-authz-req+jwt"),
        ),
        ("a key binding (`typ: kb+jwt`)", typ("kb+jwt")),
    ]
}

fn claims(keys: &Keys) -> Vec<(&'static str, String)> {
    // As text, since a number of ours could not be written so.
    let exp = |text: &str| {
        let claims =
            format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","exp":{text}}}"#);
        keys.good().raw_claims(&claims).build()
    };
    vec![
        ("no `exp`", keys.good().without("exp").build()),
        (
            "an `exp` that is text",
            keys.claim("exp", json!((now() + HOUR).to_string())),
        ),
        ("an `exp` of 1e400", exp("1e400")),
        (
            "an `exp` with a fraction",
            exp(&format!("{}.5", now() + HOUR)),
        ),
        ("an `exp` below zero", exp("-1")),
        (
            "an `exp` that was 30 s ago, within the skew",
            keys.good().expires_in(-30).build(),
        ),
        (
            "an `exp` that was 2 minutes ago",
            keys.good().expires_in(-120).build(),
        ),
        (
            "an `nbf` in an hour",
            keys.claim("nbf", json!(now() + HOUR)),
        ),
        ("an `nbf` that is text", keys.claim("nbf", json!("0"))),
        (
            "an `iat` in an hour",
            keys.claim("iat", json!(now() + HOUR)),
        ),
        ("an `iat` that is text", keys.claim("iat", json!("0"))),
        ("no `sub`", keys.good().without("sub").build()),
        ("a `sub` that is a number", keys.claim("sub", json!(7))),
        ("no `aud`", keys.good().without("aud").build()),
        (
            "another `aud`",
            keys.claim("aud", json!("https://other.example.com")),
        ),
        (
            "an `aud` without the scheme of ours",
            keys.claim("aud", json!("api.example.com")),
        ),
        (
            "an `aud` with `http` in place of `https`",
            keys.claim("aud", json!("http://api.example.com")),
        ),
        (
            "an `aud` with a slash more",
            keys.claim("aud", json!(format!("{AUDIENCE}/"))),
        ),
        (
            "a list `aud` that holds ours",
            keys.claim("aud", json!(["other", AUDIENCE])),
        ),
        (
            "a list `aud` that holds ours and a number",
            keys.claim("aud", json!([AUDIENCE, 7])),
        ),
        ("no `iss`", keys.good().without("iss").build()),
        (
            "an `iss` with a slash more",
            keys.claim("iss", json!(format!("{ISSUER}/"))),
        ),
        (
            "a key that the sender must prove (`cnf`), sent as bearer",
            keys.claim("cnf", json!({ "jkt": "x" })),
        ),
    ]
}

fn places(keys: &Keys) -> Vec<(&'static str, Request)> {
    let good = keys.good().build();
    let other = keys.good().claim("sub", "bob").build();
    let get = || Request::get("/");
    let sent = |value: String| get().header("authorization", value);
    vec![
        ("no token", get()),
        ("`bearer` in lower case", sent(format!("bearer {good}"))),
        ("two blanks after `Bearer`", sent(format!("Bearer  {good}"))),
        ("`xBearer`", sent(format!("xBearer {good}"))),
        (
            "`Basic abc, Bearer`",
            sent(format!("Basic abc, Bearer {good}")),
        ),
        ("`Basic Bearer`", sent(format!("Basic Bearer {good}"))),
        (
            "something after the token",
            sent(format!("Bearer {good} x")),
        ),
        (
            "two different `Authorization` headers",
            sent(format!("Bearer {good}")).header("authorization", format!("Bearer {other}")),
        ),
        (
            "a good token and an `Authorization` of another scheme",
            sent("Basic abc".to_owned()).header("authorization", format!("Bearer {good}")),
        ),
        (
            "a good token in the query (`access_token`) alone",
            Request::get(format!("/?access_token={good}")),
        ),
    ]
}
