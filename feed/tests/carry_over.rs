//! What a file holds goes over to a PostgreSQL, the real one, and gates see nothing of it. Needs
//! `POSTGRES` (`make test-feed`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod running;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use passgate_harness::{Authority, Issuer};
use serde_json::{Value, json};

use running::{Feed, configuration, database::Database, logout_token, new_folder};

fn carry_over(folder: &Path, from: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate-feed"));
    command.arg("--carry-over").arg(from).arg("feed.yaml");
    command.current_dir(folder).output().unwrap()
}

/// It is refused, and says why.
fn refused(output: &Output, why: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(why), "{told}");
}

/// What a gate compares; `generated_at` is when it was asked.
fn edition(list: &Value) -> (&Value, &Value) {
    (&list["epoch"], &list["sequence"])
}

fn entries(list: &Value) -> Vec<String> {
    let entries = list["entries"].as_array().unwrap().iter();
    entries.map(Value::to_string).collect()
}

#[test]
fn a_file_goes_over_to_postgresql_and_no_edition_goes_back() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let database = Database::start(&authority);
    let words = configuration(issuer.address());
    let feed = Feed::with(&words);
    let tokens = ["s1", "s2", "s3"].map(|sid| logout_token(&issuer.key, sid).build());
    for token in &tokens {
        assert_eq!(feed.logout(token).status, 200);
    }
    let own = json!([
        { "sub": "bob", "not_before": 1_795_900_000, "reason": "left \u{0} the \"company\"" },
        { "jti": "lost" },
    ]);
    assert_eq!(feed.entries("POST", &own).status, 200);
    // Gates with an older edition than this one are sent everything.
    assert_eq!(
        feed.entries("DELETE", &json!([{ "jti": "lost" }])).status,
        200
    );
    let before = feed.list("");
    assert_eq!(entries(&before).len(), 4);

    // The configuration of the replicas to come.
    let folder = new_folder();
    let mut shared = words.clone();
    shared["store"] = json!({ "postgresql": { "file": "database" } });
    fs::write(folder.join("database"), database.uri("127.0.0.1")).unwrap();
    let write = |words: &Value| fs::write(folder.join("feed.yaml"), words.to_string()).unwrap();
    for name in ["operator", "reader"] {
        fs::copy(feed.folder.join(name), folder.join(name)).unwrap();
    }
    write(&shared);

    // Not while it is in use, not out of nothing, and not into a file.
    let file = feed.folder.join("feed.db");
    refused(&carry_over(&folder, &file), "another process has it");
    let (old, status) = feed.stop();
    assert!(status.success(), "{status}");
    let none = folder.join("none.db");
    refused(&carry_over(&folder, &none), "there is no such file");
    assert!(!none.exists());
    write(&words);
    refused(&carry_over(&folder, &file), "store: write postgresql");
    write(&shared);

    let output = carry_over(&folder, &file);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    refused(&carry_over(&folder, &file), "the database was in use");

    let feed = Feed::in_folder(folder, &shared, &[]);
    let after = feed.list("");
    assert_eq!(edition(&after), edition(&before));
    assert_eq!(entries(&after), entries(&before));
    // What was here before counts once, and an edition follows the last.
    assert_eq!(feed.logout(&tokens[0]).status, 200);
    assert_eq!(edition(&feed.list("")), edition(&before));
    assert_eq!(
        feed.metric("passgate_feed_remembered_tokens{provider=\"acme\"}"),
        3
    );
    let next = logout_token(&issuer.key, "s4").build();
    assert_eq!(feed.logout(&next).status, 200);
    let last = before["sequence"].as_u64().unwrap();
    let news = feed.list(&format!("?after={last}"));
    assert_eq!(news["sequence"], last.saturating_add(1));
    assert_eq!(
        entries(&news),
        [json!({ "sid": "s4", "reason": "logged out" }).to_string()]
    );
    // Something has gone since this one.
    assert_eq!(entries(&feed.list("?after=1")).len(), 5);
    // What an operator wrote is an operator's still.
    assert_eq!(
        feed.entries("DELETE", &json!([{ "sub": "bob" }])).status,
        200
    );
    assert_eq!(entries(&feed.list("")).len(), 4);
    fs::remove_dir_all(old).unwrap();
}
