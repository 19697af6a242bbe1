//! The file: SQLite, with a write-ahead log that is synced at each commit.

use std::{error::Error, fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use rusqlite::{
    Connection, OptionalExtension as _, Result, Transaction, TransactionBehavior, params,
};

use crate::list::{List, Name, Row};

/// An open store that no other process has.
#[derive(Debug)]
pub(super) struct Database(Connection);

/// A change that is on disk when it is committed, and else was never made.
pub(super) struct Change<'d>(Transaction<'d>);

/// The version of the tables that this program writes.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE service (ran INTEGER NOT NULL) STRICT;
    INSERT INTO service VALUES (0);
    CREATE TABLE list (
        provider TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, floor INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entry (
        provider TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        not_before INTEGER, reason TEXT, session_of TEXT,
        sequence INTEGER NOT NULL, ends INTEGER,
        PRIMARY KEY (provider, kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        id BLOB PRIMARY KEY, ends INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_ends ON seen (ends);
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

    /// How many tokens were here.
    pub(super) fn seen(&self) -> Result<u64> {
        self.0
            .query_row("SELECT count(*) FROM seen", [], |row| row.get(0))
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
        let entries = "SELECT kind, name, not_before, reason, session_of, sequence, ends
            FROM entry WHERE provider = ?1";
        let mut entries = self.0.prepare_cached(entries)?;
        let mut rows = entries.query([provider])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
                continue;
            };
            let name = Name {
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
    pub(super) fn has(&self, id: &[u8; 32]) -> Result<bool> {
        let select = "SELECT 1 FROM seen WHERE id = ?1";
        self.0.prepare_cached(select)?.exists([&id[..]])
    }

    /// Notes that it was.
    pub(super) fn note(&self, id: &[u8; 32], ends: u64) -> Result<()> {
        let insert = "INSERT INTO seen (id, ends) VALUES (?1, ?2)";
        let mut insert = self.0.prepare_cached(insert)?;
        insert.execute(params![&id[..], ends]).map(drop)
    }

    /// Forgets the tokens that would be too old now, and says how many.
    pub(super) fn forget(&self, ran: u64) -> Result<usize> {
        self.0.execute("DELETE FROM seen WHERE ends <= ?1", [ran])
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
        let replace = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut replace = self.0.prepare_cached(replace)?;
        let Row {
            not_before,
            reason,
            session_of,
            sequence,
            ends,
        } = row;
        let Name { kind, name } = name;
        let values = params![
            provider, kind, name, not_before, reason, session_of, sequence, ends
        ];
        replace.execute(values).map(drop)
    }

    pub(super) fn remove(&self, provider: &str, name: &Name) -> Result<()> {
        let delete = "DELETE FROM entry WHERE provider = ?1 AND kind = ?2 AND name = ?3";
        let mut delete = self.0.prepare_cached(delete)?;
        delete
            .execute(params![provider, name.kind, name.name])
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
