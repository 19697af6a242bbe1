//! A gate, requests that wait, and an issuer that is asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use passgate_core::{
    Answer, AuditRecord, Call, Config, Edit, FetchId, Need, Request, Settlement, Step, Supply,
    UnixTime, Verdict, Verifier,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const START: u64 = 1_795_900_000;

/// How the issuer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Good,
    Down,
    /// This status to each question.
    Status(u16),
    /// Questions are kept until [`World::answer_all`].
    Slow,
}

pub(crate) struct World {
    pub(crate) supply: Supply,
    pub(crate) verifier: Verifier,
    pub(crate) now: UnixTime,
    /// What is said of each token, text as it is; of others that they are not active.
    pub(crate) said: BTreeMap<String, Value>,
    /// The provider's key set, if it can be had.
    pub(crate) keys: Option<String>,
    pub(crate) weather: Weather,
    /// All questions that were sent.
    pub(crate) calls: Vec<Call>,
    pub(crate) open: VecDeque<(FetchId, String)>,
}

/// The members of both; the second ones stand where both have one.
pub(crate) fn with(mut all: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    all
}

/// A provider with these words beside the usual ones.
pub(crate) fn provider(more: &Value) -> Value {
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let provider = json!({
        "issuer": ISSUER,
        "audiences": ["api"],
        "introspection": { "http_uri": uri, "cache_duration": "30s" },
    });
    with(provider, more)
}

/// An answer about an active token of Alice.
pub(crate) fn active(more: &Value) -> Value {
    let answer = json!({
        "active": true, "sub": "alice", "aud": "api", "token_type": "Bearer",
        "iat": START - 10, "exp": START + 100_000,
    });
    with(answer, more)
}

/// The token in a question.
pub(crate) fn token_of(call: &Call) -> String {
    let body = std::str::from_utf8(&call.body).unwrap();
    body.rsplit_once("token=").unwrap().1.to_owned()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&json!({ "providers": { "acme": provider(&json!({})) } }))
    }

    /// The same with an issuer that vouches for the token `t`.
    pub(crate) fn vouching() -> Self {
        let mut world = Self::new();
        world.says("t", active(&json!({})));
        world
    }

    pub(crate) fn with(config: &Value) -> Self {
        let environment = |name: &str| (name == "KEY").then(|| "0123456789abcdef".repeat(2));
        let config = Config::parse_with(config.to_string().as_bytes(), &environment)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        Self {
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            now: UnixTime::from_secs(START),
            said: BTreeMap::new(),
            keys: None,
            weather: Weather::Good,
            calls: Vec::new(),
            open: VecDeque::new(),
        }
    }

    /// The issuer says this of a token from now on.
    pub(crate) fn says(&mut self, token: &str, answer: Value) {
        self.said.insert(token.to_owned(), answer);
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(millis));
    }

    /// Sends what is due. What is not kept is answered.
    pub(crate) fn tick(&mut self) -> Vec<Need> {
        let mut came = Vec::new();
        while let Some(fetch) = self.supply.poll_call(self.now) {
            if fetch.call.method == "GET" {
                let answer = self.keys.as_ref().map(|keys| Answer::Http {
                    status: 200,
                    headers: &[],
                    body: keys.as_bytes(),
                });
                let answer = answer.unwrap_or(Answer::NoAnswer);
                came.extend(self.supply.on_answer(fetch.id, answer, self.now));
                continue;
            }
            let token = token_of(&fetch.call);
            self.calls.push(fetch.call);
            if self.weather == Weather::Slow {
                self.open.push_back((fetch.id, token));
            } else {
                came.extend(self.give(fetch.id, &token));
            }
        }
        came
    }

    /// Answers the oldest question that is open.
    pub(crate) fn answer(&mut self) -> Option<Need> {
        let (id, token) = self.open.pop_front()?;
        self.give(id, &token)
    }

    fn give(&mut self, id: FetchId, token: &str) -> Option<Need> {
        let body = match self.said.get(token) {
            None => json!({ "active": false }).to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(said) => said.to_string(),
        };
        let answer = |status| Answer::Http {
            status,
            headers: &[],
            body: body.as_bytes(),
        };
        let answer = match self.weather {
            Weather::Good | Weather::Slow => answer(200),
            Weather::Status(status) => answer(status),
            Weather::Down => Answer::NoAnswer,
        };
        self.supply.on_answer(id, answer, self.now)
    }

    /// Judges a request once.
    pub(crate) fn verify(&mut self, path: &str, scheme: &str, token: &str) -> Step {
        let authorization = format!("{scheme} {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        let request = Request::new(&headers);
        self.verifier.verify(request, &mut self.supply, self.now)
    }

    /// Judges a request once, which is told to wait, and says for what.
    #[track_caller]
    pub(crate) fn waits(&mut self, token: &str) -> Need {
        match self.verify("/", "Bearer", token) {
            Step::Await(need) => need,
            Step::Settle(settlement) => panic!("{:?}", settlement.record),
        }
    }

    /// Judges a request, which waits while it is told to.
    pub(crate) fn judge_on(&mut self, path: &str, token: &str) -> (Verdict, Box<AuditRecord>) {
        for _ in 0..20 {
            match self.verify(path, "Bearer", token) {
                Step::Settle(Settlement { verdict, record }) => return (verdict, record),
                Step::Await(need) => {
                    let due = self.supply.next_wakeup_for(need).unwrap();
                    self.now = self.now.max(due);
                    self.tick();
                }
            }
        }
        panic!("the request waits for ever");
    }

    pub(crate) fn judge(&mut self, token: &str) -> (Verdict, Box<AuditRecord>) {
        self.judge_on("/", token)
    }

    pub(crate) fn reason(&mut self, token: &str) -> &'static str {
        self.judge(token).1.reason
    }

    /// The value of a header that the service gets.
    pub(crate) fn header(&mut self, token: &str, name: &str) -> Option<String> {
        let (verdict, record) = self.judge(token);
        let Verdict::Allow(permit) = verdict else {
            panic!("{record:?}");
        };
        permit.edits().find_map(|edit| match edit {
            Edit::Set(own, value) if **own == *name => {
                Some(String::from_utf8(value.to_vec()).unwrap())
            }
            Edit::Set(..) | Edit::Remove(_) => None,
        })
    }

    /// How many questions were sent since this was asked last.
    pub(crate) fn asked(&mut self) -> usize {
        std::mem::take(&mut self.calls).len()
    }
}
