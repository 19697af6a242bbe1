//! What is remembered, and what has to go.

use core::cell::OnceCell;
use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::{
    callers::Held, evidence::Kind, jose::to_base64url, limits::Limits, provider_id::ProviderId,
    token::UnverifiedJwt,
};

const SET: KeySetId = KeySetId {
    provider: ProviderId(0),
    generation: 1,
};

fn memory(tokens: usize, bytes: usize) -> RememberedTokens {
    RememberedTokens::new(&Limits {
        remembered_tokens: tokens,
        remembered_bytes: bytes,
        ..Limits::default()
    })
}

fn token(number: usize) -> String {
    // {"alg":"ES256"} and {"n":1}; the number stands in the signature.
    format!("eyJhbGciOiJFUzI1NiJ9.eyJuIjoxfQ.{number:0>24}")
}

fn insert(memory: &mut RememberedTokens, token: &str) {
    let jwt = UnverifiedJwt::parse(token, 2_000, |_| None).unwrap();
    let verified = VerifiedJwt {
        claims: Rc::new(jwt.unverified_claims().clone()),
        payload: "eyJuIjoxfQ".into(),
    };
    let identity = Rc::new(Identity {
        issuer: "https://id.example".into(),
        subject: None,
        kind: Kind::Unknown,
        edits: Vec::new(),
        onward: None,
        actor: None,
        held: Held::default(),
        hash: OnceCell::new(),
    });
    memory.insert(token, jwt.unverified_header(), &verified, &identity, SET);
}

#[test]
fn a_token_is_found_by_all_of_its_bytes() {
    let mut memory = memory(10, 1 << 20);
    let known = token(1);
    insert(&mut memory, &known);
    let found = memory.find(known.as_bytes()).unwrap();
    let KnownToken::Jwt(jwt) = &found.token else {
        panic!("it is a JWT");
    };
    assert_eq!(jwt.verified_by, SET);
    assert_eq!(jwt.claims.to_string(), r#"{"n":1}"#);
    assert_eq!(found.token(), known);
    let parts = jwt.parts().map(|(input, payload, signature)| {
        assert_eq!(format!("{input}.{signature}"), known);
        payload
    });
    assert_eq!(parts, Some("eyJuIjoxfQ"));
    for other in [
        known.replacen("eyJuIjoxfQ", "eyJuIjoyfQ", 1),
        token(2),
        known.get(1..).unwrap().to_owned(),
        format!("{known}A"),
        String::new(),
    ] {
        assert!(memory.find(other.as_bytes()).is_none(), "{other}");
        memory.forget(&other);
    }
    assert!(memory.find(known.as_bytes()).is_some());
    memory.forget(&known);
    assert!(memory.find(known.as_bytes()).is_none());
    assert_eq!((memory.bytes, memory.tokens.len()), (0, 0));
}

#[test]
fn of_two_tokens_with_one_end_the_later_is_remembered() {
    let mut memory = memory(10, 1 << 20);
    let (first, second) = (token(1), token(1).replacen("eyJuIjoxfQ", "eyJuIjoyfQ", 1));
    insert(&mut memory, &first);
    insert(&mut memory, &second);
    assert!(memory.find(first.as_bytes()).is_none());
    assert!(memory.find(second.as_bytes()).is_some());
    assert_eq!(memory.tokens.len(), 1);
}

#[test]
fn zero_switches_it_off() {
    for mut memory in [memory(0, 1 << 20), memory(10, 0)] {
        insert(&mut memory, &token(1));
        assert!(memory.find(token(1).as_bytes()).is_none());
        assert_eq!(memory.tokens.len(), 0);
    }
}

#[test]
fn bytes_are_bounded_too() {
    let mut measure = memory(1_000, 1 << 20);
    insert(&mut measure, &token(1));
    let one = measure.bytes;
    assert!(one > OVERHEAD + token(1).len(), "{one}");
    let mut memory = memory(1_000, 3 * one);
    for number in 0..10 {
        insert(&mut memory, &token(number));
    }
    assert_eq!((memory.tokens.len(), memory.bytes), (3, 3 * one));
    assert!(memory.find(token(9).as_bytes()).is_some());
    assert!(memory.find(token(6).as_bytes()).is_none());
}

#[test]
fn the_header_of_a_good_token_is_read_once() {
    let mut memory = memory(0, 0);
    assert!(memory.find_header("eyJhbGciOiJFUzI1NiJ9").is_none());
    insert(&mut memory, &token(1));
    let known = memory.find_header("eyJhbGciOiJFUzI1NiJ9").unwrap();
    let other = token(2);
    let again = UnverifiedJwt::parse(&other, 1_000, |text| {
        assert_eq!(text, "eyJhbGciOiJFUzI1NiJ9");
        Some(Rc::clone(&known))
    });
    assert!(Rc::ptr_eq(again.unwrap().unverified_header(), &known));
    for other in ["", "eyJhbGciOiJFUzI1NiJ", "eyJhbGciOiJFUzI1NiJ9."] {
        assert!(memory.find_header(other).is_none(), "{other}");
    }
}

#[test]
fn long_headers_are_not_remembered_and_others_are_bounded() {
    let mut memory = memory(10, 1 << 20);
    let with_header = |certificate: &str| {
        let header =
            to_base64url(format!(r#"{{"alg":"ES256","x5c":["{certificate}"]}}"#).as_bytes());
        format!("{header}.eyJuIjoxfQ.{:0>24}", 1)
    };
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    let longest = with_header(&"A".repeat(742));
    assert_eq!(header(&longest).len(), REMEMBERED_HEADER_BYTES);
    insert(&mut memory, &longest);
    assert!(memory.find_header(&header(&longest)).is_some());
    let longer = with_header(&"A".repeat(743));
    insert(&mut memory, &longer);
    assert!(memory.find_header(&header(&longer)).is_none());
    for number in 0..REMEMBERED_HEADERS {
        insert(&mut memory, &with_header(&number.to_string()));
    }
    assert!(
        memory.find_header(&header(&longest)).is_none(),
        "the oldest has gone"
    );
    assert_eq!(memory.headers.len(), REMEMBERED_HEADERS);
}

#[test]
fn hits_are_shown_now_and_then_and_misses_at_once() {
    let mut memory = memory(1, 1 << 20);
    for _ in 1..HITS {
        memory.count_hit();
        assert_eq!(memory.due_tally(), None);
    }
    memory.count_hit();
    let hits = HITS;
    assert_eq!(memory.due_tally(), Some(Tally { hits, misses: 0 }));
    assert_eq!(memory.due_tally(), None);
    memory.count_miss();
    assert_eq!(memory.due_tally(), Some(Tally { hits: 0, misses: 1 }));
}

#[test]
fn the_tally_starts_anew_when_it_is_taken() {
    let mut memory = memory(1, 1 << 20);
    memory.count_hit();
    memory.count_hit();
    memory.count_miss();
    assert_eq!(memory.take_tally(), Tally { hits: 2, misses: 1 });
    assert_eq!(memory.take_tally(), Tally::default());
}

proptest! {
    /// The same as a list in which a token that is used goes to the end.
    #[test]
    fn the_least_recently_used_goes(steps: Vec<(bool, u8)>) {
        const MOST: usize = 5;
        let mut memory = memory(MOST, 1 << 20);
        let mut list: VecDeque<String> = VecDeque::new();
        for (is_use, number) in steps {
            let token = token(usize::from(number % 9));
            let place = list.iter().position(|known| *known == token);
            let known = place.and_then(|place| list.remove(place));
            if is_use {
                prop_assert_eq!(memory.find(token.as_bytes()).is_some(), known.is_some());
                list.extend(known);
            } else {
                insert(&mut memory, &token);
                list.push_back(token);
                if list.len() > MOST {
                    list.pop_front();
                }
            }
            prop_assert_eq!(memory.tokens.len(), list.len());
        }
    }
}
