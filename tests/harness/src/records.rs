//! The records that a gate wrote, into its log and its access log: each must have the shape of the
//! shipped schema.

use super::bootstrap::workspace;
use super::gate::Gate;
use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

/// The shipped schema of a record.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let file = workspace().join("schema/audit-record.schema.json");
    let text = std::fs::read_to_string(&file).expect("the shipped schema");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
});

impl Gate {
    /// The records in Envoy's log.
    pub fn records(&self) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| line.split_once("passgate {"));
        let texts = lines.map(|(_, rest)| format!("{{{rest}"));
        // A line that is being written may lack its end.
        texts
            .filter_map(|text| serde_json::from_str(&text).ok())
            .collect()
    }

    /// The records in the access log.
    pub fn logged_records(&self) -> Vec<Value> {
        let entries = self.access_log();
        let texts = entries.iter().filter_map(|entry| entry["audit"].as_str());
        texts
            .map(|text| {
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
            })
            .collect()
    }

    /// Every record has the shape of the schema, and says in the access log what Envoy says.
    #[track_caller]
    pub(super) fn records_are_in_shape(&self) {
        for record in self.records().iter().chain(&self.logged_records()) {
            let faults: Vec<String> = SCHEMA
                .iter_errors(record)
                .map(|fault| format!("{}: {fault}", fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{faults:#?}\n{record:#}");
        }
        for entry in self.access_log() {
            let (Some(details), Some(text)) = (entry["details"].as_str(), entry["audit"].as_str())
            else {
                continue;
            };
            let record: Value = serde_json::from_str(text).expect("a record");
            if let Some(code) = details.strip_prefix("passgate.") {
                assert_eq!(record["reason"], code, "{entry}");
            }
            assert_eq!(record["request_id"], entry["request_id"], "{entry}");
        }
    }
}
