use super::Json;

fn parse(text: &str) -> Result<Json, String> {
    Json::parse(text.as_bytes(), 50).map_err(|e| e.to_string())
}

#[test]
fn what_is_read_is_what_was_written() {
    for text in [
        r#"{"a":[1,2.50,-0,1e400,12345678901234567890123],"b":{"c":null},"d":"\u00e9\"","e":true}"#,
        "[]",
        "{}",
        "\"x\"",
        "false",
    ] {
        let shown = parse(text).map(|json| json.to_string());
        assert_eq!(shown, Ok(text.replace("\\u00e9", "é")));
    }
}

#[test]
fn a_member_that_occurs_twice_is_refused_at_every_level() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"[{"x":{"a":1,"b":2,"a":3}}]"#,
        r#"{"a":1,"\u0061":2}"#,
    ] {
        assert!(
            parse(text).is_err_and(|e| e.contains("\"a\" occurs twice")),
            "{text}"
        );
    }
}

#[test]
fn of_many_members_none_occurs_twice_either() {
    let object = |names: &[usize]| {
        let members: Vec<String> = names.iter().map(|n| format!("\"m{n}\":{n}")).collect();
        Json::parse(format!("{{{}}}", members.join(",")).as_bytes(), 1_000)
    };
    for count in [2, 3, 23, 24, 25, 26, 100] {
        let mut names: Vec<usize> = (0..count).collect();
        assert!(object(&names).is_ok());
        for (place, name) in [(0, count - 1), (count - 1, 0), (count / 2, count / 2 - 1)] {
            let kept = std::mem::replace(&mut names[place], name);
            assert!(object(&names).is_err(), "{count}: {place} and {name}");
            names[place] = kept;
        }
    }
}

#[test]
fn what_is_not_one_strict_value_is_refused() {
    for text in [
        "",
        " ",
        "{}x",
        "{} {}",
        "\u{feff}{}",
        "{a:1}",
        "[1,]",
        "01",
        "+1",
        "NaN",
        "\"\\ud800\"",
        "\"\n\"",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":1}{}",
        "{\"a\":1",
        "'x'",
        "{\"a\"}",
        "tru",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert!(Json::parse(b"\"\xff\"", 50).is_err());
    assert!(Json::parse(b"{\"\xff\":1}", 50).is_err());
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(16)).is_ok());
    assert!(parse(&nested(17)).is_err());
    assert!(parse(&nested(100_000)).is_err());
    let long = |n: usize| format!("[{}1]", "1,".repeat(n));
    assert!(parse(&long(49)).is_ok());
    assert!(parse(&long(50)).is_err());
}

#[test]
fn no_text_passes_for_the_parsers_own_marks() {
    let text = r#"{"$serde_json::private::Number":"1","$serde_json::private::RawValue":"2"}"#;
    assert_eq!(
        parse(text).map(|json| json.to_string()),
        Ok(text.to_owned())
    );
}

proptest::proptest! {
    #[test]
    fn what_we_accept_serde_json_reads_alike(text in "[\\[\\]{}:,\"a\\\\0-9.e+ntrufalse -]{0,24}") {
        let reference = serde_json::from_str::<serde_json::Value>(&text);
        if let Ok(ours) = parse(&text) {
            let again = serde_json::from_str::<serde_json::Value>(&ours.to_string());
            // A number that is out of its range is the one thing that we keep and it refuses.
            proptest::prop_assert!(reference.is_err() || again.ok() == reference.ok());
        }
    }

    #[test]
    fn no_bytes_panic_the_parser(bytes: Vec<u8>) {
        let _ = Json::parse(&bytes, 50);
    }
}
