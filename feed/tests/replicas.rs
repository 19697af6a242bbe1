//! Several feeds that share one PostgreSQL, the real one. Needs `POSTGRES` (`make test-feed`).
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use passgate_harness::{Authority, Issuer, Request, eventually};
use passgate_kit::SigningKey;
use serde_json::{Value, json};

use running::{
    Feed, READER, configuration, database::Database, logout, logout_token, new_folder, try_send,
};

/// A folder and a configuration of a replica. With an authority it speaks TLS to the database.
fn replica(
    issuer: &Issuer,
    database: &Database,
    authority: Option<&Authority>,
) -> (PathBuf, Value) {
    let folder = new_folder();
    let mut words = configuration(issuer.address());
    words["store"] = json!({ "postgresql": { "file": "database" } });
    let host = match authority {
        Some(authority) => {
            fs::write(folder.join("database.pem"), authority.pem()).unwrap();
            words["store"]["trusted_ca"] = json!("database.pem");
            "localhost"
        }
        None => "127.0.0.1",
    };
    fs::write(folder.join("database"), database.uri(host)).unwrap();
    (folder, words)
}

/// Two replicas, of which one speaks TLS to the database.
fn two(issuer: &Issuer, database: &Database, authority: &Authority) -> [Feed; 2] {
    [Some(authority), None].map(|authority| {
        let (folder, words) = replica(issuer, database, authority);
        Feed::in_folder(folder, &words, &[])
    })
}

fn sids(list: &Value) -> HashSet<String> {
    let entries = list["entries"].as_array().unwrap().iter();
    let sids = entries.filter_map(|entry| entry["sid"].as_str().map(str::to_owned));
    sids.collect()
}

fn signal(feed: &Feed, name: &str) {
    let id = feed.id().to_string();
    let status = Command::new("kill").args([name, &id]).status();
    assert!(status.unwrap().success());
}

/// What a gate knows.
#[derive(Default)]
struct Seen {
    sequence: u64,
    generated_at: u64,
    tag: Option<String>,
}

impl Seen {
    /// Asks as a gate does, and compares the answer as it does. False: there is no answer.
    fn ask(&mut self, address: SocketAddr) -> bool {
        let path = format!("/acme/revocations?after={}", self.sequence);
        let mut request = Request::get(path).bearer(READER);
        if let Some(tag) = &self.tag {
            request = request.header("if-none-match", tag);
        }
        let Ok(answer) = try_send(address, &request) else {
            return false;
        };
        match answer.status {
            200 => {
                let list: Value = serde_json::from_slice(&answer.body).unwrap();
                let number = |name: &str| list[name].as_u64().unwrap();
                let (sequence, generated_at) = (number("sequence"), number("generated_at"));
                assert!(
                    sequence >= self.sequence,
                    "{sequence} after {}",
                    self.sequence
                );
                assert!(generated_at >= self.generated_at, "{generated_at}");
                (self.sequence, self.generated_at) = (sequence, generated_at);
                self.tag = answer.headers.text("etag").map(str::to_owned);
                true
            }
            304 => true,
            // It cannot know whether what it has is what the gate has.
            status => {
                assert_eq!(status, 503, "{answer:?}");
                false
            }
        }
    }
}

/// What the world was told.
struct World {
    addresses: [Mutex<SocketAddr>; 2],
    acknowledged: Mutex<HashSet<String>>,
    next: AtomicU64,
    is_over: AtomicBool,
}

impl World {
    fn address(&self, number: usize) -> SocketAddr {
        *self.addresses[number % 2].lock().unwrap()
    }

    /// Signs people out, at one replica and then at the other.
    fn send(&self, key: &SigningKey) {
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let sid = format!("s{}", self.next.fetch_add(1, Ordering::SeqCst));
            let token = logout_token(key, &sid).without("sub").build();
            match try_send(self.address(number), &logout(&token)) {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged.lock().unwrap().insert(sid);
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                // It was killed.
                Err(_) => {}
            }
        }
    }

    /// Asks both in turn.
    fn read(&self) -> u64 {
        let (mut seen, mut answers) = (Seen::default(), 0);
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            answers += u64::from(seen.ask(self.address(number)));
        }
        answers
    }

    fn wait_for_more(&self) {
        let before = self.acknowledged.lock().unwrap().len();
        eventually("events that are acknowledged", || {
            let now = self.acknowledged.lock().unwrap().len();
            (now > before + 10).then_some(())
        });
    }
}

#[test]
fn no_event_is_lost_and_no_gate_sees_an_edition_go_back_whoever_is_killed() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let mut database = Database::start(&authority);
    let mut feeds = two(&issuer, &database, &authority).map(Some);
    let address = |feed: &Option<Feed>| Mutex::new(feed.as_ref().unwrap().address);
    let world = World {
        addresses: [address(&feeds[0]), address(&feeds[1])],
        acknowledged: Mutex::default(),
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let answers = thread::scope(|scope| {
        let senders: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| world.send(&issuer.key)))
            .collect();
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| world.read())).collect();
        for round in 0..12 {
            world.wait_for_more();
            let number = round % 3;
            match feeds.get_mut(number) {
                // One of them is killed, and the other serves on.
                Some(feed) => {
                    let folder = feed.take().unwrap().kill();
                    world.wait_for_more();
                    let words = fs::read(folder.join("feed.yaml")).unwrap();
                    let words = serde_json::from_slice(&words).unwrap();
                    let again = Feed::in_folder(folder, &words, &[]);
                    *world.addresses[number].lock().unwrap() = again.address;
                    *feed = Some(again);
                }
                // The database is restarted, and both go on.
                None => {
                    database.crash();
                    database.run();
                }
            }
        }
        world.wait_for_more();
        world.is_over.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
        let readers = readers.into_iter().map(|reader| reader.join().unwrap());
        readers.sum::<u64>()
    });
    assert!(answers > 100, "{answers}");
    let wants = world.acknowledged.into_inner().unwrap();
    for feed in feeds.iter().flatten() {
        let missing = || {
            let has = sids(&feed.list(""));
            let missing = wants.difference(&has).count();
            (missing == 0).then_some(())
        };
        eventually("all that was acknowledged", missing);
    }
}

#[test]
fn what_one_replica_takes_the_other_has() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let database = Database::start(&authority);
    let [one, other] = two(&issuer, &database, &authority);
    let token = logout_token(&issuer.key, "s1").build();
    assert_eq!(one.logout(&token).status, 200);
    let same = || {
        let (first, second) = (one.list(""), other.list(""));
        let is_same = ["epoch", "sequence", "entries"]
            .iter()
            .all(|name| first[name] == second[name]);
        is_same.then_some(first)
    };
    let list = eventually("the same list", same);
    assert_eq!(
        list["entries"],
        json!([{ "sid": "s1", "reason": "logged out" }])
    );
    let heard = "passgate_feed_last_event_seconds{provider=\"acme\"}";
    assert_eq!(one.metric(heard), other.metric(heard));
    // A token counts once, wherever it comes.
    assert_eq!(other.logout(&token).status, 200);
    assert_eq!(other.list("")["sequence"], list["sequence"]);
    let known = "passgate_feed_events_total{provider=\"acme\",kind=\"logout\",outcome=\"known\"}";
    assert_eq!(other.metric(known), 1);
    let remembered = "passgate_feed_remembered_tokens{provider=\"acme\"}";
    assert_eq!((one.metric(remembered), other.metric(remembered)), (1, 1));
    // Entries of both, also with characters that a database does not take as text.
    let odd = json!([{ "sub": "a\u{0}b \u{e9}\u{1f511}", "reason": "\u{fe}" }, { "sub": "bob" }]);
    assert_eq!(other.entries("POST", &odd).status, 200);
    assert_eq!(
        one.entries("POST", &json!([{ "client_id": "c1" }])).status,
        200
    );
    let list = eventually("the same list", || {
        same().filter(|list| list["entries"].as_array().unwrap().len() == 4)
    });
    assert_eq!(list["entries"][1], odd[0]);
    // What one takes away has gone from the other.
    assert_eq!(one.entries("DELETE", &odd).status, 200);
    let list = eventually("the same list", || {
        same().filter(|list| list["entries"].as_array().unwrap().len() == 2)
    });
    // All of it is there after a start, and with a new epoch when the database was set back.
    let (folder, status) = one.stop();
    assert!(status.success(), "{status}");
    drop(other);
    let words: Value =
        serde_json::from_slice(&fs::read(folder.join("feed.yaml")).unwrap()).unwrap();
    let program = env!("CARGO_BIN_EXE_passgate-feed");
    let mut command = Command::new(program);
    let output = command.args(["--new-epoch", "feed.yaml", "--at-least", "4000000000"]);
    assert!(output.current_dir(&folder).status().unwrap().success());
    let one = Feed::in_folder(folder, &words, &[]);
    let again = one.list("");
    assert_eq!(
        (&again["entries"], &again["sequence"]),
        (&list["entries"], &list["sequence"])
    );
    assert_eq!(again["epoch"], 4_000_000_000_u64);
    assert!(!one.log().contains("password"), "{}", one.log());
}

#[test]
fn a_replica_that_was_held_up_tells_no_gate_an_edition_that_has_passed() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let mut database = Database::start(&authority);
    let [one, other] = two(&issuer, &database, &authority);
    assert_eq!(
        one.logout(&logout_token(&issuer.key, "s1").build()).status,
        200
    );
    let edition = |list: &Value| list["sequence"].as_u64().unwrap();
    let first = edition(&one.list(""));
    eventually("the first edition", || {
        (edition(&other.list("")) == first).then_some(())
    });
    // While the other stands still, a gate learns more.
    signal(&other, "-STOP");
    assert_eq!(
        one.logout(&logout_token(&issuer.key, "s2").build()).status,
        200
    );
    let mut seen = Seen::default();
    assert!(seen.ask(one.address));
    let tag = seen.tag.clone().unwrap();
    signal(&other, "-CONT");
    assert!(seen.ask(other.address), "it looks first");
    assert!(edition(&other.list("")) > first);
    // Also one that remembers only the tag, or only the number.
    signal(&other, "-STOP");
    assert_eq!(
        one.logout(&logout_token(&issuer.key, "s3").build()).status,
        200
    );
    let last = one.list("");
    let numbers = ["epoch", "sequence", "generated_at"].map(|name| last[name].to_string());
    let newer = format!("\"{}\"", numbers.join("."));
    assert_ne!(newer, tag);
    // Without the database the other cannot know. Others may have the list that it has.
    database.crash();
    signal(&other, "-CONT");
    let ask = |query: &str, tag: Option<&str>| {
        let request = Request::get(format!("/acme/revocations{query}")).bearer(READER);
        other.send(&match tag {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        })
    };
    let after = format!("?after={}", edition(&last));
    for answer in [ask(&after, None), ask("", Some(&newer))] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.headers.text("retry-after").is_some());
    }
    assert_eq!(ask("", None).status, 200);
    assert_eq!(
        other
            .logout(&logout_token(&issuer.key, "s4").build())
            .status,
        503
    );
    eventually("the alert", || {
        (other.metric("passgate_feed_store_fails") == 1).then_some(())
    });
    assert_eq!(other.ask_admin(&Request::get("/readyz")).status, 200);
    // What it has gets no younger, so that a gate knows how old it is.
    let date = || other.list("")["generated_at"].as_u64().unwrap();
    let cut_off = date();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(date(), cut_off);
    // A gate that has seen a later one does not see a date go back.
    let later = format!("\"{}.{}.{}\"", last["epoch"], first, cut_off + 61);
    assert_eq!(ask("", Some(&later)).status, 503);
    database.run();
    eventually("a list of now", || (date() > cut_off).then_some(()));
    eventually("the last edition", || {
        (ask(&after, None).status == 200).then_some(())
    });
    eventually("an event", || {
        let token = logout_token(&issuer.key, "s5").build();
        (other.logout(&token).status == 200).then_some(())
    });
    assert_eq!(other.metric("passgate_feed_store_fails"), 0);
}

#[test]
fn events_are_put_off_while_somebody_else_writes_and_when_a_newer_program_has() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let database = Database::start(&authority);
    let (folder, words) = replica(&issuer, &database, None);
    let feed = Feed::in_folder(folder, &words, &[]);
    // Somebody has the row, and does not say anything more.
    let mut client = database.client();
    let mut held = client.transaction().unwrap();
    let row = "SELECT * FROM passgate_feed_service FOR UPDATE";
    held.execute(row, &[]).unwrap();
    let token = logout_token(&issuer.key, "s1").build();
    assert_eq!(feed.logout(&token).status, 503);
    assert_eq!(feed.list("")["entries"], json!([]));
    held.rollback().unwrap();
    eventually("the row", || {
        (feed.logout(&token).status == 200).then_some(())
    });
    // What a newer program has made is not written by this one.
    database
        .client()
        .execute("UPDATE passgate_feed_service SET tables = 2", &[])
        .unwrap();
    let token = logout_token(&issuer.key, "s2").build();
    assert_eq!(feed.logout(&token).status, 503);
    let (folder, _) = feed.stop();
    let mut again = running::spawn(&folder, &words, &[]);
    assert!(!again.wait().unwrap().success());
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        log.contains("is of version 2, and this program writes 1"),
        "{log}"
    );
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_replica_that_stops_while_it_writes_holds_up_the_others_for_seconds() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let database = Database::start(&authority);
    let [one, other] = two(&issuer, &database, &authority);
    // It has the row, and waits for this table.
    let (mut client, mut looker) = (database.client(), database.client());
    let mut held = client.transaction().unwrap();
    held.batch_execute("LOCK TABLE passgate_feed_seen").unwrap();
    let (address, token) = (one.address, logout_token(&issuer.key, "s1").build());
    let sender = thread::spawn(move || try_send(address, &logout(&token)));
    eventually("a lock that is waited for", || {
        let waits = "SELECT 1 FROM pg_locks WHERE NOT granted";
        (!looker.query(waits, &[]).unwrap().is_empty()).then_some(())
    });
    signal(&one, "-STOP");
    held.rollback().unwrap();
    let token = logout_token(&issuer.key, "s2").build();
    assert_eq!(other.logout(&token).status, 503);
    eventually("the row", || {
        (other.logout(&token).status == 200).then_some(())
    });
    // What the first one did not finish is not done, and it does not say so.
    signal(&one, "-CONT");
    assert_eq!(sender.join().unwrap().unwrap().status, 503);
    eventually("the same list", || {
        let has = |feed: &Feed| sids(&feed.list("")) == HashSet::from(["s2".to_owned()]);
        (has(&one) && has(&other)).then_some(())
    });
}

#[test]
fn a_database_that_does_not_keep_what_it_takes_or_is_another_one_is_refused() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let database = Database::start(&authority);
    let refused = |authority: &Authority, wanted: &str| {
        let (folder, words) = replica(&issuer, &database, Some(authority));
        let mut child = running::spawn(&folder, &words, &[]);
        assert!(!child.wait().unwrap().success());
        let log = fs::read_to_string(folder.join("log")).unwrap();
        assert!(log.contains(wanted), "{log}");
        fs::remove_dir_all(&folder).unwrap();
    };
    // Whoever stands before it has no certificate of that authority.
    refused(&Authority::generate(), "certificate");
    let mut client = database.client();
    client
        .batch_execute("ALTER SYSTEM SET fsync = off")
        .unwrap();
    client.batch_execute("SELECT pg_reload_conf()").unwrap();
    eventually("the setting", || {
        let row = client.query_one("SHOW fsync", &[]).unwrap();
        (row.get::<_, &str>(0) == "off").then_some(())
    });
    refused(&authority, "its fsync is off");
}
