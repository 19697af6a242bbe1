use proptest::prelude::*;

use super::extract;
use crate::{
    reason::{Ambiguous, Malformed, Reason},
    request::path::PathPolicy,
    request::{Request, TokenSource},
};

fn bearer() -> TokenSource {
    TokenSource::Header {
        name: "authorization".to_owned(),
        scheme: "Bearer".to_owned(),
    }
}

fn header(name: &str, scheme: &str) -> TokenSource {
    TokenSource::Header {
        name: name.to_owned(),
        scheme: scheme.to_owned(),
    }
}

fn cookie(name: &str) -> TokenSource {
    TokenSource::Cookie(name.to_owned())
}

fn websocket(marker: &str) -> TokenSource {
    TokenSource::WebSocketProtocol(marker.to_owned())
}

fn param(name: &str) -> TokenSource {
    TokenSource::Param(name.to_owned())
}

/// The token that is found in `sources` of a GET of `path` with these headers.
fn found(
    sources: &[TokenSource],
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Option<String>, Reason> {
    let mut all: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":path", path.as_bytes()),
        (b":authority", b"a"),
    ];
    all.extend(
        headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    );
    let request = Request::new(&all);
    let target = request.target(PathPolicy::default())?;
    Ok(extract(request, &target, sources.iter(), |_| None)?
        .map(|credential| credential.token.as_str().to_owned()))
}

fn in_authorization(value: &str) -> Result<Option<String>, Reason> {
    found(&[bearer()], "/", &[("authorization", value)])
}

#[test]
fn a_bearer_token_is_found_whatever_the_case_of_the_scheme() {
    for value in [
        "Bearer abc",
        "bearer abc",
        "BEARER   abc",
        "Bearer\tabc",
        "Bearer abc ",
    ] {
        assert_eq!(
            in_authorization(value),
            Ok(Some("abc".to_owned())),
            "{value}"
        );
    }
}

#[test]
fn another_scheme_is_no_candidate() {
    for value in [
        "Basic abc",
        "DPoP abc",
        "xBearer abc",
        "Bearerabc",
        "Bear",
        "",
        "Digest a=b, c=d",
    ] {
        assert_eq!(in_authorization(value), Ok(None), "{value}");
    }
}

#[test]
fn an_empty_credential_is_malformed() {
    for value in ["Bearer", "Bearer ", "bearer   "] {
        assert_eq!(
            in_authorization(value),
            Err(Malformed::Credential.into()),
            "{value:?}"
        );
    }
    assert_eq!(
        found(&[cookie("t")], "/", &[("cookie", "t=")]),
        Err(Malformed::Credential.into())
    );
    assert_eq!(
        found(&[param("t")], "/?t=", &[]),
        Err(Malformed::Credential.into())
    );
    assert_eq!(
        found(&[header("x-t", "")], "/", &[("x-t", "")]),
        Err(Malformed::Credential.into())
    );
}

#[test]
fn two_credentials_are_ambiguous_however_they_are_joined() {
    let ambiguous = || Err(Ambiguous::Credentials.into());
    for value in [
        "Bearer a,Bearer b",
        "Bearer a, Bearer b",
        "Bearer a b",
        "Basic x, Bearer a",
        "Basic x,bearer a",
        "Bearer a,b",
    ] {
        assert_eq!(in_authorization(value), ambiguous(), "{value}");
    }
    assert_eq!(
        found(
            &[bearer()],
            "/",
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")]
        ),
        ambiguous()
    );
    assert_eq!(
        found(
            &[bearer()],
            "/",
            &[("authorization", "Basic a"), ("authorization", "Bearer b")]
        ),
        ambiguous()
    );
    assert_eq!(
        found(&[cookie("t")], "/", &[("cookie", "t=a; t=b")]),
        ambiguous()
    );
    assert_eq!(
        found(&[cookie("t")], "/", &[("cookie", "t=a"), ("cookie", "t=b")]),
        ambiguous()
    );
    assert_eq!(found(&[param("t")], "/?t=a&t=b", &[]), ambiguous());
    assert_eq!(found(&[param("t")], "/?t=a&%74=b", &[]), ambiguous());
    assert_eq!(
        found(
            &[bearer(), param("t")],
            "/?t=a",
            &[("authorization", "Bearer b")]
        ),
        ambiguous()
    );
}

#[test]
fn equal_bytes_in_two_places_count_once() {
    let headers = [("authorization", "Bearer a"), ("cookie", "t=a")];
    assert_eq!(
        found(&[bearer(), cookie("t")], "/", &headers),
        Ok(Some("a".to_owned()))
    );
}

#[test]
fn a_place_that_is_not_named_is_not_looked_at() {
    assert_eq!(
        found(&[cookie("t")], "/?t=a", &[("authorization", "Bearer b")]),
        Ok(None)
    );
}

#[test]
fn a_cookie_is_found_by_its_exact_name() {
    let find = |value: &str| found(&[cookie("__Host-t")], "/", &[("cookie", value)]);
    assert_eq!(
        find("a=1; __Host-t=x.y.z; b=2"),
        Ok(Some("x.y.z".to_owned()))
    );
    assert_eq!(find("a=1;__Host-t=x"), Ok(Some("x".to_owned())));
    assert_eq!(
        find("x__Host-t=a; __Host-tt=b; a=__Host-t=c; __host-t=d"),
        Ok(None)
    );
}

#[test]
fn a_parameter_is_decoded_once() {
    assert_eq!(
        found(&[param("access_token")], "/?a=b&access%5ftoken=x%2Ey", &[]),
        Ok(Some("x.y".to_owned()))
    );
    assert_eq!(found(&[param("t")], "/?tt=a&T=b&a=t=c", &[]), Ok(None));
    assert_eq!(found(&[param("t")], "/", &[]), Ok(None));
}

#[test]
fn a_header_of_ones_own_may_have_any_prefix_or_none() {
    assert_eq!(
        found(&[header("x-jwt", "")], "/", &[("x-jwt", "abc")]),
        Ok(Some("abc".to_owned()))
    );
    assert_eq!(
        found(&[header("x-jwt", "Token=")], "/", &[("x-jwt", "Token=abc")]),
        Ok(Some("abc".to_owned()))
    );
    assert_eq!(
        found(&[header("x-jwt", "Token")], "/", &[("x-jwt", "abc")]),
        Ok(None)
    );
}

#[test]
fn bytes_that_no_token_has_are_malformed() {
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"a"),
        (b"authorization", b"Bearer a\x80\xff"),
    ];
    let request = Request::new(&headers);
    let sources = [bearer()];
    let extracted = request
        .target(PathPolicy::default())
        .map_err(Reason::from)
        .and_then(|target| extract(request, &target, sources.iter(), |_| None).map(|_| ()));
    assert_eq!(extracted, Err(Malformed::Credential.into()));
}

/// A query may have as many parameters as it has bytes, and a name as many spellings as it has
/// subsets of letters.
#[test]
fn a_name_is_found_among_very_many_parameters_in_each_of_its_spellings() {
    let name = "t_k";
    let source = [param(name)];
    let spell = |encoded: u8| -> String {
        let letters = name.bytes().enumerate();
        letters
            .map(|(at, letter)| match encoded >> at & 1 {
                0 => char::from(letter).to_string(),
                _ => format!("%{letter:02x}"),
            })
            .collect()
    };
    let filling = [
        "&".repeat(57_000),
        "&%&t&t_&t_kk&T_k&t_k%&%74_kx".repeat(2_000),
    ];
    for encoded in 0..8 {
        for many in &filling {
            let path = format!("/?{many}&{}=%41b{many}", spell(encoded));
            let expected = Ok(Some("Ab".to_owned()));
            assert_eq!(found(&source, &path, &[]), expected, "{}", spell(encoded));
        }
    }
    for many in &filling {
        assert_eq!(found(&source, &format!("/?{many}"), &[]), Ok(None));
    }
}

/// The token in these `Sec-WebSocket-Protocol` headers.
fn in_subprotocols(headers: &[&str]) -> Result<Option<String>, Reason> {
    let headers: Vec<_> = headers
        .iter()
        .map(|value| ("sec-websocket-protocol", *value))
        .collect();
    found(&[websocket("bearer")], "/", &headers)
}

#[test]
fn a_subprotocol_behind_the_marker_is_the_token() {
    let lists: [&[&str]; 5] = [
        &["bearer, abc"],
        &["Bearer,abc"],
        &["chat, bearer, abc, v2"],
        &["chat,, bearer ,, abc"],
        &["chat, bearer", "abc, v2"],
    ];
    for list in lists {
        assert_eq!(
            in_subprotocols(list),
            Ok(Some("abc".to_owned())),
            "{list:?}"
        );
    }
}

#[test]
fn subprotocols_without_a_marker_before_another_one_hold_no_token() {
    let lists: [&[&str]; 5] = [
        &[],
        &[""],
        &["bearer"],
        &["abc, bearer"],
        &["chat, bearers, abc"],
    ];
    for list in lists {
        assert_eq!(in_subprotocols(list), Ok(None), "{list:?}");
    }
}

#[test]
fn two_tokens_among_the_subprotocols_are_ambiguous() {
    let lists: [&[&str]; 3] = [
        &["bearer, abc, bearer, def"],
        &["bearer, abc", "bearer, def"],
        // The marker could be the token of the first one.
        &["bearer, bearer, abc"],
    ];
    for list in lists {
        let ambiguous = Err(Ambiguous::Credentials.into());
        assert_eq!(in_subprotocols(list), ambiguous, "{list:?}");
    }
}

/// A token elsewhere says nothing about what Authorization hides.
#[test]
fn a_token_hidden_in_authorization_is_ambiguous_beside_one_in_another_header() {
    let places = [header("x-token", "Bearer"), header("authorization", "DPoP")];
    let hidden = [
        ("x-token", "Bearer a.b.c"),
        ("authorization", "Basic d, DPoP a.b.c"),
    ];
    assert_eq!(
        found(&places, "/", &hidden),
        Err(Ambiguous::Credentials.into())
    );
}

/// What a header may hold: parts of credentials, of lists and of neither.
fn value() -> impl Strategy<Value = String> {
    let parts = vec![
        "Bearer", "bearer", "DPoP", "Basic", " ", " ", "\t", ",", "a.b.c", "d", "\u{e9}",
    ];
    let parts = prop::collection::vec(prop::sample::select(parts), 0..7);
    let any = parts.prop_map(|parts| parts.concat());
    prop_oneof![
        any,
        Just("Bearer a.b.c".to_owned()),
        Just("DPoP a.b.c".to_owned())
    ]
}

proptest! {
    /// That one place holds a token spares no look at what another one would find or refuse.
    #[test]
    fn several_places_are_read_as_each_of_them_alone(
        places in prop::collection::vec(0usize..6, 1..4),
        headers in prop::collection::vec((0usize..2, value()), 0..3),
    ) {
        let all = [
            bearer(),
            header("authorization", "DPoP"),
            header("authorization", ""),
            header("x-token", "Bearer"),
            header("x-token", "DPoP"),
            header("x-token", ""),
        ];
        let sources: Vec<TokenSource> = places.iter().map(|place| all[*place].clone()).collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (["authorization", "x-token"][*name], &**value))
            .collect();
        let mut wanted = Ok(None);
        for source in &sources {
            let alone = found(core::slice::from_ref(source), "/", &headers);
            wanted = match (wanted, alone) {
                (Err(first), _) | (Ok(_), Err(first)) => Err(first),
                (Ok(None), Ok(one)) | (Ok(one), Ok(None)) => Ok(one),
                (Ok(one), Ok(other)) if one == other => Ok(one),
                (Ok(_), Ok(_)) => Err(Ambiguous::Credentials.into()),
            };
        }
        prop_assert_eq!(found(&sources, "/", &headers), wanted);
    }
}
