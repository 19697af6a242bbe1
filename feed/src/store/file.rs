//! The file: SQLite, with a write-ahead log that is synced at each commit.

use core::time::Duration;
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use rusqlite::{
    Connection, OptionalExtension as _, Result, Transaction, TransactionBehavior, params,
};

use super::{
    database::{self, Database, Outcome, name_of},
    kept::Kept,
};
use crate::list::{Name, Row};

/// An open file that no other process has.
#[derive(Debug)]
pub(super) struct File(Connection);

/// A transaction.
struct Change<'d> {
    transaction: Transaction<'d>,
    ran: u64,
}

/// `journal_mode` and `synchronous`: a commit is on disk, in a write-ahead log that is synced.
const KEPT: (&str, i64) = ("wal", 2);

/// The tables, and what each version makes of those before it. A file says in `user_version` how
/// many of these it has seen.
const STEPS: [&str; 1] = ["
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
"];

impl File {
    /// Opens the file, or makes it. An error: it is not a store, it is a newer one, or another
    /// process has it.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
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
        let version = prepare(&mut connection, &STEPS).map_err(|error| {
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
        let newest = STEPS.len();
        if version != newest {
            return Err(format!(
                "the store {shown} is of version {version}, and this program writes {newest}"
            )
            .into());
        }
        Ok(Self(connection))
    }
}

/// Everything that a file holds, for another store.
pub(super) struct Everything<'f>(Change<'f>);

impl File {
    /// All of it, which nobody changes meanwhile.
    pub(super) fn everything(&mut self) -> Outcome<Everything<'_>> {
        Ok(Everything(self.begin()?))
    }

    fn begin(&mut self) -> Outcome<Change<'_>> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.0.transaction_with_behavior(behavior)?;
        let ran = transaction.query_row("SELECT ran FROM service", [], |row| row.get(0))?;
        Ok(Change { transaction, ran })
    }
}

/// A token that is remembered: its id, and when it is forgotten.
pub(super) type Token = (Vec<u8>, u64);

impl Everything<'_> {
    /// How long the service has run, in seconds.
    pub(super) const fn ran(&self) -> u64 {
        self.0.ran
    }

    /// The lists, of which the configuration need not name each provider.
    pub(super) fn lists(&mut self) -> Outcome<Vec<Kept>> {
        let names = {
            let select = "SELECT provider FROM list ORDER BY provider";
            let mut select = self.0.transaction.prepare(select)?;
            let names = select.query_map([], |row| row.get(0))?;
            names.collect::<Result<Vec<String>>>()?
        };
        let mut lists = Vec::new();
        for name in names {
            // What is there has its ends already.
            let mut kept = Kept::new(&name, Duration::ZERO, 0);
            database::Change::read(&mut self.0, &mut kept)?;
            lists.push(kept);
        }
        Ok(lists)
    }

    /// The next tokens of a provider after this id, in the order of their ids.
    pub(super) fn tokens(
        &mut self,
        provider: &str,
        after: &[u8],
        most: u32,
    ) -> Outcome<Vec<Token>> {
        let select = "SELECT id, ends FROM seen WHERE provider = ?1 AND id > ?2
            ORDER BY id LIMIT ?3";
        let mut select = self.0.transaction.prepare_cached(select)?;
        let tokens = select.query_map(params![provider, after, most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(tokens.collect::<Result<_>>()?)
    }
}

impl Database for File {
    fn has_news(&mut self, _: u64) -> Option<Outcome<bool>> {
        None
    }

    fn change(&mut self) -> Outcome<Box<dyn database::Change + '_>> {
        Ok(Box::new(self.begin()?))
    }

    fn failed(&mut self) {}
}

impl database::Change for Change<'_> {
    fn ran(&self) -> u64 {
        self.ran
    }

    fn read(&mut self, kept: &mut Kept) -> Outcome<bool> {
        // Nobody else writes it.
        if kept.version.is_some() {
            return Ok(true);
        }
        let provider = &*kept.provider;
        let count = "SELECT count(*) FROM seen WHERE provider = ?1";
        kept.seen = self
            .transaction
            .query_row(count, [provider], |row| row.get(0))?;
        let numbers = "SELECT epoch, sequence, floor FROM list WHERE provider = ?1";
        let numbers = self.transaction.query_row(numbers, [provider], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        let at = "SELECT at FROM heard WHERE provider = ?1";
        let heard = self.transaction.query_row(at, [provider], |row| row.get(0));
        let (numbers, heard) = (numbers.optional()?, heard.optional()?);
        let is_there = numbers.is_some();
        kept.empty(numbers.unwrap_or((kept.list.epoch, 0, 0)));
        kept.heard = heard.unwrap_or(kept.heard);
        let entries = "SELECT source, kind, name, not_before, reason, session_of, sequence, ends
            FROM entry WHERE provider = ?1";
        let mut entries = self.transaction.prepare_cached(entries)?;
        let mut rows = entries.query([&kept.provider])?;
        while let Some(row) = rows.next()? {
            let (by, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let Some(name) = name_of(&by, &kind, row.get(2)?) else {
                continue;
            };
            let row = Row {
                not_before: row.get(3)?,
                reason: row.get(4)?,
                session_of: row.get(5)?,
                sequence: row.get(6)?,
                ends: row.get(7)?,
            };
            kept.list.restore(name, row);
        }
        Ok(is_there)
    }

    fn has(&mut self, provider: &str, id: &[u8; 32]) -> Outcome<bool> {
        let select = "SELECT 1 FROM seen WHERE provider = ?1 AND id = ?2";
        let mut select = self.transaction.prepare_cached(select)?;
        Ok(select.exists(params![provider, &id[..]])?)
    }

    fn note(&mut self, provider: &str, id: &[u8; 32], ends: u64) -> Outcome<()> {
        let insert = "INSERT INTO seen VALUES (?1, ?2, ?3)";
        let mut insert = self.transaction.prepare_cached(insert)?;
        insert.execute(params![provider, &id[..], ends])?;
        Ok(())
    }

    fn forget(&mut self, provider: &str, ran: u64) -> Outcome<u64> {
        let delete = "DELETE FROM seen WHERE provider = ?1 AND ends <= ?2";
        let mut delete = self.transaction.prepare_cached(delete)?;
        Ok(u64::try_from(delete.execute(params![provider, ran])?)?)
    }

    fn put(&mut self, provider: &str, name: &Name, row: &Row) -> Outcome<()> {
        let replace = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut replace = self.transaction.prepare_cached(replace)?;
        let Row {
            not_before,
            reason,
            session_of,
            sequence,
            ends,
        } = row;
        let Name { by, kind, name } = name;
        let by = by.word();
        replace.execute(params![
            provider, by, kind, name, not_before, reason, session_of, sequence, ends
        ])?;
        Ok(())
    }

    fn remove(&mut self, provider: &str, name: &Name) -> Outcome<()> {
        let delete =
            "DELETE FROM entry WHERE provider = ?1 AND source = ?2 AND kind = ?3 AND name = ?4";
        let mut delete = self.transaction.prepare_cached(delete)?;
        let Name { by, kind, name } = name;
        delete.execute(params![provider, by.word(), kind, name])?;
        Ok(())
    }

    fn save(&mut self, kept: &Kept) -> Outcome<()> {
        let (provider, list) = (&kept.provider, &kept.list);
        let replace = "INSERT OR REPLACE INTO list VALUES (?1, ?2, ?3, ?4)";
        let mut replace = self.transaction.prepare_cached(replace)?;
        replace.execute(params![provider, list.epoch, list.sequence, list.floor])?;
        let replace = "INSERT OR REPLACE INTO heard VALUES (?1, ?2)";
        let mut replace = self.transaction.prepare_cached(replace)?;
        replace.execute(params![provider, kept.heard])?;
        Ok(())
    }

    fn commit(self: Box<Self>, ran: Option<u64>) -> Outcome<u64> {
        if let Some(ran) = ran {
            let update = "UPDATE service SET ran = max(ran, ?1)";
            self.transaction.prepare_cached(update)?.execute([ran])?;
        }
        self.transaction.commit()?;
        Ok(0)
    }
}

/// Makes the tables what the last of these steps makes of them, and gives the version of the file.
/// That of a newer program stays as it is.
fn prepare(connection: &mut Connection, steps: &[&str]) -> Result<usize> {
    // Two writers would give one number to two editions.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let tables = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let version = tables.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if let Some(missing @ [_, ..]) = steps.get(version..) {
        for step in missing {
            tables.execute_batch(step)?;
        }
        tables.pragma_update(None, "user_version", steps.len())?;
    }
    tables.commit()?;
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn kept(connection: &Connection) -> Result<(String, i64)> {
    let log = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let sync = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok((log, sync))
}

#[cfg(test)]
mod tests;
