//! Names of callers, where no policy could tell.

use super::*;

fn named(name: &str, when: Caller) -> Named {
    Named {
        name: name.into(),
        when,
        is_told: true,
    }
}

#[test]
fn without_names_nothing_is_kept() {
    let held = Callers::default().held(Some((ProviderId(0), &Json::Null)), Kind::Human);
    assert_eq!(held.weight(), 0);
}

#[test]
fn a_token_says_what_holds_of_it_once_and_for_all() {
    let of = |provider| Caller {
        provider,
        ..Caller::default()
    };
    let kind = Caller {
        kind: Some(Kind::Workload),
        ..Caller::default()
    };
    let callers = Callers {
        roles: vec![
            named("first", of(Some(ProviderId(0)))),
            named("second", of(Some(ProviderId(1)))),
            named("robot", kind),
        ],
        products: vec![named("gold", of(Some(ProviderId(1))))],
    };
    let held = |provider: usize, kind| {
        let token = Some((ProviderId(provider), &Json::Null));
        callers.held(token, kind)
    };
    let names = |held: &Held| {
        let asking = Asking {
            callers: &callers,
            held,
            peer: None,
        };
        let names = asking.names(&|_| true);
        (
            names.told,
            names.product.map(|(name, index)| (name.to_string(), index)),
        )
    };
    let gold = Some(("gold".to_owned(), 0));
    assert_eq!(names(&held(0, Kind::Human)), ("first".to_owned(), None));
    assert_eq!(
        names(&held(1, Kind::Workload)),
        ("second,robot".to_owned(), gold)
    );
    let alone = callers.held(None, Kind::Workload);
    assert_eq!(names(&alone), ("robot".to_owned(), None));
    assert_eq!(held(1, Kind::Workload).weight(), 6);
}
