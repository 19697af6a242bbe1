//! Providers that are asked about tokens: as many answers and questions as may be kept.

use passgate_core::{Answer, Config, Need, Request, Step, Supply, Verifier, limits};
use serde_json::{Map, Value, json};

use crate::{AUDIENCE, NOW, PROVIDERS, issuer};

/// So many providers, each by a rule of its own.
pub(crate) struct Asked {
    supply: Supply,
    verifier: Verifier,
}

impl Asked {
    pub(crate) fn start() -> Self {
        let provider = |index: usize| {
            let uri = json!({ "uri": format!("{}/introspect", issuer(index)), "cluster": "c" });
            let provider = json!({
                "issuer": issuer(index),
                "audiences": [AUDIENCE],
                "introspection": { "http_uri": uri, "cache_duration": "1h" },
            });
            (format!("p{index}"), provider)
        };
        let rule = |index: usize| {
            json!({
                "match": { "path": format!("/{index}") },
                "requires": { "provider_name": format!("p{index}") },
            })
        };
        let providers: Map<String, Value> = (0..PROVIDERS).map(provider).collect();
        let rules: Vec<Value> = (0..PROVIDERS).map(rule).collect();
        let config = json!({ "providers": providers, "rules": rules }).to_string();
        let config = Config::parse(config.as_bytes()).unwrap();
        Self {
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
        }
    }

    fn judge(&mut self, provider: usize, token: &str) -> Step {
        let (path, bearer) = (format!("/{provider}"), format!("Bearer {token}"));
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", b"api.example.com"),
            (b"authorization", bearer.as_bytes()),
        ];
        let request = Request::new(&headers);
        self.verifier.verify(request, &mut self.supply, NOW)
    }

    /// Requests with these tokens, of all of which the provider says this. How many of them it was
    /// asked about.
    pub(crate) fn pass(&mut self, tokens: impl Iterator<Item = usize>, answer: &Value) -> usize {
        let answer = answer.to_string();
        let mut asked = 0;
        for number in tokens {
            let token = format!("{number:0>43}");
            let mut step = self.judge(0, &token);
            if let Step::Await(_) = step {
                asked += 1;
                let question = self.supply.poll_call(NOW).unwrap();
                let answer = Answer::Http {
                    status: 200,
                    headers: &[],
                    body: answer.as_bytes(),
                };
                assert!(self.supply.on_answer(question.id, answer, NOW).is_some());
                step = self.judge(0, &token);
            }
            let Step::Settle(settlement) = step else {
                panic!("it waits for ever");
            };
            assert_eq!(settlement.record.reason, "permitted.token");
        }
        asked
    }

    /// More answers than are kept, as large as they may be, which no request takes; and then
    /// questions about the longest tokens, which are not sent.
    pub(crate) fn ask(&mut self) {
        let values: Vec<u8> = vec![1; limits::INTROSPECTION_NODES - 20];
        let answer =
            json!({ "active": true, "aud": "another", "exp": NOW.as_secs() + 9_000, "x": values });
        let answer = answer.to_string();
        for provider in 0..PROVIDERS {
            for number in 0..2 * limits::INTROSPECTION_ANSWERS / PROVIDERS {
                let step = self.judge(provider, &format!("token-{number}"));
                assert!(
                    matches!(step, Step::Await(Need::Introspection(..))),
                    "{step:?}"
                );
                let question = self.supply.poll_call(NOW).unwrap();
                let answer = Answer::Http {
                    status: 200,
                    headers: &[],
                    body: answer.as_bytes(),
                };
                assert!(self.supply.on_answer(question.id, answer, NOW).is_some());
            }
            for number in 0..100 {
                let token = format!("{number:0>16000}");
                self.judge(provider, &token);
            }
        }
    }
}
