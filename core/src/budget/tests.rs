//! Virtual time; what a token is does not matter here.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use super::*;

const START: u64 = 1_700_000_000_000;
const ONLY: ProviderId = ProviderId(0);

fn at(millis: u64) -> UnixTime {
    UnixTime::from_millis(START + millis)
}

fn budget(wrong_signatures: usize) -> Budget {
    let limits = Limits {
        wrong_signatures,
        ..Limits::default()
    };
    Budget::new(2, &limits)
}

/// How many of so many wrong signatures are admitted at this moment.
fn admitted(budget: &mut Budget, provider: ProviderId, wrong: usize, millis: u64) -> usize {
    (0..wrong)
        .filter_map(|_| budget.admit(provider, false, at(millis)))
        .collect::<Vec<_>>()
        .len()
}

/// The same, each told to be wrong before the next one asks.
fn spent(budget: &mut Budget, provider: ProviderId, wrong: usize, millis: u64) -> usize {
    let mut count = 0;
    for _ in 0..wrong {
        if let Some(admission) = budget.admit(provider, false, at(millis)) {
            budget.was_wrong(admission);
            count += 1;
        }
    }
    count
}

#[test]
fn a_second_is_worth_its_number_of_wrong_signatures() {
    let mut budget = budget(100);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 0), 100);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 9), 0);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 10), 1);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 510), 50);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 100_000), 100);
}

#[test]
fn good_signatures_cost_nothing() {
    let mut budget = budget(1);
    for _ in 0..1_000 {
        assert!(budget.admit(ONLY, false, at(0)).is_some());
    }
    assert_eq!(spent(&mut budget, ONLY, 10, 0), 1);
}

#[test]
fn a_token_that_was_good_is_admitted_when_nothing_is_left() {
    let mut budget = budget(1);
    assert_eq!(spent(&mut budget, ONLY, 10, 0), 1);
    assert!(budget.admit(ONLY, true, at(0)).is_some());
    assert!(budget.admit(ONLY, false, at(0)).is_none());
}

#[test]
fn providers_do_not_spend_each_others_budget() {
    let mut budget = budget(5);
    assert_eq!(spent(&mut budget, ONLY, 100, 0), 5);
    assert_eq!(spent(&mut budget, ProviderId(1), 100, 0), 5);
    assert_eq!(admitted(&mut budget, ProviderId(2), 1, 0), 0);
}

#[test]
fn a_clock_that_goes_back_neither_fills_nor_stops_the_bucket() {
    let mut budget = budget(100);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 60_000), 100);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 0), 0);
    assert_eq!(spent(&mut budget, ONLY, 1_000, 100), 10);
}
