//! The header in which applications look for an access token: what stays in it was judged.

use passgate_core::{Edit, Verdict};
use passgate_kit::tampered;
use serde_json::json;

use crate::gate::{Gate, request};

const NAME: &str = "x-forwarded-access-token";

fn gate(forward: bool) -> Gate {
    let mut gate = Gate::new();
    let acme = &mut gate.config["providers"]["acme"];
    acme["from_headers"] = json!([
        { "name": "authorization", "value_prefix": "Bearer " },
        { "name": "X-Forwarded-Access-Token" },
    ]);
    acme["forward"] = json!(forward);
    gate
}

/// What is removed from a request with these headers; `None`: it is refused.
fn removed(gate: &Gate, headers: &[(&str, &str)]) -> Option<Vec<String>> {
    let Verdict::Allow(permit) = gate.judge(&request("GET", "/", headers)).0 else {
        return None;
    };
    let removed = permit.edits().filter_map(|edit| match edit {
        Edit::Remove(name) => Some(String::from_utf8(name.clone()).unwrap()),
        Edit::Set(..) => None,
    });
    Some(removed.collect())
}

#[test]
fn a_service_finds_the_judged_token_there_or_none() {
    let none = Vec::<String>::new();
    for forward in [true, false] {
        let gate = gate(forward);
        let good = gate.token().build();
        let bearer = format!("Bearer {good}");
        let stays = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned());
            if forward {
                none.clone()
            } else {
                names.collect()
            }
        };
        let there = [(NAME, &*good)];
        assert_eq!(removed(&gate, &there), Some(stays(&[NAME])));
        let both = [("authorization", &*bearer), (NAME, &*good)];
        assert_eq!(removed(&gate, &both), Some(stays(&["authorization", NAME])));
        // A spelling that no rule reads and some services take for the same.
        for other in ["x_forwarded_access_token", "x-forwarded-access.token"] {
            let spelled = [("authorization", &*bearer), (other, "forged")];
            let mut expected = vec![other.to_owned()];
            expected.extend(stays(&["authorization"]));
            assert_eq!(removed(&gate, &spelled), Some(expected), "{other}");
        }
        for forged in ["forged", "", &*tampered(&good)] {
            let beside = [("authorization", &*bearer), (NAME, forged)];
            assert_eq!(removed(&gate, &beside), None, "{forged}");
        }
    }
}
