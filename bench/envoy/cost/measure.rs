//! Measures a case: the CPU time of each gate for one request of it.

use super::case::{Case, Tokens};
use super::filter::{Filter, Guard, Keys, ORIGIN, Size, gate};
use super::load::Client;
use super::process::cpu_micros;
use super::sample::Sample;
use passgate_harness::{AUDIENCE, Gate};
use passgate_kit::{ProofBuilder, Token, TokenBuilder, bound_to, now};

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
            let requests = kinds
                .iter()
                .map(|(size, tokens)| requests(case, *tokens, &keys[*size], number));
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
            (Filter::Nothing, _) | (_, Tokens::New | Tokens::Repeated | Tokens::Proved) => 200,
            (_, Tokens::Expired | Tokens::None) => 401,
        };
        let gate = gate(guard, keys, 1, core());
        Self {
            client: Client::connect(gate.address, &request(tokens, keys, 0, 0), status),
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

/// The requests of a round.
pub fn requests(case: &Case, tokens: Tokens, keys: &Keys, round: usize) -> Vec<String> {
    // The first round's first request is the one that the length of an answer was seen by.
    let request = |number: usize| request(tokens, keys, round, number + 1);
    let count = case.turns * case.turn;
    match tokens {
        Tokens::New | Tokens::Expired => (0..count).map(request).collect(),
        Tokens::None => vec![request(0); count],
        Tokens::Repeated => {
            let some: Vec<String> = (0..20).map(request).collect();
            some.into_iter().cycle().take(count).collect()
        }
        Tokens::Proved => {
            let some: Vec<String> = (0..20).map(|number| bound(keys, number)).collect();
            let tokens = some.iter().cycle().take(count);
            tokens.map(|token| proved(keys, token)).collect()
        }
    }
}

/// A request as it goes over the wire.
fn request(tokens: Tokens, keys: &Keys, round: usize, number: usize) -> String {
    let round = match tokens {
        Tokens::Repeated | Tokens::Proved => 0,
        Tokens::New | Tokens::Expired | Tokens::None => round,
    };
    let (issuer, key) = keys.last();
    let token = || token(&issuer, key).claim("jti", format!("{round}-{number:06}"));
    match tokens {
        Tokens::Proved => proved(keys, &bound(keys, number)),
        Tokens::New | Tokens::Repeated => wire(Some(&token().build())),
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

/// A token of the size that access tokens of programs have.
pub fn token<'k>(issuer: &str, key: &'k passgate_kit::SigningKey) -> TokenBuilder<'k> {
    Token::of(key, issuer, AUDIENCE)
        .claim("client_id", "shop")
        .claim("scope", "read write")
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
