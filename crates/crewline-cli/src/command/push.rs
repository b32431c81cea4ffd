//! `crewline push`: the key pair by which this server says who it is to push services. Works on the store, whether a server runs
//! on it or not; a running server notices within a second.

use std::sync::Arc;

use clap::{Args, Subcommand};
use crewline_api::{ApiError, AuditKind, ErrorCode, WebhookUrl};
use crewline_core::{PushSecrets, PushSubscriptionRow, audited};
use crewline_engine::{Clock as _, SystemClock};
use crewline_http::Pushes;
use crewline_push::{Pusher, Untested, Vapid, new_key};
use serde_json::json;

use super::audit::note;
use crate::context::Context;
use crate::failure::Failure;

/// Keep the key by which this server wakes devices. Works whether a server runs on the store or not
#[derive(Debug, Subcommand)]
pub(crate) enum PushCommand {
    /// Print the public key; it is made where there is none yet
    Key(KeyArgs),
}

const KEY_HELP: &str = "\
The private key is in the store, and is shown nowhere. A new one is needed where somebody else may have read the store:
every device then has to subscribe again, which the app does by itself when it is opened next.

Examples:
  crewline push key
  crewline push key --rotate";

/// The key.
#[derive(Debug, Args)]
#[command(after_help = KEY_HELP)]
pub(crate) struct KeyArgs {
    /// Make a new key, and remove every subscription: each was made for the old one
    #[arg(long)]
    pub(crate) rotate: bool,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does it.
pub(crate) fn run(command: &PushCommand, context: &mut Context) -> Result<(), Failure> {
    let PushCommand::Key(args) = command;
    let new = new_key().map_err(Failure::new)?;
    let mut store = context.open_beside()?;
    let kept = if args.rotate {
        let what = AuditKind::PushKeyChanged;
        audited(
            store.directory(),
            note(what),
            SystemClock.now(),
            |directory, _| directory.keep_push_key(&new, true),
        )?
    } else {
        store.directory().keep_push_key(&new, false)?
    };
    let vapid = Vapid::new(&kept).map_err(|error| {
        Failure::new(error).remedy("crewline push key --rotate makes a new one")
    })?;
    if args.json {
        context.out.json(&json!({ "publicKey": vapid.public() }))
    } else {
        context.out.line(vapid.public())
    }
}

/// How the edge pushes.
pub(super) fn pushes_of(pusher: Pusher) -> Arc<dyn Pushes> {
    Arc::new(Door(pusher))
}

struct Door(Pusher);

impl Pushes for Door {
    fn public_key(&self) -> Option<String> {
        self.0.public_key()
    }

    fn refuses(&self, endpoint: &WebhookUrl) -> Option<String> {
        self.0.refuses(endpoint)
    }

    fn is_key(&self, secrets: &PushSecrets) -> bool {
        self.0.is_key(secrets)
    }

    fn changed(&self) {
        self.0.changed();
    }

    fn test(&self, row: PushSubscriptionRow) -> Result<String, ApiError> {
        self.0.test(row).map_err(|untested| match untested {
            Untested::TooSoon => ApiError::new(
                ErrorCode::TooManyRequests,
                "A test push was sent less than a second ago. Wait for it.",
            ),
            Untested::Busy => ApiError::new(
                ErrorCode::Busy,
                "Too many test pushes are under way. Try again in a second.",
            ),
        })
    }

    fn has_sent(&self, row: &PushSubscriptionRow, test: &str) -> bool {
        self.0.has_sent(row, test)
    }
}
