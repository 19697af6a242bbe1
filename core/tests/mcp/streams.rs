//! Streams that end with their authority: what began them is still known.

use std::{cell::Cell, time::Duration};

use passgate_core::{
    Config, Leases, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use serde_json::{Value, json};

use crate::world::{NOW, Read, body, rules};

const DOOR: &[u8] = b"443";

/// Rules that anybody meets but for a tool, or the strict one for it; and an exemption for each.
fn policy(names: &Value) -> Value {
    let public = json!({ "reason": "r", "owner": "o", "until": "never" });
    let mut rules = rules();
    rules[0]["match"]["mcp"]["names"] = names.clone();
    for index in 1..3 {
        rules[index].as_object_mut().unwrap().remove("requires");
        rules[index]["public"] = public.clone();
    }
    json!({
        "streams": { "end_with_authority": true },
        "providers": { "acme": {
            "issuer": "https://id.example.com",
            "audiences": ["https://api.example.com"],
            "remote_jwks": { "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "id" } },
        } },
        "rules": rules,
    })
}

fn judge(leases: &mut Leases, names: &Value) -> (Verifier, Supply) {
    let config = Config::parse(policy(names).to_string().as_bytes()).unwrap();
    let supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    verifier.join(leases);
    (verifier, supply)
}

/// A new policy judges a stream by what was called when it began.
#[test]
fn a_stream_is_judged_anew_by_what_it_called() {
    let mut leases = Leases::default();
    let mut now = UnixTime::from_secs(NOW.unsigned_abs());
    let (mut first, mut supply) = judge(&mut leases, &json!(["delete_*"]));
    for (stream, name) in [(1, "list_users"), (2, "drop_user")] {
        let read = body("tools/call", Some(("params\0name", name)));
        let asked = Cell::new(0);
        let connection = Read {
            body: Some(&read),
            asked: &asked,
        };
        let headers: [(&[u8], &[u8]); 5] = [
            (b":method", b"POST"),
            (b":authority", b"api.example.com"),
            (b":path", b"/mcp"),
            (b"content-type", b"application/json"),
            (b"accept", b"text/event-stream"),
        ];
        let request = Request::new(&headers).on(&connection);
        let step = first.verify(request, &mut supply, now);
        let Step::Settle(Settlement {
            verdict: Verdict::Allow(mut permit),
            ..
        }) = step
        else {
            panic!("{step:?}");
        };
        first.hold(&mut leases, stream, DOOR, permit.take_lease().unwrap());
    }
    // Twice, since a lease is made anew each time.
    for names in [json!(["erase_*"]), json!(["drop_*"])] {
        let (mut next, mut supply) = judge(&mut leases, &names);
        now = now.saturating_add(Duration::from_secs(1));
        next.enter(&mut leases, DOOR);
        let cuts = next.look_after(&mut leases, 32, &mut supply, now);
        let cuts: Vec<(u32, &str)> = cuts
            .iter()
            .map(|cut| (cut.stream, cut.record.reason))
            .collect();
        if names[0] == "drop_*" {
            assert_eq!(cuts, [(2, "missing.token")]);
        } else {
            assert!(cuts.is_empty(), "{cuts:?}");
        }
    }
    assert_eq!(leases.len(), 1);
}
