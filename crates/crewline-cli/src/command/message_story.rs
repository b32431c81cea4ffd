//! `crewline story`: the proof of what became of a message.

use clap::Args;
use crewline_api::{AuditKind, MessageId, MessageStory, StoryMark};
use serde_json::json;

use super::audit::noted;
use super::local_time;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, plain};

const HELP: &str = "\
Times are the server's; a device's own stand in the JSON and in the CSV. That it was read here is noted in the audit.

Examples:
  crewline story m2k7f3q9xab
  crewline story m2k7f3q9xab --csv > story.csv";

/// Of which message, and how.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct StoryArgs {
    /// The message
    #[arg(value_name = "MESSAGEID")]
    pub(crate) message: MessageId,
    /// One JSON object
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// A table in CSV: a row for each thing that a device said
    #[arg(long)]
    pub(crate) csv: bool,
}

/// Shows it.
pub(crate) fn run(args: &StoryArgs, context: &mut Context) -> Result<(), Failure> {
    let mut store = context.open_beside()?;
    let story = store.reader().story(args.message)?;
    let story =
        story.ok_or_else(|| Failure::new(format!("there is no message {}", args.message)))?;
    let about = story.message_id.to_string();
    noted(
        store.directory(),
        AuditKind::StoryRead,
        &about,
        |_, notes| {
            for note in notes {
                note.detail = Some(format!("of {}", story.from_user_id));
            }
            Ok(())
        },
    )?;
    if args.json {
        return context.out.json(&json!(story));
    }
    if args.csv {
        let table = crewline_http::story_csv(&story);
        let table = table.ok_or_else(|| Failure::new("the table could not be written"))?;
        return context.out.write(&table);
    }
    show(&story, context)
}

fn show(story: &MessageStory, context: &mut Context) -> Result<(), Failure> {
    let name = plain(&story.from_user_name);
    let sent = local_time(story.sent_at);
    let number = story.priority.number();
    context.out.line(&format!(
        "{} from {name}, sent {sent}, priority {number}",
        story.message_id
    ))?;
    context.out.line(&plain(&story.message))?;
    let mut table = Table::new(&["RECIPIENT", "STATE", "DELIVERED", "READ", "ACKNOWLEDGED"]);
    let mark = |mark: Option<StoryMark>| match mark {
        None => "-".to_owned(),
        Some(mark) if mark.implied => format!("{} (implied)", local_time(mark.at)),
        Some(mark) => local_time(mark.at),
    };
    for recipient in &story.recipients {
        table.row([
            recipient.user_id.to_string(),
            recipient.state.as_str().to_owned(),
            mark(recipient.delivered),
            mark(recipient.read),
            mark(recipient.acknowledged),
        ]);
    }
    let text = table.render(context.out.style());
    context.out.write(&text)
}
