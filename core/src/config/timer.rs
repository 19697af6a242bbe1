//! What a host without a timer cannot do. Such a host does not send requests either.

use super::{Config, InvalidConfig};
use crate::jwks::KeySource;

const NO_TIMER: &str = "this host has no timer, so nothing is fetched here";
const NEVER_WAITS: &str = "this host has no timer, so no body is waited for";
const NEVER_CUT: &str = "this host has no timer, so no stream is cut";

impl Config {
    /// What is asked for that takes a timer.
    #[must_use]
    pub fn wants_timer(&self) -> Vec<InvalidConfig> {
        let mut wants = Vec::new();
        let mut add = |at: &[&str], seen: &str, wanted: &str| {
            wants.push(InvalidConfig {
                at: at.concat(),
                seen: seen.to_owned(),
                wanted: wanted.to_owned(),
            });
        };
        for provider in &self.providers {
            if matches!(provider.keys, KeySource::Remote(_)) {
                let at = ["providers.", &*provider.name];
                add(&at, NO_TIMER, "write the keys under local_jwks");
            }
            for (is_there, member) in [
                (provider.revocations.is_some(), ".revocations"),
                (provider.status_lists.is_some(), ".status_lists"),
                (provider.credentials.is_some(), ".credentials"),
                (provider.introspection.is_some(), ".introspection"),
            ] {
                if is_there {
                    let at = ["providers.", &*provider.name, member];
                    add(&at, NO_TIMER, "leave it out");
                }
            }
        }
        if self.reads_bodies() {
            add(&["rules"], NEVER_WAITS, "leave body: required out");
        }
        if self.ends_streams {
            add(&["streams"], NEVER_CUT, "leave it out");
        }
        for (index, rule) in self.rules.iter().flatten().enumerate() {
            if rule.ends_streams == Some(true) {
                let at = ["rules[", &index.to_string(), "].streams"];
                add(&at, NEVER_CUT, "leave it out");
            }
        }
        wants
    }
}
