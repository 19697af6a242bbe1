//! Streams that end with their authority, and what each client and the service see of it.

use passgate_harness::{
    AUDIENCE, Gate, Http1, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy_with,
    websocket, with,
};
use passgate_kit::{SigningKey, Token, jwks, now};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A service whose answers never end.
struct Service {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&open);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let open = Arc::clone(&shared);
                let small = thread::Builder::new().stack_size(64 * 1024);
                small.spawn(move || serve(stream, &open)).unwrap();
            }
        });
        Self { address, open }
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Answers once and then goes on until the other side ends it.
fn serve(mut stream: TcpStream, open: &AtomicUsize) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let start = if head.contains("upgrade: websocket") {
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    } else if head.contains("application/grpc") {
        "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n"
    } else {
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    };
    open.fetch_add(1, Ordering::SeqCst);
    let is_silent = head.contains(" /silent ");
    let mut go_on = is_silent || stream.write_all(start.as_bytes()).is_ok();
    while is_silent && go_on {
        go_on = stream.read(&mut byte).is_ok_and(|read| read > 0);
    }
    while go_on {
        thread::sleep(Duration::from_millis(100));
        go_on = stream.write_all(b"5\r\ntick\n\r\n").is_ok();
    }
    open.fetch_sub(1, Ordering::SeqCst);
}

/// A gate before it, whose keys are part of its configuration.
struct Story {
    gate: Gate,
    service: Service,
    feed: Issuer,
    key: SigningKey,
}

/// What each kind of stream looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WebSocket,
    Events,
    Download,
}

impl Story {
    fn start(words: Value) -> Self {
        Self::with_feed(Issuer::start(), words)
    }

    fn with_feed(feed: Issuer, words: Value) -> Self {
        Self::of(SigningKey::es256("k1"), feed, words)
    }

    fn of(key: SigningKey, feed: Issuer, words: Value) -> Self {
        let service = Service::start();
        let setup = Setup::new(Self::policy(&key, words));
        let setup = setup.cluster("feed", feed.address());
        let setup = setup.cluster("service", service.address);
        let setup = setup.edit(|bootstrap| {
            bootstrap.route()["cluster"] = json!("service");
            bootstrap.manager()["http2_protocol_options"]["allow_connect"] = json!(true);
        });
        let gate = setup.watched().start();
        Self {
            gate,
            service,
            feed,
            key,
        }
    }

    fn policy(key: &SigningKey, words: Value) -> Value {
        let mut members = json!({
            "remote_jwks": null,
            "local_jwks": { "inline_string": jwks(&[key]) },
            "clock_skew": "0s",
        });
        let words = words.as_object().unwrap().clone();
        members.as_object_mut().unwrap().extend(words);
        with(
            policy_with(members),
            "streams",
            json!({ "end_with_authority": true }),
        )
    }

    fn token(&self, subject: &str, lifetime: i64) -> String {
        let token = Token::of(&self.key, ISSUER, AUDIENCE).claim("sub", subject);
        token.claim("exp", now() + lifetime).build()
    }

    fn request(kind: Kind, token: &str) -> Request {
        let request = Request::get("/stream").bearer(token);
        match kind {
            Kind::WebSocket => request
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("sec-websocket-version", "13"),
            Kind::Events => request.header("accept", "text/event-stream"),
            Kind::Download => request,
        }
    }

    /// Opens a stream that the service answers.
    fn open(&self, kind: Kind, token: &str) -> Http1 {
        let before = self.service.open();
        let mut client = self.gate.client();
        client.send(Self::request(kind, token).to_http1());
        eventually("an open stream", || {
            (self.service.open() > before).then_some(())
        });
        client
    }

    /// So many streams were cut for this reason.
    fn cut(&self, reason: &str) -> Vec<Value> {
        let records = self.gate.records();
        let cut = |record: &Value| record["decision"] == "cut" && record["reason"] == reason;
        records.into_iter().filter(cut).collect()
    }

    fn left(&self, count: usize) {
        eventually("the service sees the end", || {
            (self.service.open() == count).then_some(())
        });
    }
}

/// The stream is over: what came before it was.
fn over(mut client: Http1) -> Result<u16, std::io::ErrorKind> {
    client
        .try_read()
        .map(|answer| answer.status)
        .map_err(|error| error.kind())
}

fn goes_on(client: &mut Http1) -> bool {
    !client.is_silent(Duration::from_millis(500)) && client.try_send(b"x").is_ok()
}

#[test]
fn streams_end_on_both_sides_when_the_token_expires() {
    let story = Story::start(json!({}));
    let short = story.token("alice", 6);
    let long = story.token("alice", 300);
    let socket = story.open(Kind::WebSocket, &short);
    let events = story.open(Kind::Events, &short);
    let download = story.open(Kind::Download, &short);
    let mut other = story.open(Kind::WebSocket, &long);
    let grpc = Request::post("/stream", b"\0\0\0\0\0").bearer(&short);
    let grpc = grpc.header("content-type", "application/grpc");
    let told = story.gate.try_send(Protocol::Http2, &grpc);
    let told = told.expect_err("a stream that is reset");
    assert!(told.contains("stream error received"), "{told}");
    // The code says nothing of a WebSocket's close: there is no close frame.
    let socket = over(socket);
    assert!(
        matches!(socket, Ok(101) | Err(std::io::ErrorKind::ConnectionReset)),
        "{socket:?}"
    );
    let events = over(events);
    assert!(events.is_err(), "{events:?}");
    story.left(2);
    assert!(goes_on(&mut other), "another token");
    drop((download, other));
    let cuts = eventually("three records", || {
        Some(story.cut("untrusted.expired")).filter(|cuts| cuts.len() == 3)
    });
    for cut in cuts {
        assert_eq!(
            (&cut["subject"], &cut["provider"]),
            (&json!("alice"), &json!("acme"))
        );
        assert!(cut["request_id"].is_string(), "{cut:#}");
    }
    let counter = "wasmcustom.passgate.verdicts.cut.provider.acme.untrusted.expired";
    eventually("the counter", || {
        (story.gate.stat(counter) == 3).then_some(())
    });
    story.gate.finish();
}

/// Filters see an upgrade in place of the extended CONNECT.
#[test]
fn a_websocket_over_http2_ends_with_its_token() {
    let story = Story::start(json!({}));
    let short = story.token("alice", 6);
    let told = websocket(story.gate.address, &short);
    let (status, end) = told.expect("an answer");
    assert_eq!(status, 200);
    let end = end.expect("a stream that is reset");
    assert!(end.contains("stream error received"), "{end}");
    story.left(0);
    eventually("its record", || {
        (story.cut("untrusted.expired").len() == 1).then_some(())
    });
    story.gate.finish();
}

#[test]
fn a_revocation_ends_the_streams_of_whom_it_names_and_a_client_may_leave_before() {
    let list = |entries: Value, sequence: u64| {
        json!({ "version": 1, "epoch": 1, "sequence": sequence, "generated_at": now(), "entries": entries })
            .to_string()
    };
    let words = json!({ "revocations": {
        "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" },
        "cache_duration": "1s",
    } });
    let feed = Issuer::start();
    feed.publish_text(&list(json!([]), 1));
    let story = Story::with_feed(feed, words);
    let (alice, bob) = (story.token("alice", 300), story.token("bob", 300));
    let revoked = story.open(Kind::WebSocket, &alice);
    let mut other = story.open(Kind::WebSocket, &bob);
    story.open(Kind::Events, &alice).leave();
    story.left(2);
    story
        .feed
        .publish_text(&list(json!([{ "sub": "alice" }]), 2));
    assert!(over(revoked).is_ok_and(|status| status == 101));
    story.left(1);
    assert!(goes_on(&mut other), "another person");
    drop(other);
    eventually("one record, and none of the client that left", || {
        (story.cut("untrusted.revoked").len() == 1).then_some(())
    });
    story.gate.finish();
}

#[test]
fn a_new_policy_ends_the_streams_that_it_would_refuse() {
    let mut story = Story::start(json!({}));
    let read = Token::of(&story.key, ISSUER, AUDIENCE).claim("scope", "read");
    let (read, none) = (read.build(), story.token("alice", 300));
    let refused = story.open(Kind::Events, &none);
    let mut other = story.open(Kind::Events, &read);
    let rules = json!([{ "match": { "prefix": "/" }, "requires": { "scopes": ["read"] } }]);
    let next = with(Story::policy(&story.key, json!({})), "rules", rules);
    story.gate.reconfigure(&next);
    // The first request by the new policy is what tells it that streams are open there.
    let third = story.open(Kind::Events, &read);
    assert!(over(refused).is_err());
    story.left(2);
    assert!(goes_on(&mut other), "the new policy lets it pass");
    drop((other, third));
    eventually("its record", || {
        (story.cut("insufficient.scope").len() == 1).then_some(())
    });
    story.gate.finish();
}

#[test]
fn a_client_that_the_service_has_not_answered_yet_is_told_why_its_stream_ends() {
    let story = Story::start(json!({}));
    let short = story.token("alice", 6);
    let wait = |headers: &[(&str, &str)]| {
        let request = Request::get("/silent").bearer(&short);
        let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        headers.iter().fold(request, add)
    };
    let socket = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];
    let mut clients = [wait(&[("accept", "text/event-stream")]), wait(&socket)].map(|request| {
        let mut client = story.gate.client();
        client.send(request.to_http1());
        client
    });
    let mut download = story.gate.client();
    download.send(wait(&[]).to_http1());
    eventually("three at the service", || {
        (story.service.open() == 3).then_some(())
    });
    let mut grpc = Request::post("/silent", b"\0\0\0\0\0").bearer(&short);
    grpc = grpc.header("content-type", "application/grpc");
    let told = story.gate.send(Protocol::Http2, &grpc);
    assert_eq!(told.headers.text("grpc-status"), Some("16"), "{told:?}");
    for client in &mut clients {
        let answer = client.read();
        assert_eq!(answer.status, 401);
        let challenge = answer.headers.text("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let entry = story.gate.entry(body["request_id"].as_str().unwrap());
        assert_eq!(entry["details"], "passgate.untrusted.expired");
    }
    story.left(1);
    assert!(
        download.is_silent(Duration::from_millis(500)),
        "a download goes on"
    );
    drop(download);
    eventually("three records", || {
        (story.cut("untrusted.expired").len() == 3).then_some(())
    });
    story.gate.finish();
}

#[test]
fn a_status_that_turns_ends_the_streams_of_its_token() {
    let uri = "https://feed.example.com/status/1";
    let signed = |key: &SigningKey, lst: &str| {
        let list = json!({ "bits": 1, "lst": lst });
        let claims = json!({ "sub": uri, "iat": now(), "ttl": 1, "status_list": list });
        let token = Token::of(key, ISSUER, "").header("typ", "statuslist+jwt");
        token.raw_claims(&claims.to_string()).build()
    };
    let (feed, key) = (Issuer::start(), SigningKey::es256("k1"));
    // The example of the draft: 1, 0, 0, 1.
    feed.publish_text(&signed(&key, "eNrbuRgAAhcBXQ"));
    let story = Story::of(
        key,
        feed,
        json!({ "status_lists": {
        "uri_prefix": "https://feed.example.com/status/", "cluster": "feed", "timeout": "2s",
    } }),
    );
    let place = json!({ "status_list": { "idx": 1, "uri": uri } });
    let listed = Token::of(&story.key, ISSUER, AUDIENCE).claim("status", place);
    let ended = story.open(Kind::WebSocket, &listed.build());
    let mut other = story.open(Kind::WebSocket, &story.token("bob", 300));
    // All of them are revoked.
    let all = signed(&story.key, "eNr7_x8AAv8B_w");
    story.feed.publish_text(&all);
    assert!(over(ended).is_ok_and(|status| status == 101));
    story.left(1);
    assert!(goes_on(&mut other), "a token without a status");
    drop(other);
    eventually("its record", || {
        (story.cut("untrusted.revoked").len() == 1).then_some(())
    });
    story.gate.finish();
}
