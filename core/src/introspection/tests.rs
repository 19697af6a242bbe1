//! What is opaque, and what an answer says by itself. The life of questions is in
//! `core/tests/introspection.rs`.

use core::time::Duration;

use super::{
    answer::{Answered, Unfit, Unreadable, read},
    is_opaque,
};
use crate::{fetch::clock::Clock, time::UnixTime};

const NOW: u64 = 1_795_900_000;

#[test]
fn what_has_the_header_of_a_jwt_is_never_opaque() {
    for opaque in [
        "",
        "eyJhbGciOiJFUzI1NiJ9",
        "a.b",
        ".",
        "W10.x",
        "IngiCg.x",
        "e.y",
    ] {
        assert!(is_opaque(opaque), "{opaque}");
    }
    // In order: {"alg":"ES256"}; what starts like it; { "a":1}; a line break before {}.
    for jwt in [
        "eyJhbGciOiJFUzI1NiJ9.x",
        "eyJ.",
        "eyAiYSI6MX0.x",
        "Cnt9.x.y",
    ] {
        assert!(!is_opaque(jwt), "{jwt}");
    }
}

fn told(body: &str) -> Result<(String, u64), Unreadable> {
    let mut clock = Clock::default();
    let now = UnixTime::from_secs(NOW);
    let about = ("https://id.example.com", Duration::from_secs(30), [0; 4]);
    let (answered, fresh) = read(body.as_bytes(), about, clock.advance(now), now)?;
    let said = match answered {
        Answered::Active(active) => active.claims.to_string(),
        Answered::Unfit(why) => format!("{why:?}"),
    };
    Ok((said, fresh.as_secs()))
}

#[test]
fn an_answer_counts_no_longer_than_it_says() {
    let iss = r#""iss":"https://id.example.com""#;
    for (exp, fresh) in [(1, 1), (29, 29), (30, 30), (31, 30)] {
        let exp = NOW.saturating_add(exp);
        let body = format!(r#"{{"exp":{exp},"active":true}}"#);
        let said = (format!(r#"{{"exp":{exp},{iss}}}"#), fresh);
        assert_eq!(told(&body), Ok(said));
    }
    let over = format!(r#"{{"active":true,"exp":{NOW},{iss}}}"#);
    assert_eq!(told(&over), Ok((format!(r#"{{"exp":{NOW},{iss}}}"#), 0)));
    let unfit = |why: Unfit| Ok((format!("{why:?}"), 5));
    assert_eq!(told(r#"{"active":false,"exp":1}"#), unfit(Unfit::Inactive));
    assert_eq!(told(r#"{"active":true,"iss":"x"}"#), unfit(Unfit::Issuer));
    assert_eq!(told(r#"{"active":true,"iss":null}"#), unfit(Unfit::Issuer));
    assert_eq!(
        told(r#"{"active":true,"typ":"ID"}"#),
        unfit(Unfit::TokenType)
    );
}

#[test]
fn active_is_a_boolean_and_there_once() {
    for body in ["[]", "{}", r#"{"active":"true"}"#, r#"{"active":null}"#] {
        assert_eq!(told(body), Err(Unreadable::NoActive), "{body}");
    }
    assert_eq!(
        told("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
        Err(Unreadable::Signed)
    );
    for body in ["", "<html>", r#"{"active":false,"active":true}"#] {
        assert!(matches!(told(body), Err(Unreadable::NotJson(_))), "{body}");
    }
}
