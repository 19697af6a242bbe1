//! The filters that are compared, configured alike.

use super::super::harness::{AUDIENCE, Gate, ISSUER, Setup};
use passgate_kit::{SigningKey, jwks};
use serde_json::{Value, json};

/// What guards the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nothing,
    JwtAuthn,
    JwtAuthnWithCache,
    Passgate,
    /// Without the host's help with signatures.
    Portable,
}

/// How much is configured.
pub struct Size {
    /// Providers; the tokens are of the last one.
    pub providers: usize,
    /// Keys of each; the tokens are signed with the last one of the last provider.
    pub keys: usize,
    /// Rules; the requests match the last one.
    pub rules: usize,
}

impl Size {
    pub const SMALL: Self = Self {
        providers: 1,
        keys: 1,
        rules: 1,
    };
}

/// The keys of all providers.
pub struct Keys(pub Vec<Vec<SigningKey>>);

impl Keys {
    pub fn new(size: &Size, algorithm: &str) -> Self {
        let key = |index| SigningKey::of(algorithm, &format!("k{index}"));
        let set = |_| (0..size.keys).map(key).collect();
        Self((0..size.providers).map(set).collect())
    }

    pub fn last(&self) -> (String, &SigningKey) {
        let issuer = issuer(self.0.len() - 1);
        (issuer, self.0.last().unwrap().last().unwrap())
    }

    fn jwks(&self, provider: usize) -> String {
        jwks(&self.0[provider].iter().collect::<Vec<_>>())
    }
}

fn issuer(index: usize) -> String {
    format!("{ISSUER}/{index}")
}

/// A gate with this filter, whose upstream is Envoy itself, and without an access log.
pub fn gate(filter: Filter, size: &Size, keys: &Keys, workers: u32, core: Option<usize>) -> Gate {
    let mut policy = passgate(size, keys);
    if filter == Filter::Portable {
        policy["host_crypto"] = json!(false);
    }
    let setup = Setup::new(policy);
    let setup = setup.workers(workers).pinned(core).edit(|bootstrap| {
        match filter {
            Filter::Nothing => drop(bootstrap.filters().remove(0)),
            Filter::JwtAuthn => *bootstrap.passgate() = jwt_authn(size, keys, false),
            Filter::JwtAuthnWithCache => *bootstrap.passgate() = jwt_authn(size, keys, true),
            Filter::Passgate | Filter::Portable => {}
        }
        // What else the shipped file has would cost all of them the same, and only blur the difference.
        bootstrap
            .filters()
            .retain(|filter| filter["name"] != "principal");
        let manager = bootstrap.manager();
        manager["access_log"] = json!([]);
        manager["route_config"]["virtual_hosts"][0]["routes"] =
            json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]);
    });
    let mut gate = setup.start();
    gate.end();
    gate
}

/// Two claims that the tokens of the benchmark have; no two providers write one header.
fn claims(provider: usize) -> Value {
    json!([
        { "claim_name": "sub", "header_name": format!("x-user-{provider}") },
        { "claim_name": "client_id", "header_name": format!("x-client-{provider}") },
    ])
}

fn rules(size: &Size) -> Vec<Value> {
    let last = size.providers - 1;
    let rule = |prefix: String, provider: usize| {
        json!({
            "match": { "prefix": prefix },
            "requires": { "provider_name": format!("provider-{provider}") },
        })
    };
    let mut rules: Vec<Value> = (1..size.rules)
        .map(|index| rule(format!("/application-{index}/"), index % size.providers))
        .collect();
    rules.push(rule("/".to_owned(), last));
    rules
}

fn providers(size: &Size, one: impl Fn(usize) -> Value) -> Value {
    let named = |index| (format!("provider-{index}"), one(index));
    Value::Object((0..size.providers).map(named).collect())
}

fn passgate(size: &Size, keys: &Keys) -> Value {
    let provider = |index| {
        json!({
            "issuer": issuer(index),
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": keys.jwks(index) },
            "claim_to_headers": claims(index),
        })
    };
    json!({ "providers": providers(size, provider), "rules": rules(size) })
}

fn jwt_authn(size: &Size, keys: &Keys, cache: bool) -> Value {
    let provider = |index| {
        let mut provider = json!({
            "issuer": issuer(index),
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": keys.jwks(index) },
            "claim_to_headers": claims(index),
        });
        if cache {
            provider["jwt_cache_config"] = json!({ "jwt_cache_size": 1_000 });
        }
        provider
    };
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": providers(size, provider),
            "rules": rules(size),
        },
    })
}
