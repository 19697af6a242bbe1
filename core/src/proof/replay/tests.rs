//! What a memory remembers, whoever writes to it when.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

mod interleaved;
mod model;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::proof::shared::tests::Proxy;

const MINUTE: Duration = Duration::from_secs(60);
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn memory() -> ReplayMemory {
    ReplayMemory::new("gate", MINUTE)
}

fn birth() -> Birth {
    Birth::read(&[&NOW.as_millis().to_be_bytes()[..], &[1; 32]].concat()).unwrap()
}

/// Enters what is of its date, and reads what was written.
fn enter(
    slot: &mut Slot,
    entry: Entry,
    retention: Duration,
    now: UnixTime,
) -> Result<(), NotSpent> {
    let mut next = Slot(slot.0.clone());
    next.spend(&entry, entry.dated, retention, now)?;
    *slot = Slot::read(next.0).unwrap();
    Ok(())
}

/// How many a slot has.
fn entries(slot: &Slot) -> usize {
    (slot.0.len() - FRONT) / ENTRY
}

/// A proof of this number, made by this person then.
fn proof(number: u64, who: &str, made: UnixTime) -> Spend {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Spend {
        kind: SpendKind::Proof,
        id: id.into(),
        principal: ("https://id.example.com".into(), Some(who.into())),
        made,
        dated: made,
    }
}

fn after(seconds: u64) -> UnixTime {
    NOW.saturating_add(Duration::from_secs(seconds))
}

/// The vectors of SipHash-2-4-128 that its authors publish (`vectors_sip128`): one and two bytes.
#[test]
fn hashes_are_those_of_the_reference_whatever_the_parts() {
    let key: Vec<u8> = (0..32).collect();
    let birth = Birth::read(&[&[0; 8], &key[..]].concat()).unwrap();
    let hash = |parts: &[&[u8]]| {
        let [first, second] = birth.hash(Hashed::Id(0), parts);
        u128::from_be_bytes(
            *[first.to_le_bytes(), second.to_le_bytes()]
                .concat()
                .first_chunk()
                .unwrap(),
        )
    };
    assert_eq!(hash(&[]), 0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45);
    assert_eq!(hash(&[&[1]]), 0x8177_228d_a4a4_5dc7_fca3_8bde_f60a_ffe4);
    let bytes: Vec<u8> = (1..40).collect();
    for cut in 0..bytes.len() {
        let (one, other) = bytes.split_at(cut);
        assert_eq!(hash(&[one, other]), hash(&[&bytes]));
    }
}

#[test]
fn a_proof_is_spent_once_by_whichever_worker() {
    let proxy = Proxy::default();
    let spend = proof(1, "alice", NOW);
    assert_eq!(memory().spend(&proxy.worker(1), &spend, NOW), Ok(()));
    for (number, seconds) in [(1, 0), (2, 1), (3, 59), (4, 60)] {
        let again = memory().spend(&proxy.worker(number), &spend, after(seconds));
        assert_eq!(again, Err(NotSpent::Replayed));
    }
    let other = proof(2, "alice", NOW);
    assert_eq!(memory().spend(&proxy.worker(2), &other, NOW), Ok(()));
}

#[test]
fn what_nobody_would_accept_any_more_is_let_go_and_does_not_come_back() {
    let proxy = Proxy::default();
    let spend = proof(1, "alice", NOW);
    memory().spend(&proxy.worker(1), &spend, NOW).unwrap();
    let late = memory().spend(&proxy.worker(1), &spend, after(61));
    assert_eq!(late, Err(NotSpent::TooOld(NOW)));
    // A clock that goes back finds nothing else.
    let back = memory().spend(&proxy.worker(1), &spend, NOW);
    assert!(back.is_err(), "{back:?}");
}

/// An entry is let go by the policy of its day. The next one accepts proofs for longer.
#[test]
fn a_policy_that_accepts_proofs_for_longer_does_not_accept_them_again() {
    let birth = birth();
    let (_, entry) = Entry::of(&proof(1, "alice", NOW), &birth);
    let (_, newer) = Entry::of(&proof(2, "alice", after(61)), &birth);
    let mut slot = Slot::new(&birth);
    enter(&mut slot, entry, MINUTE, NOW).unwrap();
    enter(&mut slot, newer, MINUTE, after(61)).unwrap();
    assert_eq!(entries(&slot), 1, "the first is let go");
    let again = enter(&mut slot, entry, MINUTE * 5, after(62));
    assert_eq!(again, Err(NotSpent::TooOld(NOW)));
    let (_, newest) = Entry::of(&proof(3, "alice", after(1)), &birth);
    assert_eq!(enter(&mut slot, newest, MINUTE * 5, after(62)), Ok(()));
}

#[test]
fn two_gates_of_one_proxy_spend_for_themselves() {
    let proxy = Proxy::default();
    let spend = proof(1, "alice", NOW);
    for scope in ["edge", "side"] {
        let mut memory = ReplayMemory::new(scope, MINUTE);
        assert_eq!(memory.spend(&proxy.worker(1), &spend, NOW), Ok(()));
        let again = memory.spend(&proxy.worker(1), &spend, NOW);
        assert_eq!(again, Err(NotSpent::Replayed));
    }
}

#[test]
fn kinds_do_not_meet() {
    let proxy = Proxy::default();
    let spend = proof(1, "alice", NOW);
    let token = Spend {
        kind: SpendKind::Token,
        dated: after(600),
        ..spend.clone()
    };
    assert_eq!(memory().spend(&proxy.worker(1), &spend, NOW), Ok(()));
    assert_eq!(memory().spend(&proxy.worker(1), &token, NOW), Ok(()));
    // A token is kept until its date, however old it is.
    for seconds in [61, 599, 600] {
        let again = memory().spend(&proxy.worker(1), &token, after(seconds));
        assert_eq!(again, Err(NotSpent::Replayed));
    }
    let late = memory().spend(&proxy.worker(1), &token, after(601));
    assert_eq!(late, Err(NotSpent::TooOld(after(600))));
}

#[test]
fn what_was_made_before_the_memory_began_is_not_believed() {
    let proxy = Proxy::default();
    memory()
        .spend(&proxy.worker(1), &proof(1, "alice", NOW), NOW)
        .unwrap();
    proxy.wipe();
    let began = after(10);
    let spent_before = memory().spend(&proxy.worker(1), &proof(1, "alice", NOW), began);
    assert_eq!(spent_before, Err(NotSpent::TooOld(began)));
    let new = proof(2, "alice", began);
    assert_eq!(memory().spend(&proxy.worker(2), &new, after(11)), Ok(()));
}

#[test]
fn content_that_nobody_here_wrote_is_refused() {
    let written = || {
        let proxy = Proxy::default();
        memory()
            .spend(&proxy.worker(1), &proof(1, "alice", NOW), NOW)
            .unwrap();
        proxy
    };
    let spend = proof(1, "alice", NOW);
    let values = written().values();
    assert_eq!(values.len(), 3, "a birth, its mark and a slot");
    for (key, value) in values {
        if key.contains("/mark/") {
            // Only its version counts.
            assert!(value.is_empty());
            continue;
        }
        let cut = value[..value.len() - 1].to_vec();
        let longer = [&value[..], &[0]].concat();
        let mut changed = value.clone();
        changed[0] ^= 1;
        let mut odd = vec![Vec::new(), cut, longer];
        if key.contains("/spent/") {
            odd.push(changed);
            let crowd = value[32..].repeat(limits::REPLAY_SLOT_ENTRIES + 1);
            odd.push([&value[..32], &crowd].concat());
            let mut unknown_kind = value.clone();
            unknown_kind[32] = 2;
            odd.push(unknown_kind);
        }
        for odd in odd {
            let proxy = written();
            proxy.overwrite(&key, &odd);
            let judged = memory().spend(&proxy.worker(1), &spend, NOW);
            assert_eq!(judged, Err(NotSpent::Broken), "{key} {odd:?}");
        }
    }
    let nothing = memory().spend(&Shared::default(), &spend, NOW);
    assert_eq!(nothing, Err(NotSpent::Broken));
}

#[test]
fn a_slot_of_a_memory_that_is_lost_is_begun_anew() {
    let proxy = Proxy::default();
    memory()
        .spend(&proxy.worker(1), &proof(1, "alice", NOW), NOW)
        .unwrap();
    let relic = proxy
        .values()
        .into_iter()
        .find(|(key, _)| key.contains("/spent/"))
        .unwrap();
    proxy.wipe();
    for number in 0..SLOTS {
        proxy.overwrite(&slot_of("passgate/3/spent/gate", number), &relic.1);
    }
    let new = proof(2, "alice", after(1));
    assert_eq!(memory().spend(&proxy.worker(2), &new, after(1)), Ok(()));
    let again = memory().spend(&proxy.worker(3), &new, after(1));
    assert_eq!(again, Err(NotSpent::Replayed));
}

/// Fills one slot; who came when is told by the count of their entries.
fn fill(slot: &mut Slot, who: &str, number: &mut u64) -> usize {
    let mut entered = 0;
    loop {
        *number += 1;
        let (_, entry) = Entry::of(&proof(*number, who, NOW), &birth());
        match enter(slot, entry, MINUTE, NOW) {
            Ok(()) => entered += 1,
            Err(refused) => {
                assert_eq!(refused, NotSpent::Full);
                return entered;
            }
        }
    }
}

#[test]
fn no_client_fills_a_slot_for_others_and_full_means_refused() {
    let birth = birth();
    let (mut slot, mut number) = (Slot::new(&birth), 0);
    assert_eq!(fill(&mut slot, "mallory", &mut number), 32);
    assert_eq!(fill(&mut slot, "alice", &mut number), 16);
    assert_eq!(fill(&mut slot, "bob", &mut number), 8);
    let mut people = 3;
    while entries(&slot) < limits::REPLAY_SLOT_ENTRIES {
        people += 1;
        assert!(fill(&mut slot, &format!("person {people}"), &mut number) > 0);
    }
    assert_eq!(fill(&mut slot, "too late", &mut number), 0);
    assert!(Slot::read(slot.0.clone()).is_some());
    // With time there is room again.
    let later = proof(1_000, "mallory", after(61));
    let (_, entry) = Entry::of(&later, &birth);
    assert_eq!(enter(&mut slot, entry, MINUTE, after(61)), Ok(()));
    assert_eq!(entries(&slot), 1);
}

#[test]
fn a_flood_by_one_client_leaves_every_other_one_served() {
    let proxy = Proxy::default();
    let shared = proxy.worker(1);
    let flood =
        (0..30_000).map(|number| memory().spend(&shared, &proof(number, "mallory", NOW), NOW));
    assert_eq!(flood.filter(Result::is_ok).count(), 30_000);
    for number in 0..500 {
        let spend = proof(1_000_000 + number, &format!("person {number}"), NOW);
        assert_eq!(memory().spend(&shared, &spend, NOW), Ok(()));
    }
    assert!(proxy.values().len() <= usize::from(SLOTS) + 2);
}

fn slot_of(memory: &str, slot: u16) -> String {
    let mut name = format!("{memory}/abc");
    name_slot(&mut name, slot);
    name
}

#[test]
fn each_slot_has_a_name_of_its_own() {
    let names: BTreeSet<String> = (0..SLOTS).map(|slot| slot_of("s", slot)).collect();
    assert_eq!(names.len(), usize::from(SLOTS));
    assert_eq!(slot_of("s", SLOTS - 1), "s/fff");
}

#[test]
fn hashes_of_one_kind_and_memory_are_not_those_of_another() {
    let (one, other) = (birth(), Birth::read(&[7; 40]).unwrap());
    let mut all = BTreeSet::new();
    for birth in [&one, &other] {
        for what in [Hashed::Id(0), Hashed::Id(1), Hashed::Principal, Hashed::Tag] {
            for text in [&b""[..], b"a", &[0; 100]] {
                assert!(all.insert(birth.hash(what, &[text])));
            }
        }
    }
}

/// A worker that knows the beginning asks for it again.
#[test]
fn a_memory_that_is_lost_is_noticed_by_those_who_knew_it() {
    let proxy = Proxy::default();
    let mut old = memory();
    let spend = proof(1, "alice", after(30));
    assert_eq!(old.spend(&proxy.worker(1), &spend, NOW), Ok(()));
    proxy.wipe();
    // Another worker begins it anew, at another time.
    memory().begin(&proxy.worker(2), after(40));
    let shared = proxy.worker(1);
    let again = old.spend(&shared, &spend, after(41));
    assert_eq!(again, Err(NotSpent::TooOld(after(40))));
    let new = proof(2, "alice", after(42));
    assert_eq!(old.spend(&shared, &new, after(42)), Ok(()));
    let again = memory().spend(&proxy.worker(2), &new, after(42));
    assert_eq!(again, Err(NotSpent::Replayed));
}

/// A slot is read and written. Where there is none yet, the mark is read as well, before and after.
#[test]
fn a_proof_costs_two_calls_of_the_host() {
    let proxy = Proxy::default();
    let shared = proxy.worker(1);
    let mut memory = memory();
    memory.spend(&shared, &proof(1, "alice", NOW), NOW).unwrap();
    let mut calls = Vec::new();
    for number in 2..600 {
        let before = (proxy.calls(), proxy.values().len());
        memory
            .spend(&shared, &proof(number, "alice", NOW), NOW)
            .unwrap();
        let is_first = proxy.values().len() > before.1;
        calls.push((is_first, proxy.calls() - before.0));
    }
    calls.sort_unstable();
    calls.dedup();
    assert_eq!(calls, [(false, 2), (true, 4)]);
}

proptest! {
    /// However clocks jump and policies change, nothing is spent twice while the memory lives.
    #[test]
    fn clocks_that_jump_spend_nothing_twice(
        steps in prop::collection::vec((0u64..6, 0u64..2_000, prop::sample::select(vec![30, 60, 300])), 1..60),
    ) {
        let proxy = Proxy::default();
        let mut spent = [0; 6];
        for (number, clock, window) in steps {
            let mut memory = ReplayMemory::new("gate", Duration::from_secs(window));
            let spend = proof(number, "alice", after(200 * number));
            if memory.spend(&proxy.worker(1), &spend, after(clock)) == Ok(()) {
                spent[usize::try_from(number).unwrap()] += 1;
            }
        }
        prop_assert!(spent.iter().all(|times| *times <= 1), "{:?}", spent);
    }

    /// A clock that jumped ahead and came back refuses nothing that is made from then on.
    #[test]
    fn after_a_jump_new_proofs_pass(ahead in 61u64..100_000) {
        let proxy = Proxy::default();
        memory().spend(&proxy.worker(1), &proof(1, "alice", NOW), NOW).unwrap();
        let _ = memory().spend(&proxy.worker(1), &proof(2, "alice", after(ahead)), after(ahead));
        let new = proof(3, "alice", after(1));
        prop_assert_eq!(memory().spend(&proxy.worker(1), &new, after(1)), Ok(()));
    }

    #[test]
    fn what_a_slot_writes_it_reads(entries in prop::collection::vec((any::<u64>(), "[a-z]{1,3}"), 0..40)) {
        let mut slot = Slot::new(&birth());
        for (number, who) in entries {
            let (_, entry) = Entry::of(&proof(number, &who, NOW), &birth());
            let _ = enter(&mut slot, entry, MINUTE, NOW);
        }
        let bytes = slot.0;
        prop_assert_eq!(Slot::read(bytes.clone()).map(|slot| slot.0), Some(bytes));
    }

    #[test]
    fn no_content_panics(bytes: Vec<u8>, times in 0usize..70) {
        let with_magic = [&MAGIC[..], &bytes].concat();
        let birth = birth();
        let mut of_size = Slot::new(&birth).0;
        of_size.extend(bytes.iter().cycle().take(if bytes.is_empty() { 0 } else { times * ENTRY }));
        let (_, entry) = Entry::of(&proof(1, "alice", NOW), &birth);
        for bytes in [bytes, with_magic, of_size] {
            if let Some(mut slot) = Slot::read(bytes) {
                let _ = slot.spend(&entry, NOW, MINUTE, NOW);
            }
        }
    }
}
