//! Clients that send one request after the other, of all kinds, and know what is right.

use super::answers::Answers;
use super::world::{Configuration, Shared};
use passgate_harness::Http1;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

const CLIENTS: usize = 12;
/// Wrong signatures of all clients together stay below what a worker checks in a second, or honest
/// new tokens would be told to come again.
const FORGED_EVERY: Duration = Duration::from_millis(250);

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Repeated,
    New,
    Expired,
    None,
    Forged,
    /// Of a provider that is flooded.
    Attack,
    Withdrawn,
    /// Of a route whose rule changes with the configuration.
    Changing,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Repeated,
        Self::New,
        Self::Expired,
        Self::None,
        Self::Forged,
        Self::Attack,
        Self::Withdrawn,
        Self::Changing,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeated => {
                "good tokens, again and again: ES256, RS256, Ed25519, ES384, ES512, PS256"
            }
            Self::New => "good tokens, each new: ES256, Ed25519",
            Self::Expired => "expired tokens",
            Self::None => "no token",
            Self::Forged => "wrong signatures, few",
            Self::Attack => "wrong signatures, a flood, of another provider",
            Self::Withdrawn => "tokens of withdrawn keys",
            Self::Changing => "a route whose rule the configurations change",
        }
    }

    pub const fn right(self) -> &'static str {
        match self {
            Self::Repeated | Self::New => "200",
            Self::Expired | Self::None | Self::Forged => "401",
            Self::Attack => "401, over budget 503",
            Self::Withdrawn => "401, and 503 while the keys may not be asked for again",
            Self::Changing => "200 or 403, as the configuration in force says",
        }
    }
}

/// The clients at work.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Answers>>,
}

pub fn start(address: SocketAddr, shared: Arc<Shared>) -> Clients {
    let client = |number| {
        let shared = Arc::clone(&shared);
        spawn(move || Client::new(address, shared, number).run())
    };
    let threads = (0..CLIENTS).map(client).collect();
    Clients { shared, threads }
}

impl Clients {
    pub fn finish(self) -> Answers {
        self.shared.end();
        let answers = self.threads.into_iter();
        let answers = answers.map(|thread| thread.join().expect("a client that goes on"));
        answers.fold(Answers::default(), Answers::add)
    }
}

struct Client {
    address: SocketAddr,
    shared: Arc<Shared>,
    connection: Option<Http1>,
    /// What sets its new tokens apart from those of the others.
    number: usize,
    forged_at: Instant,
    answers: Answers,
}

impl Client {
    fn new(address: SocketAddr, shared: Arc<Shared>, number: usize) -> Self {
        Self {
            address,
            shared,
            connection: None,
            number: number * 100_000_000,
            forged_at: Instant::now(),
            answers: Answers::default(),
        }
    }

    fn run(mut self) -> Answers {
        while !self.shared.has_ended() {
            self.number += 1;
            let kind = match self.number % 16 {
                0..6 => Kind::Repeated,
                6..9 => Kind::New,
                9 => Kind::Expired,
                10 | 11 => Kind::None,
                12 => Kind::Attack,
                13 => Kind::Withdrawn,
                14 if self.forged_at.elapsed() > FORGED_EVERY => Kind::Forged,
                _ => Kind::Changing,
            };
            self.ask(kind);
        }
        self.answers
    }

    fn ask(&mut self, kind: Kind) {
        let (keys, number) = (self.shared.in_use(), self.number / 16);
        let one_of = |tokens: &[String]| Some(tokens[number % tokens.len()].clone());
        let token = match kind {
            Kind::Repeated | Kind::Changing => one_of(&keys.repeated),
            Kind::New => Some(keys.fresh(self.number)),
            Kind::Expired => one_of(&keys.expired),
            Kind::None => None,
            Kind::Forged => {
                self.forged_at = Instant::now();
                Some(keys.forged(number))
            }
            Kind::Attack => one_of(&self.shared.attack),
            Kind::Withdrawn => match self.shared.withdrawn() {
                Some(withdrawn) => one_of(&withdrawn.repeated),
                None => return,
            },
        };
        let path = match kind {
            Kind::Changing => "/reports/1",
            Kind::Attack => "/partners/1",
            _ => "/orders/1",
        };
        let before = self.shared.configuration();
        let answer = self.exchange(path, token.as_deref());
        let after = self.shared.configuration();
        let stable = before == after && before != Configuration::Changing;
        match answer {
            Ok(status) => {
                let right: &[u16] = match (kind, before) {
                    (Kind::Repeated | Kind::New, _) => &[200],
                    (Kind::Expired | Kind::None | Kind::Forged, _) => &[401],
                    (Kind::Attack | Kind::Withdrawn, _) => &[401, 503],
                    (Kind::Changing, Configuration::Reads) if stable => &[200],
                    (Kind::Changing, Configuration::Writes) if stable => &[403],
                    (Kind::Changing, _) => &[200, 403],
                };
                self.answers.note(kind, status, right);
            }
            Err(error) => self.answers.note_cut(kind, &error, !stable),
        }
    }

    fn exchange(&mut self, path: &str, token: Option<&str>) -> Result<u16, String> {
        let address = self.address;
        let mut connection = self
            .connection
            .take()
            .unwrap_or_else(|| Http1::connect(address));
        let token = token.map_or_else(String::new, |token| {
            format!("authorization: Bearer {token}\r\n")
        });
        connection
            .try_send(format!(
                "GET {path} HTTP/1.1\r\nhost: api.example.com\r\n{token}\r\n"
            ))
            .map_err(|error| error.to_string())?;
        let answer = connection.try_read().map_err(|error| error.to_string())?;
        if answer.headers.text("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer.status)
    }
}
