//! `crewline listen`: prints the events of a participant as they come.
//!
//! With a cursor, a page is confirmed after it was printed, never before: what was not seen comes again.

use clap::Args;
use crewline_api::{Event, Seq};

use super::story;
use crate::client::{Backoff, CallError, Client, ConnectionArgs, Follow, Frame, Start, block_on};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

const HELP: &str = "\
Ctrl-C ends it. A lost connection is made again by itself, and nothing is skipped or repeated then.

Examples:
  crewline listen                          from now on
  crewline listen --after 0                everything, from the start
  crewline listen --cursor desk --json     from where this cursor stands; each page is confirmed after it was printed";

/// Print the events of the token's participant as they come (from now, if neither --after nor --cursor is given)
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ListenArgs {
    /// Begin behind this event; 0 is the start
    #[arg(long, value_name = "SEQ", conflicts_with = "cursor")]
    pub(crate) after: Option<Seq>,
    /// Begin behind this cursor, which the server keeps, and move it after what was printed. For an external that
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
        let stop = super::serve::stop_signal()?;
        tokio::select! {
            outcome = listen(args, &client, &mut context.out) => outcome,
            () = stop => Ok(()),
        }
    })
}

async fn listen(args: &ListenArgs, client: &Client, out: &mut Output) -> Result<(), Failure> {
    let fail = |error, args: &ListenArgs| match error {
        CallError::NotFound(failure) if args.participant == "me" => {
            failure.remedy("--participant ID, where the token names several")
        }
        error => error.into_failure(client.base()),
    };
    let start = match (&args.cursor, args.after) {
        (Some(name), _) => Start::Cursor(name.clone()),
        (None, Some(seq)) => Start::After(seq),
        (None, None) => {
            let head = client.head(&args.participant).await;
            Start::After(head.map_err(|error| fail(error, args))?.head)
        }
    };
    let mut follow = Follow::new(client.clone(), &args.participant, start, None);
    follow.open().await.map_err(|error| fail(error, args))?;
    loop {
        let frames = follow.next().await?;
        print(&frames, args, out)?;
        if out.closed() {
            // Whoever read this has gone; what was not taken is not confirmed.
            return Ok(());
        }
        if let (Some(name), Some(seq)) = (
            &args.cursor,
            frames.iter().filter_map(|frame| frame.seq).max(),
        ) {
            confirm(client, &args.participant, name, seq).await?;
        }
    }
}

fn print(frames: &[Frame], args: &ListenArgs, out: &mut Output) -> Result<(), Failure> {
    let style = out.style();
    let mut text = String::new();
    for frame in frames.iter().filter(|frame| !frame.data.is_empty()) {
        let line = if args.json {
            frame.data.clone()
        } else {
            match serde_json::from_str::<Event>(&frame.data) {
                Ok(event) => story::line(&event, style),
                Err(_) => story::unknown(&frame.data, style),
            }
        };
        text.push_str(&line);
        text.push('\n');
    }
    out.write(&text)
}

/// Moves the cursor, for as long as it takes.
async fn confirm(client: &Client, participant: &str, name: &str, seq: Seq) -> Result<(), Failure> {
    let mut backoff = Backoff::default();
    loop {
        match client.put_cursor(participant, name, seq).await {
            Ok(()) => return Ok(()),
            Err(CallError::Refused(failure) | CallError::NotFound(failure)) => return Err(failure),
            Err(CallError::Later { what, after }) => {
                let wait = backoff.next(after);
                tracing::warn!("{what}; confirming again in {:.1} s", wait.as_secs_f64());
                tokio::time::sleep(wait).await;
            }
        }
    }
}
