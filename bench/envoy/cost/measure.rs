//! Measures a case: the CPU time of each gate for one request of it.

use super::case::{Case, Tokens};
use super::filter::{ASKING, Filter, Guard, Keys, ORIGIN, Size, connect, gate};
use super::load::Client;
use super::process::cpu_micros;
use super::sample::Sample;
use passgate_harness::{AUDIENCE, Gate, Http1};
use passgate_kit::{
    ApprovalBuilder, ProofBuilder, Token, TokenBuilder, bound_to, now, public_members,
};
use serde_json::json;

/// Microseconds that a request costs each gate more than one without a filter.
pub struct Costs(Vec<(Guard, Sample)>);

impl Costs {
    pub fn of(&self, wanted: Guard) -> &Sample {
        let mut all = self.0.iter();
        let found = all.find(|(guard, _)| *guard == wanted);
        &found.expect("a gate of this case").1
    }
}

/// The core that Envoy runs on, where the machine has another one for the clients.
pub fn core() -> Option<usize> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (cores > 1).then_some(0)
}

/// One of the gates of a case.
struct Contender {
    guard: Guard,
    gate: Gate,
    client: Client,
}

/// Sends the requests of a case to these gates. The first one has no filter.
pub fn measure(case: &Case, guards: &[Guard], rounds: usize) -> Costs {
    let mut sizes: Vec<Size> = Vec::new();
    for guard in guards {
        if !sizes.contains(&guard.size) {
            sizes.push(guard.size);
        }
    }
    let keys: Vec<Keys> = sizes
        .iter()
        .map(|size| Keys::new(*size, case.algorithm))
        .collect();
    let index = |size: Size| sizes.iter().position(|known| *known == size);
    let index = |guard: Guard| index(guard.size).unwrap_or(0);
    // What the gates are sent: the same requests, where they take the same.
    let mut kinds: Vec<(usize, Tokens)> = Vec::new();
    for guard in guards {
        let kind = (index(*guard), case.tokens_for(*guard));
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kind = |guard: Guard| {
        let kind = (index(guard), case.tokens_for(guard));
        kinds.iter().position(|known| *known == kind).unwrap_or(0)
    };
    let mut costs = vec![Sample::default(); guards.len()];
    let rounds = rounds.div_ceil(case.starts);
    for start in 0..case.starts {
        let mut contenders: Vec<Contender> = guards
            .iter()
            .map(|guard| Contender::new(*guard, case, &keys[index(*guard)]))
            .collect();
        // The first round only warms up: the host compiles what is hot, and keys get their tables.
        for round in 0..=rounds {
            let number = start * (rounds + 1) + round;
            let requests = kinds.iter().map(|(size, tokens)| {
                let keys = &keys[*size];
                let nonces = contenders.iter().map(|one| nonce(*tokens, &one.gate, keys));
                let nonce = nonces.max_by_key(String::len).unwrap_or_default();
                requests(case, *tokens, keys, number, &nonce)
            });
            let requests: Vec<Vec<String>> = requests.collect();
            let turns = play(case, &mut contenders, |guard| &requests[kind(guard)]);
            if round > 0 {
                let nothing = turns[0].median();
                for (costs, turns) in costs.iter_mut().zip(turns) {
                    costs.0.push(turns.median() - nothing);
                }
            }
        }
    }
    Costs(guards.iter().copied().zip(costs).collect())
}

/// One round. The gates take many short turns in changing order, and the median of a gate's turns
/// is what counts: what else happens on the machine then meets all of them alike, or is left out.
fn play<'r>(
    case: &Case,
    contenders: &mut [Contender],
    requests: impl Fn(Guard) -> &'r [String],
) -> Vec<Sample> {
    let mut turns = vec![Sample::default(); contenders.len()];
    for turn in 0..case.turns {
        for place in 0..contenders.len() {
            let which = (place + turn) % contenders.len();
            let contender = &mut contenders[which];
            let part = &requests(contender.guard)[turn * case.turn..][..case.turn];
            turns[which].0.push(contender.cost(part));
        }
    }
    turns
}

impl Contender {
    fn new(guard: Guard, case: &Case, keys: &Keys) -> Self {
        let tokens = case.tokens_for(guard);
        let status = match (guard.filter, tokens) {
            (Filter::Nothing, _)
            | (
                _,
                Tokens::New
                | Tokens::Repeated
                | Tokens::Opaque
                | Tokens::Proved
                | Tokens::Approved
                | Tokens::Session,
            ) => 200,
            (_, Tokens::Expired | Tokens::None) => 401,
        };
        let gate = gate(guard, keys, 1, core());
        let first = request(tokens, keys, 0, 0, &nonce(tokens, &gate, keys));
        Self {
            client: Client::connect(|| connect(guard, &gate), &first, status),
            guard,
            gate,
        }
    }

    /// Of one of these requests.
    fn cost(&mut self, requests: &[String]) -> f64 {
        let before = cpu_micros(self.gate.process_id());
        self.client.send(requests);
        let after = cpu_micros(self.gate.process_id());
        (after - before) / requests.len() as f64
    }
}

/// What a gate that wants approvals gives to a request without one. In a session, behind a space
/// also what it gives to a request without a proof. Empty: no nonce is needed.
pub fn nonce(tokens: Tokens, gate: &Gate, keys: &Keys) -> String {
    if !matches!(tokens, Tokens::Approved | Tokens::Session) {
        return String::new();
    }
    let mut client = Http1::connect(gate.address);
    let mut asked = |request: String, name| {
        client.send(request);
        let answer = client.read();
        answer.headers.text(name).unwrap_or_default().to_owned()
    };
    let token = named(keys, 0);
    let approval = asked(wire(Some(&token)), "webauthn-nonce");
    if tokens == Tokens::Approved {
        return approval;
    }
    let session = Session::of(keys, &[&approval, " "].concat());
    let proof = asked(session.request(keys, &token), "dpop-nonce");
    [&approval, " ", &proof].concat()
}

/// The requests of a round; approvals have this nonce.
pub fn requests(
    case: &Case,
    tokens: Tokens,
    keys: &Keys,
    round: usize,
    nonce: &str,
) -> Vec<String> {
    // The first round's first request is the one that the length of an answer was seen by.
    let request = |number: usize| request(tokens, keys, round, number + 1, nonce);
    let count = case.turns * case.turn;
    match tokens {
        Tokens::New | Tokens::Expired => (0..count).map(request).collect(),
        Tokens::None => vec![request(0); count],
        Tokens::Repeated | Tokens::Opaque => {
            let some: Vec<String> = (0..20).map(request).collect();
            some.into_iter().cycle().take(count).collect()
        }
        Tokens::Proved => {
            let some: Vec<String> = (0..20).map(|number| bound(keys, number)).collect();
            let tokens = some.iter().cycle().take(count);
            tokens.map(|token| proved(keys, token)).collect()
        }
        Tokens::Approved => {
            let some: Vec<String> = (0..20).map(|number| named(keys, number)).collect();
            let tokens = some.iter().cycle().take(count);
            tokens.map(|token| approved(keys, token, nonce)).collect()
        }
        Tokens::Session => {
            let some: Vec<String> = (0..20).map(|number| named(keys, number)).collect();
            let session = Session::of(keys, nonce);
            let tokens = some.iter().cycle().take(count);
            tokens.map(|token| session.request(keys, token)).collect()
        }
    }
}

/// A request as it goes over the wire.
fn request(tokens: Tokens, keys: &Keys, round: usize, number: usize, nonce: &str) -> String {
    let round = match tokens {
        Tokens::Repeated | Tokens::Opaque | Tokens::Proved | Tokens::Approved | Tokens::Session => {
            0
        }
        Tokens::New | Tokens::Expired | Tokens::None => round,
    };
    let (issuer, key) = keys.last();
    let token = || token(&issuer, key).claim("jti", format!("{round}-{number:06}"));
    match tokens {
        Tokens::Proved => proved(keys, &bound(keys, number)),
        Tokens::Approved => approved(keys, &named(keys, number), nonce),
        Tokens::Session => Session::of(keys, nonce).request(keys, &named(keys, number)),
        Tokens::New | Tokens::Repeated => wire(Some(&token().build())),
        Tokens::Opaque => wire(Some(&format!(
            "7Xk2mQp0Vt9rLw4sBn6yHc1ZdEg8aJfUiO3x{number:06}"
        ))),
        Tokens::Expired => wire(Some(&token().expires_in(-3_600).build())),
        Tokens::None => wire(None),
    }
}

/// A token that is bound to the client's key.
fn bound(keys: &Keys, number: usize) -> String {
    let (issuer, key) = keys.last();
    let token = token(&issuer, key).claim("jti", format!("bound-{number:06}"));
    token.claim("cnf", bound_to(keys.of_client())).build()
}

/// A request with this token and a new proof.
fn proved(keys: &Keys, token: &str) -> String {
    let uri = format!("{ORIGIN}/orders/17");
    // A little ahead: proofs from before the start of the gate do not count.
    let proof = ProofBuilder::of(keys.of_client(), "GET", &uri).claim("iat", now() + 5);
    let proof = proof.token(token).build();
    with(&format!("authorization: DPoP {token}\r\ndpop: {proof}\r\n"))
}

/// A token that names the client's key as a passkey.
fn named(keys: &Keys, number: usize) -> String {
    let (issuer, key) = keys.last();
    let token = token(&issuer, key).claim("jti", format!("named-{number:06}"));
    let mut jwk = public_members(keys.of_client());
    jwk["alg"] = json!(keys.of_client().alg());
    token.claim("cnf", json!({ "jwk": jwk })).build()
}

/// A request with this token and a new approval.
fn approved(keys: &Keys, token: &str, nonce: &str) -> String {
    let uri = format!("{ORIGIN}/orders/17");
    let approval = ApprovalBuilder::of(keys.of_client(), ASKING, ("GET", &uri)).token(token);
    let approval = approval
        .claim("iss", keys.last().0)
        .claim("sub", "alice")
        .claim("iat", now())
        .claim("nonce", nonce)
        .build();
    with(&format!(
        "authorization: Bearer {token}\r\nwebauthn-proof: {approval}\r\n"
    ))
}

/// A session: its approval, and the nonce of its proofs, which is empty before the first.
struct Session {
    approval: String,
    nonce: String,
}

impl Session {
    /// With the nonces of both, and a space between them.
    fn of(keys: &Keys, nonces: &str) -> Self {
        let (asked, nonce) = nonces.split_once(' ').expect("two nonces");
        let until = u64::try_from(now() + 500).expect("after 1970");
        let (passkey, own) = (keys.of_client(), keys.of_session());
        let approval = ApprovalBuilder::session(passkey, ASKING, (ORIGIN, until), own)
            .claim("iss", keys.last().0)
            .claim("sub", "alice")
            .claim("iat", now())
            .claim("nonce", asked);
        Self {
            approval: approval.build(),
            nonce: nonce.to_owned(),
        }
    }

    /// A request with this token and a new proof.
    fn request(&self, keys: &Keys, token: &str) -> String {
        let uri = format!("{ORIGIN}/orders/17");
        let mut proof = ProofBuilder::of(keys.of_session(), "GET", &uri).token(token);
        if !self.nonce.is_empty() {
            proof = proof.claim("nonce", self.nonce.as_str());
        }
        with(&format!(
            "authorization: Bearer {token}\r\nwebauthn-proof: {}\r\ndpop: {}\r\n",
            self.approval,
            proof.build()
        ))
    }
}

/// A token of the size that access tokens of programs have. It is dated a little ahead: what is
/// from before the start of the gate is not spent.
pub fn token<'k>(issuer: &str, key: &'k passgate_kit::SigningKey) -> TokenBuilder<'k> {
    Token::of(key, issuer, AUDIENCE)
        .claim("client_id", "shop")
        .claim("scope", "read write")
        .claim("iat", now() + 5)
        .expires_in(3_600)
}

/// A request of a program.
pub fn wire(token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    with(&token)
}

fn with(headers: &str) -> String {
    format!(
        "GET /orders/17 HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: bench\r\naccept: */*\r\n{headers}\r\n"
    )
}
