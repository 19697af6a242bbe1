//! Envoy Gateway's own OIDC before the filter, and its authorization behind it
//! (`envoy-gateway/oidc.yaml`), played with a client that keeps cookies.

use super::received;
use crate::world::{World, parts, send};
use passgate_harness::{Request, Response};
use serde_json::Value;
use std::collections::BTreeMap;

/// A browser, as far as cookies go.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn get(&mut self, path: &str) -> Response {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let answer = send(&Request::get(path).header("cookie", cookies)).unwrap();
        for set in answer.headers.all("set-cookie") {
            let text = String::from_utf8_lossy(set);
            let pair = text.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" | "deleted" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Signs in at the identity provider, which hands out this code.
    fn sign_in(&mut self, code: &str) {
        let asked = self.get("/orders?page=2");
        assert_eq!(asked.status, 302, "{asked:?}");
        let there = asked.headers.text("location").unwrap();
        assert!(
            there.starts_with("https://id.example.com/authorize?"),
            "{there}"
        );
        let state = there
            .split(['?', '&'])
            .find(|pair| pair.starts_with("state="));
        let back = self.get(&format!("/oauth2/callback?code={code}&{}", state.unwrap()));
        assert_eq!(back.status, 302, "{back:?}");
        let back = back.headers.text("location").unwrap();
        assert!(back.ends_with("api.example.com/orders?page=2"), "{back}");
    }
}

#[test]
fn its_oidc_signs_in_before_the_filter_and_its_authorization_runs_behind() {
    let world = World::start(&["identity-provider.yaml"]);
    let client = parts("gate.yaml", "ClientTrafficPolicy").remove(0);
    let security = parts("oidc.yaml", "SecurityPolicy").remove(0);
    let gate = parts("gate.yaml", "EnvoyExtensionPolicy").remove(0);
    world.step("oidc", &[&client, &security, &gate]);
    // Who has no session is sent to the identity provider; a script is told.
    world.gives(302, 302);
    let script = Request::get("/").header("sec-fetch-mode", "cors");
    assert_eq!(send(&script).unwrap().status, 401);

    let mut alice = Browser::default();
    alice.sign_in("good");
    let got = received(&alice.get("/orders"));
    assert_eq!(got["headers"]["x-user"], "alice");
    assert_eq!(got["headers"]["authorization"], Value::Null);
    assert_eq!(got["headers"]["cookie"], Value::Null);

    // What the identity provider hands out is judged like any token: no session makes it good.
    let mut mallory = Browser::default();
    mallory.sign_in("tampered");
    let refused = mallory.get("/orders");
    assert_eq!(refused.status, 401, "{refused:?}");
    let challenge = refused.headers.text("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
    world.eventually("its reason in the access log", || {
        world
            .log()
            .contains("passgate.untrusted.signature")
            .then_some(())
    });

    // Behind the filter runs the lock: without the filter a session is worth nothing.
    world.step("without-the-filter", &[&client, &security]);
    world.eventually("403 for a session", || {
        (alice.get("/orders").status == 403).then_some(())
    });
    let passed = world.finish();
    assert!(passed.is_empty(), "{passed:?}");
}
