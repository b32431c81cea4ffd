//! `crewline send`: sends a message, and watches what becomes of it.
//!
//! The head of the sender's log is read before the message is sent, and the log is followed from there: so no receipt
//! can come unseen, however fast it is. All tries carry one idempotency key: the message is sent once.

use std::time::Duration;

use clap::{Args, ValueEnum};
use crewline_api::{
    ErrorCode, Event, EventData, EventKind, NewMessage, NewMessageBuilder, ParticipantId, Priority,
    ReceiptEvent, ReceiptState,
};
use crewline_client::{Client, Head, Sent};
use tokio::time::Instant;

use super::states::{Show, States};
use crate::client::{ConnectionArgs, block_on, failure, later};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::random::random;

const HELP: &str = "\
Exit codes:
  0  every recipient has reached the state asked for
  1  the message was refused, or it is not known to have been accepted
  3  it was accepted, but not everybody reached the state in time

Examples:
  crewline send --to alice 'Breaker 1204 has tripped'
  crewline send --to alice --to bob --priority emergency --wait acknowledged --timeout 5m 'Leave the site'
  crewline send --to alice --wait delivered --json 'Test' | jq .state";

/// The kinds of events that tell what became of a message.
const RECEIPTS: [EventKind; 3] = [
    EventKind::MessageDelivered,
    EventKind::MessageRead,
    EventKind::MessageAcknowledged,
];

/// Send a message, and watch what becomes of it
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SendArgs {
    /// A recipient; give it several times for several
    #[arg(long, value_name = "ID", required_unless_present = "to_group")]
    pub(crate) to: Vec<String>,
    /// A group whose members are recipients; on-duty is everyone on duty; give it several times for several
    #[arg(long, value_name = "GROUP")]
    pub(crate) to_group: Vec<String>,
    /// The external that sends; needed where the token names several
    #[arg(long, value_name = "EXTID")]
    pub(crate) from: Option<String>,
    /// The sender's name, as people are to see it [default: the id]
    #[arg(long, value_name = "NAME")]
    pub(crate) from_name: Option<String>,
    /// How urgent it is
    #[arg(long, default_value = "fleeting")]
    pub(crate) priority: PriorityArg,
    /// The state to wait for
    #[arg(long, default_value = "accepted")]
    pub(crate) wait: StateArg,
    /// How long to try and to wait: 30s, 500ms, 2m, 1h
    #[arg(long, default_value = "30s", value_parser = super::parse_duration)]
    pub(crate) timeout: Duration,
    /// What makes another try of the same message the same message [default: made for this call]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// One change of state a line, as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The text: 1 to 4,000 characters
    pub(crate) text: String,
    /// Where the server is, and who calls
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PriorityArg {
    /// Its alert ends only by its own acknowledgement
    Emergency,
    /// An alert that passes
    Fleeting,
    /// An alert that stays until it is closed
    Sticky,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// The server has it durably
    Accepted,
    /// A device of the recipient has it
    Delivered,
    /// The person has opened it
    Read,
    /// The person has pressed the button
    Acknowledged,
}

impl From<PriorityArg> for Priority {
    fn from(priority: PriorityArg) -> Self {
        match priority {
            PriorityArg::Emergency => Self::Emergency,
            PriorityArg::Fleeting => Self::Fleeting,
            PriorityArg::Sticky => Self::Sticky,
        }
    }
}

impl From<StateArg> for ReceiptState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Accepted => Self::Accepted,
            StateArg::Delivered => Self::Delivered,
            StateArg::Read => Self::Read,
            StateArg::Acknowledged => Self::Acknowledged,
        }
    }
}

/// Sends.
pub(crate) fn run(args: &SendArgs, context: &mut Context) -> Result<(), Failure> {
    let client = args.connection.client(&context.config)?;
    block_on(send(args, &client, &mut context.out))
}

async fn send(args: &SendArgs, client: &Client, out: &mut Output) -> Result<(), Failure> {
    let wanted = ReceiptState::from(args.wait);
    let deadline = Instant::now() + args.timeout;
    let key = match &args.idempotency_key {
        Some(key) => key.clone(),
        None => random_key()?,
    };
    let (from, head) = sender(args, client, deadline).await?;
    let message = message(args, from.as_str(), &key)?;
    let sent = accept(client, message, &key, args.timeout, deadline).await?;
    let show = if args.json { Show::Json } else { Show::People };
    let id = sent.message.message_id.to_string();
    let users = sent
        .message
        .recipients
        .iter()
        .map(|recipient| recipient.user_id.to_string())
        .collect();
    let mut states = States::accepted(out, show, &id, users, sent.message.sent_at)?;
    if states.all(wanted) {
        return Ok(());
    }
    let watch = watch(client, &from, head, &sent, wanted, &mut states, out);
    match tokio::time::timeout_at(deadline, watch).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::timed_out(format!(
            "the message {id} was accepted, but within {} it was not {wanted} by {}",
            seconds(args.timeout),
            states.missing(wanted)
        ))
        .remedy("crewline listen   (it will tell when it is)")),
    }
}

/// Who sends, and where that participant's log stands before the message; nowhere, where nothing is to be watched.
async fn sender(
    args: &SendArgs,
    client: &Client,
    deadline: Instant,
) -> Result<(ParticipantId, Option<Head>), Failure> {
    let from = args.from.as_ref().map(|from| {
        ParticipantId::new(from)
            .map_err(|fault| Failure::usage(format!("--from is not one that can be: it {fault}")))
    });
    let from = from.transpose()?;
    if let (Some(from), StateArg::Accepted) = (&from, args.wait) {
        return Ok((from.clone(), None));
    }
    let head = until(client, deadline).head(from.as_ref()).await;
    let which =
        || Failure::usage("the token does not name exactly one participant").remedy("--from EXTID");
    let head = head.map_err(|error| match error.code {
        ErrorCode::NotFound if from.is_none() => which(),
        _ => failure(&error, client),
    })?;
    match from.or_else(|| head.participant.clone()) {
        Some(from) => Ok((from, Some(head))),
        None => Err(which()),
    }
}

/// The client, with as much patience as is left.
fn until(client: &Client, deadline: Instant) -> Client {
    let left = deadline.saturating_duration_since(Instant::now());
    client.with_patience(left.max(Duration::from_millis(1)))
}

fn message(args: &SendArgs, from: &str, key: &str) -> Result<NewMessage, Failure> {
    let name = args.from_name.as_deref().unwrap_or(from);
    let message = NewMessage::builder(from, name, &args.text).to_all(&args.to);
    let groups = args.to_group.iter();
    groups
        .fold(message, NewMessageBuilder::to_group)
        .priority(args.priority.into())
        .idempotency_key(key)
        .build()
        .map_err(|error| {
            let fields = error
                .fields
                .iter()
                .map(|field| format!("\n  {}: {}", field.field, field.detail));
            Failure::usage(format!(
                "the message is not one that can be sent:{}",
                fields.collect::<String>()
            ))
        })
}

/// Sends until the server has answered for good.
async fn accept(
    client: &Client,
    message: NewMessage,
    key: &str,
    timeout: Duration,
    deadline: Instant,
) -> Result<Sent, Failure> {
    let sent = until(client, deadline).send(message).await;
    sent.map_err(|error| {
        if !error.is_retryable() {
            return failure(&error, client);
        }
        let what = format!(
            "within {} the message was not accepted, as far as is known: {}",
            seconds(timeout),
            later(&error)
        );
        Failure::new(what)
            .remedy(format!(
                "the same command with --idempotency-key {key}: it is sent once, however often you try"
            ))
            .remedy("crewline serve   (on the server), or another address: CREWLINE_URL=… or --url")
    })
}

/// Follows the sender's log until everybody has come as far as is wanted.
async fn watch(
    client: &Client,
    from: &ParticipantId,
    head: Option<Head>,
    sent: &Sent,
    wanted: ReceiptState,
    states: &mut States,
    out: &mut Output,
) -> Result<(), Failure> {
    if sent.again {
        // It was stored before this command began: what came since stands before the head.
        let view = client.message(sent.message.message_id, Some(from)).await;
        let view = view.map_err(|error| failure(&error, client))?;
        for recipient in view.recipients {
            let at = recipient
                .acknowledged_at
                .or(recipient.read_at)
                .or(recipient.delivered_at);
            let (user, at) = (recipient.user_id.as_str(), at.unwrap_or(view.sent_at));
            states.reached(out, user, recipient.state, at, false)?;
        }
    }
    let mut session = client.session().participant(from.clone()).types(RECEIPTS);
    if let Some(head) = head {
        session = session.after(head.head).epoch(head.epoch);
    }
    let mut session = session.start();
    while !states.all(wanted) {
        let events = session.next().await;
        for raw in events.map_err(|error| failure(&error, client))? {
            // A kind that this version does not know is skipped, as the contract asks.
            let Some(event) = raw.parse().map_err(|error| failure(&error, client))? else {
                continue;
            };
            if let Some((state, receipt)) = receipt(&event)
                && receipt.message_id == sent.message.message_id
            {
                states.reached(
                    out,
                    receipt.user_id.as_str(),
                    state,
                    receipt.at,
                    receipt.implied,
                )?;
            }
        }
    }
    Ok(())
}

fn receipt(event: &Event) -> Option<(ReceiptState, &ReceiptEvent)> {
    match &event.data {
        EventData::MessageDelivered(data) => Some((ReceiptState::Delivered, data)),
        EventData::MessageRead(data) => Some((ReceiptState::Read, data)),
        EventData::MessageAcknowledged(data) => Some((ReceiptState::Acknowledged, data)),
        _ => None,
    }
}

fn random_key() -> Result<String, Failure> {
    Ok(format!("cli-{:032x}", u128::from_be_bytes(random()?)))
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
