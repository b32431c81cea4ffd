//! Events as lines for people.

use crewline_api::{Event, EventData, MessageEvent, Priority, ReceiptEvent, SelfEvent};
use std::fmt::Write as _;

use super::local_time;
use crate::output::plain;
use crate::style::Style;

/// An event as one line: time, who, how urgent, what.
pub(crate) fn line(event: &Event, style: Style) -> String {
    let time = style.dim(&local_time(event.timestamp));
    let what = match &event.data {
        EventData::MessageReceived(data) => message(data, "", style),
        EventData::MessageSent(data) => message(data, "(sent) ", style),
        EventData::MessageDelivered(data) => receipt(data, "delivered to", style),
        EventData::MessageRead(data) => receipt(data, "read by", style),
        EventData::MessageAcknowledged(data) => receipt(data, "acknowledged by", style),
        EventData::SelfRead(data) => own(data, "read", style),
        EventData::SelfAcknowledged(data) => own(data, "acknowledged", style),
        EventData::ChatCreated(data) => {
            let ids: Vec<_> = data.user_ids.iter().map(|id| plain(id.as_str())).collect();
            format!(
                "+ chat of {}  {}",
                ids.join(", "),
                style.dim(&data.chat_id.to_string())
            )
        }
        EventData::MessageReminded(data) => format!(
            "! {} reminds of {}: not yet {}",
            style.bold(&plain(data.by_user_id.as_str())),
            data.message_id,
            data.until
        ),
        // A kind that a newer version of the contract knows.
        other => format!("· {}", other.kind()),
    };
    format!("{time}  {what}")
}

/// An event of a kind that this version does not know, as it came.
pub(crate) fn unknown(json: &str, style: Style) -> String {
    style.dim(&plain(json))
}

fn message(data: &MessageEvent, prefix: &str, style: Style) -> String {
    let (id, name) = (
        plain(data.from_user_id.as_str()),
        plain(&data.from_user_name),
    );
    let who = if id == name {
        style.bold(&id)
    } else {
        format!("{} ({name})", style.bold(&id))
    };
    let priority = data.priority.to_string();
    let priority = match data.priority {
        Priority::Emergency => style.red(&priority.to_uppercase()),
        Priority::Sticky => style.yellow(&priority),
        Priority::Fleeting => style.dim(&priority),
    };
    let ids = style.dim(&format!("[{} in {}]", data.message_id, data.chat_id));
    format!("{prefix}{who}  {priority}  {}  {ids}", plain(&data.message))
}

fn receipt(data: &ReceiptEvent, verb: &str, style: Style) -> String {
    let mut line = format!(
        "{} {verb} {}",
        style.green("✓"),
        plain(data.user_id.as_str())
    );
    if data.implied {
        line.push_str(" (implied)");
    }
    if data.late {
        line.push_str(" (late)");
    }
    if let Some(payload) = &data.payload {
        let _ = write!(
            line,
            ", with a payload of {} bytes",
            payload.as_bytes().len()
        );
    }
    format!("{line}  {}", style.dim(&format!("[{}]", data.message_id)))
}

fn own(data: &SelfEvent, verb: &str, style: Style) -> String {
    let messages = match data.message_ids.as_slice() {
        [one] => one.to_string(),
        many => format!("{} messages", many.len()),
    };
    let chat = style.dim(&format!("[{}]", data.chat_id));
    format!("· you {verb} {messages}; {} unread  {chat}", data.unread)
}

#[cfg(test)]
mod tests {
    use crate::style::{Color, Style};

    #[test]
    fn a_line_says_who_how_urgent_and_what_on_one_line() {
        let event = r#"{"seq":1,"type":"message.received","timestamp":"2026-11-23T03:47:29.120Z","data":{
            "messageId":"m100000000","chatId":"c100000000","position":1,"fromUserId":"scada:dms","fromUserName":"DMS",
            "allUserIds":["alice","scada:dms"],"message":"Two\nlines","priority":1,"sentAt":"2026-11-23T03:47:29.120Z"}}"#;
        let event = serde_json::from_str(event).unwrap();
        let line = super::line(&event, Style::of(Color::Never, &std::io::stdout()));
        assert!(
            line.ends_with("  scada:dms (DMS)  EMERGENCY  Two⏎lines  [m100000000 in c100000000]"),
            "{line}"
        );
    }
}
