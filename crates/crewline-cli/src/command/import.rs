//! `crewline user import`: users from a CSV file, all or none.
//!
//! The whole file is read and checked before anything is written, so that one run names every fault.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use crewline_api::{AuditKind, ParticipantId};
use crewline_core::{ImportReport, ImportRow, NewAudit, NewUser, Reader};
use crewline_engine::{Clock as _, SystemClock};

use super::audit::noted;
use super::password;
use super::user_file::{Row, parse};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::plain;

const HELP: &str = "\
The file is CSV in UTF-8 with the header id,name,role,password, its columns in any order. name may be empty (the id is
shown), and so may role (crew) and password (none is set, or the old one stays). Ids are taken as they are, spaces
included. A user who is not in the file stays as it is.

Example:
  crewline user import crew.csv --dry-run";

/// Faults shown before the rest is counted only.
const FAULTS_SHOWN: usize = 20;
/// Ids shown of each kind in the report.
const IDS_SHOWN: usize = 20;

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ImportArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Imports.
pub(crate) fn run(args: &ImportArgs, context: &mut Context) -> Result<(), Failure> {
    let file = args.file.display().to_string();
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::new(format!("cannot read {file}: {error}")))?;
    let (rows, warnings) = parse(&bytes).map_err(|faults| faulty(&file, &faults))?;
    for warning in warnings {
        context.warn(&warning);
    }
    let mut store = context.open_or_make()?;
    let rows = hash_passwords(rows, store.reader(), args.dry_run)?;
    let now = SystemClock.now();
    let report = if args.dry_run {
        store.directory().import_users(&rows, true, now)?
    } else {
        let what = AuditKind::UsersImported;
        noted(store.directory(), what, "", |directory, notes| {
            let report = directory.import_users(&rows, false, now)?;
            note_each(notes, &report);
            Ok(report)
        })?
    };
    tell(&report, args.dry_run, context)
}

/// A row of the audit for each user that was added or changed.
fn note_each(notes: &mut Vec<NewAudit>, report: &ImportReport) {
    let Some(first) = notes.pop() else {
        return;
    };
    for (ids, how) in [(&report.added, "added"), (&report.changed, "changed")] {
        let note = |id: &ParticipantId| first.clone().about(id.as_str()).detail(how);
        notes.extend(ids.iter().map(note));
    }
}

fn faulty(file: &str, faults: &[String]) -> Failure {
    let mut what = format!("{file} was not imported; nothing was changed:");
    for fault in faults.iter().take(FAULTS_SHOWN) {
        what.push_str("\n  ");
        what.push_str(&plain(fault));
    }
    if faults.len() > FAULTS_SHOWN {
        let _ = write!(what, "\n  and {} more", faults.len() - FAULTS_SHOWN);
    }
    Failure::new(what).remedy("mend the file; crewline user import FILE --dry-run only checks")
}

/// Hashes the passwords, on all cores. A password that is the user's own already is left out, so that importing a file
/// twice changes nothing and ends nobody's session.
fn hash_passwords(
    rows: Vec<Row>,
    reader: &dyn Reader,
    dry_run: bool,
) -> Result<Vec<ImportRow>, Failure> {
    let stored: Vec<Option<String>> = rows
        .iter()
        .map(|row| match row.password {
            Some(_) => Ok(reader.password(&row.id)?.and_then(|stored| stored.hash)),
            None => Ok(None),
        })
        .collect::<Result<_, Failure>>()?;
    let hashed: Vec<Mutex<Result<Option<String>, Failure>>> =
        rows.iter().map(|_| Mutex::new(Ok(None))).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(row), Some(place)) = (rows.get(at), hashed.get(at)) else {
                        break;
                    };
                    let result = new_hash(row.password.as_deref(), stored[at].as_deref(), dry_run);
                    if let Ok(mut place) = place.lock() {
                        *place = result;
                    }
                }
            });
        }
    });
    let row = |(row, hash): (Row, Mutex<_>)| {
        let password = hash
            .into_inner()
            .map_err(|_| Failure::new("hashing the passwords failed"))??;
        let user = NewUser {
            id: row.id,
            name: row.name,
            role: row.role,
            password,
        };
        Ok(ImportRow {
            user,
            line: row.line,
        })
    };
    rows.into_iter().zip(hashed).map(row).collect()
}

fn new_hash(
    password: Option<&str>,
    stored: Option<&str>,
    dry_run: bool,
) -> Result<Option<String>, Failure> {
    let Some(password) = password else {
        return Ok(None);
    };
    if stored.is_some() && crewline_http::password::verify(password, stored) {
        return Ok(None);
    }
    if dry_run {
        // It is never stored; it only says that there is a new one.
        return Ok(Some(String::new()));
    }
    password::hash(password).map(Some)
}

fn tell(report: &ImportReport, dry_run: bool, context: &mut Context) -> Result<(), Failure> {
    for (id, other) in &report.look_alikes {
        let text = format!(
            "{} looks like {}, which is another participant",
            plain(id.as_str()),
            plain(other.as_str())
        );
        context.warn(&text);
    }
    let verbs = if dry_run {
        ["would add", "would change", "would leave"]
    } else {
        ["added", "changed", "left"]
    };
    let lists = [&report.added, &report.changed, &report.unchanged];
    for (verb, ids) in verbs.into_iter().zip(lists) {
        let shown: Vec<_> = ids
            .iter()
            .take(IDS_SHOWN)
            .map(|id| plain(id.as_str()))
            .collect();
        let mut line = format!("{verb} {}", ids.len());
        if !shown.is_empty() {
            let _ = write!(line, ": {}", shown.join(", "));
        }
        if ids.len() > shown.len() {
            let _ = write!(line, " and {} more", ids.len() - shown.len());
        }
        context.out.line(&line)?;
    }
    if dry_run {
        context.out.line("nothing was changed (--dry-run)")?;
    }
    Ok(())
}
