//! The way to a [`Config`]: bytes, strict JSON, raw records, meaning; and every problem on the way
//! at once.

use std::rc::Rc;

use super::{
    Callers, Config, InvalidConfig, Origin, PathPolicy, Provider, Secret, across, actor, audit,
    callers, document, doubts,
    identity_token::{self, Around, GateId},
    introspection, origin, peer, proof, provider,
    raw::{RawConfig, RawLimits, RawOverrideHeaders, RawPath, RawProvider, RawSecrets},
    requirement::Providers,
    resource_metadata, rule,
    subject::Environment,
    text::is_name,
};
use crate::{
    audit::Correlation,
    decode::{At, Decode as _, Field, List, Map, OrNone, Problems},
    limits::{self, Limits},
};

impl Config {
    /// Reads a configuration that names no secret: JSON, at most 1 MiB.
    ///
    /// # Errors
    /// All that is wrong, each with its place, what was seen and what to write.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<InvalidConfig>> {
        Self::parse_with(json, &|_| None)
    }

    /// Reads a configuration whose secrets are environment variables with these values.
    ///
    /// # Errors
    /// As above; and where a variable that is named has no value.
    pub fn parse_with(
        json: &[u8],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<InvalidConfig>> {
        let mut problems = Problems::default();
        let config = read(json, environment, &mut problems);
        let problems = problems.into_list();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

/// A configuration that is right if, and only if, no problem was added.
fn read(
    bytes: &[u8],
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> Option<Config> {
    let document = document::read(bytes, problems)?;
    let root = At::Root;
    let RawConfig {
        origins,
        peer_verified_by_listener,
        providers,
        relying_party,
        rules,
        bypass_cors_preflight,
        host_crypto,
        path,
        override_headers,
        audit,
        secrets,
        limits,
        mode,
        streams,
        resource_metadata,
        gate,
        identity_token,
        tests: _unread,
        roles,
        products,
    } = RawConfig::decode(&document, root, problems)?;
    let limits = limits
        .given()
        .map(|raw| bounds(raw, root.member("limits"), problems))
        .unwrap_or_default();
    let path = path.given().map(path_policy).unwrap_or_default();

    // One that is there and wrong has been told of.
    let is_absent = relying_party.is_absent();
    let party = relying_party
        .given()
        .and_then(|raw| proof::relying_party(raw, root.member("relying_party"), problems));
    let at = root.member("providers");
    let providers = named_providers(providers, rules.is_absent(), at, problems);
    across::headers(&providers, at, problems);
    let names: Vec<String> = providers.iter().map(|(name, _)| name.clone()).collect();
    let providers: Vec<Provider> = providers
        .into_iter()
        .filter_map(|(name, raw)| {
            let place = name.clone();
            let with = (&limits, party.as_ref());
            provider::provider(name, raw?, with, at.member(&place), problems)
        })
        .collect();
    across::issuers(&providers, at, problems);

    let mut used = Providers::new(&names);
    used.callers = Callers {
        roles: callers::named(roles, "role", &used, root.member("roles"), problems),
        products: callers::named(
            products,
            "product",
            &used,
            root.member("products"),
            problems,
        ),
    };
    let denies_all = rules.as_ref().is_none_or(List::is_empty);
    let rules = rules
        .given()
        .map(|raw| rule::rules(raw, path, &mut used, root.member("rules"), problems));
    // A rule that was refused may be the one that asks for them.
    if !denies_all && !problems.any_in("rules") {
        for name in used.unused() {
            problems.add(
                at.member(name),
                &["no rule asks for its tokens"],
                &["name it in a rule, or remove it"],
            );
        }
    }
    let origins = unique_origins(origins, root.member("origins"), problems);
    across::logins(&providers, &origins, at, problems);
    let ready = rules.as_deref().unwrap_or_default();
    // By their numbers, which those that were refused do not have.
    if !problems.any_in("rules") && !problems.any_in("providers") {
        introspection::one_is_asked(&providers, rules.as_deref(), root, problems);
    }
    proof::can_be_met(ready, &providers, &origins, root.member("rules"), problems);
    if is_absent || party.is_some() {
        origin::can_be_ours(ready, &providers, party.is_some(), root, problems);
        let named = (&*origins, party.as_ref());
        proof::can_be_approved(ready, &providers, named, root.member("rules"), problems);
    }
    let is_verified = peer_verified_by_listener.given().unwrap_or(false);
    peer::can_be_known(is_verified, ready, root.member("rules"), problems);
    let callers = used.callers;
    if !problems.any_in("roles") && !problems.any_in("products") {
        callers::can_be_known(is_verified, &callers, root, problems);
    }
    let (nonce, correlation) = match secrets.given() {
        Some(RawSecrets { nonce, correlation }) => (nonce.given(), correlation.given()),
        None => (None, None),
    };
    let at_secrets = root.member("secrets");
    let nonce_secrets = nonce.map(|name| nonce_secrets(name, environment, at_secrets, problems));
    let correlation =
        correlation.and_then(|name| correlation_key(name, environment, at_secrets, problems));
    let resource_metadata = resource_metadata.given().map(|raw| {
        let at = root.member("resource_metadata");
        resource_metadata::resource_metadata(raw, &origins, path, at, problems)
    });
    let resource_metadata = resource_metadata.unwrap_or_default();
    let gate = gate.given().and_then(|raw| raw.id.given());
    let gate = gate.map(|GateId(id)| Rc::from(id));
    let identity_token = identity_token.given().and_then(|raw| {
        let around = Around {
            providers: &providers,
            origins: &origins,
            rules: ready,
            metadata: &resource_metadata,
            policy: path,
            gate: gate.as_deref(),
            environment,
        };
        identity_token::identity_token(raw, &around, root.member("identity_token"), problems)
    });
    let mode = mode.given().unwrap_or_default();
    let mut audit = audit
        .given()
        .map(|raw| audit::audit(raw, environment, root.member("audit"), problems))
        .unwrap_or_default();
    actor::are_counted(&mut audit, rules.as_deref().unwrap_or_default());
    // What is meant can be told from a document without errors only.
    let warnings = if problems.is_empty() {
        let rules = rules.as_deref().unwrap_or_default();
        doubts::doubts(&providers, &origins, rules, mode)
    } else {
        Vec::new()
    };
    #[cfg(feature = "explain")]
    let warnings = callers::with_doubts(warnings, &callers, &providers, rules.as_deref(), problems);
    let kept_override_headers = override_headers
        .given()
        .map(kept_headers)
        .unwrap_or_default();
    let bypass_cors_preflight = bypass_cors_preflight.given().unwrap_or(false);
    #[cfg(feature = "explain")]
    let warnings = doubts::with_more(warnings, problems, |doubts| {
        let (kept, written) = (&kept_override_headers, rules.as_deref());
        let rules = written.unwrap_or_default();
        super::narrowing::narrowing(&providers, rules, &callers, doubts);
        super::overridden::overridden(kept, written, bypass_cors_preflight, doubts);
        super::slip::slips(rules, doubts);
    });
    Some(Config {
        warnings,
        origins,
        providers,
        rules,
        bypass_cors_preflight,
        host_crypto: host_crypto.given().unwrap_or(true),
        path,
        kept_override_headers,
        audit,
        limits,
        mode,
        ends_streams: rule::ends_streams(streams).unwrap_or(false),
        resource_metadata,
        relying_party: party,
        nonce_secrets: nonce_secrets.unwrap_or_default(),
        gate,
        identity_token,
        // A good document has few members, whatever a bad one has.
        hash: if problems.is_empty() {
            document::hash(&document).into()
        } else {
            Rc::default()
        },
        callers,
        correlation,
    })
}

/// The providers in order of their names.
fn named_providers(
    providers: Field<Map<RawProvider>>,
    needed: bool,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<(String, Option<RawProvider>)> {
    let absent = providers.is_absent();
    let refused = !absent && providers.as_ref().is_none();
    let mut providers = providers.given().map(|map| map.0).unwrap_or_default();
    if needed && !refused && providers.is_empty() {
        let seen = if absent { "missing" } else { "empty" };
        problems.add(
            at,
            &[seen],
            &["name at least one issuer whose tokens are trusted"],
        );
    }
    if providers.len() > limits::PROVIDERS {
        problems.add(
            at,
            &[
                "has more than ",
                &limits::PROVIDERS.to_string(),
                " providers",
            ],
            &["write fewer"],
        );
        return Vec::new();
    }
    // They are few: taking the least again and again needs no code for sorting.
    let mut sorted = Vec::with_capacity(providers.len());
    while let Some((least, _)) = providers
        .iter()
        .enumerate()
        .min_by_key(|(_, (name, _))| name)
    {
        sorted.push(providers.swap_remove(least));
    }
    for (name, _) in &sorted {
        if !is_name(name) {
            problems.add(
                at.member(name),
                &["is not a name for headers and logs"],
                &["write up to 64 letters, digits, - and _"],
            );
        }
    }
    sorted
}

fn unique_origins(raw: Field<List<Origin>>, at: At<'_>, problems: &mut Problems) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for (index, origin) in raw.given().into_iter().flat_map(List::into_numbered) {
        let twin = |other: &&Origin| (&other.host, other.port) == (&origin.host, origin.port);
        if let Some(twin) = origins.iter().find(twin) {
            let seen = [&origin.text, " has the host and port of ", &twin.text];
            let wanted = ["write one of them"];
            problems.add(at.element(index), &seen, &wanted);
        }
        origins.push(origin);
    }
    origins
}

/// The values of a variable that holds one secret, or two while it is exchanged.
fn nonce_secrets(
    name: Environment,
    environment: &dyn Fn(&str) -> Option<String>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<Secret> {
    let at = at.member("nonce");
    let at = at.member("env");
    let Some(value) = name.value(environment, at, problems) else {
        return Vec::new();
    };
    let secrets: Vec<Secret> = value
        .split(',')
        .map(|secret| Secret(secret.trim().as_bytes().to_vec()))
        .collect();
    if secrets.len() > 2 {
        problems.add(
            at,
            &["holds more than two secrets"],
            &["write the new one, a comma, and the old one"],
        );
    }
    for Secret(bytes) in &secrets {
        name.check(bytes, at, problems);
    }
    secrets
}

#[inline(never)]
fn correlation_key(
    name: Environment,
    environment: &dyn Fn(&str) -> Option<String>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Correlation> {
    let at = at.member("correlation");
    let at = at.member("env");
    let key = name.value(environment, at, problems)?.into_bytes();
    name.check(&key, at, problems).then_some(Correlation(key))
}

fn path_policy(raw: RawPath) -> PathPolicy {
    let RawPath { allow } = raw;
    let mut policy = PathPolicy::default();
    for spelling in allow.given().into_iter().flat_map(List::into_values) {
        spelling.allow(&mut policy);
    }
    policy
}

fn kept_headers(raw: RawOverrideHeaders) -> Vec<String> {
    let RawOverrideHeaders { allow } = raw;
    allow
        .given()
        .into_iter()
        .flat_map(List::into_values)
        .map(|header| header.0.to_owned())
        .collect()
}

/// Bounds may be tightened, never lifted, but for the size of tokens, of bodies and of RSA keys,
/// and for what forged tokens may cost.
fn bounds(raw: RawLimits, at: At<'_>, problems: &mut Problems) -> Limits {
    let RawLimits {
        token_bytes,
        jwks_bytes,
        jwks_keys,
        waiting_requests,
        waiting_bytes,
        forged_tokens_cpu_percent,
        remembered_tokens,
        remembered_bytes,
        streams,
        proof_body_bytes,
        rsa_bits,
    } = raw;
    let built_in = Limits::default();
    let mut bound = |given: Option<usize>, default, least: usize, most: usize, name: &str| {
        let value = given.unwrap_or(default);
        if !(least..=most).contains(&value) {
            let seen = [&value.to_string(), " is out of bounds"];
            let wanted = ["write ", &least.to_string(), " to ", &most.to_string()];
            problems.add(at.member(name), &seen, &wanted);
        }
        value
    };
    let rsa_bits = bound(
        rsa_bits.given(),
        built_in.rsa_bits,
        limits::RSA_MIN_BITS,
        limits::RSA_BITS_CEILING,
        "rsa_bits",
    );
    let proof_body_bytes = bound(
        proof_body_bytes.given(),
        built_in.proof_body_bytes,
        1,
        limits::PROOF_BODY_BYTES_CEILING,
        "proof_body_bytes",
    );
    let token_bytes = bound(
        token_bytes.given(),
        built_in.token_bytes,
        1,
        limits::TOKEN_BYTES_CEILING,
        "token_bytes",
    );
    let forged_tokens_cpu_percent = bound(
        forged_tokens_cpu_percent.given(),
        built_in.forged_tokens_cpu_percent,
        1,
        limits::FORGED_TOKENS_CPU_PERCENT_CEILING,
        "forged_tokens_cpu_percent",
    );
    let mut or_none = |field: Field<OrNone>, most: usize, name: &str| {
        let given = field.given().map(|OrNone(number)| number);
        bound(given, most, 0, most, name)
    };
    let remembered_tokens = or_none(
        remembered_tokens,
        built_in.remembered_tokens,
        "remembered_tokens",
    );
    let remembered_bytes = or_none(
        remembered_bytes,
        built_in.remembered_bytes,
        "remembered_bytes",
    );
    let mut tighten =
        |field: Field<usize>, most: usize, name: &str| bound(field.given(), most, 1, most, name);
    Limits {
        token_bytes,
        jwks_bytes: tighten(jwks_bytes, built_in.jwks_bytes, "jwks_bytes"),
        jwks_keys: tighten(jwks_keys, built_in.jwks_keys, "jwks_keys"),
        waiting_requests: tighten(
            waiting_requests,
            built_in.waiting_requests,
            "waiting_requests",
        ),
        waiting_bytes: tighten(waiting_bytes, built_in.waiting_bytes, "waiting_bytes"),
        forged_tokens_cpu_percent,
        remembered_tokens,
        remembered_bytes,
        streams: tighten(streams, built_in.streams, "streams"),
        proof_body_bytes,
        rsa_bits,
    }
}
