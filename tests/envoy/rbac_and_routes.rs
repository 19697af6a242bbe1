//! What Envoy does with the headers that passgate writes: RBAC decides by them, routes are chosen
//! by them.

use passgate_harness::{BOTH, Gate, Issuer, Protocol, Request, Setup, Upstream, eventually};
use passgate_kit::{Token, TokenBuilder};

const AUDIENCE: &str = "http://127.0.0.1:8080";
const ISSUER: &str = "http://127.0.0.1:9000";

/// Spellings of a header that some server takes for the same.
const SPELLINGS: [&str; 3] = [
    "x-passgate-principal",
    "X-Passgate-Principal",
    "x_passgate_principal",
];

#[test]
fn rbac_lets_the_right_person_in_and_nobody_who_says_so() {
    let gate = Setup::shipped("envoy/rbac.yaml").start();
    let alice = token(&gate).build();
    let bob = token(&gate).claim("sub", "bob").build();
    let admin = |token: &str| Request::get("/admin/keys").bearer(token);
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &admin(&alice)));
        let principal = received.headers.text("x-passgate-principal");
        assert_eq!(principal, Some("http://127.0.0.1:9000/alice"));
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&bob)));

        let hits = gate.upstream.hits();
        let mut wrong = vec![admin(&bob)];
        wrong.extend(SPELLINGS.map(|name| admin(&bob).header(name, format!("{ISSUER}/alice"))));
        // A subject that is made to look like another issuer's.
        let other = token(&gate).claim("sub", "x/alice").build();
        wrong.push(admin(&other));
        for request in &wrong {
            let answer = gate.send(protocol, request);
            assert_eq!(
                (answer.status, answer.text()),
                (403, "RBAC: access denied".to_owned())
            );
        }
        for name in SPELLINGS {
            let nobody = Request::get("/admin/keys").header(name, format!("{ISSUER}/alice"));
            gate.denied(&gate.send(protocol, &nobody), "missing.token");
        }
        assert_eq!(gate.upstream.hits(), hits);
    }
    gate.finish();
}

#[test]
fn a_header_from_the_token_chooses_the_route_and_a_clients_does_not() {
    let gold = Upstream::start();
    let address = gold.address();
    let setup = Setup::shipped("envoy/route-by-header.yaml");
    let gate = setup
        .edit(|bootstrap| bootstrap.set_address("gold", address))
        .start();
    let rich = token(&gate).claim("tenant", "gold").build();
    let poor = token(&gate).claim("tenant", "lead").build();
    let none = token(&gate).build();
    for protocol in BOTH {
        let to_gold = [
            Request::get("/").bearer(&rich),
            // What the client says is gone before the route is chosen, and what the token says is
            // there.
            Request::get("/").bearer(&rich).header("x-tenant", "lead"),
        ];
        for request in &to_gold {
            let (before, others) = (gold.hits(), gate.upstream.hits());
            assert_eq!(gate.send(protocol, request).status, 200);
            assert_eq!((gold.hits(), gate.upstream.hits()), (before + 1, others));
            assert_eq!(gold.last().headers.text("x-tenant"), Some("gold"));
        }
        let to_others = [
            Request::get("/").bearer(&poor),
            Request::get("/").bearer(&poor).header("x-tenant", "gold"),
            Request::get("/").bearer(&none).header("x-tenant", "gold"),
            Request::get("/").bearer(&none).header("X-Tenant", "gold"),
            Request::get("/healthz").header("x-tenant", "gold"),
        ];
        for request in &to_others {
            let (before, others) = (gold.hits(), gate.upstream.hits());
            assert_eq!(gate.send(protocol, request).status, 200);
            assert_eq!(
                (gold.hits(), gate.upstream.hits()),
                (before, others + 1),
                "{request:?}"
            );
            assert_ne!(gate.upstream.last().headers.text("x-tenant"), Some("gold"));
        }
    }
    gate.finish();
}

#[test]
fn the_route_of_a_request_that_waited_for_keys_is_chosen_anew_too() {
    let gold = Upstream::start();
    let address = gold.address();
    let setup = Setup::shipped("envoy/route-by-header.yaml");
    let issuer = Issuer::start();
    issuer.hold();
    let setup = setup.issuer(issuer);
    let gate = setup
        .edit(|bootstrap| bootstrap.set_address("gold", address))
        .start();
    let rich = token(&gate).claim("tenant", "gold").build();
    let poor = token(&gate).build();
    let (rich, poor) = (
        Request::get("/").bearer(&rich),
        Request::get("/").bearer(&poor).header("x-tenant", "gold"),
    );
    std::thread::scope(|scope| {
        let answers =
            [&rich, &poor].map(|request| scope.spawn(|| gate.send(Protocol::Http1, request)));
        eventually("two requests that wait", || {
            let waiting = gate.stat("wasmcustom.passgate.keys.provider.acme.waiting");
            (waiting == 2).then_some(())
        });
        gate.issuer.release();
        for answer in answers {
            assert_eq!(answer.join().unwrap().status, 200);
        }
    });
    assert_eq!((gold.hits(), gate.upstream.hits()), (1, 1));
    assert_eq!(gold.last().headers.text("x-tenant"), Some("gold"));
    assert_eq!(gate.upstream.last().headers.bytes("x-tenant"), None);
    gate.finish();
}

fn token(gate: &Gate) -> TokenBuilder<'_> {
    Token::of(&gate.issuer.key, ISSUER, AUDIENCE)
}
