use proptest::prelude::*;

use super::{Edit, OwnedNames, RETRIES, remove_credentials, send_once};
use crate::request::{Request, TokenSource, folded};

#[test]
fn nothing_that_would_send_a_request_again_stays() {
    for name in RETRIES
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_uppercase()])
    {
        let headers: [(&[u8], &[u8]); 2] = [(b"x-request-id", b"1"), (name.as_bytes(), b"5xx")];
        let edits = send_once(Request::new(&headers));
        assert_eq!(edits, [Edit::Remove(name.into_bytes())]);
    }
}

#[test]
fn a_name_is_ours_in_every_spelling() {
    let names = OwnedNames::new(
        vec!["x-user".to_owned(), "x-roles".to_owned()],
        vec!["x-token".to_owned()],
    );
    for name in [
        "x-user",
        "X-User",
        "x_user",
        "x-passgate-anything",
        "X_Passgate_principal",
        "x-passgate-",
        "x_token",
        "x.user",
        "x+user",
        "x~roles",
        "x-passgate.principal",
        "x.token",
    ] {
        assert!(names.covers(name.as_bytes()), "{name}");
    }
    for name in [
        "x-user2",
        "xx-user",
        "user",
        "x-passgate",
        "x-token",
        "X-Token",
        "",
        "x-use",
    ] {
        assert!(!names.covers(name.as_bytes()), "{name}");
    }
    let stripped = names.strip([&b"x_user"[..], b"x-other", b"x_user", b"X-ROLES"].into_iter());
    assert_eq!(
        stripped,
        [
            Edit::Remove(b"x_user".to_vec()),
            Edit::Remove(b"X-ROLES".to_vec())
        ]
    );
}

#[test]
fn connection_names_no_header_of_ours() {
    let names = OwnedNames::new(vec!["x-user".to_owned()], Vec::new());
    let stripped = |values: &[&str]| {
        let headers: Vec<(&[u8], &[u8])> = values
            .iter()
            .map(|value| (&b"connection"[..], value.as_bytes()))
            .collect();
        names.strip_connection(Request::new(&headers))
    };
    let set = |value: &'static [u8]| Some(Edit::Set("connection".into(), value.into()));
    assert_eq!(stripped(&[]), None);
    assert_eq!(stripped(&["Upgrade, keep-alive"]), None);
    assert_eq!(
        stripped(&["upgrade,X_User , X-Passgate-Kind,keep-alive"]),
        set(b"upgrade, keep-alive")
    );
    assert_eq!(stripped(&["Upgrade", "x-user"]), set(b"Upgrade"));
}

/// The edits that remove credentials from these places.
fn removed(sources: &[TokenSource], headers: &[(&str, &str)]) -> Vec<Edit> {
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
        .collect();
    remove_credentials(Request::new(&headers), sources.iter())
}

#[test]
fn a_token_is_cut_out_and_its_neighbours_stay_byte_for_byte() {
    let cookie = [TokenSource::Cookie("t".to_owned())];
    assert_eq!(
        removed(&cookie, &[("cookie", "a=1; t=x; b=\"2\"")]),
        [Edit::Set("cookie".into(), b"a=1; b=\"2\"".into())]
    );
    assert_eq!(
        removed(&cookie, &[("cookie", "t=x")]),
        [Edit::Remove(b"cookie".to_vec())]
    );
    assert_eq!(removed(&cookie, &[("cookie", "tt=x")]), []);
    let param = [TokenSource::Param("t".to_owned())];
    assert_eq!(
        removed(&param, &[(":path", "/p?a=%20&t=x&b")]),
        [Edit::Set(":path".into(), b"/p?a=%20&b".into())]
    );
    assert_eq!(
        removed(&param, &[(":path", "/p?%74=x")]),
        [Edit::Set(":path".into(), b"/p".into())]
    );
    assert_eq!(removed(&param, &[(":path", "/p?a=1")]), []);
    let subprotocols = ["bearer", "token"].map(|m| TokenSource::WebSocketProtocol(m.to_owned()));
    let list = |value: &'static [u8]| Edit::Set("sec-websocket-protocol".into(), value.into());
    for (sent, kept) in [
        ("chat, bearer, x, v2", "chat, bearer, v2"),
        ("bearer,x,token,y", "bearer, token"),
        ("Bearer, bearer, x", "Bearer"),
    ] {
        assert_eq!(
            removed(&subprotocols, &[("sec-websocket-protocol", sent)]),
            [list(kept.as_bytes())]
        );
    }
    let others = [("sec-websocket-protocol", "chat, v2")];
    assert_eq!(removed(&subprotocols, &others), []);
    let basic = [TokenSource::Header {
        name: "authorization".to_owned(),
        scheme: "Bearer".to_owned(),
    }];
    assert_eq!(removed(&basic, &[("authorization", "Basic x")]), []);
    let header = [TokenSource::Header {
        name: "authorization".to_owned(),
        scheme: "Bearer".to_owned(),
    }];
    assert_eq!(
        removed(&header, &[("authorization", "Bearer x")]),
        [Edit::Remove(b"authorization".to_vec())]
    );
    assert_eq!(removed(&header, &[]), []);
}

#[test]
fn no_trailer_holds_a_credential_or_a_name_of_ours() {
    let names = OwnedNames::new(vec!["x-user".to_owned()], vec!["x-token".to_owned()]);
    for name in [
        "x-user",
        "X_User",
        "x-token",
        "x_token",
        "Authorization",
        "cookie",
    ] {
        let stripped = names.strip_trailers([name.as_bytes()].into_iter());
        assert_eq!(stripped, [Edit::Remove(name.as_bytes().to_vec())]);
    }
    assert_eq!(names.strip_trailers([&b"grpc-status"[..]].into_iter()), []);
}

/// A name in some spelling, or nearly it.
fn name() -> impl Strategy<Value = String> {
    let words = vec![
        "x", "X", "user", "USER", "roles", "token", "passgate", "a", "-", "_", ".", "é", "",
    ];
    prop::collection::vec(prop::sample::select(words), 0..7).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn covered_is_what_a_lax_server_reads_as_ours(
        ours in prop::collection::vec(name(), 0..8),
        sources in prop::collection::vec(name(), 0..3),
        name in name(),
    ) {
        let ours: Vec<String> = ours.iter().map(|name| folded(name)).collect();
        let read = folded(&name);
        let is_source = sources.iter().any(|source| folded(source) == read);
        let is_exact = sources.iter().any(|source| source.eq_ignore_ascii_case(&name));
        let wanted = read.starts_with(super::PREFIX)
            || ours.contains(&read)
            || (is_source && !is_exact);
        let names = OwnedNames::new(ours, sources);
        prop_assert_eq!(names.covers(name.as_bytes()), wanted);
    }
}
