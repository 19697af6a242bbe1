//! Replicas of the gate: a proof that has passed at one of them is refused at all, by the
//! rate-limit service that `envoy/replicas.yaml` asks.

#[path = "replicas/memory.rs"]
mod memory;
#[path = "replicas/quotas.rs"]
mod quotas;

use memory::{FILE, Memory};
use passgate_harness::{
    BOTH, Gate, Issuer, Protocol, Request, Response, Setup, WallClock, eventually, workspace,
};
use passgate_kit::{ProofBuilder, SigningKey, Token, bound_to, now};
use std::sync::{Arc, Barrier};
use std::{fs, thread};

const ORIGIN: &str = "http://localhost:8080";
const SECRET: &str = "a secret of thirty-two characters";

/// Two replicas, and a client that both let in.
struct World {
    gates: [Gate; 2],
    key: SigningKey,
    token: String,
}

impl World {
    /// With clocks that the story sets, where it says by how much they are ahead.
    fn start(memory: &Memory, ahead: Option<i64>) -> Self {
        let replica = |issuer: Issuer| {
            let mut setup = Setup::shipped("envoy/replicas.yaml")
                .variable("PASSGATE_NONCE", SECRET)
                .edit(|bootstrap| bootstrap.set_address("ratelimit", memory.address()))
                .issuer(issuer);
            if let Some(seconds) = ahead {
                setup = setup.clock(WallClock::ahead_by(seconds));
            }
            setup.start()
        };
        let one = replica(Issuer::start());
        let issuer = Issuer::start();
        issuer.publish(&[&one.issuer.key]);
        let key = SigningKey::es256("proof");
        let token = Token::of(
            &one.issuer.key,
            "http://127.0.0.1:9000",
            "http://127.0.0.1:8080",
        );
        let token = token
            .claim("cnf", bound_to(&key))
            .expires_in(10 * 86_400)
            .build();
        Self {
            gates: [one, replica(issuer)],
            key,
            token,
        }
    }

    /// A nonce of the first replica, which is good for both.
    fn nonce(&self) -> String {
        let answer = self.gates[0].send(Protocol::Http1, &self.request("none"));
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.headers.text("dpop-nonce").unwrap().to_owned()
    }

    /// A request with a new proof.
    fn request(&self, nonce: &str) -> Request {
        let proof = ProofBuilder::of(&self.key, "GET", &format!("{ORIGIN}/orders"));
        let proof = proof.token(&self.token).claim("nonce", nonce).build();
        Request::get("/orders")
            .authority("localhost:8080")
            .header("authorization", format!("DPoP {}", self.token))
            .header("dpop", proof)
    }

    fn hits(&self) -> usize {
        self.gates.iter().map(|gate| gate.upstream.hits()).sum()
    }

    fn finish(self) {
        for gate in self.gates {
            gate.finish();
        }
    }
}

/// As the access log says what the answer is about.
#[track_caller]
fn says(gate: &Gate, details: &str) {
    eventually("an entry of the access log", || {
        let log = gate.access_log();
        let last = log.last()?;
        (last["details"] == details).then_some(())
    });
}

/// The service counts it, so it was used before.
#[track_caller]
fn refused(gate: &Gate, answer: &Response) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.headers.text("www-authenticate");
    assert_eq!(challenge, Some("DPoP error=\"invalid_dpop_proof\""));
    says(gate, "request_rate_limited");
}

/// Nobody can tell whether it was used before.
#[track_caller]
fn closed(gate: &Gate, answer: &Response) {
    assert_eq!(answer.status, 503, "{answer:?}");
    says(gate, "rate_limiter_error");
}

#[test]
fn a_proof_passes_once_over_all_replicas() {
    let memory = Memory::start();
    let world = World::start(&memory, None);
    let nonce = world.nonce();
    for protocol in BOTH {
        for (first, second) in [(0, 1), (1, 0)] {
            let (first, second) = (&world.gates[first], &world.gates[second]);
            let request = world.request(&nonce);
            let received = first.passed(&first.send(protocol, &request));
            let window = received.headers.text("x-passgate-proof-window");
            assert!(matches!(
                window,
                Some("hour" | "day" | "week" | "month" | "year")
            ));
            let hits = world.hits();
            refused(second, &second.send(protocol, &request));
            // Its own workers know.
            let again = first.send(protocol, &request);
            first.denied(&again, "untrusted.proof_replayed");
            assert_eq!(world.hits(), hits);
            second.passed(&second.send(protocol, &world.request(&nonce)));
        }
    }
    world.finish();
}

#[test]
fn a_proof_that_is_sent_to_both_replicas_at_once_passes_once() {
    const ROUNDS: usize = 100;
    let memory = Memory::start();
    let world = World::start(&memory, None);
    let nonce = world.nonce();
    let rounds: Arc<Vec<Vec<u8>>> = Arc::new(
        (0..ROUNDS)
            .map(|_| world.request(&nonce).to_http1())
            .collect(),
    );
    let barrier = Arc::new(Barrier::new(2));
    let threads = [0, 1].map(|gate: usize| {
        let mut client = world.gates[gate].client();
        let (rounds, barrier) = (Arc::clone(&rounds), Arc::clone(&barrier));
        thread::spawn(move || {
            let round = |request: &Vec<u8>| {
                barrier.wait();
                client.send(request);
                client.read().status
            };
            rounds.iter().map(round).collect::<Vec<u16>>()
        })
    });
    let [one, two] = threads.map(|thread| thread.join().unwrap());
    for (one, two) in one.into_iter().zip(two) {
        assert!(matches!((one, two), (200, 401) | (401, 200)), "{one} {two}");
    }
    assert_eq!(world.hits(), ROUNDS);
    world.finish();
}

#[test]
fn while_the_service_or_its_redis_is_away_no_proof_passes() {
    let mut memory = Memory::start();
    let world = World::start(&memory, None);
    let [one, two] = &world.gates;
    let send = |gate: &Gate, request: &Request| gate.send(Protocol::Http1, request);
    let fresh = || world.request(&world.nonce());
    let returns = |what: &str| {
        eventually(what, || (send(two, &fresh()).status == 200).then_some(()));
    };
    returns("the first proof");

    memory.kill_service();
    closed(two, &send(two, &fresh()));
    memory.restart_service();
    returns("the return of the service");

    // It is there, and says nothing.
    memory.signal_service("STOP");
    closed(two, &send(two, &fresh()));
    memory.signal_service("CONT");
    returns("the going on of the service");

    let spent: Vec<Request> = (0..32).map(|_| fresh()).collect();
    for request in &spent {
        one.passed(&send(one, request));
    }
    memory.kill_redis();
    closed(two, &send(two, &fresh()));
    memory.restart_redis();
    returns("the return of Redis");
    // It was a power cut to Redis, which remembers what it was told before. For a moment the
    // service has connections of before.
    let (mut counted, mut unknown) = (0, 0);
    for request in &spent {
        let answer = send(two, request);
        match answer.status {
            503 => unknown += 1,
            _ => {
                refused(two, &answer);
                counted += 1;
            }
        }
    }
    assert!(counted > 0 && counted + unknown == spent.len(), "{unknown}");
    assert_eq!((one.upstream.hits(), two.upstream.hits()), (32, 4));
    world.finish();
}

/// The service forgets at the end of its window, so no window may end while the proof counts.
#[test]
fn the_end_of_a_window_lets_no_proof_pass_twice() {
    let memory = Memory::clocked();
    for (length, forgets, wanted) in [(3_600, "hour", "day"), (86_400, "day", "week")] {
        // The next end of such a window that is not one of a longer one.
        let longer = if length == 3_600 { 86_400 } else { 7 * 86_400 };
        let next = (now() + 600) / length * length + length;
        let end = if next % longer == 0 {
            next + length
        } else {
            next
        };
        let world = World::start(&memory, Some(end - now() - 600));
        let [one, two] = &world.gates;
        let set_clocks = |after_end: i64| {
            let ahead = end - now() + after_end;
            memory.set_clock(ahead);
            one.set_clock(ahead);
            two.set_clock(ahead);
        };
        set_clocks(-20);
        let request = world.request(&world.nonce());
        let received = one.passed(&one.send(Protocol::Http1, &request));
        let window = received.headers.text("x-passgate-proof-window");
        assert_eq!(window, Some(wanted));
        let of_both = |window: &str| memory.ask(window, &format!("story-{end}"));
        assert_eq!([of_both(forgets), of_both(wanted)], [200; 2]);

        set_clocks(20);
        refused(two, &two.send(Protocol::Http1, &request));
        // The shorter window would have let it pass.
        assert_eq!([of_both(forgets), of_both(wanted)], [200, 429]);
        world.finish();
    }
}

#[test]
fn the_file_counts_a_proof_once_in_whatever_window() {
    let memory = Memory::start();
    let text = fs::read_to_string(workspace().join(FILE)).unwrap();
    for window in ["hour", "day", "week", "month", "year", "another"] {
        assert!(window == "another" || text.contains(window), "{window}");
        for proof in ["one", "two"] {
            assert_eq!(memory.ask(window, proof), 200, "{window}");
            assert_eq!(memory.ask(window, proof), 429, "{window}");
        }
    }
}
