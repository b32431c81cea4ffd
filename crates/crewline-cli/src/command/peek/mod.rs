//! `crewline import peek`: chats, messages and what waits, out of the original's database into a store.
//!
//! The rules stand in [`crewline_core::peek`]; here rows are read, and the report is told.

mod report;
mod source;
mod tls;

use clap::{Args, Subcommand};
use crewline_api::{AuditKind, CursorName};
use crewline_core::peek::{self, Import, ImportError, Options, SourceMessage, Target};
use crewline_core::{Opened, StoreErrorKind, audited};
use crewline_engine::{Clock as _, SystemClock};

use self::source::Source;
use super::audit::note;
use crate::config::without_password;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Bar;

/// Move in from another system
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Take over chats, members, messages, read marks and waiting read payloads of the original plugin
    Peek(PeekArgs),
}

const HELP: &str = "\
Reads the tables of the schema pl_chat in one read-only transaction, and writes nothing there: a role that may only
SELECT is enough. Stop the original first, so that nothing is sent or read there any more. The store must not be served
meanwhile. Run it again after a crash, or to take what came since: what was taken is not taken twice.

Users come without a password and without a name: crewline user import, before or after, gives them both.
The password of the database may stand in PGPASSWORD instead of the address. TLS: ?sslmode=require; the certificate is
always checked.

Examples:
  crewline import peek --from postgres://reader@db.example/peek --dry-run
  PGPASSWORD=… crewline import peek --from 'postgres://reader@db.example/peek?sslmode=require' --ca-file ca.pem
  crewline import peek --from postgres://reader:secret@127.0.0.1/peek --store sqlite:///var/lib/crewline/crewline.db --json";

/// Those of the library in Python, and of the one in Rust.
const CURSORS: [&str; 2] = ["default.messages", "messages:default"];

/// From where, and how.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct PeekArgs {
    /// The original's database: postgres://USER:PASSWORD@HOST/DB
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// Certificates in PEM that vouch for the database's server, beside those that this machine trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<std::path::PathBuf>,
    /// A named cursor of externals that goes along: its consumer begins with what comes after the import; may be repeated
    #[arg(long, value_name = "NAME", default_values = CURSORS)]
    pub(crate) cursor: Vec<String>,
    /// Take a store that holds messages already, none of which is from there
    #[arg(long)]
    pub(crate) add: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does it.
pub(crate) fn run(command: &ImportCommand, context: &mut Context) -> Result<(), Failure> {
    let ImportCommand::Peek(args) = command;
    let cursor = |name: &String| {
        CursorName::new(name).map_err(|error| Failure::usage(format!("--cursor {name:?} {error}")))
    };
    let options = Options {
        cursors: args.cursor.iter().map(cursor).collect::<Result<_, _>>()?,
        add: args.add,
    };
    let shown = without_password(&args.from);
    let source = Source::open(&args.from, args.ca_file.as_deref(), context)?;
    // Whatever is wrong with the source shows before there is a new store.
    let begun = Begun::read(&source)?;
    let report = if args.dry_run {
        take(&source, begun, None, options)?
    } else {
        let Opened { mut writer, reader } = open(context)?;
        let mut salt = || SystemClock.random();
        let target = Target {
            writer: writer.as_mut(),
            reader: reader.as_ref(),
            salt: &mut salt,
        };
        let report = take(&source, begun, Some(target), options)?;
        let imported = note(AuditKind::StoreImported).about(shown.as_str());
        audited(writer.directory(), imported, SystemClock.now(), |_, _| {
            Ok(())
        })?;
        report
    };
    report::tell(&report, args, &shown, context)
}

/// What is read before anything is written.
struct Begun {
    /// How many messages there are.
    count: u64,
    rows: peek::Source,
    /// The first page of messages.
    page: Vec<SourceMessage>,
    /// Payloads without a message, each with the message's id.
    lost: Vec<(i64, i64)>,
}

impl Begun {
    fn read(source: &Source) -> Result<Self, Failure> {
        let (count, chats, members) = (source.count()?, source.chats()?, source.members()?);
        let lost = source.lost_payloads()?;
        let page = source.begin_messages()?;
        let first = page.iter().map(|row| (row.id, row.from.clone())).collect();
        let rows = peek::Source {
            chats,
            members,
            first,
        };
        Ok(Self {
            count,
            rows,
            page,
            lost,
        })
    }
}

fn open(context: &Context) -> Result<Opened, Failure> {
    context.tell_of_new();
    context.open().map_err(|error| {
        let failed = error.kind == StoreErrorKind::Unavailable;
        let failure = Failure::from(error);
        if failed {
            failure.remedy("stop the server for the time of the import, or name another --store")
        } else {
            failure
        }
    })
}

fn take(
    source: &Source,
    begun: Begun,
    target: Option<Target<'_>>,
    options: Options,
) -> Result<peek::Report, Failure> {
    let mut bar = Bar::new("messages", begun.count);
    let import = Import::begin(begun.rows, target, options, SystemClock.now());
    let mut import = import.map_err(|error| failure(&error))?;
    let (mut page, mut done) = (begun.page, 0);
    while !page.is_empty() {
        for row in page {
            import.message(row).map_err(|error| failure(&error))?;
            done += 1;
        }
        bar.at(done);
        page = source.more_messages()?;
    }
    for (payload, message) in begun.lost {
        import.lost_payload(payload, message);
    }
    let report = import.finish().map_err(|error| failure(&error))?;
    bar.end();
    Ok(report)
}

fn failure(error: &ImportError) -> Failure {
    let failure = match error {
        ImportError::Store(error) => Failure::from(error.clone()),
        ImportError::Directory(error) => Failure::from(error.clone()),
        _ => Failure::new(error.to_string()),
    };
    match error {
        ImportError::NotOurs => failure
            .remedy("--store sqlite://PATH of a new store")
            .remedy("--add   (where they belong together; crewline db backup first)"),
        ImportError::OtherSource(_) => failure.remedy("--store sqlite://PATH of a new store"),
        ImportError::Store(_) => {
            failure.remedy("the same command again: it goes on from where it stopped")
        }
        ImportError::Directory(_) | ImportError::Internal(_) => failure,
    }
}
