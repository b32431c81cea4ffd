//! Shell: statements typed by an administrator, on the SQLite that is built in.

use std::fmt::Write as _;
use std::path::Path;

use crewline_core::StoreError;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, Statement};

use super::open_existing;
use crate::error::Place;

/// Most rows that one statement gives.
const ROWS_MAX: usize = 10_000;

/// What a statement gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, as text: `NULL`, numbers, texts as they are, bytes as `x'0a1b'`.
    pub rows: Vec<Vec<String>>,
    /// Whether there were more rows than are shown.
    pub cut_off: bool,
}

/// An open store, for statements.
pub struct Shell {
    sql: Connection,
    writable: bool,
    /// Dropped after the connection.
    _place: Place,
}

/// Opens a store for statements. Unless `writable`, nothing can be changed by them. A server may run on it: then it
/// waits while a transaction is open here.
///
/// # Errors
/// Where there is no store, or it cannot be opened.
pub fn open_shell(path: &Path, writable: bool) -> Result<Shell, StoreError> {
    let doing = "opening a shell on the store";
    let (place, sql) = open_existing(path, doing)?;
    sql.pragma_update(None, "query_only", !writable)
        .map_err(|error| place.error(doing, error))?;
    Ok(Shell {
        sql,
        writable,
        _place: place,
    })
}

impl Shell {
    /// Runs statements, and gives a table for each that has columns.
    ///
    /// # Errors
    /// What SQLite says of the first statement that fails; those before it have been carried out.
    pub fn run(&mut self, sql: &str) -> Result<Vec<Table>, String> {
        let mut batch = Batch::new(&self.sql, sql);
        let mut tables = Vec::new();
        while let Some(mut statement) = batch.next().map_err(say)? {
            // SQLite's own switch could be turned by a statement.
            if !self.writable && !statement.readonly() {
                return Err(
                    "this shell only reads the store; open it to write, with the server stopped"
                        .to_owned(),
                );
            }
            if let Some(table) = run(&mut statement).map_err(say)? {
                tables.push(table);
            }
        }
        Ok(tables)
    }
}

fn say(error: rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError {
            msg, sql, offset, ..
        } => {
            let rest = usize::try_from(offset)
                .ok()
                .and_then(|at| sql.get(at..))
                .unwrap_or_default();
            let near: String = rest.chars().take(40).collect();
            if near.is_empty() {
                msg
            } else {
                format!("{msg}, at: {near}")
            }
        }
        rusqlite::Error::SqliteFailure(_, Some(message)) => message,
        other => other.to_string(),
    }
}

fn run(statement: &mut Statement<'_>) -> Result<Option<Table>, rusqlite::Error> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut rows = statement.query([])?;
    let mut table = Table {
        columns,
        rows: Vec::new(),
        cut_off: false,
    };
    while let Some(row) = rows.next()? {
        if table.rows.len() == ROWS_MAX {
            table.cut_off = true;
            break;
        }
        table.rows.push(
            (0..width)
                .map(|at| row.get_ref(at).map(show))
                .collect::<Result<_, _>>()?,
        );
    }
    Ok((width > 0).then_some(table))
}

fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => {
            let mut text = String::from("x'");
            for byte in bytes {
                // Writing into a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text + "'"
        }
    }
}
