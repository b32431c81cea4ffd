//! `crewline remind`: reminds those who have not come far enough with a message.

use std::time::Duration;

use clap::{Args, ValueEnum};
use crewline_api::{MessageId, NewReminder, ReceiptState};

use crate::client::{ConnectionArgs, block_on, failure};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::plain;

const HELP: &str = "\
Only the sender reminds of a message, and a dispatcher or administrator who watches the sender. It
is no second message: each recipient who has not come so far gets the event message.reminded, and
the alert comes again. There is one reminder of a message in ten seconds; this command waits for
its turn.

Examples:
  crewline remind m2k7f3q9xab
  crewline remind m2k7f3q9xab --until delivered      those alone whose devices have been silent";

/// Remind those who have not come far enough with a message
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct RemindArgs {
    /// The message
    pub(crate) message: String,
    /// How far everybody should have come [default: acknowledged of an emergency, read of all else]
    #[arg(long, value_name = "STATE")]
    pub(crate) until: Option<UntilArg>,
    /// How long to try: 30s, 500ms, 2m, 1h
    #[arg(long, default_value = "30s", value_parser = super::parse_duration)]
    pub(crate) timeout: Duration,
    /// The answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the server is, and who calls
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How far somebody has come with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UntilArg {
    /// A device has it
    Delivered,
    /// The person has opened it
    Read,
    /// The person has pressed the button
    Acknowledged,
}

impl From<UntilArg> for ReceiptState {
    fn from(until: UntilArg) -> Self {
        match until {
            UntilArg::Delivered => Self::Delivered,
            UntilArg::Read => Self::Read,
            UntilArg::Acknowledged => Self::Acknowledged,
        }
    }
}

/// Reminds.
pub(crate) fn run(args: &RemindArgs, context: &mut Context) -> Result<(), Failure> {
    let message: MessageId = args.message.parse().map_err(|_| {
        let given = plain(&args.message);
        Failure::new(format!("{given} is not the id of a message"))
    })?;
    let client = args.connection.client(&context.config)?;
    let client = client.with_patience(args.timeout);
    let reminder = NewReminder {
        until: args.until.map(Into::into),
    };
    block_on(async {
        let reminded = client.remind(message, reminder).await;
        let reminded = reminded.map_err(|error| failure(&error, &client))?;
        if args.json {
            return context.out.json(&reminded);
        }
        if reminded.user_ids.is_empty() {
            return context.out.line("nobody was left to be reminded");
        }
        let ids: Vec<_> = reminded
            .user_ids
            .iter()
            .map(|id| plain(id.as_str()))
            .collect();
        context.out.line(&format!("reminded {}", ids.join(", ")))
    })
}
