//! What a file keeps, and what becomes of one that an older program has written.

use std::path::PathBuf;

use super::*;
use crate::list::By;

fn path(name: &str) -> PathBuf {
    let name = format!("passgate-feed-{name}-{}.db", std::process::id());
    std::env::temp_dir().join(name)
}

fn kept_of(file: &mut File) -> Kept {
    let mut kept = Kept::new("acme", Duration::from_secs(3_600), 10);
    let mut change = file.change().unwrap();
    assert!(change.read(&mut kept).unwrap());
    kept
}

#[test]
fn a_commit_is_on_disk_in_a_log_that_is_synced() {
    let path = path("synced");
    let file = File::open(&path).unwrap();
    let (log, sync) = kept(&file.0).unwrap();
    assert_eq!((&*log, sync), ("wal", 2), "FULL");
    assert_eq!((&*log, sync), KEPT);
    drop(file);
    std::fs::remove_file(&path).unwrap();
}

/// As the program of version 1 has left it: this text is not to be changed.
const VERSION_1: &str = "
    CREATE TABLE service (ran INTEGER NOT NULL) STRICT;
    INSERT INTO service VALUES (77);
    CREATE TABLE list (
        provider TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, floor INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO list VALUES ('acme', 1795000000, 42, 40);
    CREATE TABLE heard (
        provider TEXT PRIMARY KEY, at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO heard VALUES ('acme', 1795000100);
    CREATE TABLE entry (
        provider TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        not_before INTEGER, reason TEXT, session_of TEXT,
        sequence INTEGER NOT NULL, ends INTEGER,
        PRIMARY KEY (provider, source, kind, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO entry VALUES
        ('acme', 'operator', 'sub', 'bob', NULL, NULL, NULL, 41, NULL),
        ('acme', 'events', 'sid', 's1', NULL, 'logged out', 'alice', 42, 5000);
    CREATE TABLE seen (
        provider TEXT NOT NULL, id BLOB NOT NULL, ends INTEGER NOT NULL,
        PRIMARY KEY (provider, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_ends ON seen (provider, ends);
    INSERT INTO seen VALUES ('acme', x'0101010101010101010101010101010101010101010101010101010101010101', 9000);
    PRAGMA user_version = 1;
";

fn of_version_1(name: &str) -> PathBuf {
    let path = path(name);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(VERSION_1).unwrap();
    path
}

#[test]
fn a_file_of_the_first_version_has_all_that_was_in_it() {
    let path = of_version_1("first");
    let mut file = File::open(&path).unwrap();
    let kept = kept_of(&mut file);
    assert_eq!((kept.seen, kept.heard), (1, 1_795_000_100));
    let list = &kept.list;
    assert_eq!(
        (list.epoch, list.sequence, list.floor, list.len()),
        (1_795_000_000, 42, 40, 2)
    );
    let name = |by, kind, name: &str| Name {
        by,
        kind,
        name: name.to_owned(),
    };
    let bob = list.row(&name(By::Operator, "sub", "bob")).unwrap();
    assert_eq!((bob.not_before, bob.ends, bob.sequence), (None, None, 41));
    let session = list.row(&name(By::Events, "sid", "s1")).unwrap();
    assert_eq!((session.ends, session.sequence), (Some(5_000), 42));
    assert_eq!(session.session_of.as_deref(), Some("alice"));
    let mut change = file.change().unwrap();
    assert_eq!(change.ran(), 77);
    assert!(change.has("acme", &[1; 32]).unwrap());
    drop(change);
    drop(file);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn an_older_file_goes_through_the_steps_that_it_has_not_seen() {
    let path = of_version_1("steps");
    let mut connection = Connection::open(&path).unwrap();
    let [first] = STEPS;
    let second = "ALTER TABLE list ADD COLUMN note TEXT; UPDATE list SET note = 'kept';";
    assert_eq!(prepare(&mut connection, &[first, second]).unwrap(), 2);
    // Once.
    assert_eq!(prepare(&mut connection, &[first, second]).unwrap(), 2);
    let row = connection.query_row("SELECT sequence, note FROM list", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    assert_eq!(row.unwrap(), (42, "kept".to_owned()));
    // A step that fails changes nothing.
    let broken = [first, second, "DELETE FROM list; DELETE FROM nothing;"];
    assert!(prepare(&mut connection, &broken).is_err());
    let count = connection.query_row("SELECT count(*) FROM list", [], |row| row.get(0));
    assert_eq!(count, Ok(1));
    drop(connection);
    // This program does not write what a newer one has made.
    let error = File::open(&path).unwrap_err().to_string();
    let wanted = "is of version 2, and this program writes 1";
    assert!(error.ends_with(wanted), "{error}");
    std::fs::remove_file(&path).unwrap();
}
