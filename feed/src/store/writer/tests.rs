//! What is remembered of tokens, by provider.

use std::{fs, path::PathBuf, process};

use tokio::sync::oneshot;

use super::*;

fn writer(name: &str) -> (Writer, PathBuf) {
    let folder = std::env::temp_dir().join(format!("passgate-feed-{name}-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let provider = "issuer: https://id.example.com, remote_jwks: { uri: 'http://127.0.0.1:9/' }, max_token_lifetime: 1h, back_channel_logout: { audiences: [shop] }";
    let text = format!(
        "{{ listen: 127.0.0.1:0, admin: {{ listen: 127.0.0.1:0 }}, store: {}, readers: anybody, providers: {{ acme: {{ {provider} }}, other: {{ {provider} }} }} }}",
        folder.join("feed.db").display()
    );
    let config = Config::parse(&text).unwrap();
    let database = Database::open(&config.store).unwrap();
    let writer = Writer::new(database, &config, Arc::default()).unwrap();
    (writer, folder)
}

/// Writes tokens of these numbers, each in a change of its own.
fn take(writer: &mut Writer, provider: usize, tokens: &[u8]) -> Vec<Result<Done, Refused>> {
    let mut outcomes = Vec::new();
    for token in tokens {
        let (done, _) = oneshot::channel();
        let work = Work {
            provider,
            act: Act::Take {
                id: [*token; 32],
                endings: Vec::new(),
            },
            done,
        };
        outcomes.extend(writer.write(&[work], false).unwrap());
    }
    outcomes
}

#[test]
fn each_provider_has_its_share_of_what_is_remembered() {
    const NEW: Result<Done, Refused> = Ok(Done::Written);
    let (mut writer, folder) = writer("share");
    assert_eq!(writer.lists[0].most_seen, SEEN / 2);
    writer.lists[0].most_seen = 2;
    let full = Err(Refused::Memory);
    assert_eq!(take(&mut writer, 0, &[1, 2, 3]), [NEW, NEW, full]);
    assert_eq!(take(&mut writer, 0, &[1, 3]), [Ok(Done::Known), full]);
    // The other has its own, also of tokens with the same name.
    assert_eq!(take(&mut writer, 1, &[1, 2, 3]), [NEW, NEW, NEW]);
    // What was read again from disk is the same.
    writer.load().unwrap();
    assert_eq!((writer.lists[0].seen, writer.lists[1].seen), (2, 3));
    drop(writer);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_memory_that_is_full_forgets_what_is_over_at_once() {
    let (mut writer, folder) = writer("over");
    writer.lists[0].most_seen = 2;
    writer.lists[0].remembered = 0;
    assert_eq!(
        take(&mut writer, 0, &[1, 2, 3]),
        [Ok(Done::Written); 3],
        "1 and 2 are over"
    );
    assert_eq!(writer.lists[0].seen, 1);
    drop(writer);
    fs::remove_dir_all(&folder).unwrap();
}
