//! Callers who use up their quotas: what holds wherever they are counted. The numbers are those of
//! the shipped files, which agree.

use passgate_harness::{Gate, Protocol, Request, Response};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};

/// More than any quota of the files.
const MANY: usize = 70;

/// The issuer and the audience of a shipped file.
pub type Names = (&'static str, &'static str);

/// A caller's own headers that would be of another caller.
const LIES: [(&str, &str); 8] = [
    ("x-passgate-principal", "https://issuer.example.com/new"),
    ("x_passgate_principal", "https://issuer.example.com/new"),
    ("X-Passgate.Principal", "https://issuer.example.com/new"),
    ("x-passgate-kind", "workload"),
    ("x-passgate-kind", ""),
    ("x-passgate-product", "gold"),
    ("x-passgate-actor", "https://issuer.example.com/bot"),
    (
        "connection",
        "x-passgate-principal, x-passgate-kind, x-passgate-product",
    ),
];

/// A token of this subject with these claims.
fn token(gate: &Gate, (issuer, audience): Names, subject: &str, claims: &Value) -> String {
    let token = Token::of(&gate.issuer.key, issuer, audience).claim("sub", subject);
    let members = claims.as_object().unwrap().iter();
    let token = members.fold(token, |token, (name, value)| {
        token.claim(name, value.clone())
    });
    token.build()
}

fn send(gate: &Gate, request: &Request) -> Response {
    gate.send(Protocol::Http1, request)
}

/// How many of these requests pass before the first that does not, which is over a quota.
fn passing(gate: &Gate, most: usize, request: impl Fn(usize) -> Request) -> usize {
    for number in 0..most {
        let answer = send(gate, &request(number));
        match answer.status {
            200 => {}
            429 => return number,
            _ => panic!("{answer:?}"),
        }
    }
    most
}

/// What each kind of caller, product and agent may do, and that no client gets round it or at
/// another one's.
pub fn spend(gate: &Gate, names: Names) {
    let of = |subject: &str, claims: &Value| token(gate, names, subject, claims);
    let human = json!({ "client_type": "person" });
    let person = |subject: &str| of(subject, &human);
    let get = |token: &str| Request::get("/orders").bearer(token);

    // A forged token, or one that is too old, spends nothing of the person it names.
    let alice = |key: &SigningKey, lifetime: i64| {
        let token = Token::of(key, names.0, names.1).claim("sub", "alice");
        let token = token.claim("client_type", "person");
        token.expires_in(lifetime).build()
    };
    let forged = alice(&SigningKey::es256("key-1"), 300);
    let stale = alice(&gate.issuer.key, -3_600);
    for bad in [&forged, &stale] {
        for _ in 0..25 {
            assert_eq!(send(gate, &get(bad)).status, 401);
        }
    }
    // A person, by whatever token, on whatever path.
    let tokens: Vec<String> = (0..3).map(|_| person("alice")).collect();
    let paths = ["/orders", "/orders/1?x=y", "/other"];
    let of_alice = |number: usize| Request::get(paths[number % 3]).bearer(&tokens[number % 3]);
    assert_eq!(passing(gate, MANY, of_alice), 20);
    for (name, value) in LIES {
        let lie = get(&tokens[0]).header(name, value);
        assert_eq!(send(gate, &lie).status, 429, "{name}: {value}");
    }
    // Nobody else has spent any of theirs, nor did she spend it for them.
    let bob = person("bob");
    let lies = |number: usize| {
        let (name, value) = LIES[number % LIES.len()];
        get(&bob).header(name, value)
    };
    assert_eq!(passing(gate, MANY, lies), 20);
    let new = person("new");
    assert_eq!(passing(gate, MANY, |_| get(&new)), 20);

    // Programs have more; who is of no known kind has least.
    let job = of("job", &json!({ "client_type": "service" }));
    assert_eq!(passing(gate, MANY, |_| get(&job)), 60);
    let odd = of("odd", &json!({ "client_type": 7 }));
    assert_eq!(passing(gate, MANY, |_| get(&odd)), 5);

    // A product, all of its callers together.
    let partner = |subject: &str, client: &str| {
        of(
            subject,
            &json!({ "client_type": "service", "client_id": client }),
        )
    };
    let use_product = |token: &str, most: usize| {
        passing(gate, most, |_| Request::get("/partners/1").bearer(token))
    };
    let (one, two) = (partner("one", "partner-7"), partner("two", "partner-7"));
    assert_eq!(use_product(&one, 30), 30);
    assert_eq!(use_product(&two, MANY), 10);
    assert_eq!(use_product(&one, 1), 0);
    let silver = partner("three", "partner-8");
    assert_eq!(use_product(&silver, MANY), 8);
    let claims_gold = Request::get("/partners/1").bearer(&silver);
    let claims_gold = claims_gold.header("x-passgate-product", "none");
    assert_eq!(send(gate, &claims_gold).status, 429);
    // A client that nobody knows has no product, and a header is not one.
    let unknown = partner("four", "partner-9");
    let answer = send(
        gate,
        &Request::get("/partners/1")
            .bearer(&unknown)
            .header("x-passgate-product", "gold"),
    );
    gate.denied(&answer, "forbidden.product");

    // An agent spends its own, for one person and for all of them, and none of theirs.
    let agent = |person: &str| {
        of(
            person,
            &json!({ "client_type": "person", "act": { "sub": "bot" } }),
        )
    };
    let (for_carol, for_dave) = (agent("carol"), agent("dave"));
    assert_eq!(passing(gate, MANY, |_| get(&for_carol)), 10);
    // The refusal counts, too, where both are asked at once.
    let left = passing(gate, MANY, |_| get(&for_dave));
    assert!((1..=5).contains(&left), "{left}");
    let carol = person("carol");
    assert_eq!(passing(gate, MANY, |_| get(&carol)), 20);
}
