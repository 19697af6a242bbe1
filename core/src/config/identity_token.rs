//! The token about who was let in: whose keys sign it, and what it must not say.

use core::time::Duration;

use super::{
    Issuer, Origin, PathPolicy, Provider, Rule, TokenSource, duration,
    header_name::{HeaderName, IDENTITY},
    subject::Environment,
};
use crate::{
    decode::{At, Decode, Fault, Field, Filled, FromText, Problems, Text, record, shown, texts},
    json::Json,
    limits,
    mint::{IdentityToken, SigningKey, is_reserved},
    request::{folded, path},
    resource_metadata::ResourceMetadata,
};

record! {
    /// A token about who was let in, which the gate signs for the services behind it.
    pub(super) RawIdentityToken "identity_token" {
        /// The header that carries it. Default: x-passgate-identity.
        header: HeaderName,
        /// `iss` of it; no provider has the same.
        issuer: Text = "https://gate.example.com",
        /// `aud` of it: a text; or `{ of_host: true }`, which is the host that was asked for, if
        /// `origins` or the `hosts` of a rule name it, or else no token is written.
        audience: RawAudience = "orders.internal",
        /// The longest time that it counts: 10s to 1h, in whole seconds. Default: 60s.
        lifetime: Duration,
        /// P-256 keys, as PKCS #8 or JWK. The first one signs, all are published.
        keys: Filled<Environment> = "[{ env: PASSGATE_IDENTITY_KEY }]",
        /// Claims of the access token that it takes over, by their whole names. Default: none.
        claims: Filled<Text>,
        /// Whether each request gets a Transaction Token of its own, which costs a signature for
        /// each. Default: false.
        transaction: bool,
        /// The path at which the gate serves the public keys, on every host of `origins`. Default:
        /// nowhere.
        keys_uri: Text,
    }
}

record! {
    /// This gate, among others.
    pub(super) RawGate "gate" {
        /// Its name: in `x-passgate-gate`, in records and in identity tokens.
        id: GateId = "edge-eu1",
    }
}

/// What of the configuration an identity token has to do with.
pub(super) struct Around<'c> {
    pub(super) providers: &'c [Provider],
    pub(super) origins: &'c [Origin],
    pub(super) rules: &'c [Rule],
    pub(super) metadata: &'c [ResourceMetadata],
    pub(super) policy: PathPolicy,
    pub(super) gate: Option<&'c str>,
    pub(super) environment: &'c dyn Fn(&str) -> Option<String>,
}

/// What tokens are like, if all of it is right.
pub(super) fn identity_token(
    raw: RawIdentityToken,
    around: &Around<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<IdentityToken> {
    let RawIdentityToken {
        header,
        issuer,
        audience,
        lifetime,
        keys,
        claims,
        transaction,
        keys_uri,
    } = raw;
    let header = match header.given() {
        Some(header) => self::header(header, around.providers, at.member("header"), problems),
        None => IDENTITY.to_owned(),
    };
    let issuer = issuer.given().map(|issuer| issuer.0);
    if let Some(issuer) = &issuer {
        let exact = Issuer::Exact((&**issuer).into());
        let mut providers = around.providers.iter();
        if let Some(own) = providers.find(|provider| provider.issuer.meets(&exact)) {
            let seen = ["is the issuer of ", &own.name, ", whose tokens pass here"];
            let wanted = ["write a name of the gate's own"];
            problems.add(at.member("issuer"), &seen, &wanted);
        }
    }
    let audience = audience.given().map(|RawAudience(audience)| audience);
    let names_hosts = around
        .rules
        .iter()
        .any(|rule| !rule.matcher.hosts.is_empty());
    let lacks_hosts = around.origins.is_empty() && !names_hosts;
    // One that was refused may be the one that names them.
    let may_have = problems.any_in("origins") || problems.any_in("rules");
    if audience == Some(None) && lacks_hosts && !may_have {
        let seen = ["no host is named, so no token would be written"];
        let wanted = ["write origins: [https://api.example.com] at the top"];
        problems.add(at.member("audience"), &seen, &wanted);
    }
    let lifetime = lifetime
        .given()
        .unwrap_or(Duration::from_secs(limits::IDENTITY_SECS));
    let (least, most) = (limits::IDENTITY_MIN_SECS, limits::IDENTITY_MAX_SECS);
    let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
    duration::bound(lifetime, least, most, at.member("lifetime"), problems);
    let keys = self::keys(keys, around, at.member("keys"), problems);
    let claims = self::claims(claims, at.member("claims"), problems);
    let keys_path = keys_uri
        .given()
        .and_then(|path| keys_path(&path.0, around, at.member("keys_uri"), problems));
    Some(IdentityToken {
        header,
        issuer: issuer?,
        audience: audience?,
        lifetime: Duration::from_secs(lifetime.as_secs()),
        keys,
        claims,
        is_transaction: transaction.given().unwrap_or(false),
        keys_path,
        gate: around.gate.map(str::to_owned),
    })
}

fn header(
    header: HeaderName,
    providers: &[Provider],
    at: At<'_>,
    problems: &mut Problems,
) -> String {
    let folded_name = header.folded();
    if folded_name == IDENTITY {
        return IDENTITY.to_owned();
    }
    let is_it = |name: &String| folded(name) == folded_name;
    let writes = |provider: &&Provider| {
        let claims = provider.claim_to_headers.iter().map(|claim| &claim.header);
        claims.chain(&provider.forward_payload_header).any(is_it)
    };
    let reads = |provider: &&Provider| {
        let is_source = |source: &TokenSource| match source {
            TokenSource::Header { name, .. } => is_it(name),
            _ => false,
        };
        provider.sources.iter().any(is_source)
    };
    let fault = if let Some(fault) = header.not_ours_to_write() {
        Some(Fault::from(fault))
    } else if let Some(provider) = providers.iter().find(writes) {
        let seen = ["is written by ", &*provider.name];
        Some(Fault::of(&seen, &["write another name"]))
    } else {
        let provider = providers.iter().find(reads);
        provider.map(|provider| {
            let seen = ["holds the token of ", &*provider.name];
            Fault::of(&seen, &["write another name"])
        })
    };
    if let Some(fault) = fault {
        problems.add_fault(at, &shown::text(&header.0), &fault);
    }
    header.0
}

/// The keys that the variables hold.
fn keys(
    names: Field<Filled<Environment>>,
    around: &Around<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = Vec::new();
    let names = names.given().into_iter().flat_map(Filled::into_numbered);
    for (index, name) in names {
        let at = at.element(index);
        if index >= limits::IDENTITY_KEYS {
            let most = limits::IDENTITY_KEYS.to_string();
            problems.add(at, &["is one key too many"], &["write at most ", &most]);
            return keys;
        }
        let at = at.member("env");
        let Some(text) = name.value(around.environment, at, problems) else {
            continue;
        };
        let Some(key) = SigningKey::read(&text) else {
            let seen = [name.name(), " does not hold a private key of P-256"];
            let wanted = "set it to PKCS #8, as PEM or as the base64 of it, or to a JWK with d";
            problems.add(at, &seen, &[wanted]);
            continue;
        };
        if keys.iter().any(|other| other.kid() == key.kid()) {
            let seen = [name.name(), " holds the key of another variable before"];
            problems.add(at, &seen, &["name each key once"]);
        }
        keys.push(key);
    }
    keys
}

/// The claims that are taken over: none that has a meaning in every token, or that the gate writes.
fn claims(names: Field<Filled<Text>>, at: At<'_>, problems: &mut Problems) -> Vec<String> {
    let names = names.given().map(texts).unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        let at = at.element(index);
        let shown = shown::text(name);
        if is_reserved(name) {
            let seen = [
                &*shown,
                " is what the gate writes itself, or no token takes over",
            ];
            problems.add(at, &seen, &["remove it"]);
        } else if names.iter().take(index).any(|other| other == name) {
            problems.add(at, &[&shown, " is named twice"], &["remove one"]);
        }
    }
    names
}

/// The path at which keys are served, as requests have it.
fn keys_path(
    text: &str,
    around: &Around<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let shown = shown::text(text);
    let normal = path::one_spelling(text.as_bytes(), around.policy).ok();
    let Some(normal) = normal.filter(|path| **path == *text && !text.contains(['?', '#'])) else {
        let seen = [&*shown, " is not a path as requests have it"];
        problems.add(at, &seen, &["write /.well-known/passgate/jwks.json"]);
        return None;
    };
    if around.origins.is_empty() && !problems.any_in("origins") {
        let seen = ["is served on the hosts of origins, and there are none"];
        let wanted = ["write origins: [https://api.example.com] at the top"];
        problems.add(at, &seen, &wanted);
    }
    let mut served = around.metadata.iter().filter_map(|one| one.served.as_ref());
    if served.any(|(at, _)| *at == *normal) {
        let seen = [&*shown, " is where resource_metadata is served"];
        problems.add(at, &seen, &["write another path"]);
    }
    Some(normal.into_owned())
}

/// Whom a token is for; `None`: the host that was asked for.
#[derive(Debug)]
pub(super) struct RawAudience(Option<String>);

record! {
    /// The host that was asked for, as the audience.
    pub(super) RawOfHost "audience" {
        /// Always true.
        of_host: bool = "true",
    }
}

impl Decode for RawAudience {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::Object(_) = json {
            let RawOfHost { of_host } = RawOfHost::decode(json, at, problems)?;
            if !of_host.given()? {
                let at = at.member("of_host");
                problems.add(
                    at,
                    &["false says nothing"],
                    &["write audience: orders.internal"],
                );
                return None;
            }
            return Some(Self(None));
        }
        if !matches!(json, Json::String(_)) {
            problems.mismatch(at, json, "a string, or { of_host: true }");
            return None;
        }
        let Text(audience) = Text::decode(json, at, problems)?;
        Some(Self(Some(audience)))
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for RawAudience {
    fn schema() -> serde_json::Value {
        // Of an object and a string each keyword speaks about one alone, so they stand side by
        // side.
        let mut schema = <RawOfHost as crate::decode::schema::Schema>::schema();
        if let Some(members) = schema.as_object_mut() {
            members.insert("type".into(), serde_json::json!(["string", "object"]));
            members.insert("pattern".into(), <Text as FromText>::PATTERN.into());
        }
        schema
    }
}

/// The name of a gate.
#[derive(Debug)]
pub(super) struct GateId(pub(super) String);

impl FromText for GateId {
    const WANTED: &'static str = "a name, such as edge-eu1";
    const PATTERN: &'static str = "^[A-Za-z0-9._-]{1,64}$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=limits::GATE_BYTES).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not a name for headers and logs",
            "write up to 64 letters, digits, . - and _",
        )
            .into())
    }
}
