//! A whole store as plain values: read to be copied, or filled with a copy. See [`crewline_core::copy`].
//!
//! Both are held with the lock of who serves, which nobody then shares, and with the turn: no server starts, and no command
//! changes anything, before they are let go. All that is read of a source is one state besides, by its transaction. Rows are
//! written with `COPY` in its binary form.

use bytes::BytesMut;
use crewline_core::copy::{
    Column, CopySource, CopyTarget, FACTS, Kind, Page, TABLES, Table, Value, half_made,
};
use crewline_core::{StoreError, StoreErrorKind};
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::connect::{Connector, Purpose};
use crate::connection::WriteConnection;
use crate::error::{Fault, Place};
use crate::options::Options;
use crate::sql::{Sql, get};
use crate::turn::{SERVE, TURN};
use crate::{meta, migration, search};

const READING: &str = "reading the store that is copied";
const FILLING: &str = "filling the copy";

/// A store that is copied, or a copy.
struct Whole {
    sql: Sql,
    place: Place,
    /// How durable a commit is that says nothing of it.
    durable: String,
}

/// Opens a store to copy it, and keeps everybody else from changing it.
///
/// # Errors
/// Where there is none, it is served, is itself a half-made copy, or cannot be reached.
pub fn source(options: &Options) -> Result<Box<dyn CopySource>, StoreError> {
    let whole = open(options, false)?;
    // What others have written is seen from here on, since nobody can write any more.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let begun = whole.sql.begin_by(begin);
    begun.map_err(|fault| whole.fail(READING, fault))?;
    refuse_half_made(&whole.sql, &whole.place)?;
    Ok(Box::new(whole))
}

/// Opens a store to fill it, and makes its tables where there are none.
///
/// # Errors
/// Where it is served, or cannot be reached.
pub fn target(options: &Options) -> Result<Box<dyn CopyTarget>, StoreError> {
    let whole = open(options, true)?;
    // What is lost in a power cut is copied again; the end of the copy waits for the disk.
    let set = whole.sql.simple("SET synchronous_commit = off");
    set.map_err(|fault| whole.place.error(FILLING, fault))?;
    Ok(Box::new(whole))
}

/// Removes a half-made copy, so that another one can be begun. Whatever else is there stays.
///
/// # Errors
/// Where there is a store that is no half-made copy, it is held by somebody, or cannot be reached.
pub fn discard(options: &Options) -> Result<(), StoreError> {
    let connector = Connector::new(options)?;
    let sql = connector.connect(Purpose::Write)?;
    let fail = |fault: Fault| connector.place().error(FILLING, fault);
    if migration::version(&sql).map_err(fail)? == 0 {
        return Ok(());
    }
    hold(&sql, connector.place())?;
    if meta::copy_of(&sql).map_err(fail)?.is_none() {
        let name = connector.place().shown();
        return Err(refuse(format!(
            "{name} is no half-made copy, and stays as it is"
        )));
    }
    sql.simple("DROP SCHEMA crewline CASCADE")
        .map(drop)
        .map_err(fail)
}

fn refuse(detail: String) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// Keeps everybody else out, for as long as the connection lives.
fn hold(sql: &Sql, place: &Place) -> Result<(), StoreError> {
    let fail = |fault: Fault| place.error("taking the store for oneself", fault);
    // Who was killed a moment ago is still there until the database has seen it.
    let alone = sql.simple(&format!(
        "SET lock_timeout = '2s'; SELECT pg_advisory_lock({SERVE})"
    ));
    match alone {
        Err(fault) if fault.kind() == StoreErrorKind::Conflict => {
            return Err(refuse(format!(
                "{} is served, or another `crewline migrate` is at it. Stop all servers on it first: what they answered meanwhile \
                 would not be in the copy",
                place.shown()
            )));
        }
        alone => alone.map_err(fail)?,
    };
    let turn = sql.simple(&format!(
        "SET lock_timeout = '10s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_lock({TURN})"
    ));
    turn.map(drop).map_err(fail)
}

fn open(options: &Options, make: bool) -> Result<Whole, StoreError> {
    let connector = Connector::new(options)?;
    let place = connector.place().clone();
    let mut main = WriteConnection::new(connector.clone(), options.settle, options.node_clock);
    migration::migrate(&mut main, make)?;
    drop(main);
    let sql = connector.connect(Purpose::Write)?;
    hold(&sql, &place)?;
    let fail = |fault: Fault| place.error(READING, fault);
    let schema = migration::version(&sql).map_err(fail)?;
    if schema != migration::NEWEST {
        return Err(refuse(format!(
            "{} has the schema {schema}, and this version copies {}: use the newer version of crewline",
            place.shown(),
            migration::NEWEST
        )));
    }
    let durable = sql.simple("SHOW synchronous_commit").map_err(fail)?;
    Ok(Whole {
        sql,
        place,
        durable: durable.unwrap_or_else(|| "on".to_owned()),
    })
}

impl Whole {
    fn fail(&self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        self.place.error(doing, fault)
    }

    fn read<T>(&self, read: impl FnOnce(&Sql) -> Result<T, Fault>) -> Result<T, StoreError> {
        read(&self.sql).map_err(|fault| self.fail(READING, fault))
    }

    /// Writes in a transaction of its own.
    fn alone<T>(&self, write: impl FnOnce(&Sql) -> Result<T, Fault>) -> Result<T, StoreError> {
        let write = || -> Result<T, Fault> {
            self.sql.begin_by("BEGIN")?;
            let value = write(&self.sql)?;
            self.sql.commit()?;
            Ok(value)
        };
        write().map_err(|fault| {
            self.sql.rollback();
            self.fail(FILLING, fault)
        })
    }
}

impl CopySource for Whole {
    fn name(&self) -> String {
        self.place.shown().to_owned()
    }

    fn facts(&mut self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.read(|sql| {
            let mut facts = Vec::new();
            for fact in FACTS {
                facts.extend(meta::value(sql, fact)?.map(|value| (*fact, value)));
            }
            Ok(facts)
        })
    }

    fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let count = format!("SELECT count(*) FROM {}", table.name);
        let count = self.read(|sql| sql.simple(&count))?;
        let count = count.and_then(|text| text.parse().ok());
        count.ok_or_else(|| self.fail(READING, Fault::damaged("a count is no number")))
    }

    fn last_number(&mut self, table: &Table) -> Result<i64, StoreError> {
        let last = format!(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}_no_seq",
            table.name
        );
        let last = self.read(|sql| sql.simple(&last))?;
        let last = last.and_then(|text| text.parse().ok());
        last.ok_or_else(|| self.fail(READING, Fault::damaged("a sequence has no number")))
    }

    fn page(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let keys = names(table, table.key_columns());
        let behind = after.map_or(String::new(), |_| {
            let places: Vec<String> = (1..=table.key).map(|at| format!("${at}")).collect();
            format!("WHERE ({keys}) > ({})", places.join(", "))
        });
        let select = format!(
            "SELECT {} FROM {} {behind} ORDER BY {keys} LIMIT {limit}",
            shown(table, table.columns),
            table.name
        );
        let cells: Vec<Cell<'_>> = after.unwrap_or_default().iter().map(Cell).collect();
        let values: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|cell| cell as _).collect();
        self.read(|sql| {
            let mut page = Page::of(table);
            for row in sql.ask(&select, &values)? {
                for (at, column) in table.columns.iter().enumerate() {
                    page.push(value(&row, at, column)?);
                }
            }
            Ok(page)
        })
    }
}

impl CopyTarget for Whole {
    fn mark(&mut self) -> Result<Option<String>, StoreError> {
        self.read(meta::copy_of)
    }

    fn begin(&mut self, mark: &str) -> Result<(), StoreError> {
        for table in TABLES {
            if self.last_key(table)?.is_some() {
                return Err(refuse(format!(
                    "{} holds a store already, and is no half-made copy of this one. Nothing was changed. Name a database \
                     where nothing is",
                    self.name()
                )));
            }
        }
        self.alone(|sql| meta::put_value(sql, meta::COPY_OF, Some(mark)))
    }

    fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>, StoreError> {
        let keys = table.key_columns();
        let down: Vec<String> = keys
            .iter()
            .map(|column| format!("{} DESC", name(table, column)))
            .collect();
        let last = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            shown(table, keys),
            table.name,
            down.join(", ")
        );
        self.read(|sql| {
            let Some(row) = sql.ask(&last, &[])?.into_iter().next() else {
                return Ok(None);
            };
            let columns = keys.iter().enumerate();
            let values = columns.map(|(at, column)| value(&row, at, column));
            values.collect::<Result<_, _>>().map(Some)
        })
    }

    fn write(&mut self, table: &Table, page: &Page) -> Result<(), StoreError> {
        let columns = names(table, table.columns);
        let copy = format!("COPY {} ({columns}) FROM STDIN (FORMAT binary)", table.name);
        let types = format!("SELECT {columns} FROM {} LIMIT 0", table.name);
        let rows = page.rows().map(|row| row.iter().map(Cell));
        let write = || -> Result<(), Fault> {
            let types = self.sql.types(&types)?;
            self.sql.copy_in(&copy, &types, rows)
        };
        write().map_err(|fault| self.fail(FILLING, fault))
    }

    fn settle(
        &mut self,
        facts: &[(&'static str, String)],
        numbers: &[(&'static Table, i64)],
    ) -> Result<(), StoreError> {
        self.alone(|sql| {
            for fact in FACTS {
                let value = facts.iter().find(|(name, _)| name == fact);
                meta::put_value(sql, fact, value.map(|(_, value)| value.as_str()))?;
            }
            for table in ["device", "people_group"] {
                // SQLite goes on from the highest number here.
                sql.simple(&format!(
                    "SELECT setval('{table}_no_seq', greatest(max(no), 1), max(no) IS NOT NULL) FROM {table}"
                ))?;
            }
            for (table, number) in numbers {
                let (number, used) = ((*number).max(1), *number > 0);
                let table = table.name;
                sql.simple(&format!("SELECT setval('{table}_no_seq', {number}, {used})"))?;
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let durable = &self.durable;
        self.read(|sql| sql.simple(&format!("SET synchronous_commit = {durable}")))?;
        let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        // How many rows there are: queries are planned by that.
        self.read(|sql| sql.simple(&format!("ANALYZE {}", tables.join(", "))))?;
        self.alone(|sql| meta::put_value(sql, meta::COPY_OF, None))
    }

    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        self.alone(|sql| search::step(sql, rows))
    }
}

/// The name of a column here. `user` is a word of SQL's own.
fn name(table: &Table, column: &Column) -> &'static str {
    match (table.name, column.name) {
        ("watcher", "user") => "watched_by",
        _ => column.name,
    }
}

fn names(table: &Table, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| name(table, column)).collect();
    names.join(", ")
}

/// Columns in the one form of their kind.
fn shown(table: &Table, columns: &[Column]) -> String {
    let one = |column: &Column| {
        let name = name(table, column);
        match column.kind {
            Kind::Number => format!("{name}::int8"),
            Kind::Truth => format!("{name}::int4::int8"),
            Kind::Text | Kind::Bytes => name.to_owned(),
        }
    };
    columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn value(row: &Row, at: usize, column: &Column) -> Result<Value, Fault> {
    let value = match column.kind {
        Kind::Number | Kind::Truth => get::<Option<i64>>(row, at)?.map(Value::Number),
        Kind::Text => get::<Option<String>>(row, at)?.map(Value::Text),
        Kind::Bytes => get::<Option<Vec<u8>>>(row, at)?.map(Value::Bytes),
    };
    Ok(value.unwrap_or(Value::None))
}

/// A value as PostgreSQL takes it, of whatever type the column is.
#[derive(Debug)]
pub(crate) struct Cell<'a>(&'a Value);

type Encoded = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Cell<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self.0 {
            Value::None => Ok(IsNull::Yes),
            Value::Number(number) => match *ty {
                Type::BOOL => (*number == 1).to_sql(ty, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                _ => number.to_sql_checked(ty, out),
            },
            Value::Text(text) => text.to_sql_checked(ty, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Refuses what is filled at the moment, or was left so.
pub(crate) fn refuse_half_made(sql: &Sql, place: &Place) -> Result<(), StoreError> {
    let mark = meta::copy_of(sql).map_err(|fault| place.error("opening the store", fault))?;
    match mark {
        None => Ok(()),
        Some(_) => Err(refuse(half_made(place.shown()))),
    }
}
