//! Tokens that are bound to a key: a thief who has one without the key gets nowhere (RFC 9449).

use passgate_harness::{
    BOTH, Gate, Http1, Issuer, Protocol, Request, Response, Setup, WallClock, eventually,
    module_with_trap, policy, ruled, with,
};
use passgate_kit::{ProofBuilder, SigningKey, bound_to};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::thread;

/// The origin of the stories' gate, whatever port it has.
const ORIGIN: &str = "https://api.example.com";

/// A rule that wants a nonce, one that does not, one that wants no proof, and one whose proof goes
/// on.
fn proving() -> Value {
    let rule = |path: &str, requires: Value| json!({ "match": { "path_separated_prefix": path }, "requires": requires });
    let rules = json!([
        rule("/nonce", json!({ "proof": { "dpop": {} } })),
        rule(
            "/fresh",
            json!({ "proof": { "dpop": { "nonce": "none" } } })
        ),
        rule(
            "/onward",
            json!({ "proof": { "dpop": { "nonce": "none", "forward": true } } })
        ),
        rule("/plain", json!({})),
    ]);
    with(ruled(policy(), rules), "origins", json!([ORIGIN]))
}

/// A client that holds a key, and a token that is bound to it.
struct Client {
    key: SigningKey,
    token: String,
}

impl Client {
    fn of(gate: &Gate) -> Self {
        let key = SigningKey::es256("proof");
        let token = gate.token().claim("cnf", bound_to(&key)).build();
        Self { key, token }
    }

    /// The same, when the gate's memory is a second old: `iat` says no more than the second, and
    /// what may have been made before the memory began is answered with a nonce. Of two gates in
    /// one chain both are asked.
    fn of_running(gate: &Gate) -> Self {
        let client = Self::of(gate);
        eventually("the first second of the memory", || {
            let answer = gate.send(Protocol::Http1, &client.request("/onward"));
            (answer.headers.text("dpop-nonce").is_none()).then_some(())
        });
        client
    }

    fn proof(&self, path: &str) -> ProofBuilder<'_> {
        ProofBuilder::of(&self.key, "GET", &format!("{ORIGIN}{path}")).token(&self.token)
    }

    /// A request with this proof.
    fn with(&self, path: &str, proof: ProofBuilder<'_>) -> Request {
        let request = Request::get(path).authority("api.example.com");
        let request = request.header("authorization", format!("DPoP {}", self.token));
        request.header("dpop", proof.build())
    }

    /// A request with a good proof.
    fn request(&self, path: &str) -> Request {
        self.with(path, self.proof(path))
    }
}

fn nonce(response: &Response) -> String {
    let nonce = response.headers.text("dpop-nonce");
    nonce
        .unwrap_or_else(|| panic!("a nonce: {response:?}"))
        .to_owned()
}

#[test]
fn a_bound_token_passes_with_its_proof_and_is_worth_nothing_without() {
    let gate = Gate::start(proving());
    let client = Client::of_running(&gate);
    let thief = SigningKey::es256("thief");
    let counted = || gate.stat("wasmcustom.passgate.proofs.dpop");
    let before = counted();
    for protocol in BOTH {
        for path in ["/fresh", "/plain"] {
            let received = gate.passed(&gate.send(protocol, &client.request(path)));
            assert_eq!(received.headers.bytes("dpop"), None);
            assert_eq!(received.headers.bytes("authorization"), None);
            assert_eq!(
                received.headers.text("x-passgate-proof-id").map(str::len),
                Some(43)
            );

            let bearer = Request::get(path)
                .authority("api.example.com")
                .bearer(&client.token);
            let without = Request::get(path)
                .authority("api.example.com")
                .header("authorization", format!("DPoP {}", client.token));
            let proof = client.proof(path);
            let by_thief = ProofBuilder::of(&thief, "GET", &format!("{ORIGIN}{path}"));
            let elsewhere = proof.clone().claim("htu", "https://api.example.com/other");
            for (request, code) in [
                (bearer.clone(), "untrusted.key_bound"),
                (
                    bearer.header("dpop", proof.clone().build()),
                    "untrusted.key_bound",
                ),
                (without.clone(), "missing.proof"),
                (
                    client.with(path, by_thief.token(&client.token)),
                    "untrusted.proof_key",
                ),
                (
                    client.with(path, proof.clone().claim("htm", "POST")),
                    "untrusted.proof_request",
                ),
                (client.with(path, elsewhere), "untrusted.proof_request"),
                (
                    client.with(path, proof.clone().token("another")),
                    "untrusted.proof_token",
                ),
                (
                    client.with(path, proof.clone().claim("iat", 1)),
                    "untrusted.proof_time",
                ),
                (
                    without.header("dpop", "a.b.c").header("dpop", "d.e.f"),
                    "malformed.proof",
                ),
            ] {
                gate.denied(&gate.send(protocol, &request), code);
            }
        }
    }
    assert_eq!(counted() - before, 4, "those that passed");
    gate.finish();
}

#[test]
fn a_client_without_a_nonce_pays_one_round_trip() {
    let gate = Gate::start(proving());
    let client = Client::of(&gate);
    for protocol in BOTH {
        let answer = gate.send(protocol, &client.request("/nonce"));
        gate.denied(&answer, "untrusted.proof_nonce");
        let challenge = answer.headers.text("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256 "));
        let nonce = nonce(&answer);
        for _ in 0..3 {
            let proof = client.proof("/nonce").claim("nonce", nonce.clone());
            gate.passed(&gate.send(protocol, &client.with("/nonce", proof)));
        }
    }
    gate.finish();
}

/// RFC 9449 section 8.2: with the answer of the service, which does not know of it.
#[test]
fn a_new_nonce_rides_on_the_services_answer_before_the_old_one_ends() {
    let gate = Setup::new(proving()).clock(WallClock::ahead_by(0)).start();
    let client = Client::of(&gate);
    let mut nonce = nonce(&gate.send(Protocol::Http1, &client.request("/nonce")));
    for (ahead, changes) in [
        (10, false),
        (40, true),
        (60, false),
        (75, true),
        (110, true),
    ] {
        gate.set_clock(ahead);
        for protocol in BOTH {
            let proof = client.proof("/nonce").claim("nonce", nonce.clone());
            let answer = gate.send(protocol, &client.with("/nonce", proof));
            gate.passed(&answer);
            let new = answer.headers.text("dpop-nonce");
            assert_eq!(new.is_some(), changes, "{ahead}");
            if protocol == Protocol::Http2 {
                nonce = new.map_or(nonce, str::to_owned);
                break;
            }
        }
    }
    gate.finish();
}

/// One connection to each of many places, so that every worker has some.
fn connections(gate: &Gate, count: usize) -> Vec<Http1> {
    (0..count).map(|_| gate.client()).collect()
}

#[test]
fn a_proof_that_is_sent_to_four_workers_at_once_passes_once() {
    const ROUNDS: usize = 200;
    const CLIENTS: usize = 16;
    // Each that is refused is paid for: a fast machine would meet the budget, which answers 503.
    let policy = with(
        proving(),
        "limits",
        json!({ "forged_tokens_cpu_percent": 50 }),
    );
    let gate = Setup::new(policy).workers(4).start();
    let client = Client::of_running(&gate);
    gate.passed(&gate.send(Protocol::Http1, &client.request("/fresh")));
    let rounds: Arc<Vec<Vec<u8>>> = Arc::new(
        (0..ROUNDS)
            .map(|_| client.request("/fresh").to_http1())
            .collect(),
    );
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let threads = connections(&gate, CLIENTS)
        .into_iter()
        .map(|mut connection| {
            let (rounds, barrier) = (Arc::clone(&rounds), Arc::clone(&barrier));
            thread::spawn(move || {
                let round = |request: &Vec<u8>| {
                    barrier.wait();
                    connection.send(request);
                    connection.read().status
                };
                rounds.iter().map(round).collect::<Vec<u16>>()
            })
        });
    let threads: Vec<_> = threads.collect();
    let answers: Vec<Vec<u16>> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    for round in 0..ROUNDS {
        let statuses: Vec<u16> = answers.iter().map(|answers| answers[round]).collect();
        let passed = statuses.iter().filter(|status| **status == 200).count();
        let refused = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!((passed, refused), (1, CLIENTS - 1), "{statuses:?}");
    }
    let stats = gate.stats();
    let is_used = |(name, count): &&(String, u64)| {
        name.contains(".worker_") && name.ends_with(".downstream_cx_total") && *count > 0
    };
    let workers = stats.iter().filter(is_used).count();
    assert!(workers > 1, "{workers} workers took part");
    gate.finish();
}

#[test]
fn what_was_spent_stays_so_after_a_new_policy() {
    let mut gate = Setup::new(proving()).watched().start();
    let client = Client::of_running(&gate);
    let request = client.request("/fresh");
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.denied(
        &gate.send(Protocol::Http1, &request),
        "untrusted.proof_replayed",
    );
    let mut other = proving();
    other["rules"][1]["requires"]["proof"]["dpop"]["iat_window"] = json!("5m");
    gate.reconfigure(&other);
    // The old listener drains: whichever answers knows of it.
    for _ in 0..5 {
        gate.denied(
            &gate.send(Protocol::Http1, &request),
            "untrusted.proof_replayed",
        );
        gate.passed(&gate.send(Protocol::Http1, &client.request("/fresh")));
    }
    gate.finish();
}

#[test]
fn what_was_spent_stays_so_when_the_machine_of_a_worker_is_killed_and_nonces_stay_good() {
    let mut gate = Setup::new(proving()).module(&module_with_trap()).start();
    let client = Client::of_running(&gate);
    let nonce = nonce(&gate.send(Protocol::Http1, &client.request("/nonce")));
    let spent = client.request("/fresh");
    gate.passed(&gate.send(Protocol::Http1, &spent));
    let killed = client.request("/fresh").header("x-story-trap", "1");
    assert_eq!(gate.send(Protocol::Http1, &killed).status, 503);
    eventually("the worker's return", || {
        (gate.send(Protocol::Http1, &client.request("/fresh")).status == 200).then_some(())
    });
    gate.denied(
        &gate.send(Protocol::Http1, &spent),
        "untrusted.proof_replayed",
    );
    let proof = client.proof("/nonce").claim("nonce", nonce);
    gate.passed(&gate.send(Protocol::Http1, &client.with("/nonce", proof)));
    gate.end();
}

#[test]
fn a_request_that_waits_for_keys_meets_no_trace_of_itself() {
    let issuer = Issuer::start();
    issuer.hold();
    let gate = Setup::new(proving()).issuer(issuer).start();
    let client = Client::of(&gate);
    // Made a moment after the memory began, as far as `iat` tells.
    let proof = client.proof("/fresh").claim("iat", passgate_kit::now() + 1);
    let request = client.with("/fresh", proof);
    let mut waiter = gate.client();
    waiter.send(request.to_http1());
    assert!(waiter.is_silent(std::time::Duration::from_millis(300)));
    gate.issuer.release();
    gate.passed(&waiter.read());
    gate.denied(
        &gate.send(Protocol::Http1, &request),
        "untrusted.proof_replayed",
    );
    gate.finish();
}

#[test]
fn two_gates_in_one_chain_each_spend_the_proof_that_goes_on() {
    let mut outer = proving();
    outer["providers"]["acme"]["forward"] = json!(true);
    outer["providers"]["acme"]["claim_to_headers"] = json!([]);
    let gate = Setup::new(proving())
        .edit(|bootstrap| bootstrap.add_outer("outer", &outer))
        .start();
    let client = Client::of_running(&gate);
    let request = client.request("/onward");
    let received = gate.passed(&gate.send(Protocol::Http1, &request));
    // The inner one says so, too.
    assert!(received.headers.bytes("dpop").is_some());
    gate.denied(
        &gate.send(Protocol::Http1, &request),
        "untrusted.proof_replayed",
    );
    // Where the outer one takes it away the inner one has nothing to judge.
    gate.denied(
        &gate.send(Protocol::Http1, &client.request("/fresh")),
        "missing.proof",
    );
    gate.finish();
}

#[test]
fn a_gate_that_only_observes_leaves_the_proof_to_the_one_behind_it() {
    let mut outer = with(
        proving(),
        "mode",
        json!({ "shadow": { "until": "2099-01-01" } }),
    );
    outer["providers"]["acme"]["claim_to_headers"] = json!([]);
    let gate = Setup::new(proving())
        .edit(|bootstrap| bootstrap.add_outer("outer", &outer))
        .start();
    let client = Client::of_running(&gate);
    for path in ["/fresh", "/plain"] {
        let request = client.request(path);
        gate.passed(&gate.send(Protocol::Http1, &request));
        gate.denied(
            &gate.send(Protocol::Http1, &request),
            "untrusted.proof_replayed",
        );
    }
    gate.finish();
}

#[test]
fn replicas_with_one_secret_believe_each_others_nonces_and_without_it_say_which_to_use() {
    const SECRET: &str = "a secret of thirty-two characters";
    let shared = with(
        proving(),
        "secrets",
        json!({ "nonce": { "env": "PASSGATE_NONCE" } }),
    );
    let replica = || Setup::new(shared.clone()).variable("PASSGATE_NONCE", SECRET);
    let one = replica().start();
    // All of them have the keys of one issuer from the beginning.
    let alike = |replica: Setup| {
        let issuer = Issuer::start();
        issuer.publish(&[&one.issuer.key]);
        replica.issuer(issuer).start()
    };
    let two = alike(replica());
    let client = Client::of(&one);
    let given = nonce(&one.send(Protocol::Http1, &client.request("/nonce")));
    for gate in [&one, &two, &one, &two] {
        let proof = client.proof("/nonce").claim("nonce", given.clone());
        let answer = gate.send(Protocol::Http1, &client.with("/nonce", proof));
        gate.passed(&answer);
    }
    let alone = alike(Setup::new(proving()));
    let proof = client.proof("/nonce").claim("nonce", given);
    let answer = alone.send(Protocol::Http1, &client.with("/nonce", proof));
    alone.denied(&answer, "untrusted.proof_nonce");
    let proof = client.proof("/nonce").claim("nonce", nonce(&answer));
    alone.passed(&alone.send(Protocol::Http1, &client.with("/nonce", proof)));
    for gate in [one, two, alone] {
        gate.finish();
    }
}

/// Each hands on the nonce of the other: a client is refused once at each of them, and then goes to
/// whichever it likes.
#[test]
fn replicas_without_a_shared_secret_send_no_client_in_circles() {
    let one = Gate::start(proving());
    let issuer = Issuer::start();
    issuer.publish(&[&one.issuer.key]);
    let two = Setup::new(proving()).issuer(issuer).start();
    let client = Client::of(&one);
    let send = |gate: &Gate, nonce: &str| {
        let proof = client.proof("/nonce").claim("nonce", nonce);
        gate.send(Protocol::Http1, &client.with("/nonce", proof))
    };
    let given = nonce(&one.send(Protocol::Http1, &client.request("/nonce")));
    let refusal = send(&two, &given);
    two.denied(&refusal, "untrusted.proof_nonce");
    let given = nonce(&refusal);
    for gate in [&one, &two, &one, &two, &two, &one] {
        gate.passed(&send(gate, &given));
    }
    // An alert is about that.
    let counted = |gate: &Gate| gate.stat("wasmcustom.passgate.proofs.foreign_nonce");
    assert_eq!([counted(&one), counted(&two)], [0, 1]);
    for gate in [one, two] {
        gate.finish();
    }
}
