//! The token about who was let in, on its way to a second gate, to Envoy's own filter, and to
//! nobody else.

use passgate_harness::{
    BOTH, Bootstrap, Gate, Load, Protocol, Received, Request, Response, Server, Setup, eventually,
    policy_with, provider, public, ruled, the_rest, with,
};
use passgate_kit::{SigningKey, now};
use serde_json::{Value, json};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

const EDGE: &str = "https://gate.example.com";
const KEYS: &str = "/.well-known/passgate/jwks.json";

/// A gate whose tokens are signed by the key of the first of these variables.
fn edge_policy(keys: &[&str]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|name| json!({ "env": name })).collect();
    let policy = policy_with(json!({
        "kinds": { "human": { "amr_any_of": ["hwk", "pwd"] } },
        "evidence": { "lines": [
            { "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"] },
        ] },
    }));
    let policy = with(policy, "gate", json!({ "id": "edge-1" }));
    let policy = with(policy, "origins", json!(["https://api.example.com", EDGE]));
    let token = json!({
        "issuer": EDGE, "audience": "orders.internal", "keys": keys, "keys_uri": KEYS,
    });
    ruled(
        with(policy, "identity_token", token),
        json!([public("/public/"), the_rest()]),
    )
}

/// A gate behind it, which takes its tokens and no others.
fn inner_policy() -> Value {
    let edge = provider(json!({
        "issuer": EDGE,
        "audiences": ["orders.internal"],
        "token_types": ["identity+jwt"],
        "remote_jwks": {
            "http_uri": { "uri": format!("{EDGE}{KEYS}"), "cluster": "edge", "timeout": "5s" },
            "cache_duration": "1s",
        },
        "from_headers": [{ "name": "x-passgate-identity" }],
        "kinds": { "human": { "claim": { "path": ["kind"], "equals": "human" } } },
        "evidence": { "lines": [{
            "when": { "claim": { "path": ["facts"], "contains": "phishing_resistant" } },
            "proves": ["phishing_resistant"],
        }] },
        "claim_to_headers": [{ "claim_name": "orig_sub", "header_name": "x-user" }],
    }));
    json!({
        "providers": { "edge": edge },
        "rules": [
            { "match": { "path_separated_prefix": "/pay" }, "requires": {
                "facts": ["phishing_resistant"], "max_age": "5m", "kind": "human" } },
            { "match": { "prefix": "/" }, "requires": {} },
        ],
    })
}

/// Two gates, one behind the other.
struct Chain {
    edge: Gate,
    inner: Gate,
    _relay: Server,
}

impl Chain {
    fn start(edge: Setup) -> Self {
        // The second one fetches keys from the first one, so that is there before.
        let target: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let of_relay = Arc::clone(&target);
        let relay = Server::start(move |stream| {
            let target = *of_relay.lock().unwrap();
            relay(stream, target.expect("the second gate"));
        });
        let edge = edge.edit(|bootstrap| {
            bootstrap.add_cluster("inner", relay.address);
            bootstrap.route()["cluster"] = json!("inner");
        });
        let edge = edge.start();
        let inner = Setup::new(inner_policy());
        let inner = inner.cluster("edge", edge.address).workers(2).start();
        *target.lock().unwrap() = Some(inner.address);
        Self {
            edge,
            inner,
            _relay: relay,
        }
    }

    fn send(&self, protocol: Protocol, request: &Request) -> Response {
        self.edge.send(protocol, request)
    }

    fn passed(&self, answer: &Response) -> Received {
        self.inner.passed(answer)
    }

    fn finish(self) {
        self.edge.finish();
        self.inner.finish();
    }
}

/// Hands all bytes on, both ways.
fn relay(client: TcpStream, target: SocketAddr) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let back = std::thread::spawn(move || copy(from, to));
    copy(client, server);
    let _ = back.join();
}

#[test]
fn a_second_gate_knows_who_was_let_in_and_what_was_proved() {
    let (_, pem) = SigningKey::es256_with_pem("k");
    let edge = Setup::new(edge_policy(&["KEY"])).workers(2);
    let chain = Chain::start(edge.host_variable("KEY", &pem));
    let token = || {
        let token = chain.edge.token().claim("auth_time", now() - 20);
        token.claim("amr", json!(["hwk"]))
    };
    let (strong, weak) = (
        token().build(),
        token().claim("amr", json!(["pwd"])).build(),
    );
    let agent = token().claim("act", json!({ "sub": "agent-7" })).build();
    for protocol in BOTH {
        let send = |path, token| {
            let request = Request::get(path).bearer(token);
            let request = request.header("x-passgate-identity", "a client's");
            chain.send(protocol, &request.header("x-passgate-gate", "a client's"))
        };
        let received = chain.passed(&send("/pay", &strong));
        let header = |name| received.headers.text(name);
        assert_eq!(header("x-user"), Some("alice"));
        assert_eq!(
            header("x-passgate-principal"),
            Some("https://gate.example.com/https:%2F%2Fid.example.com%2Falice")
        );
        assert_eq!(header("x-passgate-kind"), Some("human"));
        assert_eq!(header("x-passgate-phishing-resistant"), Some("true"));
        let age: u64 = header("x-passgate-authentication-age")
            .unwrap()
            .parse()
            .unwrap();
        assert!((20..80).contains(&age), "{age}");
        for gone in ["x-passgate-identity", "x-passgate-gate", "authorization"] {
            assert_eq!(received.headers.bytes(gone), None, "{gone}");
        }
        let answer = send("/pay", &weak);
        assert_eq!(answer.status, 401, "{answer:?}");

        let received = chain.passed(&send("/", &agent));
        let header = |name| received.headers.text(name);
        assert_eq!(header("x-passgate-kind"), Some("agent"));
        assert_eq!(
            header("x-passgate-actor"),
            Some("https://id.example.com/agent-7")
        );
        assert_eq!(header("x-passgate-phishing-resistant"), None);

        // No token of the edge, no way past the second gate: a client's own went no further.
        let answer = send("/public/x", "");
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    chain.finish();
}

#[test]
fn every_worker_serves_the_same_keys_and_none_holds_a_private_one() {
    let (key, pem) = SigningKey::es256_with_pem("k");
    let setup = Setup::new(edge_policy(&["KEY"])).workers(3);
    let gate = setup.host_variable("KEY", &pem).start();
    let mut bodies = Vec::new();
    for _ in 0..12 {
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get(KEYS).authority("gate.example.com"));
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(
                answer.headers.text("access-control-allow-origin"),
                Some("*")
            );
            bodies.push(answer.text());
        }
    }
    bodies.dedup();
    let [body] = &*bodies else {
        panic!("{bodies:?}");
    };
    let served: Value = serde_json::from_str(body).unwrap();
    let public = key.public_jwk();
    for member in ["kty", "crv", "x", "y", "alg", "use"] {
        assert_eq!(served["keys"][0][member], public[member]);
    }
    assert_eq!(served["keys"][0].get("d"), None);
    // Elsewhere it is a path like any other.
    let answer = gate.send(
        Protocol::Http1,
        &Request::get(KEYS).authority("evil.example"),
    );
    gate.denied(&answer, "missing.token");
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn a_variable_that_is_no_key_refuses_the_configuration_and_stays_unsaid() {
    let secret = "not-a-key-but-a-secret-all-the-same";
    let setup = Setup::new(edge_policy(&["KEY"]));
    let log = setup.host_variable("KEY", secret).refused();
    assert!(
        log.contains("identity_token.keys[0].env: KEY does not hold a private key of P-256"),
        "{log}"
    );
    assert!(!log.contains(secret), "{log}");
}

#[test]
fn keys_rotate_under_load_without_a_refused_request() {
    let [old, new] = ["old", "new"].map(|kid| SigningKey::es256_with_pem(kid).1);
    let edge = Setup::new(edge_policy(&["OLD"])).workers(2).watched();
    let edge = edge.host_variable("OLD", &old).host_variable("NEW", &new);
    let mut chain = Chain::start(edge);
    let load = Load::start(chain.edge.address, &chain.edge.good());
    let fetched = |chain: &Chain| {
        let entries = chain.edge.access_log();
        entries.iter().filter(|entry| entry["path"] == KEYS).count()
    };
    // Published; then known to all threads of the second gate; then it signs; then the old one
    // goes.
    for keys in [&["OLD", "NEW"][..], &["NEW", "OLD"], &["NEW"]] {
        chain.edge.reconfigure(&edge_policy(keys));
        let before = fetched(&chain);
        // Twice by each of its two workers and its main thread.
        eventually("keys that were fetched again", || {
            (fetched(&chain) >= before + 6).then_some(())
        });
    }
    load.finish_without_a_refusal();
    chain.finish();
}

#[test]
fn envoys_own_filter_takes_the_token() {
    let (key, pem) = SigningKey::es256_with_pem("k");
    // It knows the key by its thumbprint, or, as here, by being the only one.
    let mut jwk = key.public_jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let mut behind = Bootstrap::load("envoy/identity/jwt_authn.yaml").0;
    let provider = &mut behind["typed_config"]["providers"]["edge"];
    provider.as_object_mut().unwrap().remove("remote_jwks");
    provider["local_jwks"] = json!({ "inline_string": json!({ "keys": [jwk] }).to_string() });
    provider["claim_to_headers"] =
        json!([{ "claim_name": "orig_sub", "header_name": "x-subject" }]);
    let setup = Setup::new(edge_policy(&["KEY"])).host_variable("KEY", &pem);
    let gate = setup.edit(|bootstrap| bootstrap.filters().insert(1, behind));
    let gate = gate.start();
    let good = gate.good();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        assert_eq!(received.headers.text("x-subject"), Some("alice"));
        assert_eq!(received.headers.text("x-passgate-gate"), Some("edge-1"));
        let identity = received.headers.text("x-passgate-identity").unwrap();
        assert_eq!(identity.split('.').count(), 3);

        // Nobody was let in by name, so a client's own token is gone before it is looked at.
        let replayed = Request::get("/public/x").header("x-passgate-identity", identity);
        let answer = gate.send(protocol, &replayed);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.text(), "Jwt is missing");
    }
    gate.finish();
}
