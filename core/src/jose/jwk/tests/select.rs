//! Which key of a set is meant.

use super::*;

#[test]
fn two_different_keys_of_one_kid_are_both_skipped_and_the_others_stay() {
    let set = parse(&[
        ec(r#","kid":"a""#),
        other_ec(r#","kid":"a""#),
        rsa(r#","kid":"b""#),
    ]);
    assert_eq!(
        set.select(Some("a"), Algorithm::Es256),
        Err(SelectError::Unknown)
    );
    assert!(set.select(Some("b"), Algorithm::Rs256).is_ok());
    assert_eq!(set.skipped().len(), 2);
    assert!(
        set.skipped()
            .iter()
            .all(|key| key.name == "a" && key.fault.contains("names two keys"))
    );
}

#[test]
fn three_keys_of_one_kid_are_all_skipped() {
    // The generator of the curve.
    let third = ec(r#","kid":"a""#)
        .replace(X, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY")
        .replace(Y, "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
    assert_eq!(parse(core::slice::from_ref(&third)).keys().len(), 1);
    let first_two = [ec(r#","kid":"a""#), other_ec(r#","kid":"a""#)];
    let set = parse(&[&first_two[..], &[third, rsa("")]].concat());
    assert_eq!(set.keys().len(), 1);
    assert_eq!(set.skipped().len(), 3);
}

#[test]
fn keys_without_a_kid_do_not_clash_but_no_token_can_mean_one_of_them() {
    let set = parse(&[ec(""), other_ec("")]);
    assert!(set.skipped().is_empty());
    assert_eq!(
        set.select(None, Algorithm::Es256),
        Err(SelectError::Ambiguous)
    );
}

#[test]
fn one_key_written_twice_is_one_key() {
    let set = parse(&[ec(r#","kid":"a""#), ec(r#","kid":"a","use":"sig""#)]);
    assert_eq!(set.keys().len(), 1);
    assert!(set.skipped().is_empty());
}

#[test]
fn keys_of_different_types_may_share_a_kid() {
    let set = parse(&[ec(r#","kid":"a""#), rsa(r#","kid":"a""#)]);
    assert!(
        set.select(Some("a"), Algorithm::Es256)
            .unwrap()
            .fits(Algorithm::Es256)
    );
    assert!(
        set.select(Some("a"), Algorithm::Rs256)
            .unwrap()
            .fits(Algorithm::Rs256)
    );
}

#[test]
fn a_kid_selects_exactly_its_key() {
    let set = parse(&[ec(r#","kid":"a""#), other_ec(r#","kid":"b""#), rsa("")]);
    for kid in ["a", "b"] {
        let jwk = set.select(Some(kid), Algorithm::Es256).unwrap();
        assert_eq!(jwk.kid.as_deref(), Some(kid));
    }
    for kid in ["A", "a ", "c", "", "keys[2]"] {
        assert_eq!(
            set.select(Some(kid), Algorithm::Es256),
            Err(SelectError::Unknown),
            "{kid}"
        );
    }
    assert_eq!(
        set.select(Some("a"), Algorithm::Rs256),
        Err(SelectError::Misfit)
    );
}

#[test]
fn without_a_kid_the_only_key_that_fits_is_meant() {
    let set = parse(&[ec(r#","kid":"a""#), rsa(r#","kid":"b""#)]);
    assert_eq!(
        set.select(None, Algorithm::Es256).unwrap().kid.as_deref(),
        Some("a")
    );
    assert_eq!(
        set.select(None, Algorithm::Rs256).unwrap().kid.as_deref(),
        Some("b")
    );
    let set = parse(&[ec(r#","kid":"a""#), other_ec("")]);
    assert_eq!(
        set.select(None, Algorithm::Es256),
        Err(SelectError::Ambiguous)
    );
    assert_eq!(
        set.select(None, Algorithm::Rs256),
        Err(SelectError::Unknown)
    );
    assert_eq!(
        parse(&[]).select(None, Algorithm::Es256),
        Err(SelectError::Unknown)
    );
}

/// ADFS rolls its certificates: its tokens have `x5t` and no `kid`.
#[test]
fn a_thumbprint_of_a_certificate_names_its_key() {
    let set = parse(&[
        ec(r#","x5t":"old","x5t#S256":"old256""#),
        other_ec(r#","kid":"b","x5t":"new""#),
    ]);
    let key = |name| set.select(Some(name), Algorithm::Es256).map(|jwk| &jwk.key);
    assert_eq!(key("old"), Ok(&set.keys()[0].key));
    assert_eq!(key("old256"), Ok(&set.keys()[0].key));
    assert_eq!(key("new"), Ok(&set.keys()[1].key));
    assert_eq!(key("b"), Ok(&set.keys()[1].key));
    assert_eq!(key("other"), Err(SelectError::Unknown));
    assert!(set.has_thumbprints());
    // Two keys of one certificate cannot be told apart.
    let set = parse(&[ec(r#","x5t":"a""#), other_ec(r#","x5t":"a""#)]);
    let selected = set.select(Some("a"), Algorithm::Es256);
    assert_eq!(selected, Err(SelectError::Ambiguous));
}

#[test]
fn the_only_key_of_a_set_serves_every_kid_where_it_has_no_name() {
    let served = |keys: &[String], algorithm| parse(keys).select(Some("k"), algorithm).is_ok();
    assert!(served(&[ec("")], Algorithm::Es256));
    assert!(!served(&[ec("")], Algorithm::Rs256));
    for keys in [
        vec![ec(r#","kid":"other""#)],
        vec![ec(r#","x5t":"other""#)],
        vec![ec(""), rsa("")],
        vec![ec(""), rsa(r#","kid":"other""#)],
        // The key that is meant may be the one that cannot be used.
        vec![ec(""), r#"{"kty":"EC","kid":"k"}"#.to_owned()],
    ] {
        assert!(!served(&keys, Algorithm::Es256), "{keys:?}");
    }
}
