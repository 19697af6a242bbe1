//! What other people's reports are about, from their situation to the verdict: `cases/` holds a
//! configuration, a key set and tokens for each, signed with keys that were thrown away.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::{env, fs, path::Path, process::Command};

use serde_json::{Value, json};

/// What `passgate explain` says of a token of a case, after this change of its configuration.
fn explained(case: &str, token: &str, change: impl FnOnce(&mut Value)) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(case);
    let config = fs::read_to_string(folder.join("gate.json")).expect("a configuration");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    change(&mut config);
    let name = format!("passgate-case-{}-{case}-{token}.json", std::process::id());
    let changed = env::temp_dir().join(name);
    fs::write(&changed, config.to_string()).expect("a file");
    let token = fs::read_to_string(folder.join(token)).expect("a token");
    let output = Command::new(env!("CARGO_BIN_EXE_passgate"))
        .args(["explain", "--request", "GET /", "--token", token.trim()])
        .arg("--config")
        .arg(&changed)
        .arg("--jwks")
        .arg(folder.join("keys.json"))
        .output()
        .expect("the program runs");
    fs::remove_file(&changed).expect("the file is there");
    String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8")
}

#[track_caller]
fn decides(text: &str, code: &str) {
    let decision = text
        .lines()
        .find_map(|line| line.strip_prefix("decision: "));
    let found = decision.and_then(|decision| decision.split(", ").nth(1));
    assert_eq!(found, Some(code), "{text}");
}

fn as_it_is(_: &mut Value) {}

/// wundergraph/cosmo#3251, IdentityServer4#1061
#[test]
fn scope_is_a_string_or_a_list() {
    for token in ["one.txt", "two.txt"] {
        decides(
            &explained("scope-as-list", token, as_it_is),
            "permitted.token",
        );
    }
}

/// google/jwt_verify_lib#65, auth0/jwks-rsa-java#23
#[test]
fn the_one_key_of_a_set_has_no_kid_and_tokens_name_one() {
    for token in ["with-kid.txt", "without-kid.txt"] {
        decides(
            &explained("jwks-no-kid", token, as_it_is),
            "permitted.token",
        );
    }
}

/// ADFS: OpenLiberty/open-liberty#19650, jwt/ruby-jwt#370
#[test]
fn a_token_names_its_key_by_the_certificate() {
    decides(
        &explained("x5t-two-keys", "token.txt", as_it_is),
        "permitted.token",
    );
}

/// keycloak/keycloak#34306, Cloudflare Access: glenstack/glenstack#1
#[test]
fn the_subject_is_absent_or_empty() {
    for (case, token, stand_in, told) in [
        ("sub-missing", "token.txt", "azp", "it is absent"),
        (
            "sub-empty",
            "service.txt",
            "common_name",
            "it is an empty string",
        ),
    ] {
        let text = explained(case, token, as_it_is);
        decides(&text, "malformed.claims");
        assert!(text.contains(told), "{text}");
        let text = explained(case, token, |config| {
            config["providers"]["acme"]["subject_claims"] = json!(["sub", stand_in]);
        });
        decides(&text, "permitted.token");
        assert!(text.contains(&format!("subject: {stand_in}:")), "{text}");
    }
    decides(
        &explained("sub-empty", "user.txt", as_it_is),
        "permitted.token",
    );
}

/// clerk/clerk-sdk-python#90, dotnet/aspnetcore#42207
#[test]
fn the_client_is_in_azp_and_there_is_no_audience() {
    let text = explained("audience-azp", "token.txt", |config| {
        config["providers"]["acme"]["audience_claim"] = json!("azp");
        config["providers"]["acme"]["audiences"] = json!(["https://app.example.com"]);
    });
    decides(&text, "permitted.token");
}

/// dotnet/aspnetcore#25271
#[test]
fn a_token_has_thousands_of_groups() {
    let text = explained("token-large", "many.txt", as_it_is);
    decides(&text, "malformed.token_size");
    let text = explained("token-large", "many.txt", |config| {
        config["limits"] = json!({ "token_bytes": 32_768 });
    });
    decides(&text, "permitted.token");
}

/// Zitadel: Flowfin/jellyfin-plugin-sso#934
#[test]
fn roles_are_the_member_names_of_an_object() {
    for (role, code) in [("admin", "permitted.token"), ("root", "forbidden.claim")] {
        let text = explained("zitadel-roles", "token.txt", |config| {
            let path = ["urn:zitadel:iam:org:project:roles"];
            let condition = json!({ "claim_path": path, "has_member": [role] });
            config["rules"][2]["requires"]["claims"] = json!([condition]);
        });
        decides(&text, code);
    }
}

/// GitHub Actions: Azure/login#467, google-github-actions/auth#150
#[test]
fn all_workflows_below_a_prefix() {
    for (start, code) in [
        ("acme/ci/.github/workflows/", "permitted.token"),
        ("acme/other/", "forbidden.claim"),
    ] {
        let text = explained("claim-prefix", "token.txt", |config| {
            let condition = json!({ "claim_name": "job_workflow_ref", "starts_with": [start] });
            config["rules"][1]["requires"]["claims"] = json!([condition]);
        });
        decides(&text, code);
    }
}
