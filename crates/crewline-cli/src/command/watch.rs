//! `crewline user watch` and `unwatch`: who may read whose log. Each is one short transaction; a running server notices it.

use clap::Args;
use crewline_api::{AuditKind, ParticipantId};
use crewline_core::NewAudit;
use crewline_engine::{Clock as _, SystemClock};

use super::audit::noted;
use super::user::{actor, parse_id};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::plain;

const WATCH_HELP: &str = "\
A watcher sends nothing in the participant's name, says no receipt for it, and has none of its
cursors. An external that has not acted yet can be watched where a token names it, or a prefix of
it. crewline user list shows who watches whom.

Example:
  crewline user watch alice scada:dms
  CREWLINE_TOKEN=… crewline listen --participant scada:dms      with a token of alice";

/// Who watches whom.
#[derive(Debug, Args)]
#[command(after_help = WATCH_HELP)]
pub(crate) struct WatchArgs {
    /// The user who watches
    pub(crate) id: String,
    /// Who is watched: an external or a user
    pub(crate) participant: String,
}

const UNWATCH_HELP: &str = "\
Streams of that log that the user has open end within a second, also of a running server.

Example:
  crewline user unwatch alice scada:dms";

/// Who watches whom no longer.
#[derive(Debug, Args)]
#[command(after_help = UNWATCH_HELP)]
pub(crate) struct UnwatchArgs {
    /// The user who watches
    pub(crate) id: String,
    /// Who is watched
    pub(crate) participant: String,
}

/// Says in the audit who is watched; nothing, where it is as before.
fn say_whom(notes: &mut Vec<NewAudit>, participant: &ParticipantId, news: bool) {
    notes.retain(|_| news);
    for note in notes {
        note.detail = Some(format!("of {participant}"));
    }
}

pub(super) fn watch(args: &WatchArgs, context: &mut Context) -> Result<(), Failure> {
    let (user, participant) = (parse_id(&args.id)?, parse_id(&args.participant)?);
    let mut store = context.open_beside()?;
    let what = AuditKind::WatcherMade;
    let new = noted(
        store.directory(),
        what,
        user.as_str(),
        |directory, notes| {
            let new = directory.watch(&user, &participant, SystemClock.now())?;
            say_whom(notes, &participant, new);
            Ok(new)
        },
    )?;
    if new {
        let actor = actor();
        tracing::info!(%actor, watcher = %user, %participant, "a user watches a participant from now on");
    }
    let as_before = if new { "" } else { ", as before" };
    let (user, participant) = (plain(user.as_str()), plain(participant.as_str()));
    context
        .out
        .line(&format!("{user} watches {participant}{as_before}"))
}

pub(super) fn unwatch(args: &UnwatchArgs, context: &mut Context) -> Result<(), Failure> {
    let (user, participant) = (parse_id(&args.id)?, parse_id(&args.participant)?);
    let mut store = context.open_beside()?;
    let what = AuditKind::WatcherEnded;
    let ended = noted(
        store.directory(),
        what,
        user.as_str(),
        |directory, notes| {
            let ended = directory.unwatch(&user, &participant)?;
            say_whom(notes, &participant, ended);
            Ok(ended)
        },
    )?;
    if ended {
        let actor = actor();
        tracing::info!(%actor, watcher = %user, %participant, "a user does not watch a participant any more");
    }
    let (user, participant) = (plain(user.as_str()), plain(participant.as_str()));
    context.out.line(&if ended {
        format!("{user} does not watch {participant} any more; what is open ends within a second")
    } else {
        format!("{user} did not watch {participant}")
    })
}
