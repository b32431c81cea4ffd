//! The store: does it open, is it whole, and how much waits to be moved into place.

use std::path::{Path, PathBuf};

use crewline_core::{Reader, StoreError, StoreErrorKind};
use crewline_store_sqlite::admin;

use super::finding::Finding;
use crate::context::Context;

/// A write-ahead log above this size says that it is never emptied.
const WAL_WARN: u64 = 512 * 1024 * 1024;

/// Looks at the store.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let Some(path) = context.store_file() else {
        return super::database::look(context);
    };
    let sqlite = Finding::ok(
        "SQLite",
        format!("{}, built in", crewline_store_sqlite::sqlite_version()),
    );
    if !path.exists() {
        let what = format!(
            "{} does not exist yet; the first start makes it",
            path.display()
        );
        return vec![sqlite, Finding::ok("store", what)];
    }
    let mut findings = vec![sqlite, contents(path)];
    let wal = beside(path, "-wal");
    if let Ok(bytes) = std::fs::metadata(&wal).map(|meta| meta.len()) {
        let what = format!("{} KiB wait in {}", bytes / 1024, wal.display());
        findings.push(if bytes > WAL_WARN {
            let remedy =
                "something reads without an end: close other programs that have the file open";
            Finding::warn("write-ahead", what, remedy)
        } else {
            Finding::ok("write-ahead", what)
        });
    }
    let left = beside(path, ".restoring");
    if left.exists() {
        let what = format!("a restore was interrupted and has left {}", left.display());
        let remedy =
            "restore again; the file may be the store that was replaced, and is then set aside";
        findings.push(Finding::warn("restore", what, remedy));
    }
    findings
}

/// What stands in a database. One that cannot be read is told elsewhere.
pub(super) fn of_database<T>(
    context: &Context,
    read: impl Fn(&dyn Reader) -> Result<Vec<T>, StoreError>,
) -> Vec<T> {
    let store = context.open_beside();
    let found = store.map(|store| read(store.reader()));
    found.ok().and_then(Result::ok).unwrap_or_default()
}

/// Opens it for reading and lets SQLite look over it; the whole check is `crewline db check`.
fn contents(path: &Path) -> Finding {
    let damaged = "restore a backup; crewline db check says more";
    // Nobody should put an old backup in the place of what is whole.
    let out_of_reach = "set that right and ask again; nothing says that the data is damaged";
    let mut shell = match admin::open_shell(path, false) {
        Ok(shell) => shell,
        Err(error) => {
            let remedy = if error.kind == StoreErrorKind::Corrupt {
                damaged
            } else {
                out_of_reach
            };
            return Finding::fail("store", error.to_string(), remedy);
        }
    };
    let mut ask = |sql: &str| -> Result<String, String> {
        let tables = shell.run(sql)?;
        let cell = tables
            .first()
            .and_then(|table| table.rows.first()?.first().cloned());
        Ok(cell.unwrap_or_default())
    };
    match (ask("PRAGMA quick_check(1)"), ask("PRAGMA user_version")) {
        (Ok(check), Ok(version)) if check == "ok" => Finding::ok(
            "store",
            format!("{} is whole (schema {version})", path.display()),
        ),
        (Err(fault), _) | (Ok(_), Err(fault)) if !fault.contains("malformed") => Finding::fail(
            "store",
            format!("{} cannot be read: {fault}", path.display()),
            out_of_reach,
        ),
        (Ok(fault) | Err(fault), _) => Finding::fail(
            "store",
            format!("{} is damaged: {fault}", path.display()),
            damaged,
        ),
    }
}

/// The path with something appended to its last part.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
