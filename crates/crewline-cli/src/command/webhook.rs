//! `crewline webhook`: URLs to which the events of a participant are posted. Works on the store, whether a server runs on it
//! or not; a running server notices within a second.

use std::sync::Arc;

use clap::{Args, Subcommand};
use crewline_api::{AuditKind, EventKind, EventKinds, Seq, Webhook, WebhookTested, WebhookUrl};
use crewline_core::address::never_called;
use crewline_core::{NewWebhookRow, Reader, WebhookAct, WebhookNo, WebhookRow, WebhookSecret};
use crewline_engine::{Clock as _, Engine, SystemClock};
use crewline_http::WebhookTrial;
use crewline_webhook::{Settings, trial};
use serde_json::json;

use super::audit::noted;
use super::local_time;
use super::user::{actor, parse_id};
use crate::client::block_on;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};
use crate::random::random;

/// Keep the webhooks: URLs to which the events of a participant are posted. Works whether a server runs on the store or not
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Add a webhook, and print its secret
    Add(AddArgs),
    /// List the webhooks
    List(ListArgs),
    /// Post a test event from here and now, and show what is answered
    Test(OneArgs),
    /// Post nothing until it is resumed; nothing is lost that the log keeps
    Pause(OneArgs),
    /// Go on, at once
    Resume(OneArgs),
    /// Post events again: everything from one on, or one that was parked
    Replay(ReplayArgs),
    /// Remove a webhook, and its place in the log
    Remove(OneArgs),
    /// Show what a receiver did not take, and what it answered
    Failures(OneArgs),
}

const ADD_HELP: &str = "\
The secret is shown once: the receiver needs it to check who posts. Events come from now on, unless
--after says otherwise.

Examples:
  crewline webhook add scada:dms https://outage.example.org/crewline
  crewline webhook add scada:dms http://10.0.0.7/hook --type message.acknowledged --type message.read";

/// A new webhook.
#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub(crate) struct AddArgs {
    /// Whose events
    pub(crate) participant: String,
    /// Where to post them
    pub(crate) url: String,
    /// A kind of events, such as message.read; give it several times for several [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Begin behind this event; 0 is the beginning of the log [default: the newest]
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<Seq>,
    /// One JSON object, with the secret
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which webhook.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Its id from crewline webhook list
    pub(crate) id: i64,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is posted again.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Its id from crewline webhook list
    pub(crate) id: i64,
    /// Everything from this event on
    #[arg(
        long,
        value_name = "SEQ",
        required_unless_present = "parked",
        conflicts_with = "parked"
    )]
    pub(crate) from: Option<Seq>,
    /// This parked event alone
    #[arg(long, value_name = "SEQ")]
    pub(crate) parked: Option<Seq>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does it.
pub(crate) fn run(command: &WebhookCommand, context: &mut Context) -> Result<(), Failure> {
    match command {
        WebhookCommand::Add(args) => add(args, context),
        WebhookCommand::List(args) => list(args, context),
        WebhookCommand::Test(args) => test(args, context),
        WebhookCommand::Pause(args) => {
            let act = WebhookAct::Pause(format!("paused by {}", actor()));
            act_on(
                args,
                &act,
                "is paused; nothing is posted within a second",
                context,
            )
        }
        WebhookCommand::Resume(args) => act_on(args, &WebhookAct::Resume, "goes on", context),
        WebhookCommand::Replay(args) => replay(args, context),
        WebhookCommand::Remove(args) => remove(args, context),
        WebhookCommand::Failures(args) => failures(args, context),
    }
}

/// How the server posts a test event.
pub(super) fn trial_of(engine: Engine, settings: Settings) -> WebhookTrial {
    Arc::new(move |row| {
        let (engine, settings) = (engine.clone(), settings.clone());
        Box::pin(async move { trial(&row, &settings, engine.now(), engine.random()).await })
    })
}

fn add(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let participant = parse_id(&args.participant)?;
    let url =
        WebhookUrl::new(&args.url).map_err(|error| Failure::usage(format!("the URL {error}")))?;
    if let Some(why) = url.host().parse().ok().and_then(never_called) {
        return Err(Failure::usage(format!(
            "{} is never called: {why}",
            url.host()
        )));
    }
    let secret = WebhookSecret::from_random(random()?);
    let new = NewWebhookRow {
        participant,
        url,
        kinds: kinds(&args.types)?,
        secret: secret.clone(),
        after: args.after,
    };
    let mut store = context.open_beside()?;
    let what = AuditKind::WebhookAdded;
    let no = noted(store.directory(), what, "", |directory, notes| {
        let no = directory.add_webhook(&new, SystemClock.now())?;
        for note in notes {
            note.about = Some(format!("webhook {}", no.0));
            note.detail = Some(format!("of {} to {}", new.participant, new.url.host()));
        }
        Ok(no)
    })?;
    let row = find(store.reader(), no)?;
    told(&row, "a webhook is added");
    if args.json {
        let secret = Some(secret.reveal().to_owned());
        let shown = Webhook {
            secret,
            ..row.shown()
        };
        return context.out.json(&json!(shown));
    }
    let host = plain(row.url.host());
    context.out.line(&format!(
        "webhook {} posts the events of {} to {host}, from {} on",
        no.0,
        plain(row.id.as_str()),
        row.seq + 1
    ))?;
    context.out.line(&format!("secret  {}", secret.reveal()))
}

fn kinds(types: &[String]) -> Result<EventKinds, Failure> {
    if types.is_empty() {
        return Ok(EventKinds::ALL);
    }
    let kind = |text: &String| {
        text.parse::<EventKind>().map_err(|()| {
            let words: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let words = words.join(", ");
            Failure::usage(format!("--type {text}: there are {words}"))
        })
    };
    types.iter().map(kind).collect()
}

fn find(reader: &dyn Reader, no: WebhookNo) -> Result<WebhookRow, Failure> {
    let found = reader.webhooks()?.into_iter().find(|row| row.no == no);
    found.ok_or_else(|| {
        Failure::new(format!("there is no webhook {}", no.0))
            .remedy("crewline webhook list   (the first column is the id)")
    })
}

/// Says in the log who did what. The URL may hold a secret: only its host is told.
fn told(row: &WebhookRow, what: &str) {
    let actor = actor();
    tracing::info!(%actor, webhook = row.no.0, participant = %row.id, host = row.url.host(), "{what}");
}

fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let rows = context.open_beside()?.reader().webhooks()?;
    if args.json {
        let shown: Vec<Webhook> = rows.iter().map(WebhookRow::shown).collect();
        return context.out.json(&json!({ "webhooks": shown }));
    }
    if rows.is_empty() {
        return context
            .out
            .line("no webhooks yet; crewline webhook add PARTICIPANT URL makes one");
    }
    let mut table = Table::new(&["ID", "PARTICIPANT", "URL", "STATE", "AT", "HEAD", "PARKED"]);
    for row in &rows {
        table.row([
            row.no.0.to_string(),
            row.id.to_string(),
            row.url.to_string(),
            state(row),
            row.seq.to_string(),
            row.head.to_string(),
            (row.parked + row.dropped).to_string(),
        ]);
    }
    let text = table.render(context.out.style());
    context.out.write(&text)
}

fn state(row: &WebhookRow) -> String {
    match (&row.paused, row.disabled, &row.failing) {
        (Some(reason), ..) => format!("paused: {reason}"),
        (None, true, _) => "rests: its user is disabled".to_owned(),
        (None, false, Some(failing)) => format!("failing: {}", failing.error),
        (None, false, None) => "active".to_owned(),
    }
}

fn test(args: &OneArgs, context: &mut Context) -> Result<(), Failure> {
    let row = find(context.open_beside()?.reader(), WebhookNo(args.id))?;
    let settings = context.config.webhooks.settings()?;
    let random = random()?;
    block_on(async {
        let tested = trial(&row, &settings, SystemClock.now(), random).await;
        show_tested(&tested, args.json, context)
    })
}

fn show_tested(
    tested: &WebhookTested,
    as_json: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    if as_json {
        context.out.json(&json!(tested))?;
    } else if tested.taken {
        let (status, took) = (tested.status.unwrap_or_default(), tested.took_ms);
        context
            .out
            .line(&format!("taken: it answered {status} after {took} ms"))?;
    }
    match &tested.error {
        None => Ok(()),
        Some(error) => Err(Failure::new(format!("not taken: {}", plain(error)))),
    }
}

/// Does something to a webhook, and shows it.
fn act_on(
    args: &OneArgs,
    act: &WebhookAct,
    became: &str,
    context: &mut Context,
) -> Result<(), Failure> {
    let no = WebhookNo(args.id);
    let mut store = context.open_beside()?;
    let about = format!("webhook {}", no.0);
    let what = AuditKind::WebhookChanged;
    noted(store.directory(), what, &about, |directory, notes| {
        for note in notes {
            note.detail = Some(became.to_owned());
        }
        directory.act_on_webhook(no, act)
    })?;
    let row = find(store.reader(), no)?;
    told(&row, "a webhook is changed");
    if args.json {
        return context.out.json(&json!(row.shown()));
    }
    context.out.line(&format!("webhook {} {became}", no.0))
}

fn replay(args: &ReplayArgs, context: &mut Context) -> Result<(), Failure> {
    let one = OneArgs {
        id: args.id,
        json: args.json,
    };
    match (args.from, args.parked) {
        (Some(from), _) => {
            let became = format!("posts again from event {} on", from.max(1));
            act_on(&one, &WebhookAct::Replay(from), &became, context)
        }
        (None, parked) => {
            let seq = parked.unwrap_or_default();
            let became = format!("posts event {seq} once more");
            act_on(&one, &WebhookAct::ReplayParked(seq), &became, context)
        }
    }
}

fn remove(args: &OneArgs, context: &mut Context) -> Result<(), Failure> {
    let no = WebhookNo(args.id);
    let mut store = context.open_beside()?;
    let row = find(store.reader(), no)?;
    let about = format!("webhook {}", no.0);
    let what = AuditKind::WebhookRemoved;
    noted(store.directory(), what, &about, |directory, _| {
        directory.remove_webhook(no)
    })?;
    told(&row, "a webhook is removed");
    if args.json {
        return context.out.json(&json!(row.shown()));
    }
    context.out.line(&format!("webhook {} is removed", no.0))
}

fn failures(args: &OneArgs, context: &mut Context) -> Result<(), Failure> {
    let no = WebhookNo(args.id);
    let store = context.open_beside()?;
    let row = find(store.reader(), no)?;
    let failures = store.reader().webhook_failures(no, 0, usize::MAX >> 1)?;
    if args.json {
        let shown = json!({ "failures": failures, "dropped": row.dropped });
        return context.out.json(&shown);
    }
    if failures.is_empty() {
        return context
            .out
            .line("its receiver has taken every event so far");
    }
    let mut table = Table::new(&["SEQ", "STATE", "TRIED", "LAST", "WHY"]);
    for failure in &failures {
        table.row([
            failure.seq.to_string(),
            if failure.parked {
                "parked"
            } else {
                "tried again"
            }
            .to_owned(),
            failure.attempts.to_string(),
            local_time(failure.last_at),
            failure.error.clone(),
        ]);
    }
    let text = table.render(context.out.style());
    context.out.write(&text)
}
