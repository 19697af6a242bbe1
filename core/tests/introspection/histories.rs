//! Histories of requests, answers, outages, clocks that jump and clients that leave, drawn at
//! random; and what is true of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use passgate_core::{Number, Step, UnixTime};
use proptest::prelude::*;
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{START, Weather, World, active, provider};

#[derive(Clone, Debug)]
enum Event {
    /// A request with this token comes. It waits, or its client leaves.
    Request(u8, bool),
    /// The issuer ends a token, or lets it live again.
    Revoke(u8),
    Grant(u8),
    Weather(Weather),
    /// Answers to so many questions that are kept.
    Answers(usize),
    Pass(u64),
    /// The clock goes back by so many milliseconds.
    Back(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let weather = prop_oneof![
        4 => Just(Weather::Good),
        1 => Just(Weather::Down),
        1 => Just(Weather::Status(500)),
        1 => Just(Weather::Status(503)),
        2 => Just(Weather::Slow),
    ];
    prop_oneof![
        8 => (0_u8..6, any::<bool>()).prop_map(|(token, stays)| Event::Request(token, stays)),
        1 => (0_u8..6).prop_map(Event::Revoke),
        1 => (0_u8..6).prop_map(Event::Grant),
        1 => weather.prop_map(Event::Weather),
        3 => (1_usize..4).prop_map(Event::Answers),
        4 => (0_u64..9_000).prop_map(Event::Pass),
        1 => (0_u64..20_000).prop_map(Event::Back),
    ]
}

/// What is true of the issuer's tokens, by time that only goes forward.
struct Truth {
    forward: Duration,
    /// Since when a token is not active; `None`: it is.
    ended: BTreeMap<u8, Option<Duration>>,
    /// Since when it is active again.
    granted: BTreeMap<u8, Duration>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_passes_that_ended_long_ago_and_nothing_active_is_refused_for_long(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut world = World::with(&json!({
            "providers": { "acme": provider(&json!({})) },
            "limits": { "remembered_tokens": 3 },
        }));
        let name = |token: u8| format!("token-{token}");
        let mut truth = Truth {
            forward: Duration::ZERO,
            ended: (0..6).map(|token| (token, None)).collect(),
            granted: (0..6).map(|token| (token, Duration::ZERO)).collect(),
        };
        for token in 0..6 {
            world.says(&name(token), active(&json!({ "iat": 0, "exp": START + 1_000_000 })));
        }
        for event in events {
            match event {
                Event::Request(..) => {}
                Event::Revoke(token) => {
                    world.said.remove(&name(token));
                    truth.ended.entry(token).or_default().get_or_insert(truth.forward);
                }
                Event::Grant(token) => {
                    world.says(&name(token), active(&json!({ "iat": 0, "exp": START + 1_000_000 })));
                    if truth.ended.insert(token, None).flatten().is_some() {
                        truth.granted.insert(token, truth.forward);
                    }
                }
                Event::Weather(weather) => world.weather = weather,
                Event::Answers(count) => {
                    for _ in 0..count {
                        world.answer();
                    }
                }
                Event::Pass(millis) => {
                    world.pass(millis);
                    truth.forward += Duration::from_millis(millis);
                }
                Event::Back(millis) => {
                    let back = world.now.as_millis().saturating_sub(millis);
                    world.now = UnixTime::from_millis(back);
                }
            }
            let Event::Request(token, stays) = event else {
                world.tick();
                continue;
            };
            for _ in 0..4 {
                let Step::Settle(settlement) = world.verify("/", "Bearer", &name(token)) else {
                    if !stays {
                        break;
                    }
                    world.tick();
                    continue;
                };
                let ended = truth.ended[&token];
                match settlement.record.reason {
                    PASSES => {
                        // An answer may have been given until the moment of the end.
                        let since = ended.map(|ended| truth.forward - ended);
                        prop_assert!(
                            since.is_none_or(|since| since < Duration::from_secs(30)),
                            "{since:?}"
                        );
                    }
                    INACTIVE => {
                        // It is remembered for five seconds, and the question takes five.
                        let since = truth.forward - truth.granted[&token];
                        prop_assert!(
                            ended.is_some() || since <= Duration::from_secs(10),
                            "{since:?}"
                        );
                    }
                    OUT => {}
                    other => prop_assert!(false, "{other}"),
                }
                break;
            }
            world.tick();
        }
        // What was asked is what was counted, and nothing waits for nothing.
        world.weather = Weather::Good;
        world.pass(120_000);
        world.tick();
        world.pass(60_000);
        let token = 0;
        let is_active = truth.ended[&token].is_none();
        let wanted = if is_active { PASSES } else { INACTIVE };
        prop_assert_eq!(world.reason(&name(token)), wanted);
        let ok: u64 = world
            .supply
            .ending_reports()
            .flat_map(|report| report.measures)
            .filter(|measure| measure.name == "fetches.ok")
            .map(|measure| if let Number::Count(count) = measure.value { count } else { 0 })
            .sum();
        prop_assert!(ok >= 1);
    }
}
