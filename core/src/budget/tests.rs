//! Virtual time; what a token is does not matter here. Seeds are fixed, so that chance falls the
//! same each time.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use super::*;

const START: u64 = 1_700_000_000_000;
const ONLY: ProviderId = ProviderId(0);
/// Of ES256 with a table.
const COST: Duration = Duration::from_micros(100);

fn at(millis: u64) -> UnixTime {
    UnixTime::from_millis(START + millis)
}

fn budget(percent: usize, providers: usize) -> Budget {
    seeded(percent, providers, 1)
}

fn seeded(percent: usize, providers: usize, seed: u64) -> Budget {
    let limits = Limits {
        forged_tokens_cpu_percent: percent,
        ..Limits::default()
    };
    Budget::new(providers, &limits, seed)
}

/// How many of so many wrong signatures at this moment are checked.
fn spent(
    budget: &mut Budget,
    provider: ProviderId,
    wrong: u32,
    cost: Duration,
    millis: u64,
) -> u32 {
    let mut count = 0;
    for _ in 0..wrong {
        if let Some(admission) = budget.admit(provider, false, at(millis)) {
            budget.was_wrong(admission, cost);
            count += 1;
        }
    }
    count
}

/// How many of a thousand good signatures at this moment are checked.
fn chance(budget: &mut Budget, provider: ProviderId, millis: u64) -> usize {
    (0..1_000)
        .filter(|_| budget.admit(provider, false, at(millis)).is_some())
        .count()
}

#[test]
fn what_is_within_the_budget_is_all_checked() {
    // 24 of 25 percent.
    let mut budget = budget(25, 1);
    for millis in 0..10_000 {
        let wrong = if millis % 5 == 0 { 12 } else { 0 };
        assert_eq!(spent(&mut budget, ONLY, wrong, COST, millis), wrong);
        assert_eq!(chance(&mut budget, ONLY, millis), 1_000);
    }
}

#[test]
fn a_flood_costs_its_part_of_a_processor_and_no_more_whatever_is_dear() {
    for (percent, micros) in [
        (25, 90),
        (25, 520),
        (25, 5_120),
        (1, 90),
        (1, 5_120),
        (90, 130),
    ] {
        let cost = Duration::from_micros(micros);
        let mut budget = budget(percent, 1);
        let full = 2 * budget.common.most.max(budget.of_providers[0].most);
        let checked: u32 = (0..10_000)
            .map(|millis| spent(&mut budget, ONLY, 20, cost, millis))
            .sum();
        let used = u128::from(checked) * cost.as_nanos();
        let filled = 10 * 10_000_000 * u128::try_from(percent).unwrap();
        let full = u128::try_from(full).unwrap();
        assert!(
            used <= filled + full + 2 * cost.as_nanos(),
            "{percent} {micros}: {used}"
        );
        assert!(used * 20 >= filled * 19, "{percent} {micros}: {used}");
    }
}

#[test]
fn all_providers_together_get_no_more_than_one() {
    const PROVIDERS: usize = 100;
    let mut budget = budget(25, PROVIDERS);
    let mut used = Duration::ZERO;
    for millis in 0..5_000 {
        for provider in 0..PROVIDERS {
            used += COST * spent(&mut budget, ProviderId(provider), 1, COST, millis);
        }
    }
    let filled = Duration::from_millis(1_250);
    // The full buckets: one second of the common half, and the least that each provider's holds.
    let full = Duration::from_millis(125 + 10 * 100);
    assert!(used <= filled + full + COST * 101, "{used:?}");
    assert!(used >= filled * 19 / 20, "{used:?}");
}

#[test]
fn a_flood_of_one_provider_leaves_the_others_their_share() {
    for providers in [2, 100] {
        let mut budget = budget(25, providers);
        let other = ProviderId(providers - 1);
        for millis in 0..5_000 {
            spent(&mut budget, ONLY, 50, COST, millis);
            // A few forged ones of its own: one percent of a processor's thousandth part.
            if millis % 200 == 0 {
                assert_eq!(spent(&mut budget, other, 1, COST, millis), 1);
            }
            assert!(budget.admit(other, false, at(millis)).is_some());
        }
        assert!(chance(&mut budget, ONLY, 5_000) < 100);
    }
}

#[test]
fn what_the_others_leave_is_common() {
    let mut budget = budget(25, 100);
    // Eight percent, of which its own share is an eighth of one.
    for millis in 0..10_000 {
        let wrong = if millis % 5 == 0 { 4 } else { 0 };
        assert_eq!(spent(&mut budget, ONLY, wrong, COST, millis), wrong);
    }
}

/// A forged token every tenth of a millisecond, and an honest one now and then: each has the same
/// chance.
#[test]
fn a_regular_flood_has_no_advantage() {
    let mut budget = budget(25, 1);
    let (mut forged, mut honest, mut asked) = (0, 0, 0);
    for millis in 0..30_000 {
        forged += spent(&mut budget, ONLY, 10, COST, millis);
        // Always behind the flood.
        if millis % 7 == 3 {
            asked += 1;
            honest += u32::from(budget.admit(ONLY, false, at(millis)).is_some());
        }
    }
    // A quarter of what is wanted fills in: ten times a tenth of a millisecond in each. The full
    // bucket is a second's.
    assert!((75_000..78_500).contains(&forged), "{forged} of 300000");
    let percent = honest * 100 / asked;
    assert!((22..=30).contains(&percent), "{honest} of {asked}");
}

/// Forged tokens that come all at once take less from the honest than as many that come one by one.
#[test]
fn bursts_have_no_advantage() {
    for pause in [100_u32, 500, 1_000] {
        let mut budget = budget(25, 1);
        let mut honest = 0;
        for millis in 0..30_000 {
            if millis % u64::from(pause) == 0 {
                spent(&mut budget, ONLY, 10 * pause, COST, millis);
            }
            honest += u32::from(budget.admit(ONLY, false, at(millis)).is_some());
        }
        assert!(honest * 100 >= 30_000 * 24, "{pause}: {honest} of 30000");
    }
}

#[test]
fn good_signatures_cost_nothing() {
    let mut budget = budget(1, 1);
    assert_eq!(chance(&mut budget, ONLY, 0), 1_000);
    assert_eq!(chance(&mut budget, ONLY, 0), 1_000);
}

#[test]
fn a_token_that_was_good_is_admitted_when_nothing_is_left() {
    let mut budget = budget(1, 1);
    spent(&mut budget, ONLY, 10_000, COST, 0);
    assert_eq!(spent(&mut budget, ONLY, 100, COST, 0), 0);
    let admission = budget.admit(ONLY, true, at(0)).unwrap();
    budget.was_wrong(admission, COST);
}

/// After the keys have changed, tokens that were good cost their time, and no more than a moment of
/// the others'.
#[test]
fn what_was_good_and_is_no_more_leaves_no_debt_for_long() {
    let mut budget = budget(25, 1);
    for _ in 0..8_192 {
        let admission = budget.admit(ONLY, true, at(0)).unwrap();
        budget.was_wrong(admission, COST);
    }
    assert_eq!(chance(&mut budget, ONLY, 0), 0);
    assert_eq!(chance(&mut budget, ONLY, 600), 1_000);
}

#[test]
fn a_provider_of_another_configuration_has_no_budget() {
    assert!(budget(25, 2).admit(ProviderId(2), true, at(0)).is_none());
    assert!(budget(25, 0).admit(ProviderId(0), true, at(0)).is_none());
}

#[test]
fn a_clock_that_goes_back_neither_fills_nor_stops_the_bucket() {
    let mut budget = budget(25, 1);
    spent(&mut budget, ONLY, 100_000, COST, 60_000);
    assert_eq!(chance(&mut budget, ONLY, 60_000), 0);
    assert_eq!(chance(&mut budget, ONLY, 0), 0);
    assert!(chance(&mut budget, ONLY, 100) > 100);
}

#[test]
fn who_passes_depends_on_the_seed() {
    let passed = |seed| -> Vec<bool> {
        let mut budget = seeded(25, 1, seed);
        spent(&mut budget, ONLY, 5_000, COST, 0);
        (0..64)
            .map(|_| budget.admit(ONLY, false, at(100)).is_some())
            .collect()
    };
    assert_eq!(passed(1), passed(1));
    assert_ne!(passed(1), passed(2));
    // And on how often was drawn.
    assert_ne!(passed(1)[..32], passed(1)[32..]);
}
