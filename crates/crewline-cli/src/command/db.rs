//! `crewline db`: the store as a whole: back it up, restore it, check it, look into it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use crewline_store_sqlite::admin;
use serde_json::json;

use super::restore::{self, RestoreArgs};
use super::sql_prompt;
use crate::config::Store;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress;

/// Back up, restore, check, or look into the store
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Write a whole copy of the store into a new file, while a server runs or not
    Backup(BackupArgs),
    /// Put a backup in the place of the store; the old one is kept beside
    Restore(RestoreArgs),
    /// Check every page and every rule of the store
    Check(CheckArgs),
    /// Look into the store with SQL; read-only unless --write is given
    Shell(ShellArgs),
}

const BACKUP_HELP: &str = "\
The copy is one file, and it is whole or not there at all. When a server opens it, its logs have a new epoch, and
consumers are told: nothing is skipped or repeated silently.

Example:
  crewline db backup /var/backups/crewline-$(date +%F).db";

/// Where to.
#[derive(Debug, Args)]
#[command(after_help = BACKUP_HELP)]
pub(crate) struct BackupArgs {
    /// The new file; it must not exist
    pub(crate) file: PathBuf,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to check.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits 1 where anything is wrong. It reads the whole file: on a large store it takes a while."
)]
pub(crate) struct CheckArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const SHELL_HELP: &str = "\
A statement ends with a semicolon. .tables lists the tables, .schema shows them, .quit ends.

Examples:
  crewline db shell
  crewline db shell 'SELECT id, role FROM participant'
  echo 'SELECT count(*) FROM message;' | crewline db shell";

/// How to look.
#[derive(Debug, Args)]
#[command(after_help = SHELL_HELP)]
pub(crate) struct ShellArgs {
    /// Let statements change the store. A running server does not expect that: stop it first
    #[arg(long)]
    pub(crate) write: bool,
    /// Statements to run instead of asking for them
    pub(crate) sql: Option<String>,
}

/// Does it.
pub(crate) fn run(command: &DbCommand, context: &mut Context) -> Result<(), Failure> {
    // A restore may be the first file at its place.
    if !matches!(command, DbCommand::Restore(_)) {
        context.need_store()?;
    }
    match command {
        DbCommand::Backup(args) => backup(args, context),
        DbCommand::Restore(args) => restore::run(args, context),
        DbCommand::Check(args) => check(args, context),
        DbCommand::Shell(args) => sql_prompt::run(args, context),
    }
}

fn backup(args: &BackupArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.need_file("pg_dump, or a base backup of the database")?;
    let made = admin::backup_telling(store, &args.file, progress::meter("copied"))?;
    if args.json {
        return context.out.json(&json!({
            "store": context.store_shown(), "file": args.file.display().to_string(),
            "bytes": made.bytes, "epoch": made.epoch,
        }));
    }
    context.out.line(&format!(
        "{} ({} KiB)",
        args.file.display(),
        made.bytes.div_ceil(1024)
    ))
}

fn check(args: &CheckArgs, context: &mut Context) -> Result<(), Failure> {
    let report = match &context.config.store {
        Store::File(path) => admin::check(path)?,
        Store::Postgres(url) => {
            crewline_store_postgres::admin::check(&context.postgres_options(url)?)?
        }
    };
    let store = context.store_shown();
    if args.json {
        context.out.json(&json!({
            "store": store, "ok": report.is_ok(), "schema": report.schema, "epoch": report.epoch,
            "messages": report.messages, "events": report.events, "problems": report.problems,
        }))?;
    } else if report.is_ok() {
        context.out.line(&format!(
            "{store} is whole: {} messages and {} events, schema {}, epoch {}",
            report.messages, report.events, report.schema, report.epoch
        ))?;
        if report.backup_of_epoch.is_some() {
            context
                .out
                .line("it is a backup: when a server opens it, its logs get a new epoch")?;
        }
    }
    if report.is_ok() {
        return Ok(());
    }
    let mut what = format!("{store} is damaged:");
    for problem in &report.problems {
        what.push_str("\n  ");
        what.push_str(problem);
    }
    Err(Failure::new(what)
        .remedy("stop the server, keep a copy of the store, and put a backup in its place"))
}
