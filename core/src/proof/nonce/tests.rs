#![expect(clippy::string_slice, reason = "a test that cannot go on fails")]

use super::*;
use crate::proof::shared::tests::Proxy;

const NOW: UnixTime = UnixTime::from_millis(1_700_000_000_123);
const ACME: (NonceUse, &str) = (NonceUse::Dpop, "https://id.example.com");

fn nonces() -> Nonces {
    Nonces::new(&[])
}

#[test]
fn a_nonce_tells_its_time_to_every_worker_of_the_proxy() {
    let proxy = Proxy::default();
    let nonce = nonces().make(&proxy.worker(1), ACME, NOW, None).unwrap();
    for number in 1..5 {
        let read = nonces().time_of(&proxy.worker(number), ACME, &nonce);
        assert_eq!(read, Ok(Some(NOW)));
    }
}

/// RFC 9449 section 8.1: `nonce = 1*NQCHAR`.
#[test]
fn a_nonce_has_characters_of_a_nonce_only() {
    let nonce = nonces()
        .make(&Proxy::default().worker(1), ACME, NOW, None)
        .unwrap();
    assert_eq!(nonce.len(), 30);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(nonce.bytes().all(is_plain), "{nonce}");
}

#[test]
fn a_nonce_is_good_for_its_provider_alone_and_no_bit_of_it_can_be_changed() {
    let shared = Proxy::default().worker(1);
    let mut nonces = nonces();
    let nonce = nonces.make(&shared, ACME, NOW, None).unwrap();
    let other = (NonceUse::Dpop, "https://id.example.org");
    assert_eq!(nonces.time_of(&shared, other, &nonce), Ok(None));
    let bytes = base64url(&nonce).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = to_base64url(&changed);
        assert_eq!(nonces.time_of(&shared, ACME, &changed), Ok(None), "{bit}");
    }
    let (longer, shorter) = (format!("{nonce}A"), &nonce[1..]);
    for odd in ["", "x", &longer, shorter, &"=".repeat(30), &"A".repeat(30)] {
        assert_eq!(nonces.time_of(&shared, ACME, odd), Ok(None), "{odd}");
    }
}

#[test]
fn replicas_with_one_secret_believe_each_other_and_others_do_not() {
    let [one, two] = [Proxy::default(), Proxy::default()];
    let secret = b"0123456789abcdef".to_vec();
    let mut with = Nonces::new(core::slice::from_ref(&secret));
    let nonce = with.make(&one.worker(1), ACME, NOW, None).unwrap();
    let mut replica = Nonces::new(&[secret]);
    assert_eq!(replica.time_of(&two.worker(1), ACME, &nonce), Ok(Some(NOW)));
    assert_eq!(nonces().time_of(&two.worker(2), ACME, &nonce), Ok(None));
    let own = nonces().make(&one.worker(1), ACME, NOW, None).unwrap();
    assert_eq!(nonces().time_of(&two.worker(2), ACME, &own), Ok(None));
    assert_eq!(replica.time_of(&one.worker(1), ACME, &own), Ok(None));
}

#[test]
fn while_a_secret_is_exchanged_nonces_of_both_are_good() {
    let shared = Shared::default();
    let [old, new] = [b"old-old-old-old-".to_vec(), b"new-new-new-new-".to_vec()];
    let mut before = Nonces::new(core::slice::from_ref(&old));
    let mut during = Nonces::new(&[new.clone(), old]);
    let mut after = Nonces::new(&[new]);
    let [first, second] =
        [&mut before, &mut during].map(|n| n.make(&shared, ACME, NOW, None).unwrap());
    assert_eq!(during.time_of(&shared, ACME, &first), Ok(Some(NOW)));
    assert_eq!(after.time_of(&shared, ACME, &second), Ok(Some(NOW)));
    assert_eq!(after.time_of(&shared, ACME, &first), Ok(None));
    assert_eq!(before.time_of(&shared, ACME, &second), Ok(None));
}

/// A machine that lives on while its host loses the data must not send clients round in circles.
#[test]
fn after_the_host_has_lost_the_secret_all_workers_agree_on_a_new_one() {
    let proxy = Proxy::default();
    let (mut one, mut two) = (nonces(), nonces());
    let lost = one.make(&proxy.worker(1), ACME, NOW, None).unwrap();
    proxy.wipe();
    let new = two.make(&proxy.worker(2), ACME, NOW, None).unwrap();
    assert_eq!(one.time_of(&proxy.worker(1), ACME, &new), Ok(Some(NOW)));
    assert_eq!(two.time_of(&proxy.worker(2), ACME, &lost), Ok(None));
    let newer = one.make(&proxy.worker(1), ACME, NOW, None).unwrap();
    assert_eq!(two.time_of(&proxy.worker(2), ACME, &newer), Ok(Some(NOW)));
}

#[test]
fn a_secret_that_somebody_else_wrote_makes_no_nonces() {
    let proxy = Proxy::default();
    for odd in [&b""[..], b"short", &[1; 33]] {
        proxy.overwrite(SECRET, odd);
        let shared = proxy.worker(1);
        assert_eq!(nonces().make(&shared, ACME, NOW, None), Err(NotShared));
        let nonce = "A".repeat(30);
        assert_eq!(nonces().time_of(&shared, ACME, &nonce), Err(NotShared));
    }
    assert_eq!(
        nonces().make(&Shared::default(), ACME, NOW, None),
        Err(NotShared)
    );
}

#[test]
fn a_nonce_ages_at_half_its_time() {
    let minute = Duration::from_secs(60);
    for (age, is_old) in [(0, false), (29, false), (30, true), (90, true)] {
        let now = NOW.saturating_add(Duration::from_secs(age));
        assert_eq!(is_ageing(NOW, minute, now), is_old, "{age}");
    }
    // Our own clock went back.
    let later = NOW.saturating_add(minute);
    assert!(!is_ageing(later, minute, NOW));
}

/// Whose secret is its own.
fn replica(number: usize) -> Shared {
    Proxy::default().worker(u8::try_from(number).unwrap())
}

/// Each hands on what the others have given. Eight parts are the most, the newest first.
#[test]
fn a_nonce_collects_those_of_replicas_without_a_shared_secret() {
    let replicas: [Shared; 10] = core::array::from_fn(replica);
    let mut nonce = String::new();
    for round in 0..2 {
        for shared in &replicas[..8] {
            let own = nonces().time_of(shared, ACME, &nonce);
            assert_eq!(own, Ok((round > 0).then_some(NOW)));
            nonce = nonces().make(shared, ACME, NOW, Some(&nonce)).unwrap();
        }
        assert_eq!(nonce.split('.').count(), 8, "{nonce}");
    }
    // A ninth takes the place of the one that came first.
    nonce = nonces()
        .make(&replicas[8], ACME, NOW, Some(&nonce))
        .unwrap();
    assert_eq!(nonce.split('.').count(), 8, "{nonce}");
    let known = replicas
        .each_ref()
        .map(|shared| nonces().time_of(shared, ACME, &nonce) == Ok(Some(NOW)));
    let mut expected = [true; 10];
    (expected[0], expected[9]) = (false, false);
    assert_eq!(known, expected);
}

/// What is not of now, or not a nonce, is not handed on; nor is a gate's own part.
#[test]
fn a_nonce_collects_nothing_else() {
    let [one, two] = [replica(1), replica(2)];
    let make = |shared, before| nonces().make(shared, ACME, NOW, before).unwrap();
    let long_ago = NOW.saturating_sub(Duration::from_secs(301));
    let old = nonces().make(&two, ACME, long_ago, None).unwrap();
    let own = make(&one, None);
    let odd = [
        old,
        own.clone(),
        "\"x".to_owned(),
        "A".repeat(31),
        String::new(),
    ]
    .join(".");
    assert_eq!(make(&one, Some(&odd)), own);
}

/// They agree on the one time of a nonce, so that a service that counts for all of them counts it
/// in one window.
#[test]
fn replicas_with_a_shared_secret_collect_nothing() {
    let [one, two] = [replica(1), replica(2)];
    let mut with = Nonces::new(&[b"0123456789abcdef".to_vec()]);
    let foreign = nonces().make(&two, ACME, NOW, None).unwrap();
    let nonce = with.make(&one, ACME, NOW, Some(&foreign)).unwrap();
    assert_eq!(nonce.len(), LENGTH);
    let both = [&*nonce, &foreign].join(".");
    assert_eq!(with.time_of(&one, ACME, &both), Ok(None));
}

/// A client could join the nonces of several, and have one approval pass at each.
#[test]
fn an_approval_of_a_request_is_for_one_replica() {
    let [one, two] = [replica(1), replica(2)];
    let usage = (NonceUse::Approval, ACME.1);
    let other = nonces().make(&two, usage, NOW, None).unwrap();
    let nonce = nonces().make(&one, usage, NOW, Some(&other)).unwrap();
    assert_eq!(nonce.len(), LENGTH);
    for joined in [[&*nonce, &other].join("."), [&*other, &nonce].join(".")] {
        assert_eq!(nonces().time_of(&one, usage, &joined), Ok(None));
    }
    assert_eq!(nonces().time_of(&one, usage, &nonce), Ok(Some(NOW)));
}
