//! `crewline version`, and what `--version` prints: which build this is, and which stores it knows.

use std::sync::LazyLock;

use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
use crate::style::Color;

const NUMBER: &str = env!("CARGO_PKG_VERSION");
/// `unknown` where the build was not told (build.rs).
const COMMIT: &str = env!("CREWLINE_COMMIT");
const TARGET: &str = env!("CREWLINE_TARGET");

/// Show version, commit, and the schemas of the stores that this program knows
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows it. It opens no store and reads no configuration.
pub(crate) fn run(args: &VersionArgs, color: Color) -> Result<(), Failure> {
    let mut out = Output::new(color);
    if args.json {
        return out.json(&described());
    }
    out.line(&format!("crewline {}", long()))
}

/// What `--version` prints behind the name.
pub(crate) fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let committed = committed().map_or_else(
            || "at an unknown time".to_owned(),
            |time| format!("at {time}"),
        );
        format!(
            "{NUMBER} ({COMMIT})\ncommitted {committed}, built for {TARGET}\nschemas: SQLite {}, PostgreSQL {}",
            crewline_store_sqlite::NEWEST_SCHEMA,
            crewline_store_postgres::NEWEST_SCHEMA
        )
    });
    &TEXT
}

fn described() -> Value {
    json!({
        "version": NUMBER,
        "commit": COMMIT,
        "committedAt": committed(),
        "target": TARGET,
        "schemas": {
            "sqlite": crewline_store_sqlite::NEWEST_SCHEMA,
            "postgres": crewline_store_postgres::NEWEST_SCHEMA,
        },
    })
}

/// When the commit was made. It stands for the time of the build, which is told nowhere: the same sources make the same program.
fn committed() -> Option<String> {
    let seconds = env!("CREWLINE_COMMITTED").parse().ok()?;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.to_string())
}
