//! `passgate revoke`, before a feed that is played. `tests/providers` has a real one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::{Command, Output},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;

const TOKEN: &str = "operator-0123456789abcdef";

/// Answers one request with this, and hands on what came.
fn feed(answer: &'static str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, came) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.ends_with("]}") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{text}");
            text.push_str(std::str::from_utf8(buffer.get(..count).unwrap()).unwrap());
        }
        stream.write_all(answer.as_bytes()).unwrap();
        sender.send(text).unwrap();
    });
    (address, came)
}

fn revoke(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    command
        .arg("revoke")
        .args(words)
        .env("PASSGATE_FEED_TOKEN", TOKEN);
    command.output().unwrap()
}

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{\"epoch\":7,\"sequence\":42}";

/// What the feed was sent: the first line, and the entries.
fn sent(words: &[&str]) -> (String, Value) {
    let (address, came) = feed(DONE);
    let uri = format!("http://{address}/");
    let output = revoke(&[&["--feed", &uri], words].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with("gates see it in edition 7.42 of acme\n"),
        "{text}"
    );
    let came = came.recv().unwrap();
    assert!(
        came.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{came}"
    );
    let (head, body) = came.split_once("\r\n\r\n").unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    (
        head.lines().next().unwrap().to_owned(),
        body["entries"].take(),
    )
}

#[test]
fn entries_are_written_and_taken_away() {
    let (line, entries) = sent(&["acme", "sub=alice", "sid=s=1", "--reason", "left"]);
    assert_eq!(line, "POST /acme/entries HTTP/1.1");
    // A person signs in again, and a session does not.
    let now = entries[0]["not_before"].as_u64().unwrap();
    assert!(now > 1_700_000_000, "{entries}");
    assert_eq!(entries[0]["sub"], "alice");
    let session = serde_json::json!({ "sid": "s=1", "reason": "left" });
    assert_eq!(entries[1], session);

    let (_, entries) = sent(&["acme", "sub=alice", "--not-before", "all"]);
    assert_eq!(entries, serde_json::json!([{ "sub": "alice" }]));
    let (_, entries) = sent(&["acme", "jti=1", "--not-before=5"]);
    assert_eq!(
        entries,
        serde_json::json!([{ "jti": "1", "not_before": 5 }])
    );
    // The SHA-256 of the byte 1.
    let (_, entries) = sent(&["acme", "credential_id=AQ"]);
    let hash = "S_USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo";
    assert_eq!(entries, serde_json::json!([{ "credential": hash }]));

    let (line, entries) = sent(&["acme", "sub=alice", "--undo", "--reason", "found"]);
    assert_eq!(line, "DELETE /acme/entries HTTP/1.1");
    assert_eq!(entries, serde_json::json!([{ "sub": "alice" }]));
}

#[test]
fn what_the_feed_refuses_is_told() {
    let (address, came) = feed(
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 16\r\nconnection: close\r\n\r\nshow the bearer\n",
    );
    let output = revoke(&["--feed", &format!("http://{address}"), "acme", "sub=a"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"refused: 401 show the bearer\n");
    came.recv().unwrap();
}

#[test]
fn nothing_is_sent_that_is_wrong_or_would_show_the_token() {
    let feed = "http://127.0.0.1:9";
    for (words, told) in [
        (&["--feed", feed, "acme"][..], "usage: passgate revoke"),
        (&["acme", "sub=a"], "usage: passgate revoke"),
        (
            &[
                "--feed",
                feed,
                "acme",
                "sub=a",
                "--undo",
                "--not-before",
                "now",
            ],
            "usage: passgate revoke",
        ),
        (
            &["--feed", feed, "acme", "sub=a", "--not-before", "soon"],
            "usage:",
        ),
        (
            &["--feed", feed, "acme", "alice"],
            "alice: write NAME=VALUE",
        ),
        (
            &["--feed", feed, "acme", "name=a"],
            "name=a: gates would not read it",
        ),
        (
            &["--feed", feed, "acme", "sub="],
            "sub=: gates would not read it",
        ),
        (
            &["--feed", feed, "acme", "jkt=a"],
            "jkt=a: gates would not read it",
        ),
        (
            &["--feed", feed, "acme", "credential_id=A+=="],
            "credential_id=A+==: write the id in base64url",
        ),
        (
            &["--feed", "http://feed.example.com", "acme", "sub=a"],
            "is not http on this machine; make a tunnel",
        ),
        (
            &["--feed", "https://localhost", "acme", "sub=a"],
            "is not http on this machine; make a tunnel",
        ),
        (
            &["--feed", "feed.example.com", "acme", "sub=a"],
            "write the whole URI",
        ),
        (
            &["--feed", feed, "a b", "sub=a"],
            "a b: is not a name of a provider",
        ),
        (
            &[
                "--feed",
                feed,
                "acme",
                "sub=a",
                "--token-file",
                "/nonexistent",
            ],
            "/nonexistent: ",
        ),
        (
            &["--feed", feed, "acme", "sub=a"],
            "the feed at 127.0.0.1:9 cannot be asked",
        ),
    ] {
        let output = revoke(words);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
        assert!(
            text.contains(told) && !text.contains(TOKEN),
            "{words:?}: {text}"
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    command.env_remove("PASSGATE_FEED_TOKEN");
    let output = command
        .args(["revoke", "--feed", feed, "acme", "sub=a"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("set the variable PASSGATE_FEED_TOKEN"),
        "{text}"
    );
    // A file is read like the variable.
    let file = std::env::temp_dir().join(format!("passgate-token-{}", std::process::id()));
    fs::write(&file, "two\nlines\n").unwrap();
    let path = file.to_str().unwrap();
    let output = revoke(&["--feed", feed, "acme", "sub=a", "--token-file", path]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("the token is not one line"), "{text}");
    fs::remove_file(file).unwrap();
}
