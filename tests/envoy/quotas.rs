//! Quotas by identity that one proxy counts: `envoy/quotas-local.yaml`.

#[path = "quotas/callers.rs"]
mod callers;

use passgate_harness::{Issuer, Setup};
use passgate_kit::jwks;
use serde_json::Value;

const NAMES: callers::Names = ("https://issuer.example.com", "https://api.example.com");

#[test]
fn each_caller_spends_its_own_quota_and_no_other() {
    let issuer = Issuer::start();
    let keys = jwks(&[&issuer.key]);
    let setup = Setup::shipped("envoy/quotas-local.yaml").issuer(issuer);
    // The file's key was thrown away.
    let gate = setup
        .edit(|bootstrap| {
            let place = &bootstrap.passgate()["typed_config"]["config"]["configuration"]["value"];
            let mut policy: Value = serde_json::from_str(place.as_str().unwrap()).unwrap();
            policy["providers"]["acme"]["local_jwks"]["inline_string"] = keys.into();
            bootstrap.set_policy(&policy);
        })
        .start();
    callers::spend(&gate, NAMES);
    gate.finish();
}
