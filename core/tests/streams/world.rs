//! A gate with open streams, its policies, and the server of its list.

use std::time::Duration;

use passgate_core::{
    Answer, Config, Cut, Leases, Need, Request, Settlement, Step, Supply, UnixTime, Verdict,
    Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const START: u64 = 1_795_900_000;
pub(crate) const DOOR: &[u8] = b"443";

/// One policy of a gate.
pub(crate) struct Judge {
    pub(crate) supply: Supply,
    pub(crate) verifier: Verifier,
}

/// A gate, its streams, and the server of its list.
pub(crate) struct World {
    pub(crate) key: SigningKey,
    pub(crate) leases: Leases,
    pub(crate) now: UnixTime,
    pub(crate) list: Value,
    /// What the provider says of its people's passkeys, where it is asked.
    pub(crate) credentials: Value,
    pub(crate) sequence: u64,
    /// What the server, or what lies between, does in place of an answer.
    pub(crate) weather: Weather,
}

/// How the list's server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Good,
    Down,
    /// With a copy from its beginning.
    Old,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::signed_by(SigningKey::es256("key-1"))
    }

    pub(crate) fn signed_by(key: SigningKey) -> Self {
        Self {
            key,
            leases: Leases::default(),
            now: UnixTime::from_secs(START),
            list: json!([]),
            credentials: Value::Null,
            sequence: 1,
            weather: Weather::Good,
        }
    }

    pub(crate) fn judge(&mut self, more: Value) -> Judge {
        let mut config = json!({
            "providers": { "acme": {
                "issuer": ISSUER,
                "audiences": ["api"],
                "clock_skew": "0s",
                "local_jwks": { "inline_string": jwks(&[&self.key]) },
            } },
            "streams": { "end_with_authority": true },
        });
        for (name, value) in more.as_object().unwrap() {
            match name.as_str() {
                "acme" => {
                    let acme = config["providers"]["acme"].as_object_mut().unwrap();
                    acme.extend(value.as_object().unwrap().clone());
                }
                _ => config[name] = value.clone(),
            }
        }
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let supply = Supply::new(&config, 1);
        let mut verifier = Verifier::new(config, 1);
        verifier.join(&mut self.leases);
        Judge { supply, verifier }
    }

    pub(crate) fn token(&self, lifetime: u64) -> TokenBuilder<'_> {
        TokenBuilder::of(&self.key, ISSUER, "api")
            .claim("iat", START)
            .claim("exp", START + lifetime)
            .claim("auth_time", START)
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(millis));
    }

    /// Fetches what is due, and looks at all streams once.
    pub(crate) fn tick(&mut self, judge: &mut Judge) -> Vec<Cut> {
        judge.supply.read_on(self.now);
        while let Some(fetch) = judge.supply.poll_call(self.now) {
            let (sequence, at, entries) = match self.weather {
                Weather::Good => (self.sequence, self.now.as_secs(), self.list.clone()),
                Weather::Old => (1, START, json!([])),
                Weather::Down => {
                    let supply = &mut judge.supply;
                    supply.on_answer(fetch.id, Answer::NoAnswer, self.now);
                    continue;
                }
            };
            let list = json!({
                "version": 1, "epoch": 1, "sequence": sequence, "generated_at": at,
                "entries": entries,
            });
            let answer = match fetch.need {
                Need::Credentials(..) => &self.credentials,
                _ => &list,
            };
            let body = answer.to_string().into_bytes();
            let headers: &[(&[u8], &[u8])] = &[(b":status", b"200")];
            judge
                .supply
                .on_host_answer(fetch.id, headers, body, self.now);
            judge.supply.read_on(self.now);
        }
        let Judge { supply, verifier } = judge;
        let mut cuts = Vec::new();
        for _ in 0..1_000 {
            cuts.extend(verifier.look_after(&mut self.leases, 32, supply, self.now));
            if verifier.next_look(&self.leases, self.now) != Some(self.now) {
                break;
            }
        }
        cuts
    }

    /// A request that may begin a stream; the decision about it. `None`: it waits.
    pub(crate) fn ask(
        &mut self,
        judge: &mut Judge,
        stream: u32,
        headers: &[(&str, &str)],
    ) -> Option<&'static str> {
        let mut all = vec![(":method", "GET"), (":authority", "api.example.com")];
        all.extend([("x-request-id", "id-1"), ("accept", "text/event-stream")]);
        all.extend(headers);
        let all: Vec<(&[u8], &[u8])> = all
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        judge.verifier.note_room(&self.leases);
        let request = Request::new(&all);
        let step = judge.verifier.verify(request, &mut judge.supply, self.now);
        let Step::Settle(Settlement { verdict, record }) = step else {
            return None;
        };
        if let Verdict::Allow(mut permit) = verdict
            && let Some(lease) = permit.take_lease()
        {
            judge.verifier.hold(&mut self.leases, stream, DOOR, lease);
        }
        Some(record.reason)
    }

    /// A stream begins, at most after a wait; the decision about it.
    pub(crate) fn open(
        &mut self,
        judge: &mut Judge,
        stream: u32,
        headers: &[(&str, &str)],
    ) -> &'static str {
        for _ in 0..20 {
            if let Some(reason) = self.ask(judge, stream, headers) {
                return reason;
            }
            self.pass(1_000);
            self.tick(judge);
        }
        panic!("the request waits for ever");
    }

    pub(crate) fn with(&mut self, judge: &mut Judge, stream: u32, token: &str) {
        let bearer = format!("Bearer {token}");
        let headers = [(":path", "/chat?room=1"), ("authorization", &*bearer)];
        let reason = self.open(judge, stream, &headers);
        assert_eq!(reason, "permitted.token");
    }
}

pub(crate) fn told(cuts: &[Cut]) -> Vec<(u32, &'static str, &'static str)> {
    let told = |cut: &Cut| (cut.stream, cut.record.decision, cut.record.reason);
    cuts.iter().map(told).collect()
}
