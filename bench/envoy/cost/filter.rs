//! The filters that are compared, configured alike.

use super::load::Stream;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use passgate_harness::{
    AUDIENCE, Authority, Bootstrap, Gate, ISSUER, Introspector, PATIENCE, Setup, TlsClient,
};
use passgate_kit::{SigningKey, jwks, now};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;

/// A filter, and how much is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub filter: Filter,
    pub size: Size,
    /// A module in place of the one under test.
    pub module: Option<&'static Path>,
    /// Behind TLS with client certificates.
    pub mutual: bool,
}

impl Guard {
    pub const NOTHING: Self = Self::small(Filter::Nothing);

    pub const fn small(filter: Filter) -> Self {
        let size = Size {
            providers: 1,
            keys: 1,
            rules: 1,
        };
        Self {
            filter,
            size,
            module: None,
            mutual: false,
        }
    }

    pub const fn mutual(self) -> Self {
        Self {
            mutual: true,
            ..self
        }
    }

    pub const fn sized(self, size: Size) -> Self {
        Self { size, ..self }
    }

    /// The same with this module.
    pub const fn of(self, module: &'static Path) -> Self {
        let module = Some(module);
        Self { module, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nothing,
    /// A Wasm filter that decides nothing.
    Bare(Bare),
    JwtAuthn {
        cache: bool,
    },
    Passgate(Passgate),
}

/// A Wasm filter that decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// It does nothing.
    Empty,
    /// It does nothing, and is told of each answer too.
    Answers,
    /// It calls the host as passgate does for a token that it remembers.
    Calls,
    /// It calls the host as passgate does for a request without a token.
    Refusal,
    /// It calls the host as the memory of what was spent does.
    Memory,
}

impl Bare {
    const fn text(self) -> &'static str {
        match self {
            Self::Empty => include_str!("empty.wat"),
            Self::Answers => include_str!("answers.wat"),
            Self::Calls => include_str!("calls.wat"),
            Self::Refusal => include_str!("refusal.wat"),
            Self::Memory => include_str!("memory.wat"),
        }
    }
}

/// What can be set otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passgate {
    pub host_crypto: bool,
    pub access_log: bool,
    pub counters: bool,
    /// Which verdicts make a log line.
    pub log: &'static str,
    /// What the rule wants beside the token.
    pub proof: Proof,
    /// The rule takes each token once.
    pub single_use: bool,
    /// The provider is asked about opaque tokens.
    pub opaque: bool,
    /// The rule asks which workload the client is.
    pub peer: bool,
    /// What is signed for the service.
    pub identity: Identity,
    /// How Envoy's allocator is set.
    pub allocator: Allocator,
}

/// What Envoy's allocator gives back of what it has (`docs/memory.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// As in the files of `envoy/`.
    Shipped,
    /// All at once.
    AtOnce,
    /// The same, with caches by processor in place of those by thread.
    ByProcessor,
}

/// What is signed for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    None,
    /// A token that serves again.
    Token,
    /// One for each request.
    Transaction,
}

/// What a rule wants beside the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    None,
    Dpop,
    /// By a passkey (WebAuthn).
    Approval,
    /// By a key that a passkey has approved for a while.
    Session,
}

impl Passgate {
    /// As it comes.
    pub const COMES: Self = Self {
        host_crypto: true,
        access_log: true,
        counters: true,
        log: "denials",
        proof: Proof::None,
        single_use: false,
        opaque: false,
        peer: false,
        identity: Identity::None,
        allocator: Allocator::Shipped,
    };
}

/// How much is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Providers; the tokens are of the last one.
    pub providers: usize,
    /// Keys of each; the tokens are signed with the last one of the last provider.
    pub keys: usize,
    /// Rules; the requests match the last one.
    pub rules: usize,
}

/// The keys of all providers, the one of a client that makes proofs, and the one of a session.
pub struct Keys(Vec<Vec<SigningKey>>, SigningKey, SigningKey);

impl Keys {
    pub fn new(size: Size, algorithm: &str) -> Self {
        let key = |index| SigningKey::of(algorithm, &format!("k{index}"));
        let set = |_| (0..size.keys).map(key).collect();
        let of_client = SigningKey::of(algorithm, "client");
        let of_session = SigningKey::of(algorithm, "session");
        Self(
            (0..size.providers).map(set).collect(),
            of_client,
            of_session,
        )
    }

    /// The key that a passkey approves for a session.
    pub fn of_session(&self) -> &SigningKey {
        &self.2
    }

    /// The key of proofs.
    pub fn of_client(&self) -> &SigningKey {
        &self.1
    }

    /// The issuer and the key of the tokens.
    pub fn last(&self) -> (String, &SigningKey) {
        let issuer = issuer(self.0.len() - 1);
        (issuer, self.0.last().unwrap().last().unwrap())
    }

    fn jwks(&self, provider: usize) -> String {
        jwks(&self.0[provider].iter().collect::<Vec<_>>())
    }
}

/// What clients call the gate.
pub const ORIGIN: &str = "https://api.example.com";
/// The relying party of approvals, and its page.
pub const ASKING: (&str, &str) = ("example.com", "https://app.example.com");

fn issuer(index: usize) -> String {
    format!("{ISSUER}/{index}")
}

/// A gate with this filter, whose upstream is Envoy itself, and without an access log.
pub fn gate(guard: Guard, keys: &Keys, workers: u32, core: Option<usize>) -> Gate {
    gate_with(guard, keys, workers, core, |_| {})
}

/// The same with another change.
pub fn gate_with(
    guard: Guard,
    keys: &Keys,
    workers: u32,
    core: Option<usize>,
    edit: impl FnOnce(&mut Bootstrap),
) -> Gate {
    let Guard { filter, size, .. } = guard;
    let settings = match filter {
        Filter::Passgate(settings) => settings,
        Filter::Nothing | Filter::Bare(_) | Filter::JwtAuthn { .. } => Passgate::COMES,
    };
    // One secret for all gates: what one gives as a nonce is one for each.
    let setup = Setup::new(passgate(size, keys, settings));
    let mut setup = setup.variable("NONCE", "a secret of thirty-two characters");
    if settings.identity != Identity::None {
        let (_, key) = SigningKey::es256_with_pem("identity");
        setup = setup.host_variable("KEY", &key);
    }
    if let Some(module) = guard.module {
        setup = setup.module(module);
    }
    if settings.allocator != Allocator::Shipped {
        setup = setup.edit(|bootstrap| {
            bootstrap.0["memory_allocator_manager"]["soft_memory_limit_bytes"] = json!(1_048_576);
        });
    }
    if settings.allocator == Allocator::ByProcessor {
        setup = setup.environment("GLIBC_TUNABLES", "glibc.pthread.rseq=0");
    }
    let setup = setup.workers(workers).pinned(core).edit(|bootstrap| {
        match filter {
            Filter::Nothing => drop(bootstrap.filters().remove(0)),
            Filter::Bare(bare) => {
                let module = wat::parse_str(bare.text()).unwrap();
                let code = json!({ "local": { "inline_bytes": STANDARD.encode(module) } });
                bootstrap.passgate()["typed_config"]["config"]["vm_config"]["code"] = code;
            }
            Filter::JwtAuthn { cache } => *bootstrap.passgate() = jwt_authn(size, keys, cache),
            Filter::Passgate(_) => {}
        }
        // What else the shipped file has would cost all of them the same, and only blur the
        // difference.
        bootstrap
            .filters()
            .retain(|filter| filter["name"] != "principal");
        let manager = bootstrap.manager();
        manager["access_log"] = json!([]);
        manager["route_config"]["virtual_hosts"][0]["routes"] =
            json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]);
        if settings.opaque {
            bootstrap.add_cluster("introspection", introspector().address());
        }
        if guard.mutual {
            bootstrap.listener()["filter_chains"][0]["transport_socket"] = transport_socket();
        }
        edit(bootstrap);
    });
    let mut gate = setup.start();
    gate.end();
    gate
}

/// One for all gates: every token is active, and of the last provider of one.
fn introspector() -> &'static Introspector {
    static INTROSPECTOR: LazyLock<Introspector> = LazyLock::new(|| {
        let introspector = Introspector::start("");
        introspector.says_of_all(json!({
            "active": true, "aud": AUDIENCE, "sub": "alice", "client_id": "shop",
            "scope": "read write", "iat": now(), "exp": now() + 7_200,
        }));
        introspector
    });
    &INTROSPECTOR
}

/// The authority of clients and gates where both have certificates.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::generate);
const NAME: &str = "localhost";

/// A connection to this gate; over mutual TLS of the workload that rules ask for.
pub fn connect(guard: Guard, gate: &Gate) -> Box<dyn Stream> {
    static CLIENT: LazyLock<TlsClient> =
        LazyLock::new(|| AUTHORITY.workload(&["spiffe://example.org/ns/web/sa/shop"]));
    if guard.mutual {
        return Box::new(CLIENT.connect(gate.address, NAME));
    }
    let stream = TcpStream::connect(gate.address).expect("the gate listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

fn transport_socket() -> Value {
    let (certificate, key) = AUTHORITY.server_pem(NAME);
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": {
                "tls_certificates": [{
                    "certificate_chain": { "inline_string": certificate },
                    "private_key": { "inline_string": key },
                }],
                "validation_context": { "trusted_ca": { "inline_string": AUTHORITY.pem() } },
            },
        },
    })
}

/// Two claims that the tokens of the benchmark have; no two providers write one header.
fn claims(provider: usize) -> Value {
    json!([
        { "claim_name": "sub", "header_name": format!("x-user-{provider}") },
        { "claim_name": "client_id", "header_name": format!("x-client-{provider}") },
    ])
}

fn rules(size: Size) -> Vec<Value> {
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

fn providers(size: Size, one: impl Fn(usize) -> Value) -> Value {
    let named = |index| (format!("provider-{index}"), one(index));
    Value::Object((0..size.providers).map(named).collect())
}

fn passgate(size: Size, keys: &Keys, settings: Passgate) -> Value {
    let provider = |index| {
        json!({
            "issuer": issuer(index),
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": keys.jwks(index) },
            "claim_to_headers": claims(index),
        })
    };
    let mut rules = rules(size);
    if settings.peer {
        for rule in &mut rules {
            rule["requires"]["peer"] = json!({ "spiffe": ["spiffe://example.org/ns/web/sa/*"] });
        }
    }
    if settings.single_use {
        for rule in &mut rules {
            rule["requires"]["single_use"] = json!(true);
        }
    }
    let mut policy = json!({
        "providers": providers(size, provider),
        "rules": rules,
        "host_crypto": settings.host_crypto,
        "audit": { "access_log": settings.access_log, "counters": settings.counters, "log": settings.log },
    });
    if settings.peer {
        policy["peer_verified_by_listener"] = json!(true);
    }
    if settings.opaque {
        let uri = json!({ "uri": "http://id.example.com/introspect", "cluster": "introspection" });
        let last = format!("provider-{}", size.providers - 1);
        policy["providers"][last]["introspection"] =
            json!({ "http_uri": uri, "cache_duration": "2h" });
    }
    if settings.identity != Identity::None {
        policy["identity_token"] = json!({
            "issuer": "https://gate.example.com",
            "audience": "orders.internal",
            "keys": [{ "env": "KEY" }],
            "transaction": settings.identity == Identity::Transaction,
        });
    }
    let proof = match settings.proof {
        Proof::None => return policy,
        Proof::Dpop => json!({ "dpop": { "nonce": "none" } }),
        Proof::Approval | Proof::Session => {
            let (id, page) = ASKING;
            policy["relying_party"] = json!({ "id": id, "origins": [page] });
            policy["secrets"] = json!({ "nonce": { "env": "NONCE" } });
            for index in 0..size.providers {
                policy["providers"][format!("provider-{index}")]["cnf_jwk"] = json!("passkey");
            }
            if settings.proof == Proof::Session {
                json!({ "webauthn": { "mode": "session", "max_session": "10m" } })
            } else {
                json!({ "webauthn": { "mode": "transaction", "window": "5m" } })
            }
        }
    };
    policy["origins"] = json!([ORIGIN]);
    for rule in policy["rules"].as_array_mut().into_iter().flatten() {
        rule["requires"]["proof"] = proof.clone();
    }
    policy
}

fn jwt_authn(size: Size, keys: &Keys, cache: bool) -> Value {
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
