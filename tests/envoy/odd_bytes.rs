//! Bytes that no text holds: 0x80 to 0xFF in values, names, paths and trailers. None may crash the
//! module.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Protocol, Request, Setup, policy, policy_with, public, ruled,
    the_rest,
};
use passgate_kit::Token;
use serde_json::json;

#[test]
fn odd_bytes_in_values_pass_through_unchanged() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for protocol in BOTH {
        for byte in 0x80..=0xff_u8 {
            let value = [b'a', byte, b'z'];
            let request = Request::get("/").bearer(&good).header("x-odd", value);
            let request = request.header("cookie", value).header("referer", value);
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(
                received.headers.bytes("x-odd"),
                Some(&value[..]),
                "{byte:#x}"
            );
        }
        let all: Vec<u8> = (0x80..=0xff).collect();
        let request = Request::get("/")
            .bearer(&good)
            .header("x-odd", &all)
            .header("x_user", &all);
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.bytes("x-odd"), Some(&all[..]));
        assert_eq!(received.headers.bytes("x_user"), None);
        assert_eq!(received.headers.text("x-user"), Some("alice"));
    }
    gate.finish();
}

#[test]
fn odd_bytes_in_a_credential_are_refused() {
    let gate = Gate::start(policy_with(json!({
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
        "from_cookies": ["session"],
    })));
    let good = gate.good();
    for protocol in BOTH {
        for byte in [0x80, 0x9f, 0xa0, 0xc3, 0xed, 0xff_u8] {
            let with_prefix = |prefix: &str, token: &str| {
                let mut value = prefix.as_bytes().to_vec();
                value.extend(token.as_bytes());
                value.push(byte);
                value
            };
            for request in [
                Request::get("/").header("authorization", with_prefix("Bearer ", &good)),
                Request::get("/").header("authorization", with_prefix("Bearer ", "")),
                Request::get("/").header("cookie", with_prefix("session=", &good)),
            ] {
                let answer = gate.send(protocol, &request);
                assert!(matches!(answer.status, 400 | 401), "{byte:#x}: {answer:?}");
            }
            let beside = Request::get("/")
                .bearer(&good)
                .header("cookie", with_prefix("theme=", "x"));
            gate.passed(&gate.send(protocol, &beside));
        }
    }
    gate.finish();
}

#[test]
fn odd_bytes_in_the_headers_that_a_decision_reads() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for protocol in BOTH {
        for name in [
            "origin",
            "sec-fetch-site",
            "upgrade",
            "content-type",
            "accept",
            "x-request-id",
            "x-forwarded-for",
            "access-control-request-method",
            "x-http-method-override",
            "user-agent",
        ] {
            let request = Request::new("OPTIONS", "/").header(name, [b'a', 0xff, 0x80]);
            match gate.try_send(protocol, &request) {
                Ok(answer) => assert!(matches!(answer.status, 400 | 401), "{name}: {answer:?}"),
                Err(reset) => assert_eq!(protocol, Protocol::Http2, "{name}: {reset}"),
            }
            let request = Request::get("/")
                .bearer(&good)
                .header(name, [b'a', 0xff, 0x80]);
            if let Ok(answer) = gate.try_send(protocol, &request) {
                assert!(answer.status < 500, "{name}: {answer:?}");
            }
        }
    }
    gate.finish();
}

#[test]
fn odd_bytes_in_a_path_are_refused_or_forwarded_but_never_misread() {
    let gate = Gate::start(ruled(policy(), json!([public("/public/"), the_rest()])));
    let good = gate.good();
    for byte in 0x80..=0xff_u8 {
        for (path, is_open) in [
            ([b"/public/".to_vec(), vec![byte]].concat(), true),
            (
                [b"/".to_vec(), vec![byte], b"/public/".to_vec()].concat(),
                false,
            ),
            (
                [b"/public".to_vec(), vec![byte], b"/a".to_vec()].concat(),
                false,
            ),
            ([b"/a?b=".to_vec(), vec![byte]].concat(), false),
        ] {
            let shown = path.escape_ascii().to_string();
            let answer = gate.send(Protocol::Http1, &Request::get(&path));
            let expected: &[u16] = if is_open { &[200, 400] } else { &[400, 401] };
            assert!(expected.contains(&answer.status), "{shown}: {answer:?}");
            let answer = gate.send(Protocol::Http1, &Request::get(&path).bearer(&good));
            assert!(matches!(answer.status, 200 | 400), "{shown}: {answer:?}");
        }
    }
    gate.finish();
}

#[test]
fn odd_bytes_in_names_reach_nobody() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for byte in 0x80..=0xff_u8 {
        let mut request = Request::get("/").bearer(&good);
        request
            .headers
            .0
            .push((vec![b'x', b'-', byte], b"value".to_vec()));
        // Envoy's own parser refuses them; should one pass it, the filter must cope.
        let mut client = gate.client();
        client.send(request.to_http1());
        match client.try_read() {
            Ok(answer) => assert!(matches!(answer.status, 200 | 400), "{byte:#x}: {answer:?}"),
            Err(ended) => assert_eq!(ended.kind(), std::io::ErrorKind::UnexpectedEof, "{byte:#x}"),
        }
    }
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&good)));
    gate.finish();
}

#[test]
fn odd_bytes_in_trailers() {
    let setup = Setup::new(policy());
    let gate = setup
        .edit(|bootstrap| {
            bootstrap.manager()["http_protocol_options"] = json!({ "enable_trailers": true });
        })
        .start();
    let good = gate.good();
    for protocol in BOTH {
        for byte in [0x80, 0xbf, 0xc3, 0xff_u8] {
            let request = Request::post("/", b"body")
                .bearer(&good)
                .trailer("x-user", [byte]);
            let request = request.trailer("x-odd", [b'a', byte]);
            gate.passed(&gate.send(protocol, &request));
        }
    }
    gate.finish();
}

#[test]
fn odd_bytes_in_claims_and_key_ids() {
    let gate = Gate::start(policy());
    let key = &gate.issuer.key;
    for protocol in BOTH {
        let named = Token::of(key, ISSUER, AUDIENCE)
            .claim("sub", "Zoë 日本 \u{fffd}")
            .build();
        let answer = gate.send(protocol, &Request::get("/").bearer(&named));
        let received = gate.passed(&answer);
        let user = received.headers.bytes("x-user").unwrap_or_default();
        assert!(
            user.iter().all(|byte| *byte >= b' ' && *byte != 0x7f),
            "{user:?}"
        );

        let named = Token::of(key, ISSUER, AUDIENCE)
            .header("kid", "\u{7f}\n\"ü")
            .build();
        let answer = gate.send(protocol, &Request::get("/").bearer(&named));
        assert!(matches!(answer.status, 401 | 503), "{answer:?}");
    }
    gate.finish();
}
