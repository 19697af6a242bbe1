//! PostgreSQL, which several replicas share. One of them changes something at a time: it holds the
//! row of `passgate_feed_service` until it commits. So no two editions have one number, and what a
//! replica does is by all that the others did before.
//!
//! Each change has a version. A replica reads what is newer than its own: the entries that were
//! written since, or all of them if some have gone, which `floor` says.
//!
//! Text of others is kept as bytes: the encoding of a database may lack a character of it, and none
//! takes U+0000.

use core::{fmt, time::Duration};
use std::collections::HashMap;

use postgres::{
    Client, Config, IsolationLevel, Row as Found, Statement, Transaction,
    config::{Host, SslMode, TargetSessionAttrs},
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    database::{self, Database, Failure, Outcome, name_of},
    file::Everything,
    kept::Kept,
};
use crate::{
    config::Server as Wanted,
    list::{Name, Row},
};

/// A database, and the connection that there is.
pub(super) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    open: Option<Open>,
}

/// A connection, and the statements that it knows.
struct Open {
    client: Client,
    statements: Statements,
}

type Statements = HashMap<&'static str, Statement>;

/// A transaction that holds the row.
struct Change<'d> {
    transaction: Transaction<'d>,
    statements: &'d mut Statements,
    ran: u64,
    /// The version of what is there.
    version: u64,
}

/// The tables, and what each version makes of those before it.
const STEPS: [&str; 1] = ["
    CREATE TABLE passgate_feed_list (
        provider TEXT PRIMARY KEY,
        epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, floor BIGINT NOT NULL,
        seen BIGINT NOT NULL, heard BIGINT NOT NULL
    );
    CREATE TABLE passgate_feed_entry (
        provider TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, name BYTEA NOT NULL,
        not_before BIGINT, reason BYTEA, session_of BYTEA,
        sequence BIGINT NOT NULL, ends BIGINT, version BIGINT NOT NULL,
        PRIMARY KEY (provider, source, kind, name)
    );
    CREATE INDEX passgate_feed_entry_version ON passgate_feed_entry (provider, version);
    CREATE TABLE passgate_feed_seen (
        provider TEXT NOT NULL, id BYTEA NOT NULL, ends BIGINT NOT NULL,
        PRIMARY KEY (provider, id)
    );
    CREATE INDEX passgate_feed_seen_ends ON passgate_feed_seen (provider, ends);
"];

/// What says which of them there are: one row.
const SERVICE: &str = "
    CREATE TABLE IF NOT EXISTS passgate_feed_service (
        tables BIGINT NOT NULL, ran BIGINT NOT NULL, version BIGINT NOT NULL
    );
    INSERT INTO passgate_feed_service
        SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM passgate_feed_service);
";

/// One replica makes tables at a time: the lock of this number says which.
const MAKING: i64 = 0x7061_7373;

/// Nothing may wait for long: not for a replica that stopped while it held the row, nor for a
/// database that does not answer.
const PATIENCE: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
";
const CONNECTING: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(10);
/// So many tokens go from a file to the database at once.
const TOKENS: u32 = 10_000;

impl Server {
    /// Connects, and makes the tables if there are none.
    pub(super) fn open(wanted: &Wanted) -> Outcome<Self> {
        let mut config = (*wanted.config).clone();
        let is_here = config.get_hosts().iter().all(is_here)
            && config
                .get_hostaddrs()
                .iter()
                .all(core::net::IpAddr::is_loopback);
        let is_plain =
            is_here && wanted.trusted_ca.is_none() && config.get_ssl_mode() != SslMode::Require;
        config
            .application_name("passgate-feed")
            .connect_timeout(CONNECTING)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if is_plain {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        let tls = crate::fetch::client(wanted.trusted_ca.as_deref())?;
        let mut this = Self {
            config,
            tls: MakeRustlsConnect::new(tls),
            open: None,
        };
        this.connected()?;
        Ok(this)
    }

    /// Takes over what a file holds, all of it or nothing: lists keep their epochs and editions, so
    /// gates go on with what they have. A database that was in use has editions of its own, which
    /// gates may have seen.
    pub(super) fn take_over(&mut self, mut file: Everything<'_>) -> Outcome<()> {
        let mut change = self.begin()?;
        let lists = change.rows("SELECT 1 FROM passgate_feed_list LIMIT 1", &[])?;
        if change.ran > 0 || !lists.is_empty() {
            return Err("PostgreSQL: the database was in use; only an empty one takes over".into());
        }
        for kept in file.lists()? {
            for (name, row) in kept.list.rows() {
                database::Change::put(&mut change, &kept.provider, name, row)?;
            }
            let mut after = Vec::new();
            loop {
                let tokens = file.tokens(&kept.provider, &after, TOKENS)?;
                let (ids, ends): (Vec<_>, Vec<_>) = tokens.into_iter().unzip();
                let Some(last) = ids.last() else { break };
                after.clone_from(last);
                let ends: Vec<i64> = ends.into_iter().map(integer).collect();
                let insert = "INSERT INTO passgate_feed_seen
                    SELECT $1, * FROM unnest($2::BYTEA[], $3::BIGINT[])";
                change.execute(insert, &[&kept.provider, &ids, &ends])?;
            }
            database::Change::save(&mut change, &kept)?;
        }
        database::Change::commit(Box::new(change), Some(file.ran()))?;
        Ok(())
    }

    /// The connection, or a new one.
    fn connected(&mut self) -> Outcome<&mut Open> {
        if self
            .open
            .as_ref()
            .is_none_or(|open| open.client.is_closed())
        {
            self.open = None;
            let connected = self.config.connect(self.tls.clone());
            let mut client = connected.map_err(told)?;
            prepare(&mut client, &STEPS)?;
            let statements = Statements::new();
            self.open = Some(Open { client, statements });
        }
        let gone = || Failure::from("PostgreSQL: no connection");
        self.open.as_mut().ok_or_else(gone)
    }
}

/// Whether a host is this machine, and nobody is on the way.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<core::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

/// What an error says without its details, which may name people.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped")]
fn told(error: postgres::Error) -> Failure {
    if let Some(told) = error.as_db_error() {
        return format!("PostgreSQL: {} ({})", told.message(), told.code().code()).into();
    }
    match core::error::Error::source(&error) {
        Some(cause) => format!("PostgreSQL: {error}: {cause}").into(),
        None => format!("PostgreSQL: {error}").into(),
    }
}

fn prepare(client: &mut Client, steps: &[&str]) -> Outcome<()> {
    client.batch_execute(PATIENCE).map_err(told)?;
    let mut setting = |name: &str| -> Outcome<String> {
        let found = client.query_one(&format!("SHOW {name}"), &[]);
        found.map_err(told)?.try_get(0).map_err(told)
    };
    // What is not set is not refused: it is only not done.
    if setting("fsync")? != "on" {
        return Err("PostgreSQL does not keep what it takes: its fsync is off".into());
    }
    if setting("synchronous_commit")? == "off" {
        client
            .batch_execute("SET synchronous_commit = on")
            .map_err(told)?;
    }
    let mut tables = client.transaction().map_err(told)?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    tables.execute(lock, &[&MAKING]).map_err(told)?;
    tables.batch_execute(SERVICE).map_err(told)?;
    let version = "SELECT tables FROM passgate_feed_service";
    let version = tables.query_one(version, &[]).map_err(told)?;
    let version: i64 = version.try_get(0).map_err(told)?;
    let newest = i64::try_from(steps.len())?;
    let missing = steps.get(usize::try_from(version)?..);
    let Some(missing) = missing else {
        let odd = format!("the database is of version {version}, and this program writes {newest}");
        return Err(odd.into());
    };
    for step in missing {
        tables.batch_execute(step).map_err(told)?;
    }
    if !missing.is_empty() {
        let update = "UPDATE passgate_feed_service SET tables = $1";
        tables.execute(update, &[&newest]).map_err(told)?;
    }
    tables.commit().map_err(told)
}

impl Database for Server {
    fn has_news(&mut self, since: u64) -> Option<Outcome<bool>> {
        let mut ask = || -> Outcome<bool> {
            let Open { client, statements } = self.connected()?;
            let select = "SELECT version FROM passgate_feed_service";
            let select = match statements.get(select) {
                Some(known) => known.clone(),
                None => {
                    let known = client.prepare(select).map_err(told)?;
                    statements.insert(select, known.clone());
                    known
                }
            };
            let found = client.query_one(&select, &[]).map_err(told)?;
            Ok(natural(&found, 0)? != since)
        };
        Some(ask())
    }

    fn change(&mut self) -> Outcome<Box<dyn database::Change + '_>> {
        Ok(Box::new(self.begin()?))
    }

    fn failed(&mut self) {
        self.open = None;
    }
}

impl Server {
    /// Begins a change: nobody else has one before it ends.
    fn begin(&mut self) -> Outcome<Change<'_>> {
        let Open { client, statements } = self.connected()?;
        // Each statement sees what was committed before it, whatever the database's default is.
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .read_only(false)
            .start()
            .map_err(told)?;
        let mut change = Change {
            transaction,
            statements,
            ran: 0,
            version: 0,
        };
        let row = "SELECT tables, ran, version FROM passgate_feed_service FOR UPDATE";
        let rows = change.rows(row, &[])?;
        let row = rows
            .first()
            .ok_or("PostgreSQL: the row of the service has gone")?;
        // A newer program may have come meanwhile.
        if natural(row, 0)? != u64::try_from(STEPS.len())? {
            return Err("PostgreSQL: the tables are of another version".into());
        }
        (change.ran, change.version) = (natural(row, 1)?, natural(row, 2)?);
        Ok(change)
    }
}

type Parameters<'p> = &'p [&'p (dyn ToSql + Sync)];

impl Change<'_> {
    fn statement(&mut self, text: &'static str) -> Outcome<Statement> {
        if let Some(known) = self.statements.get(text) {
            return Ok(known.clone());
        }
        let known = self.transaction.prepare(text).map_err(told)?;
        self.statements.insert(text, known.clone());
        Ok(known)
    }

    fn rows(&mut self, text: &'static str, parameters: Parameters<'_>) -> Outcome<Vec<Found>> {
        let statement = self.statement(text)?;
        self.transaction.query(&statement, parameters).map_err(told)
    }

    fn execute(&mut self, text: &'static str, parameters: Parameters<'_>) -> Outcome<u64> {
        let statement = self.statement(text)?;
        let count = self.transaction.execute(&statement, parameters);
        count.map_err(told)
    }

    /// The version that this change will have.
    const fn next(&self) -> u64 {
        self.version.saturating_add(1)
    }
}

impl database::Change for Change<'_> {
    fn ran(&self) -> u64 {
        self.ran
    }

    fn read(&mut self, kept: &mut Kept) -> Outcome<bool> {
        if kept.version == Some(self.version) {
            return Ok(true);
        }
        let numbers = "SELECT epoch, sequence, floor, seen, heard
            FROM passgate_feed_list WHERE provider = $1";
        let numbers = self.rows(numbers, &[&kept.provider])?;
        let Some(row) = numbers.first() else {
            return Ok(false);
        };
        let (epoch, sequence, floor) = (natural(row, 0)?, natural(row, 1)?, natural(row, 2)?);
        let list = &mut kept.list;
        let is_later = (list.epoch, list.floor) == (epoch, floor);
        let since = kept.version.filter(|_| is_later);
        match since {
            Some(_) => list.sequence = sequence,
            None => kept.empty((epoch, sequence, floor)),
        }
        (kept.seen, kept.heard) = (natural(row, 3)?, natural(row, 4)?);
        let since = since.map_or(-1, integer);
        let entries = "SELECT source, kind, name, not_before, reason, session_of, sequence, ends
            FROM passgate_feed_entry WHERE provider = $1 AND version > $2";
        for row in self.rows(entries, &[&kept.provider, &since])? {
            let word = |at: usize| row.try_get::<_, &str>(at).map_err(told);
            let text = |at: usize| -> Outcome<Option<String>> {
                let bytes: Option<Vec<u8>> = row.try_get(at).map_err(told)?;
                Ok(bytes.map(String::from_utf8).transpose()?)
            };
            let number = |at: usize| -> Outcome<Option<u64>> {
                let number: Option<i64> = row.try_get(at).map_err(told)?;
                Ok(number.map(u64::try_from).transpose()?)
            };
            let name = text(2)?.unwrap_or_default();
            let Some(name) = name_of(word(0)?, word(1)?, name) else {
                continue;
            };
            let row = Row {
                not_before: number(3)?,
                reason: text(4)?,
                session_of: text(5)?,
                sequence: number(6)?.unwrap_or_default(),
                ends: number(7)?,
            };
            kept.list.restore(name, row);
        }
        Ok(true)
    }

    fn has(&mut self, provider: &str, id: &[u8; 32]) -> Outcome<bool> {
        let select = "SELECT 1 FROM passgate_feed_seen WHERE provider = $1 AND id = $2";
        Ok(!self.rows(select, &[&provider, &&id[..]])?.is_empty())
    }

    fn note(&mut self, provider: &str, id: &[u8; 32], ends: u64) -> Outcome<()> {
        let insert = "INSERT INTO passgate_feed_seen VALUES ($1, $2, $3)";
        self.execute(insert, &[&provider, &&id[..], &integer(ends)])?;
        Ok(())
    }

    fn forget(&mut self, provider: &str, ran: u64) -> Outcome<u64> {
        let delete = "DELETE FROM passgate_feed_seen WHERE provider = $1 AND ends <= $2";
        self.execute(delete, &[&provider, &integer(ran)])
    }

    fn put(&mut self, provider: &str, name: &Name, row: &Row) -> Outcome<()> {
        let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let replace = "
            INSERT INTO passgate_feed_entry VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (provider, source, kind, name) DO UPDATE SET
                not_before = EXCLUDED.not_before, reason = EXCLUDED.reason,
                session_of = EXCLUDED.session_of, sequence = EXCLUDED.sequence,
                ends = EXCLUDED.ends, version = EXCLUDED.version";
        self.execute(
            replace,
            &[
                &provider,
                &name.by.word(),
                &name.kind,
                &name.name.as_bytes(),
                &row.not_before.map(integer),
                &bytes(&row.reason),
                &bytes(&row.session_of),
                &integer(row.sequence),
                &row.ends.map(integer),
                &integer(self.next()),
            ],
        )?;
        Ok(())
    }

    fn remove(&mut self, provider: &str, name: &Name) -> Outcome<()> {
        let delete = "DELETE FROM passgate_feed_entry
            WHERE provider = $1 AND source = $2 AND kind = $3 AND name = $4";
        let Name { by, kind, name } = name;
        self.execute(delete, &[&provider, &by.word(), kind, &name.as_bytes()])?;
        Ok(())
    }

    fn save(&mut self, kept: &Kept) -> Outcome<()> {
        let replace = "
            INSERT INTO passgate_feed_list VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (provider) DO UPDATE SET
                epoch = EXCLUDED.epoch, sequence = EXCLUDED.sequence, floor = EXCLUDED.floor,
                seen = EXCLUDED.seen, heard = EXCLUDED.heard";
        let Kept { provider, list, .. } = kept;
        let numbers = [list.epoch, list.sequence, list.floor, kept.seen, kept.heard];
        let [epoch, sequence, floor, seen, heard] = numbers.map(integer);
        self.execute(
            replace,
            &[provider, &epoch, &sequence, &floor, &seen, &heard],
        )?;
        Ok(())
    }

    fn commit(mut self: Box<Self>, ran: Option<u64>) -> Outcome<u64> {
        let Some(ran) = ran else {
            self.transaction.commit().map_err(told)?;
            return Ok(self.version);
        };
        let update = "UPDATE passgate_feed_service SET ran = greatest(ran, $1), version = $2";
        let next = self.next();
        self.execute(update, &[&integer(ran), &integer(next)])?;
        self.transaction.commit().map_err(told)?;
        Ok(next)
    }
}

/// As PostgreSQL has it. None of ours is ever so great.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(row: &Found, at: usize) -> Outcome<u64> {
    let number: i64 = row.try_get(at).map_err(told)?;
    Ok(u64::try_from(number)?)
}
