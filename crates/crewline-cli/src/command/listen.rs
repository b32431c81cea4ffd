//! `crewline listen`: prints the events of a participant as they come.
//!
//! With a cursor, a page is confirmed after it was printed, never before: what was not seen comes again.

use std::time::Duration;

use clap::Args;
use crewline_api::{CursorName, ErrorCode, ParticipantId, Seq};
use crewline_client::{Client, Error, RawEvent, Session};

use super::story;
use crate::client::{ConnectionArgs, block_on, failure};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

const HELP: &str = "\
Ctrl-C ends it. A lost connection is made again by itself, and nothing is skipped or repeated then.

Examples:
  crewline listen                          from now on
  crewline listen --after 0                everything, from the start
  crewline listen --cursor desk --json     from where this cursor stands; what was printed is confirmed";

/// Print the events of the token's participant as they come (from now, if neither --after nor --cursor is given)
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ListenArgs {
    /// Begin behind this event; 0 is the start
    #[arg(long, value_name = "SEQ", conflicts_with = "cursor")]
    pub(crate) after: Option<Seq>,
    /// Begin behind this cursor, which the server keeps, and move it after what was printed. That
    /// confirms its messages as delivered
    #[arg(long, value_name = "NAME")]
    pub(crate) cursor: Option<String>,
    /// Whose events; needed where the token names several
    #[arg(
        long,
        value_name = "ID",
        default_value = "me",
        hide_default_value = true
    )]
    pub(crate) participant: String,
    /// One event a line, as the server sent it
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the server is, and who calls
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Listens.
pub(crate) fn run(args: &ListenArgs, context: &mut Context) -> Result<(), Failure> {
    let client = args.connection.client(&context.config)?;
    block_on(async {
        let mut stop = std::pin::pin!(super::serve::stop_signal()?);
        let mut session = tokio::select! {
            session = open(args, &client) => session?,
            () = &mut stop => return Ok(()),
        };
        let outcome = tokio::select! {
            outcome = listen(args, &client, &mut session, &mut context.out) => outcome,
            () = stop => Ok(()),
        };
        // What was printed is confirmed before the end.
        session.close().await;
        outcome
    })
}

async fn open(args: &ListenArgs, client: &Client) -> Result<Session, Failure> {
    let wrong = |field: &str, fault: &dyn std::fmt::Display| {
        Failure::usage(format!("{field} is not one that can be: it {fault}"))
    };
    let participant = match args.participant.as_str() {
        "me" => None,
        id => Some(ParticipantId::new(id).map_err(|fault| wrong("--participant", &fault))?),
    };
    let fail = |error: &Error| {
        let failure = failure(error, client);
        let unnamed = error.code == ErrorCode::NotFound
            || error
                .fields
                .iter()
                .any(|fault| fault.field == "participant");
        if unnamed && participant.is_none() {
            return failure.remedy("--participant ID, where the token names several");
        }
        failure
    };
    let mut session = client.session();
    session = match (&args.cursor, args.after) {
        (Some(name), _) => {
            session.cursor(CursorName::new(name).map_err(|fault| wrong("--cursor", &fault))?)
        }
        (None, Some(seq)) => session.after(seq),
        (None, None) => {
            // Whoever listens from now on wants to know at once where nobody answers.
            let once = client.with_patience(Duration::ZERO);
            let head = once.head(participant.as_ref()).await;
            let head = head.map_err(|error| fail(&error))?;
            session.after(head.head).epoch(head.epoch)
        }
    };
    if let Some(participant) = &participant {
        session = session.participant(participant.clone());
    }
    session.connect().await.map_err(|error| fail(&error))
}

/// Why a session that was open has ended. A log that was seen and is not seen any more was watched: the token is good,
/// and another one is no remedy.
fn ended(error: &Error, args: &ListenArgs, client: &Client) -> Failure {
    let failure = failure(error, client);
    if error.code != ErrorCode::NotFound {
        return failure;
    }
    failure.remedy(format!(
        "crewline user watch USER {}   (on the server; whoever listens may read this log again)",
        args.participant
    ))
}

async fn listen(
    args: &ListenArgs,
    client: &Client,
    session: &mut Session,
    out: &mut Output,
) -> Result<(), Failure> {
    let fail = |error: Error| ended(&error, args, client);
    loop {
        let events = session.next().await.map_err(fail)?;
        print(&events, args, out)?;
        if out.closed() {
            // Whoever read this has gone; what was not taken is not confirmed.
            return Ok(());
        }
        if let (Some(_), Some(last)) = (&args.cursor, events.last()) {
            session.ack(last.seq()).map_err(fail)?;
        }
    }
}

fn print(events: &[RawEvent], args: &ListenArgs, out: &mut Output) -> Result<(), Failure> {
    let style = out.style();
    let mut text = String::new();
    for raw in events {
        match raw.parse() {
            _ if args.json => text.push_str(raw.json()),
            Ok(Some(event)) => text.push_str(&story::line(&event, style)),
            Ok(None) | Err(_) => text.push_str(&story::unknown(raw.json(), style)),
        }
        text.push('\n');
    }
    out.write(&text)
}
