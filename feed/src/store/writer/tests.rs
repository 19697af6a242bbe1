//! What is remembered of tokens, by provider.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use passgate_core::{Json, RevocationEntry};
use tokio::sync::{Semaphore, oneshot};

use super::*;
use crate::{event::Ending, store::database};

fn writer(name: &str) -> (Writer, PathBuf) {
    let folder = std::env::temp_dir().join(format!("passgate-feed-{name}-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let config = config(&folder);
    let database = database::open(&config.store).unwrap();
    let writer = Writer::new(database, &config, Arc::default()).unwrap();
    (writer, folder)
}

fn config(folder: &Path) -> Config {
    let provider = "issuer: https://id.example.com, remote_jwks: { uri: 'http://127.0.0.1:9/' }, max_token_lifetime: 1h, back_channel_logout: { audiences: [shop] }";
    let text = format!(
        "{{ listen: 127.0.0.1:0, admin: {{ listen: 127.0.0.1:0 }}, store: {}, readers: anybody, providers: {{ acme: {{ {provider} }}, other: {{ {provider} }} }} }}",
        folder.join("feed.db").display()
    );
    Config::parse(&text).unwrap()
}

fn session(number: u8) -> Ending {
    let member = ("sid".into(), Json::String(format!("s{number}").into()));
    Ending {
        entry: RevocationEntry::read(&Json::Object(vec![member])).unwrap(),
        reason: None,
        person: None,
    }
}

/// Writes tokens of these numbers that count for a minute, each in a change of its own.
fn take(writer: &mut Writer, provider: usize, tokens: &[u8]) -> Vec<Result<Done, Refused>> {
    take_until(
        writer,
        provider,
        tokens,
        clock::now().as_secs().saturating_add(60),
    )
}

fn take_until(
    writer: &mut Writer,
    provider: usize,
    tokens: &[u8],
    until: u64,
) -> Vec<Result<Done, Refused>> {
    let mut outcomes = Vec::new();
    for token in tokens {
        let (done, _) = oneshot::channel();
        let work = Work {
            provider,
            act: Act::Take {
                id: [*token; 32],
                endings: vec![session(*token)],
                until,
            },
            _share: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
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
    // One that is not remembered counts, and again if it comes again.
    let full = Ok(Done::Unremembered);
    assert_eq!(take(&mut writer, 0, &[1, 2, 3]), [NEW, NEW, full]);
    let (entries, sequence) = (writer.lists[0].list.len(), writer.lists[0].list.sequence);
    assert_eq!(entries, 3);
    assert_eq!(take(&mut writer, 0, &[1, 3]), [Ok(Done::Known), full]);
    assert_eq!(
        writer.lists[0].list.sequence, sequence,
        "it ends nothing more"
    );
    // The other has its own, also of tokens with the same name.
    assert_eq!(take(&mut writer, 1, &[1, 2, 3]), [NEW, NEW, NEW]);
    // What was read again from disk is the same.
    writer.lists.iter_mut().for_each(|kept| kept.version = None);
    writer.write(&[], false).unwrap();
    assert_eq!((writer.lists[0].seen, writer.lists[1].seen), (2, 3));
    drop(writer);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_token_that_is_known_writes_nothing() {
    let (mut writer, folder) = writer("known");
    assert_eq!(take(&mut writer, 0, &[1]), [Ok(Done::Written)]);
    writer.lists[0].heard = 5;
    let log = folder.join("feed.db-wal");
    let before = fs::read(&log).unwrap();
    assert!(!before.is_empty());
    assert_eq!(take(&mut writer, 0, &[1, 1]), [Ok(Done::Known); 2]);
    assert!(fs::read(&log).unwrap() == before);
    assert_eq!(writer.lists[0].heard, 5, "nor does it count as heard");
    drop(writer);
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_comes_at_once_waits_and_is_written() {
    let (writer, folder) = writer("burst");
    let config = config(&folder);
    drop(writer);
    let (store, thread) = crate::store::Store::open(&config, &Arc::default()).unwrap();
    let mut all = tokio::task::JoinSet::new();
    for number in 0..3_000 {
        let store = store.clone();
        let act = Act::End(vec![session(u8::try_from(number % 200).unwrap())]);
        all.spawn(async move { store.write(number % 2, act).await });
    }
    for outcome in all.join_all().await {
        assert_eq!(outcome, Ok(Done::Written));
    }
    drop(store);
    thread.join().unwrap();
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_memory_that_is_full_forgets_what_is_over_at_once() {
    let (mut writer, folder) = writer("over");
    writer.lists[0].most_seen = 2;
    let over = clock::now().as_secs();
    let outcomes = take_until(&mut writer, 0, &[1, 2, 3], over);
    assert_eq!(outcomes, [Ok(Done::Written); 3], "1 and 2 are over");
    assert_eq!(writer.lists[0].seen, 1);
    drop(writer);
    fs::remove_dir_all(&folder).unwrap();
}
