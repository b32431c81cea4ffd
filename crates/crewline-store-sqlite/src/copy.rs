//! A whole store as plain values: read to be copied, or filled with a copy. See [`crewline_core::copy`].
//!
//! A source is held with the serve lock and with SQLite's lock to write: no server starts on it, and no command changes it,
//! before it is let go. So all that is read of it is one state.

use crewline_core::copy::{
    Column, CopySource, CopyTarget, FACTS, Kind, Page, TABLES, Table, Value, half_made,
};
use crewline_core::{StoreError, StoreErrorKind};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use crate::connection::{WriteConnection, connect, use_wal};
use crate::error::{Fault, Place};
use crate::file::{Found, folder_of, look, private, sync_folder};
use crate::lock::ServeLock;
use crate::options::Options;
use crate::{meta, migration, search};

const READING: &str = "reading the store that is copied";
const FILLING: &str = "filling the copy";
/// Of a target, from how many pages in the WAL on they are moved into the file: nobody else does it.
const MOVED_AFTER_PAGES: i32 = 4_000;

/// A store that is copied, or a copy.
struct Whole {
    main: WriteConnection,
    place: Place,
    /// Let go last.
    _lock: ServeLock,
}

/// Opens a store to copy it, and keeps everybody else from changing it.
///
/// # Errors
/// Where there is none, it is served, is a backup or itself a half-made copy, or cannot be read.
pub fn source(options: &Options) -> Result<Box<dyn CopySource>, StoreError> {
    let path = &options.path;
    let place = Place::enter(path, || {
        if look(path)? == Found::Store {
            return Ok(());
        }
        Err(refuse(format!("there is no store at {}", path.display())))
    })?;
    let mut whole = open(place, options)?;
    let fail = |fault: Fault| whole.place.error(READING, fault);
    refuse_half_made(whole.main.sql(), &whole.place)?;
    if meta::backup_of(whole.main.sql()).map_err(fail)?.is_some() {
        return Err(refuse(format!(
            "{} is a backup: make a store of it with `crewline db restore`, and copy that",
            path.display()
        )));
    }
    whole.main.begin(READING)?;
    Ok(Box::new(whole))
}

/// Opens a store to fill it, and makes it where there is none.
///
/// # Errors
/// Where it is served, or cannot be written.
pub fn target(options: &Options) -> Result<Box<dyn CopyTarget>, StoreError> {
    let path = &options.path;
    let place = Place::enter(path, || {
        look(path)?;
        let made = private().open(path);
        made.map(drop)
            .map_err(|error| Place::new(path).io_error(FILLING, &error))
    })?;
    let whole = open(place, options)?;
    let set_up = || -> Result<(), Fault> {
        let sql = whole.main.sql();
        sql.pragma_update(None, "wal_autocheckpoint", MOVED_AFTER_PAGES)?;
        // What is lost in a power cut is copied again; the end of the copy waits for the disk.
        Ok(sql.pragma_update(None, "synchronous", "NORMAL")?)
    };
    set_up().map_err(|fault| whole.place.error(FILLING, fault))?;
    Ok(Box::new(whole))
}

/// Removes a half-made copy, so that another one can be begun. Whatever else is there stays.
///
/// # Errors
/// Where there is a store that is no half-made copy, it is held by somebody, or cannot be removed.
pub fn discard(options: &Options) -> Result<(), StoreError> {
    let path = &options.path;
    if !path.exists() {
        return Ok(());
    }
    let mut target = target(options)?;
    if target.mark()?.is_none() {
        return Err(refuse(format!(
            "{} is no half-made copy, and stays as it is",
            path.display()
        )));
    }
    drop(target);
    let real = crate::file::resolve(path);
    let real = real.map_err(|error| Place::new(path).io_error(FILLING, &error))?;
    for file in ["-wal", "-shm", ""] {
        match std::fs::remove_file(crate::file::beside(&real, file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Place::new(path).io_error(FILLING, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn refuse(detail: String) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

fn open(place: Place, options: &Options) -> Result<Whole, StoreError> {
    let lock = ServeLock::take(&place)?;
    let mut connection = connect(&place, options).map_err(|fault| place.error(READING, fault))?;
    let had = migration::migrate(&mut connection, &place)?;
    use_wal(&connection, &place)?;
    if had == 0 {
        sync_folder(folder_of(place.real())).map_err(|error| place.io_error(FILLING, &error))?;
    }
    let main = WriteConnection::new(connection, place.clone());
    let main = main.map_err(|fault| place.error(READING, fault))?;
    Ok(Whole {
        main,
        place,
        _lock: lock,
    })
}

impl Whole {
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        read(self.main.sql()).map_err(|fault| self.place.error(READING, fault))
    }

    /// Writes in a transaction of its own.
    fn alone<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.main.begin(FILLING)?;
        match write(self.main.sql()) {
            Ok(value) => {
                self.main.commit(FILLING)?;
                Ok(value)
            }
            Err(fault) => {
                self.main.rollback();
                Err(self.place.error(FILLING, fault))
            }
        }
    }
}

impl CopySource for Whole {
    fn name(&self) -> String {
        format!("sqlite://{}", self.place.path().display())
    }

    fn facts(&mut self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.read(|sql| {
            let mut facts = Vec::new();
            for fact in FACTS {
                facts.extend(meta::as_text(sql, fact)?.map(|value| (*fact, value)));
            }
            Ok(facts)
        })
    }

    fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let count = format!("SELECT count(*) FROM {}", quoted(table.name));
        let count: i64 = self.read(|sql| Ok(sql.query_row(&count, [], |row| row.get(0))?))?;
        Ok(count as u64)
    }

    fn last_number(&mut self, table: &Table) -> Result<i64, StoreError> {
        self.read(|sql| last_number(sql, table))
    }

    fn page(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.read(|sql| page(sql, table, after, limit))
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
                    "{} holds a store already, and is no half-made copy of this one. Nothing was changed. Name a place where \
                     nothing is",
                    self.name()
                )));
            }
        }
        self.alone(|sql| meta::put_copy_of(sql, mark))
    }

    fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>, StoreError> {
        let keys = names(table.key_columns());
        let down: Vec<String> = table
            .key_columns()
            .iter()
            .map(|column| format!("{} DESC", quoted(column.name)))
            .collect();
        let last = format!(
            "SELECT {keys} FROM {} ORDER BY {} LIMIT 1",
            quoted(table.name),
            down.join(", ")
        );
        self.read(|sql| {
            let mut statement = sql.prepare_cached(&last)?;
            let mut rows = statement.query([])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let columns = table.key_columns().iter().enumerate();
            let values = columns.map(|(at, column)| value(row.get_ref(at)?, column));
            values.collect::<Result<_, Fault>>().map(Some)
        })
    }

    fn write(&mut self, table: &Table, page: &Page) -> Result<(), StoreError> {
        let places = vec!["?"; table.columns.len()].join(", ");
        let insert = format!(
            "INSERT INTO {} ({}) VALUES ({places})",
            quoted(table.name),
            names(table.columns)
        );
        self.alone(|sql| {
            let mut statement = sql.prepare_cached(&insert)?;
            for row in page.rows() {
                statement.execute(params_from_iter(row.iter().map(Cell)))?;
            }
            Ok(())
        })
    }

    fn settle(
        &mut self,
        facts: &[(&'static str, String)],
        numbers: &[(&'static Table, i64)],
    ) -> Result<(), StoreError> {
        self.alone(|sql| {
            for fact in FACTS {
                let value = facts.iter().find(|(name, _)| name == fact);
                meta::put_text(sql, fact, value.map(|(_, value)| value.as_str()))?;
            }
            for (table, number) in numbers {
                sql.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table.name])?;
                if *number > 0 {
                    let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
                    sql.execute(insert, (table.name, number))?;
                }
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let full = self.main.sql().pragma_update(None, "synchronous", "FULL");
        full.map_err(|error| self.place.error(FILLING, error))?;
        self.alone(meta::remove_copy_of)
    }

    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        self.alone(|sql| search::step(sql, rows))
    }
}

/// A value as SQLite takes it.
struct Cell<'a>(&'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::None => ValueRef::Null,
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn names(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(column.name)).collect();
    names.join(", ")
}

fn page(
    sql: &Connection,
    table: &Table,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Page, Fault> {
    let keys = names(table.key_columns());
    let behind = after.map_or(String::new(), |_| {
        let places = vec!["?"; table.key].join(", ");
        format!("WHERE ({keys}) > ({places})")
    });
    let select = format!(
        "SELECT {} FROM {} {behind} ORDER BY {keys} LIMIT {limit}",
        names(table.columns),
        quoted(table.name)
    );
    let mut statement = sql.prepare_cached(&select)?;
    let mut rows = statement.query(params_from_iter(after.unwrap_or_default().iter().map(Cell)))?;
    let mut page = Page::of(table);
    while let Some(row) = rows.next()? {
        for (at, column) in table.columns.iter().enumerate() {
            page.push(value(row.get_ref(at)?, column)?);
        }
    }
    Ok(page)
}

/// A value of a column, which holds nothing else than it says.
fn value(found: ValueRef<'_>, column: &Column) -> Result<Value, Fault> {
    let wrong = || Fault::damaged(format!("a column {} holds what it cannot", column.name));
    Ok(match (found, column.kind) {
        (ValueRef::Null, _) if column.empty => Value::None,
        (ValueRef::Integer(number), Kind::Number)
        | (ValueRef::Integer(number @ 0..=1), Kind::Truth) => Value::Number(number),
        (ValueRef::Text(bytes), Kind::Text) => {
            let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
            Value::Text(text.to_owned())
        }
        (ValueRef::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.to_vec()),
        _ => return Err(wrong()),
    })
}

/// SQLite keeps it for tables that never use a number again.
fn last_number(sql: &Connection, table: &Table) -> Result<i64, Fault> {
    let mut statement = sql.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = ?1")?;
    let kept = statement.query_row([table.name], |row| row.get(0));
    Ok(kept.optional()?.unwrap_or(0))
}

/// Refuses what is filled at the moment, or was left so.
pub(crate) fn refuse_half_made(sql: &Connection, place: &Place) -> Result<(), StoreError> {
    let mark = meta::copy_of(sql).map_err(|fault| place.error("opening the store", fault))?;
    match mark {
        None => Ok(()),
        Some(_) => Err(refuse(half_made(&place.path().display().to_string()))),
    }
}

#[cfg(test)]
mod schema;
