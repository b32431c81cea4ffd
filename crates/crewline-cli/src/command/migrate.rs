//! `crewline migrate`: moves a whole store into another one, from SQLite to PostgreSQL or the other way.

use std::time::Instant;

use clap::Args;
use crewline_core::copy::{CopySource, CopyTarget};
use crewline_store_postgres::copy as postgres;
use crewline_store_sqlite::copy as sqlite;
use serde_json::{Value, json};

use super::mover::{Compared, Copied, Plan, compare, fill, index};
use crate::config::{Store, without_password};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, complain};

/// The number of the schema, which both stores share.
const SCHEMA: i32 = crewline_store_sqlite::NEWEST_SCHEMA;
const _: () = assert!(SCHEMA == crewline_store_postgres::NEWEST_SCHEMA);

/// How much of a checksum people are shown.
const SHOWN_DIGITS: usize = 16;

const HELP: &str = "\
Stop all servers on both stores first: what they answered meanwhile would not be in the copy. While it runs, nobody can
serve or change either store; the old store is only read, and stays as it is. Messages, logs, receipts, cursors, users,
passwords, tokens, sessions, webhooks, the audit and the epoch are moved as they are: nobody signs in again, and no
consumer notices.

It can be stopped at any moment (Ctrl-C, a power cut, a database that is away): the same command goes on where it was.
Until all is moved and compared, the new store cannot be served. At the end counts and checksums of every table are shown.

Examples:
  crewline migrate --from sqlite:///var/lib/crewline/crewline.db --to postgres://crew@db.example.org/crewline
  PGPASSWORD=… crewline migrate --from sqlite://crewline.db --to postgres://crew@localhost/crewline --json";

/// From where to where.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct MigrateArgs {
    /// The store that is moved: sqlite://PATH or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where to: a file that is not there, or a database without a store
    #[arg(long, value_name = "URL")]
    to: String,
    /// Remove a half-made copy, and begin again
    #[arg(long)]
    anew: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Most rows in one transaction
    #[arg(long, value_name = "ROWS", default_value_t = 5_000, hide = true, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
}

/// Moves it.
pub(crate) fn run(args: &MigrateArgs, context: &mut Context) -> Result<(), Failure> {
    let (from, to) = (store("--from", &args.from)?, store("--to", &args.to)?);
    if args.from == args.to {
        return Err(Failure::usage("--from and --to are the same store"));
    }
    let mut source = open_source(&from, context)?;
    let plan = Plan::of(&mut *source, SCHEMA)?;
    if args.anew {
        discard(&to, context)?;
    }
    let mut target = open_target(&to, context)?;
    let went_on = plan.begin(&mut *target)?;
    complain(&format!(
        "{} {} rows from {} to {}; it can be stopped at any moment, and the same command goes on\n",
        if went_on {
            "going on, to move"
        } else {
            "moving"
        },
        plan.rows(),
        source.name(),
        target.name()
    ));
    let began = Instant::now();
    let copied = fill(&mut *source, &mut *target, &plan, args.rows as usize)?;
    let seconds = began.elapsed().as_secs_f64();
    let tables = compare(&mut *source, &mut *target, &plan)?;
    let same = tables.iter().all(Compared::is_same);
    if same {
        target.finish()?;
        index(&mut *target, plan.messages())?;
    }
    let done = Done {
        from: source.name(),
        to: target.name(),
        serve: without_password(&args.to),
        epoch: plan.epoch().to_owned(),
        went_on,
        copied,
        seconds,
        tables,
    };
    if args.json {
        context.out.json(&done.as_json())?;
    } else {
        context.out.write(&done.as_text(context))?;
    }
    if same {
        return Ok(());
    }
    Err(Failure::new(format!(
        "what is in {} is not what is in {}: somebody has changed it, or a disk is damaged. It cannot be served, and nothing of the \
         old store was changed",
        done.to, done.from
    ))
    .remedy("crewline db check --store … of the old store")
    .remedy("the same command with --anew, which copies all of it again"))
}

fn store(flag: &str, url: &str) -> Result<Store, Failure> {
    Store::of(url).ok_or_else(|| {
        Failure::usage(format!(
            "{flag} is sqlite:// and a path, or postgres://USER@HOST/DATABASE"
        ))
    })
}

fn open_source(store: &Store, context: &Context) -> Result<Box<dyn CopySource>, Failure> {
    Ok(match store {
        Store::File(path) => sqlite::source(&context.sqlite_options(path))?,
        Store::Postgres(url) => postgres::source(&context.postgres_options(url)?)?,
    })
}

fn open_target(store: &Store, context: &Context) -> Result<Box<dyn CopyTarget>, Failure> {
    Ok(match store {
        Store::File(path) => sqlite::target(&context.sqlite_options(path))?,
        Store::Postgres(url) => postgres::target(&context.postgres_options(url)?)?,
    })
}

fn discard(store: &Store, context: &Context) -> Result<(), Failure> {
    match store {
        Store::File(path) => sqlite::discard(&context.sqlite_options(path))?,
        Store::Postgres(url) => postgres::discard(&context.postgres_options(url)?)?,
    }
    Ok(())
}

/// What came of it.
struct Done {
    from: String,
    to: String,
    /// The new store as a flag names it.
    serve: String,
    epoch: String,
    went_on: bool,
    copied: Copied,
    seconds: f64,
    tables: Vec<Compared>,
}

impl Done {
    fn is_same(&self) -> bool {
        self.tables.iter().all(Compared::is_same)
    }

    fn as_json(&self) -> Value {
        let table = |one: &Compared| {
            json!({
                "table": one.table, "same": one.is_same(),
                "from": { "rows": one.from.rows, "checksum": one.from.sum },
                "to": { "rows": one.to.rows, "checksum": one.to.sum },
            })
        };
        json!({
            "from": self.from, "to": self.to, "ok": self.is_same(), "epoch": self.epoch, "wentOn": self.went_on,
            "copied": { "rows": self.copied.rows, "bytes": self.copied.bytes, "seconds": self.seconds },
            "tables": self.tables.iter().map(table).collect::<Vec<_>>(),
        })
    }

    fn as_text(&self, context: &Context) -> String {
        let style = context.out.style();
        let mut table = Table::new(&["TABLE", "ROWS", "CHECKSUM", "IN THE COPY"]);
        for one in &self.tables {
            let digits = |sum: &str| sum.chars().take(SHOWN_DIGITS).collect::<String>();
            let copy = if one.is_same() {
                "the same".to_owned()
            } else {
                format!("{} rows, {}", one.to.rows, digits(&one.to.sum))
            };
            table.row([
                one.table.to_owned(),
                one.from.rows.to_string(),
                digits(&one.from.sum),
                copy,
            ]);
        }
        let mut text = table.render(style);
        if self.is_same() {
            text.push_str(&self.what_next());
        }
        text
    }

    fn what_next(&self) -> String {
        let seconds = self.seconds.max(0.001);
        let mib = self.copied.bytes as f64 / (1024.0 * 1024.0);
        format!(
            "{} is moved to {}: {} rows ({mib:.1} MiB) in {seconds:.1} s, {:.0} rows and {:.1} MiB a second\nnow: crewline serve --store \
             '{}'; and do not serve the old store any more, which has the same epoch\n",
            self.from,
            self.to,
            self.copied.rows,
            self.copied.rows as f64 / seconds,
            mib / seconds,
            self.serve
        )
    }
}
