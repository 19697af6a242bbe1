//! NGINX as the edge in front of gates: what goes through both is judged as it is at the gate.
//! `nginx/edge.conf` and `envoy/behind-nginx.yaml` are the files that are shipped.

#[path = "nginx/edge.rs"]
mod edge;

use edge::Edge;
use passgate_harness::{
    BOTH, Gate, Issuer, Protocol, Request, Response, Server, Setup, eventually,
};
use passgate_kit::{ApprovalBuilder, ProofBuilder, SigningKey, bound_to, now, public_members};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const ORIGIN: &str = "https://api.example.com";

fn setup() -> Setup {
    let secret = "a secret of thirty-two characters";
    Setup::shipped("envoy/behind-nginx.yaml").variable("PASSGATE_NONCE", secret)
}

#[test]
fn a_request_through_the_edge_is_judged_as_at_the_gate() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    let good = gate.good();
    for protocol in BOTH {
        let forged = Request::get("/account?a=b%2Fc&d")
            .header("x-user", "admin")
            .header("x_user", "admin")
            .header("x-passgate-provider", "acme")
            .header("x-forwarded-for", "9.9.9.9");
        let request = forged.clone().bearer(&good);
        let received = gate.passed(&edge.send(protocol, &request));
        let header = |name| received.headers.text(name);
        assert_eq!(received.path, b"/account?a=b%2Fc&d");
        assert_eq!(header("host"), Some("api.example.com"));
        assert_eq!(header("x-user"), Some("alice"));
        assert_eq!(header("x-forwarded-proto"), Some("https"));
        assert_eq!(received.headers.all("x_user").len(), 0);
        assert_eq!(received.headers.all("authorization").len(), 0);
        assert_eq!(header("x-forwarded-for"), Some("127.0.0.1,127.0.0.9"));
        let entry = gate.entry(header("x-request-id").unwrap());
        assert_eq!(entry["client"], "127.0.0.1", "{entry}");
        gate.denied(&edge.send(protocol, &forged), "missing.token");
    }
    gate.finish();
}

#[test]
fn the_host_is_the_one_by_which_the_edge_chose_its_server() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    // RFC 9112 section 3.2.2: the target's host counts, and not the header.
    let absolute = Request::get("https://api.example.com/account").authority("evil.example.com");
    let answer = edge.send(Protocol::Http1, &absolute.bearer(&gate.good()));
    let received = gate.passed(&answer);
    assert_eq!(received.headers.text("host"), Some("api.example.com"));
    assert_eq!(received.path, b"/account");
    let other = Request::get("/account").authority("evil.example.com");
    let answer = edge.send(Protocol::Http1, &other.bearer(&gate.good()));
    assert_ne!(answer.status, 200, "{answer:?}");
    assert_eq!(gate.upstream.hits(), 1);
    gate.finish();
}

#[test]
fn proofs_and_approvals_pass_the_edge_once_and_cover_what_was_sent() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    let key = SigningKey::es256("client");
    let bound = gate.token().claim("cnf", bound_to(&key)).build();
    let path = "/wallet/caf%C3%A9~/a+b";
    let proven = |nonce: &str| {
        let proof = ProofBuilder::of(&key, "GET", &format!("{ORIGIN}{path}")).token(&bound);
        Request::get(format!("{path}?x=%2F"))
            .header("authorization", format!("DPoP {bound}"))
            .header("dpop", proof.claim("nonce", nonce).build())
    };
    let passkey = SigningKey::es256("passkey");
    let cnf = json!({ "jwk": public_members(&passkey) });
    let token = gate.token().claim("cnf", cnf).build();
    let order = |body: &[u8]| Request::post("/orders?n=1", body).bearer(&token);
    for protocol in BOTH {
        let asked = edge.send(protocol, &proven("none"));
        gate.denied(&asked, "untrusted.proof_nonce");
        let request = proven(asked.headers.text("dpop-nonce").unwrap());
        let received = gate.passed(&edge.send(protocol, &request));
        assert_eq!(received.path, format!("{path}?x=%2F").as_bytes());
        let again = edge.send(protocol, &request);
        gate.denied(&again, "untrusted.proof_replayed");

        let asked = edge.send(protocol, &order(b"{}"));
        gate.denied(&asked, "missing.proof");
        let nonce = asked.headers.text("webauthn-nonce").unwrap();
        let page = ("example.com", "https://app.example.com");
        let approved = ("POST", "https://api.example.com/orders?n=1");
        let approval = ApprovalBuilder::of(&passkey, page, approved)
            .token(&token)
            .claim("iss", "https://id.example.com")
            .claim("sub", "alice")
            .claim("iat", now())
            .claim("nonce", nonce)
            .body(b"{}")
            .build();
        let with = |body| order(body).header("webauthn-proof", &approval);
        let altered = edge.send(protocol, &with(b"[]"));
        gate.denied(&altered, "untrusted.proof_body");
        // In one piece, and in chunks.
        let chunked = with(b"{}").chunked();
        let received = gate.passed(&edge.send(protocol, &chunked));
        assert_eq!(received.body, b"{}");
    }
    gate.finish();
}

#[test]
fn the_edge_reads_no_path_for_the_gate() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    for path in PATHS {
        for protocol in BOTH {
            let request = Request::get(path);
            let before = gate.upstream.hits();
            let alone = gate.send(protocol, &request).status;
            let reached = gate
                .upstream
                .received()
                .get(before)
                .map(|it| it.path.clone());
            let before = gate.upstream.hits();
            let both = edge.send(protocol, &request).status;
            let through = gate
                .upstream
                .received()
                .get(before)
                .map(|it| it.path.clone());
            assert_eq!((both, through), (alone, reached), "{path} {protocol:?}");
        }
    }
    // Paths that lead out of the root: NGINX itself refuses what the gate judges as `/account`.
    for protocol in BOTH {
        let request = Request::get("/../account").bearer(&gate.good());
        assert_eq!(edge.send(protocol, &request).status, 400);
    }
    gate.finish();
}

/// Below `/public` nothing is asked for; of the rest a token.
const PATHS: [&str; 20] = [
    "/public/a",
    "/public/../account",
    "/public/%2e%2e/account",
    "/public/..%2faccount",
    "/public/%2e%2e%2faccount",
    "/public/..;/account",
    "/public/..%5caccount",
    "/public/a//b",
    "/public//../account",
    "//public/a",
    "/%70ublic/a",
    "/public%2fa",
    "/public/a%2fb",
    "/public/.",
    "/public/a;b=c",
    "/public/a?x=/../account//",
    "/public/%25%32%65/a",
    "/PUBLIC/a",
    "/account/../public/a",
    "/account/..%2fpublic/a",
];

#[test]
fn cookies_reach_the_gate_as_they_were_sent_and_a_large_token_does_too() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    let session = |request: Request| {
        let cookie = format!("__Host-session={}", gate.good());
        // HTTP/2 may send a header for each (RFC 9113 section 8.2.3).
        request
            .header("cookie", "theme=\"dark, blue\"")
            .header("cookie", cookie)
    };
    for protocol in BOTH {
        // In HTTP/1.1 there is one header.
        let request = match protocol {
            Protocol::Http2 => session(Request::get("/account")),
            Protocol::Http1 => Request::get("/account").header(
                "cookie",
                format!("theme=\"dark, blue\"; __Host-session={}", gate.good()),
            ),
        };
        let received = gate.passed(&edge.send(protocol, &request));
        assert_eq!(
            received.headers.text("cookie"),
            Some("theme=\"dark, blue\"")
        );
    }
    let post = session(Request::post("/account", b"x"));
    let refused = edge.send(Protocol::Http2, &post);
    gate.denied(&refused, "forbidden.cross_site");
    let ours = post.header("origin", ORIGIN);
    gate.passed(&edge.send(Protocol::Http2, &ours));

    let large = gate.token().claim("groups", "g".repeat(6_500)).build();
    assert!(large.len() > 8_192);
    let large = Request::get("/account").bearer(&large);
    for protocol in BOTH {
        gate.passed(&edge.send(protocol, &large));
    }
    // NGINX's own limit of a header line.
    let bare = Edge::edited(&[&gate], &[("large_client_header_buffers 8 32k;", "")]);
    assert_eq!(bare.send(Protocol::Http1, &large).status, 400);
    gate.finish();
}

/// Reads until this text has come.
fn until(stream: &mut TcpStream, end: &str) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end.as_bytes()) {
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "{}",
            read.escape_ascii()
        );
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn a_websocket_goes_through_both_with_a_token_alone() {
    // A service that takes an upgrade and says everything back.
    let service = Server::start(|mut stream| {
        until(&mut stream, "\r\n\r\n");
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            stream.write_all(&bytes[..count]).unwrap();
        }
    });
    let gate = setup()
        .cluster("service", service.address)
        .edit(|bootstrap| bootstrap.route()["cluster"] = json!("service"))
        .start();
    let edge = Edge::start(&[&gate]);
    let upgrade = Request::get("/updates")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    let mut refused = edge.connect();
    refused.write_all(&upgrade.to_http1()).unwrap();
    let head = until(&mut refused, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    let mut open = edge.connect();
    open.write_all(&upgrade.bearer(&gate.good()).to_http1())
        .unwrap();
    let head = until(&mut open, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for text in ["ping", "and more"] {
        open.write_all(text.as_bytes()).unwrap();
        assert_eq!(until(&mut open, text), text);
    }
    drop(open);
    gate.finish();
}

#[test]
fn grpc_goes_over_http2_to_the_gate() {
    let gate = setup().start();
    let edge = Edge::start(&[&gate]);
    let call = Request::post("/shop.Orders/List", b"\0\0\0\0\0")
        .authority("grpc.example.com")
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    let send = |request: &Request| edge.send_to("grpc.example.com", Protocol::Http2, request);
    let refused = send(&call);
    assert_eq!(
        refused.headers.text("grpc-status"),
        Some("16"),
        "{refused:?}"
    );
    assert!(refused.headers.text("www-authenticate").is_some());
    let received = gate.passed(&send(&call.bearer(&gate.good())));
    assert_eq!(received.headers.text("x-user"), Some("alice"));
    let entry = gate.entry(received.headers.text("x-request-id").unwrap());
    assert_eq!(entry["protocol"], "HTTP/2", "{entry}");
    assert_eq!(entry["client"], "127.0.0.1", "{entry}");
    gate.finish();
}

#[test]
fn a_nonce_of_one_gate_is_good_at_the_other() {
    let first = setup().start();
    let issuer = Issuer::start();
    issuer.publish(&[&first.issuer.key]);
    let second = setup().issuer(issuer).start();
    let edge = Edge::start(&[&first, &second]);
    let key = SigningKey::es256("client");
    let bound = first.token().claim("cnf", bound_to(&key)).build();
    let proven = |nonce: &str| {
        let proof = ProofBuilder::of(&key, "GET", &format!("{ORIGIN}/wallet")).token(&bound);
        let request = Request::get("/wallet").header("authorization", format!("DPoP {bound}"));
        request.header("dpop", proof.claim("nonce", nonce).build())
    };
    let hits = |gate: &Gate| gate.upstream.hits();
    // NGINX takes the gates in turn.
    eventually("requests at both", || {
        let asked = edge.send(Protocol::Http1, &proven("none"));
        let nonce = asked
            .headers
            .text("dpop-nonce")
            .expect("a nonce")
            .to_owned();
        for _ in 0..2 {
            assert_eq!(edge.send(Protocol::Http1, &proven(&nonce)).status, 200);
        }
        (hits(&first) > 0 && hits(&second) > 0).then_some(())
    });
    first.finish();
    second.finish();
}

/// Why the guide forbids it: NGINX answers from its cache before anybody judges.
#[test]
fn a_cache_at_the_edge_answers_people_without_a_token() {
    let gate = setup().start();
    let cache = "proxy_cache_path cache keys_zone=cache:1m;\nupstream gates {";
    let edge = Edge::edited(
        &[&gate],
        &[
            ("upstream gates {", cache),
            (
                "proxy_buffering off;",
                "proxy_cache cache; proxy_cache_valid 200 1h;",
            ),
        ],
    );
    let send = |request: &Request| -> Response { edge.send(Protocol::Http1, request) };
    gate.passed(&send(&Request::get("/account").bearer(&gate.good())));
    let stolen = send(&Request::get("/account"));
    assert_eq!((stolen.status, gate.upstream.hits()), (200, 1));
    gate.finish();
}
