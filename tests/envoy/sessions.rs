//! A passkey approves a key once, and the key proves each request.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use passgate_harness::{BOTH, Gate, Protocol, Request, Response, Setup, with};
use passgate_kit::{ProofBuilder, SigningKey, now};
use serde_json::json;

use crate::approvals::{ORIGIN, Person, approving, nonce};

const PATH: &str = "/console?page=1";

/// Somebody in a session.
struct Session {
    person: Person,
    page: SigningKey,
    proof: String,
}

impl Session {
    /// One gesture.
    fn of(gate: &Gate) -> Self {
        let person = Person::of(gate);
        let page = SigningKey::es256("page");
        let asked = gate.send(Protocol::Http1, &person.without(Request::get(PATH)));
        gate.denied(&asked, "missing.proof");
        let challenge = asked.headers.text("www-authenticate").unwrap();
        assert!(challenge.contains("proof_mode=\"session\""), "{challenge}");
        let (_, exp) = challenge.split_once(" exp=\"").unwrap();
        let exp: u64 = exp.split('"').next().unwrap().parse().unwrap();
        let left = i64::try_from(exp).unwrap() - now();
        assert!((590..=600).contains(&left), "{challenge}");
        let proof = person.session(&page, &nonce(&asked), exp).build();
        Self {
            person,
            page,
            proof,
        }
    }

    fn request(&self, method: &str, nonce: Option<&str>) -> Request {
        let uri = [ORIGIN, "/console"].concat();
        let mut dpop = ProofBuilder::of(&self.page, method, &uri).token(&self.person.token);
        if let Some(nonce) = nonce {
            dpop = dpop.claim("nonce", nonce);
        }
        let request = if method == "POST" {
            Request::post(PATH, b"body")
        } else {
            Request::new(method, PATH)
        };
        self.person
            .without(request)
            .header("webauthn-proof", self.proof.clone())
            .header("dpop", dpop.build())
    }
}

fn dpop_nonce(response: &Response) -> String {
    let nonce = response.headers.text("dpop-nonce");
    nonce.unwrap_or_else(|| panic!("{response:?}")).to_owned()
}

#[test]
fn one_gesture_is_enough_for_many_requests() {
    let gate = Gate::start(approving());
    let session = Session::of(&gate);
    let asked = gate.send(Protocol::Http1, &session.request("GET", None));
    assert_eq!(asked.status, 401);
    let challenge = asked.headers.text("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP "), "{challenge}");
    assert!(
        challenge.contains("error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    assert!(asked.headers.text("webauthn-nonce").is_none(), "{asked:?}");
    let nonce = dpop_nonce(&asked);
    for protocol in BOTH {
        for method in ["GET", "POST", "DELETE"] {
            let request = session.request(method, Some(&nonce));
            let received = gate.passed(&gate.send(protocol, &request));
            for name in ["webauthn-proof", "dpop", "authorization"] {
                assert!(received.headers.text(name).is_none(), "{name}");
            }
            assert!(received.headers.text("x-passgate-proof-id").is_some());
            gate.denied(&gate.send(protocol, &request), "untrusted.proof_replayed");
        }
    }
    let records = gate.records().into_iter();
    let replayed = records.filter(|record| record["reason"] == "untrusted.proof_replayed");
    let kinds: Vec<_> = replayed
        .map(|record| record["proof"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["webauthn_session"; 6]);
    // A session is not an approval of a payment.
    let pay = session.person.without(Request::new("POST", "/pay/7"));
    let pay = pay.header("webauthn-proof", session.proof.clone());
    gate.denied(&gate.send(Protocol::Http1, &pay), "untrusted.proof_request");
    gate.finish();
}

/// Both workers check the assertion for themselves, and share what was spent.
#[test]
fn a_proof_of_a_session_passes_once_whatever_the_worker() {
    const ROUNDS: usize = 50;
    const CLIENTS: usize = 8;
    let budget = json!({ "forged_tokens_cpu_percent": 50 });
    let gate = Setup::new(with(approving(), "limits", budget))
        .workers(2)
        .start();
    let session = Session::of(&gate);
    let asked = gate.send(Protocol::Http1, &session.request("GET", None));
    let nonce = dpop_nonce(&asked);
    let rounds = (0..ROUNDS).map(|_| session.request("GET", Some(&nonce)).to_http1());
    let rounds: Arc<Vec<Vec<u8>>> = Arc::new(rounds.collect());
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let threads = (0..CLIENTS).map(|_| {
        let mut connection = gate.client();
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
    let threads = threads.into_iter().map(|thread| thread.join().unwrap());
    let answers: Vec<Vec<u16>> = threads.collect();
    for round in 0..ROUNDS {
        let statuses: Vec<u16> = answers.iter().map(|answers| answers[round]).collect();
        let count = |status: u16| statuses.iter().filter(|own| **own == status).count();
        assert_eq!((count(200), count(401)), (1, CLIENTS - 1), "{statuses:?}");
    }
    gate.finish();
}
