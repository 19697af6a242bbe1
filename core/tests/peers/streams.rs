//! Streams that end with their authority, begun by workloads.

use std::{cell::Cell, time::Duration};

use passgate_core::{
    Config, Leases, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::SigningKey;
use serde_json::{Value, json};

use crate::world::{NOW, Shown, certificate, policy, with_keys};

const REPORT: &str = "spiffe://mesh/ns/batch/sa/report";
const DOOR: &[u8] = b"443";

struct Judge {
    verifier: Verifier,
    supply: Supply,
}

fn judge(leases: &mut Leases, policy: &Value, key: &SigningKey) -> Judge {
    let config = Config::parse(with_keys(policy, key, key).as_bytes()).unwrap();
    let supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    verifier.join(leases);
    Judge { verifier, supply }
}

fn open(judge: &mut Judge, leases: &mut Leases, (stream, path): (u32, &str), now: UnixTime) {
    let pem = certificate(&[REPORT]);
    let asked = Cell::new(0);
    let connection = Shown {
        certificate: Some(&pem),
        asked: &asked,
    };
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":authority", b"api.example.com"),
        (b":path", path.as_bytes()),
        (b"accept", b"text/event-stream"),
    ];
    let request = Request::new(&headers).on(&connection);
    let step = judge.verifier.verify(request, &mut judge.supply, now);
    let Step::Settle(Settlement {
        verdict: Verdict::Allow(mut permit),
        ..
    }) = step
    else {
        panic!("{step:?}");
    };
    let lease = permit.take_lease().unwrap();
    judge.verifier.hold(leases, stream, DOOR, lease);
}

fn cuts(judge: &mut Judge, leases: &mut Leases, now: UnixTime) -> Vec<(u32, &'static str, Value)> {
    judge.verifier.enter(leases, DOOR);
    let cuts = judge
        .verifier
        .look_after(leases, 32, &mut judge.supply, now);
    let told = cuts.iter().map(|cut| {
        let record: Value = serde_json::from_str(&cut.record.to_json()).unwrap();
        (cut.stream, cut.record.reason, record["peer"].clone())
    });
    told.collect()
}

/// A new policy judges a stream by the workload of its connection, which cannot have changed.
#[test]
fn a_stream_of_a_workload_is_judged_anew_by_its_workload() {
    let key = SigningKey::es256("k");
    let mut leases = Leases::default();
    let mut policy = policy();
    policy["streams"] = json!({ "end_with_authority": true });
    let mut now = UnixTime::from_secs(NOW.unsigned_abs());
    let mut first = judge(&mut leases, &policy, &key);
    open(&mut first, &mut leases, (1, "/batch"), now);
    open(&mut first, &mut leases, (2, "/public"), now);
    now = now.saturating_add(Duration::from_secs(3_600));
    assert!(
        cuts(&mut first, &mut leases, now).is_empty(),
        "no time ends it"
    );

    // The same rule, in another policy.
    policy["rules"][5]["requires"]["scopes"] = json!(["read"]);
    let mut second = judge(&mut leases, &policy, &key);
    now = now.saturating_add(Duration::from_secs(1));
    assert!(cuts(&mut second, &mut leases, now).is_empty());
    assert_eq!(leases.len(), 2);

    // It names another workload; and the public rule has gone, for one that asks who it is, which
    // nobody has asked when the stream began.
    policy["rules"][0]["requires"]["peer"]["spiffe"] = json!(["spiffe://mesh/ns/other/**"]);
    let last = policy["rules"].as_array().unwrap().len() - 1;
    policy["rules"][last] = json!({
        "match": { "path_separated_prefix": "/public" },
        "requires": { "token": "none", "peer": { "spiffe": [REPORT] } },
    });
    let mut third = judge(&mut leases, &policy, &key);
    now = now.saturating_add(Duration::from_secs(1));
    assert_eq!(
        cuts(&mut third, &mut leases, now),
        [
            (1, "forbidden.peer", json!(REPORT)),
            (2, "unavailable.streams", Value::Null),
        ]
    );
}
