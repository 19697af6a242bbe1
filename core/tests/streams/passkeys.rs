//! Streams that began in a session which a passkey has approved.

use passgate_core::{Request, Settlement, Step, Verdict};
use passgate_kit::{ApprovalBuilder, ProofBuilder, SigningKey, base64url, sha256};
use serde_json::{Value, json};

use crate::{
    host::Proxy,
    world::{ISSUER, Judge, START, World, told},
};

const ORIGIN: &str = "https://api.example.com";
const URI: &str = "https://api.example.com/events";
/// Which credential an assertion of the kit says that it is of.
const ID: [u8; 16] = [7; 16];

/// A gate whose rule wants a session of a minute, and alice's passkey.
fn gate(world: &mut World, passkey: &SigningKey) -> Judge {
    let uri = |path: &str| json!({ "uri": format!("https://feed.example.com/{path}"), "cluster": "feed" });
    let entry =
        json!({ "sub": "alice", "id": base64url(ID), "cose_key": base64url(passkey.cose_key()) });
    world.credentials = json!({ "iss": ISSUER, "credentials": [entry] });
    let session = json!({ "mode": "session", "max_session": "1m", "dpop": { "nonce": "none" } });
    let mut judge = world.judge(json!({
        "origins": [ORIGIN],
        "relying_party": { "id": "example.com", "origins": ["https://app.example.com"] },
        "acme": {
            "revocations": { "http_uri": uri("revocations") },
            "credentials": { "document": { "http_uri": uri("credentials") } },
        },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "proof": { "webauthn": session } } }],
    }));
    let proxy = Box::new(Proxy::default());
    judge.verifier.share(proxy, [1; 32], "gate", world.now);
    judge
}

/// The nonce of the answer to a request without a proof.
fn nonce(world: &mut World, judge: &mut Judge, bearer: &str) -> String {
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":authority", b"api.example.com"),
        (b":path", b"/events"),
        (b"authorization", bearer.as_bytes()),
    ];
    for _ in 0..20 {
        let request = Request::new(&headers);
        let step = judge.verifier.verify(request, &mut judge.supply, world.now);
        if let Step::Settle(Settlement { verdict, .. }) = step {
            let Verdict::Deny(rejection) = verdict else {
                panic!("{verdict:?}");
            };
            let headers = rejection.headers().into_iter();
            let mut nonces = headers.filter(|(name, _)| *name == "webauthn-nonce");
            return nonces.next().unwrap().1;
        }
        world.pass(100);
        world.tick(judge);
    }
    panic!("the request waits for ever");
}

/// Opens a stream in a session of alice that begins now.
fn open(world: &mut World, judge: &mut Judge, passkey: &SigningKey) {
    let token = world.token(6_000).claim("sub", "alice").build();
    let bearer = format!("Bearer {token}");
    let nonce = nonce(world, judge, &bearer);
    let page = SigningKey::es256("page");
    let asked = ("example.com", "https://app.example.com");
    let until = world.now.as_secs() + 59;
    let session = ApprovalBuilder::session(passkey, asked, (ORIGIN, until), &page)
        .claim("iss", ISSUER)
        .claim("sub", "alice")
        .claim("iat", 1)
        .claim("nonce", nonce)
        .build();
    let dpop = ProofBuilder::of(&page, "GET", URI).token(&token);
    let dpop = dpop.claim("iat", world.now.as_secs()).build();
    let headers = [
        (":path", "/events"),
        ("authorization", &*bearer),
        ("webauthn-proof", &*session),
        ("dpop", &*dpop),
    ];
    assert_eq!(world.open(judge, 1, &headers), "permitted.token");
}

/// The token is older than all of them; the passkey was used after some.
#[test]
fn a_stream_ends_with_the_passkey_that_approved_it() {
    let passkey = SigningKey::es256("passkey");
    let hash = base64url(sha256(&ID));
    let named = |before: u64| json!([{ "credential": hash, "not_before": START + before }]);
    let revoked = vec![(1, "cut", "untrusted.revoked")];
    let cases: [(Value, _); 4] = [
        (named(100), vec![]),
        (named(1_000), revoked.clone()),
        (json!([{ "credential": hash }]), revoked.clone()),
        (json!([{ "sub": "alice", "not_before": START }]), revoked),
    ];
    for (list, wanted) in cases {
        let mut world = World::new();
        let mut judge = gate(&mut world, &passkey);
        world.pass(200_000);
        open(&mut world, &mut judge, &passkey);
        world.list = list.clone();
        world.sequence += 1;
        let mut cuts = Vec::new();
        for _ in 0..40 {
            world.pass(500);
            cuts.extend(world.tick(&mut judge));
        }
        assert_eq!(told(&cuts), wanted, "{list}");
    }
}

#[test]
fn a_stream_ends_with_its_session() {
    let passkey = SigningKey::es256("passkey");
    let mut world = World::new();
    let mut judge = gate(&mut world, &passkey);
    open(&mut world, &mut judge, &passkey);
    world.pass(50_000);
    assert!(world.tick(&mut judge).is_empty());
    world.pass(9_600);
    assert_eq!(told(&world.tick(&mut judge)), [(1, "cut", "missing.proof")]);
}
