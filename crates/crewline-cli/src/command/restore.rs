//! `crewline db restore`: a backup in the place of the store, and what its consumers will see.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use crewline_api::AuditKind;
use crewline_engine::{Clock as _, SystemClock};
use crewline_store_sqlite::admin::{self, RestoreOptions, Restored};
use serde_json::json;

use super::audit::note;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::plain;
use crate::progress;

const HELP: &str = "\
The backup is checked before anything is touched. A kill at any moment leaves the old store or the new one, never a mix,
and nothing is deleted: the old store stays beside under a name with the time in it.

Stop the server first, and run this as the user that the server runs as. Afterwards the logs have a new epoch: consumers
that follow them are told, and begin again from a snapshot. What was taken back since the backup (tokens, sessions,
disabled users, old passwords) is good again: look at crewline token list and crewline user list.

Examples:
  crewline db restore /var/backups/crewline-2026-11-25.db --store sqlite:///var/lib/crewline/crewline.db
  crewline db restore backup.db --replace --revoke-sessions";

/// What to restore, and how.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct RestoreArgs {
    /// The backup, made by crewline db backup
    pub(crate) file: PathBuf,
    /// Take the place of a store that is there; it is kept beside under another name
    #[arg(long)]
    pub(crate) replace: bool,
    /// Let everybody sign in again: no session of the backup is good any more
    #[arg(long)]
    pub(crate) revoke_sessions: bool,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Restores.
pub(crate) fn run(args: &RestoreArgs, context: &mut Context) -> Result<(), Failure> {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now().as_millis())
        .map_err(|error| Failure::new(format!("the clock says what cannot be: {error}")))?;
    let options = RestoreOptions {
        replace: args.replace,
        revoke_sessions: args.revoke_sessions,
        stamp: now.strftime("%Y%m%dT%H%M%SZ").to_string(),
        note: Some((note(AuditKind::StoreRestored), SystemClock.now())),
    };
    let path = context
        .need_file("pg_restore, or a base backup of the database; stop the server before")?
        .to_owned();
    let restored = admin::restore(&args.file, &path, &options, progress::meter("copied"))?;
    if args.json {
        return context
            .out
            .json(&as_json(&path.display().to_string(), &restored));
    }
    let text = as_text(&path.display().to_string(), &restored, args.revoke_sessions);
    context.out.write(&text)
}

fn as_json(store: &str, restored: &Restored) -> serde_json::Value {
    let revived = restored.revived.as_ref().map(|revived| {
        let tokens: Vec<String> = revived.tokens.iter().map(ToString::to_string).collect();
        json!({ "tokens": tokens, "users": revived.users, "passwords": revived.passwords })
    });
    json!({
        "store": store, "epoch": restored.epoch, "backupOfEpoch": restored.backup_of_epoch,
        "messages": restored.messages, "events": restored.events, "kept": restored.kept, "setAside": restored.set_aside,
        "tokens": restored.tokens, "sessions": restored.sessions, "goodAgain": revived,
    })
}

fn as_text(store: &str, restored: &Restored, signed_out: bool) -> String {
    let mut text = format!(
        "{store} is restored: {} messages and {} events\n",
        restored.messages, restored.events
    );
    let mut line = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    if let Some(kept) = &restored.kept {
        line(format!("the store before is kept as {}", kept.display()));
    }
    for path in &restored.set_aside {
        line(format!(
            "set aside, since it was in the way: {}",
            path.display()
        ));
    }
    line(format!(
        "its logs have a new epoch, {}: a consumer that names the old one ({}) is told epoch_changed, and begins again from \
         a snapshot",
        restored.epoch, restored.backup_of_epoch
    ));
    line("what was sent and said after the backup is not in it: senders with an idempotency key may send again".to_owned());
    line(good_again(restored));
    line(if signed_out {
        "nobody is signed in: everybody signs in again".to_owned()
    } else {
        format!(
            "{} sessions are open again, also those that were closed since the backup; --revoke-sessions closes them all",
            restored.sessions
        )
    });
    text
}

/// What of the directory was taken back since the backup was made.
fn good_again(restored: &Restored) -> String {
    let tokens = restored.tokens;
    let Some(revived) = &restored.revived else {
        return format!(
            "{tokens} tokens are good now, also those that were revoked since the backup; users and passwords are those of \
             the backup: look at crewline token list and crewline user list"
        );
    };
    let mut parts = Vec::new();
    if !revived.tokens.is_empty() {
        let ids: Vec<String> = revived.tokens.iter().map(ToString::to_string).collect();
        parts.push(format!(
            "tokens that were revoked since the backup are good again: {} (crewline token revoke ID)",
            ids.join(", ")
        ));
    }
    if !revived.users.is_empty() {
        let ids: Vec<String> = revived.users.iter().map(|id| plain(id)).collect();
        parts.push(format!(
            "users who were disabled since are let in again: {} (crewline user disable ID)",
            ids.join(", ")
        ));
    }
    if revived.passwords > 0 {
        parts.push(format!(
            "{} users have the password that they had then (crewline user passwd ID)",
            revived.passwords
        ));
    }
    if parts.is_empty() {
        return format!("{tokens} tokens are good; none of them had been revoked since the backup");
    }
    parts.join("\n")
}
