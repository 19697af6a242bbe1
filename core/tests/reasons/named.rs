//! Requests that lack a role or a product, and those that a rule refuses.

use passgate_core::Forbidden;
use serde_json::json;

use super::{Specimen, good};

/// A specimen that is refused for this, or for nothing.
pub(super) fn named(lacking: &Forbidden) -> Specimen {
    let mut specimen = good();
    let when = json!({ "claim": { "path": ["groups"], "contains": "board" } });
    let (list, name) = match lacking {
        Forbidden::Role => ("roles", "role"),
        Forbidden::Product => ("products", "product"),
        _ => {
            let rules = specimen.config["rules"].as_array_mut().unwrap();
            let rule = rules[1].as_object_mut().unwrap();
            rule.remove("requires");
            rule.insert(
                "deny".to_owned(),
                json!({ "reason": "frozen", "owner": "o" }),
            );
            rules.push(json!({ "match": { "path": "/rest" }, "requires": {} }));
            return specimen;
        }
    };
    specimen.config[list] = json!([{ name: "chair", "when": when }]);
    specimen.config["rules"][1]["requires"][list] = json!(["chair"]);
    specimen
}
