//! The file: SQLite, with a write-ahead log that is synced at each commit.

use std::{error::Error, fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use rusqlite::{
    Connection, OptionalExtension as _, Result, Transaction, TransactionBehavior, params,
};

use crate::list::{By, List, Name, Row};

/// An open store that no other process has.
#[derive(Debug)]
pub(super) struct Database(Connection);

/// A change that is on disk when it is committed, and else was never made.
pub(super) struct Change<'d>(Transaction<'d>);

/// `journal_mode` and `synchronous`: a commit is on disk, in a write-ahead log that is synced.
const KEPT: (&str, i64) = ("wal", 2);

/// The version of the tables that this program writes.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE service (ran INTEGER NOT NULL) STRICT;
    INSERT INTO service VALUES (0);
    CREATE TABLE list (
        provider TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, floor INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE heard (
        provider TEXT PRIMARY KEY, at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entry (
        provider TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        not_before INTEGER, reason TEXT, session_of TEXT,
        sequence INTEGER NOT NULL, ends INTEGER,
        PRIMARY KEY (provider, source, kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        provider TEXT NOT NULL, id BLOB NOT NULL, ends INTEGER NOT NULL,
        PRIMARY KEY (provider, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_ends ON seen (provider, ends);
    PRAGMA user_version = 1;
";

/// The kinds of entries, by the words that the store has.
const KINDS: [&str; 7] = [
    "sub",
    "sid",
    "jti",
    "client_id",
    "credential",
    "aaguid",
    "jkt",
];

impl By {
    /// In the store.
    const fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Operator => "operator",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Events, Self::Operator]
            .into_iter()
            .find(|by| by.word() == word)
    }
}

impl Database {
    /// Opens the file, or makes it. An error: it is not a store, it is a newer one, or another
    /// process has it.
    pub(super) fn open(path: &Path) -> core::result::Result<Self, Box<dyn Error>> {
        let shown = path.display();
        // It names people: nobody else is to read it.
        let made = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        made.map_err(|error| format!("the store {shown}: {error}"))?;
        let mut connection =
            Connection::open(path).map_err(|error| format!("the store {shown}: {error}"))?;
        prepare(&mut connection).map_err(|error| {
            let hint = match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy) => "; another process has it",
                _ => "",
            };
            format!("the store {shown}: {error}{hint}")
        })?;
        // What is not set is not refused: it is only not done.
        let (log, sync) = kept(&connection)?;
        if (&*log, sync) != KEPT {
            return Err(format!("the store {shown} does not keep what it takes: its journal_mode is {log}, its synchronous {sync}").into());
        }
        let version = version(&connection)?;
        if version != VERSION {
            return Err(format!(
                "the store {shown} is of version {version}, and this program writes {VERSION}"
            )
            .into());
        }
        Ok(Self(connection))
    }

    /// How long the service has run, in seconds, as of the last change.
    pub(super) fn ran(&self) -> Result<u64> {
        self.0
            .query_row("SELECT ran FROM service", [], |row| row.get(0))
    }

    /// How many tokens of a provider are remembered.
    pub(super) fn seen(&self, provider: &str) -> Result<u64> {
        let count = "SELECT count(*) FROM seen WHERE provider = ?1";
        self.0.query_row(count, [provider], |row| row.get(0))
    }

    /// When an event of a provider was taken last, in seconds since 1970.
    pub(super) fn heard(&self, provider: &str) -> Result<Option<u64>> {
        let at = "SELECT at FROM heard WHERE provider = ?1";
        let at = self.0.query_row(at, [provider], |row| row.get(0));
        at.optional()
    }

    /// Puts a provider's list into this empty one. False: there is none yet.
    pub(super) fn load(&self, provider: &str, list: &mut List) -> Result<bool> {
        let numbers = "SELECT epoch, sequence, floor FROM list WHERE provider = ?1";
        let numbers = self.0.query_row(numbers, [provider], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        let Some(numbers) = numbers.optional()? else {
            return Ok(false);
        };
        (list.epoch, list.sequence, list.floor) = numbers;
        let entries = "SELECT kind, name, not_before, reason, session_of, sequence, ends, source
            FROM entry WHERE provider = ?1";
        let mut entries = self.0.prepare_cached(entries)?;
        let mut rows = entries.query([provider])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            let kind = KINDS.into_iter().find(|known| *known == kind);
            let by: String = row.get(7)?;
            let (Some(kind), Some(by)) = (kind, By::of(&by)) else {
                continue;
            };
            let name = Name {
                by,
                kind,
                name: row.get(1)?,
            };
            let row = Row {
                not_before: row.get(2)?,
                reason: row.get(3)?,
                session_of: row.get(4)?,
                sequence: row.get(5)?,
                ends: row.get(6)?,
            };
            list.restore(name, row);
        }
        Ok(true)
    }

    /// Begins a change.
    pub(super) fn change(&mut self) -> Result<Change<'_>> {
        let behavior = TransactionBehavior::Immediate;
        self.0.transaction_with_behavior(behavior).map(Change)
    }
}

impl Change<'_> {
    /// Whether a token was here.
    pub(super) fn has(&self, provider: &str, id: &[u8; 32]) -> Result<bool> {
        let select = "SELECT 1 FROM seen WHERE provider = ?1 AND id = ?2";
        let mut select = self.0.prepare_cached(select)?;
        select.exists(params![provider, &id[..]])
    }

    /// Notes that it was.
    pub(super) fn note(&self, provider: &str, id: &[u8; 32], ends: u64) -> Result<()> {
        let insert = "INSERT INTO seen VALUES (?1, ?2, ?3)";
        let mut insert = self.0.prepare_cached(insert)?;
        insert.execute(params![provider, &id[..], ends]).map(drop)
    }

    /// Forgets the tokens that would be too old now, and says how many.
    pub(super) fn forget(&self, provider: &str, ran: u64) -> Result<usize> {
        let delete = "DELETE FROM seen WHERE provider = ?1 AND ends <= ?2";
        let mut delete = self.0.prepare_cached(delete)?;
        delete.execute(params![provider, ran])
    }

    /// An event of this provider was taken now.
    pub(super) fn set_heard(&self, provider: &str, at: u64) -> Result<()> {
        let replace = "INSERT OR REPLACE INTO heard VALUES (?1, ?2)";
        let mut replace = self.0.prepare_cached(replace)?;
        replace.execute(params![provider, at]).map(drop)
    }

    pub(super) fn set_ran(&self, ran: u64) -> Result<()> {
        let mut update = self
            .0
            .prepare_cached("UPDATE service SET ran = max(ran, ?1)")?;
        update.execute([ran]).map(drop)
    }

    pub(super) fn set_numbers(&self, provider: &str, list: &List) -> Result<()> {
        let replace = "INSERT OR REPLACE INTO list VALUES (?1, ?2, ?3, ?4)";
        let mut replace = self.0.prepare_cached(replace)?;
        let numbers = params![provider, list.epoch, list.sequence, list.floor];
        replace.execute(numbers).map(drop)
    }

    pub(super) fn put(&self, provider: &str, name: &Name, row: &Row) -> Result<()> {
        let replace = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut replace = self.0.prepare_cached(replace)?;
        let Row {
            not_before,
            reason,
            session_of,
            sequence,
            ends,
        } = row;
        let Name { by, kind, name } = name;
        let by = by.word();
        let values = params![
            provider, by, kind, name, not_before, reason, session_of, sequence, ends
        ];
        replace.execute(values).map(drop)
    }

    pub(super) fn remove(&self, provider: &str, name: &Name) -> Result<()> {
        let delete =
            "DELETE FROM entry WHERE provider = ?1 AND source = ?2 AND kind = ?3 AND name = ?4";
        let mut delete = self.0.prepare_cached(delete)?;
        let Name { by, kind, name } = name;
        delete
            .execute(params![provider, by.word(), kind, name])
            .map(drop)
    }

    /// When this returns, the change is on disk.
    pub(super) fn commit(self) -> Result<()> {
        self.0.commit()
    }
}

fn prepare(connection: &mut Connection) -> Result<()> {
    // Two writers would give one number to two editions.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let tables = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    if version(&tables)? == 0 {
        tables.execute_batch(TABLES)?;
    }
    tables.commit()
}

fn version(connection: &Connection) -> Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn kept(connection: &Connection) -> Result<(String, i64)> {
    let log = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let sync = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok((log, sync))
}

#[cfg(test)]
mod tests {
    use super::{Database, KEPT, kept};

    #[test]
    fn a_commit_is_on_disk_in_a_log_that_is_synced() {
        let name = format!("passgate-feed-{}.db", std::process::id());
        let path = std::env::temp_dir().join(name);
        let database = Database::open(&path).unwrap();
        let (log, sync) = kept(&database.0).unwrap();
        assert_eq!((&*log, sync), ("wal", 2), "FULL");
        assert_eq!((&*log, sync), KEPT);
        drop(database);
        std::fs::remove_file(&path).unwrap();
    }
}
