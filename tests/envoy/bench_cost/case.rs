//! The cases: one kind of requests, sent to several filters in turn.

use super::super::harness::{AUDIENCE, Gate};
use super::filter::{Filter, Keys, Size, gate};
use super::load;
use super::process::cpu_micros;
use super::sample::Sample;
use passgate_kit::{Token, TokenBuilder};

/// What the command line asks for.
pub struct Options {
    pub rounds: usize,
    words: Vec<String>,
}

impl Options {
    pub fn from_arguments() -> Self {
        let mut options = Self {
            rounds: 7,
            words: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--rounds" {
                let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
                options.rounds = rounds.expect("--rounds NUMBER");
            } else {
                options.words.push(argument);
            }
        }
        options
    }

    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }
}

/// A line of the table, or two.
pub struct Case {
    pub name: &'static str,
    algorithm: &'static str,
    tokens: Tokens,
    /// Requests of a round.
    requests: usize,
    size: Size,
    /// What passgate is compared with; the first is the one that everybody runs.
    others: &'static [Filter],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    /// Each request has a token of its own.
    New,
    /// Twenty tokens, again and again.
    Repeated,
    /// Each request has a token of its own, which has expired.
    Expired,
    /// The requests have none.
    None,
}

const fn never_seen(name: &'static str, algorithm: &'static str, requests: usize) -> Case {
    Case {
        name,
        algorithm,
        tokens: Tokens::New,
        requests,
        size: Size::SMALL,
        others: &[Filter::JwtAuthn, Filter::Portable],
    }
}

/// Tokens that the filter has not seen before.
pub const NEVER_SEEN: &[Case] = &[
    never_seen("ES256, never seen", "ES256", 2_000),
    never_seen("RS256, never seen", "RS256", 1_000),
    never_seen("Ed25519, never seen", "EdDSA", 2_000),
    never_seen("ES384, never seen", "ES384", 400),
    never_seen("PS256, never seen", "PS256", 1_000),
];

const fn repeated(name: &'static str, size: Size) -> Case {
    Case {
        name,
        algorithm: "ES256",
        tokens: Tokens::Repeated,
        requests: 6_000,
        size,
        others: &[Filter::JwtAuthn, Filter::JwtAuthnWithCache],
    }
}

/// Tokens that come again.
pub const REPEATED: &[Case] = &[repeated("ES256, repeated", Size::SMALL)];

/// The same with much configured.
pub const GROWN: &[Case] = &[repeated(
    "ES256, repeated, 1,000 rules and 50 providers",
    Size {
        providers: 50,
        keys: 1,
        rules: 1_000,
    },
)];

const fn refused(name: &'static str, tokens: Tokens) -> Case {
    Case {
        name,
        algorithm: "ES256",
        tokens,
        requests: 4_000,
        size: Size::SMALL,
        others: &[Filter::JwtAuthn],
    }
}

/// Requests that are refused before a signature is checked.
pub const REFUSED: &[Case] = &[
    refused("refused: expired", Tokens::Expired),
    refused("refused: no token", Tokens::None),
];

/// The core that Envoy runs on, where the machine has another one for the clients.
pub fn core() -> Option<usize> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (cores > 1).then_some(0)
}

/// Runs a case and prints its lines.
pub fn run(case: &Case, options: &Options) {
    let keys = Keys::new(&case.size, case.algorithm);
    let filters = [&[Filter::Nothing, Filter::Passgate], case.others].concat();
    let start = |filter: &Filter| gate(*filter, &case.size, &keys, 1, core());
    let gates: Vec<Gate> = filters.iter().map(start).collect();
    let mut costs = vec![Vec::new(); filters.len()];
    // The first round only warms up: the host compiles what is hot, and keys get their tables.
    for round in 0..=options.rounds {
        let requests = requests(case, &keys, round);
        for ((filter, gate), costs) in filters.iter().zip(&gates).zip(&mut costs) {
            let status = match (filter, case.tokens) {
                (Filter::Nothing, _) | (_, Tokens::New | Tokens::Repeated) => 200,
                (_, Tokens::Expired | Tokens::None) => 401,
            };
            let before = cpu_micros(gate.process_id());
            load::send(gate.address, &requests, status);
            let after = cpu_micros(gate.process_id());
            let cost = (after - before) / (requests.len() + 1) as f64;
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    print(case, &filters, &costs);
}

fn print(case: &Case, filters: &[Filter], costs: &[Vec<f64>]) {
    let nothing = &costs[0];
    let added: Vec<Sample> = costs
        .iter()
        .map(|costs| {
            Sample::of(
                costs
                    .iter()
                    .zip(nothing)
                    .map(|(cost, nothing)| cost - nothing)
                    .collect(),
            )
        })
        .collect();
    let of = |wanted: Filter| {
        let both = filters.iter().zip(&added);
        both.filter(move |(filter, _)| **filter == wanted)
    };
    for (ours, without) in [
        (Filter::Passgate, ""),
        (Filter::Portable, ", `host_crypto: false`"),
    ] {
        for (other, with) in [
            (Filter::JwtAuthn, ""),
            (Filter::JwtAuthnWithCache, ", its cache on"),
        ] {
            for ((_, ours), (_, other)) in of(ours).zip(of(other)) {
                let ratio = ours.median() / other.median();
                let name = case.name;
                println!("| {name}{without}{with} | {ours} | {other} | {ratio:.2} |");
            }
        }
    }
}

/// The requests of a round, as they go over the wire.
fn requests(case: &Case, keys: &Keys, round: usize) -> Vec<String> {
    let (issuer, key) = keys.last();
    let round = if case.tokens == Tokens::Repeated {
        0
    } else {
        round
    };
    let token = |number: usize| {
        let token = Token::of(key, &issuer, AUDIENCE)
            .claim("client_id", "shop")
            .claim("scope", "read write")
            .claim("jti", format!("{round}-{number}"))
            .expires_in(3_600);
        match case.tokens {
            Tokens::New | Tokens::Repeated => Some(token),
            Tokens::Expired => Some(token.expires_in(-3_600)),
            Tokens::None => None,
        }
        .map(TokenBuilder::build)
    };
    let request = |number: usize| wire(token(number).as_deref());
    match case.tokens {
        Tokens::New | Tokens::Expired => (0..case.requests).map(request).collect(),
        Tokens::None => vec![request(0); case.requests],
        Tokens::Repeated => {
            let some: Vec<String> = (0..20).map(request).collect();
            some.into_iter().cycle().take(case.requests).collect()
        }
    }
}

/// A request of a program.
pub fn wire(token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    format!(
        "GET /orders/17 HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: bench\r\naccept: */*\r\n{token}\r\n"
    )
}
