//! `crewline audit`: who did what, when and from where.

use clap::Args;
use crewline_api::{AuditEntry, AuditKind, Timestamp};
use crewline_core::{AuditActor, AuditQuery, Directory, DirectoryError, NewAudit, audited};
use crewline_engine::{Clock as _, SystemClock};
use serde_json::json;

use super::local_time;
use super::user::actor;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};

/// Most entries that are read at once.
const PAGE: usize = 1_000;

const HELP: &str = "\
Sign-ins, also refused ones, administration here and by the API, what watchers read, and sends. What became of a message is
told by crewline story.

Examples:
  crewline audit --who carol
  crewline audit --about alice --from 2026-11-01T00:00:00Z
  crewline audit --what session.opened --json
  crewline audit --what message.sent --who scada:dms";

/// What to show.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct AuditArgs {
    /// What this one did
    #[arg(long, value_name = "ID")]
    pub(crate) who: Option<String>,
    /// What was done to this one
    #[arg(long, value_name = "ID")]
    pub(crate) about: Option<String>,
    /// This kind of act alone, such as user.password; give it several times for several
    #[arg(long, value_name = "KIND")]
    pub(crate) what: Vec<AuditKind>,
    /// Not before this time, such as 2026-11-23T03:47:29Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<Timestamp>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a time of RFC 3339, such as 2026-11-23T03:47:29Z"))
}

/// Shows it.
pub(crate) fn run(args: &AuditArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.open_beside()?;
    let mut query = AuditQuery {
        who: args.who.clone(),
        about: args.about.clone(),
        what: args.what.clone(),
        from: args.from,
        to: args.to,
        before: None,
    };
    let mut entries: Vec<AuditEntry> = Vec::new();
    while entries.len() < args.limit {
        let wanted = PAGE.min(args.limit - entries.len());
        let page = store.reader().audit(&query, wanted)?;
        entries.extend(page.entries);
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    if args.json {
        return context.out.json(&json!({ "entries": entries }));
    }
    if entries.is_empty() {
        return context.out.line("nothing of that kind is in the audit");
    }
    let text = table(entries).render(context.out.style());
    context.out.write(&text)
}

fn table(entries: Vec<AuditEntry>) -> Table {
    let mut table = Table::new(&["WHEN", "WHO", "AS", "WHAT", "ABOUT", "FROM", "DETAIL"]);
    for entry in entries {
        let what = if entry.refused {
            format!("{} refused", entry.what)
        } else {
            entry.what.to_string()
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row([
            local_time(entry.at),
            plain(&entry.who),
            entry.role.as_str().to_owned(),
            what,
            plain(&or_none(entry.about)),
            or_none(entry.address),
            plain(&or_none(entry.detail)),
        ]);
    }
    table
}

/// A row of the audit: somebody at this terminal does something.
pub(super) fn note(what: AuditKind) -> NewAudit {
    NewAudit::new(AuditActor::terminal(actor()), what)
}

/// Carries an act at the terminal out, and notes it.
pub(super) fn noted<T>(
    directory: &mut dyn Directory,
    what: AuditKind,
    about: &str,
    act: impl FnOnce(&mut dyn Directory, &mut Vec<NewAudit>) -> Result<T, DirectoryError>,
) -> Result<T, DirectoryError> {
    audited(directory, note(what).about(about), SystemClock.now(), act)
}
