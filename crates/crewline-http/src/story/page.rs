//! The story of a message as a page to be printed: no script, nothing from elsewhere, and no text taken for markup.

use std::fmt::Write as _;

use crewline_api::{MessageStory, Priority, RecipientStory, StoryMark, Timestamp};

/// The look of the app on paper: ink on white, red for an emergency alone.
const STYLE: &str = "
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #11161b; background: #ffffff;
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; }
.quiet { color: #56616c; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; border-inline-start: 3px solid #11161b;
  padding: .5rem .75rem; margin: 1rem 0; background: #f6f7f8; }
.emergency .text { border-inline-start: 6px solid #b00f19; background: #fdebe9; }
.emergency h1 { color: #a30d16; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: start; font-weight: 600; padding: .75rem 0 .25rem; }
th, td { text-align: start; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid #d3d8dd;
  overflow-wrap: anywhere; }
th { color: #3a444e; font-weight: 600; }
td small { display: block; color: #56616c; }
tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; } }
";

/// The page.
pub(super) fn html(story: &MessageStory, now: Timestamp) -> String {
    let emergency = story.priority == Priority::Emergency;
    let mut page = String::new();
    let title = if emergency { "Emergency" } else { "Message" };
    // Writing into a text cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} {id}</title>\n<style>{STYLE}</style>\n</head>\n<body{class}>\n\
         <h1>{title} from {from}</h1>\n\
         <p class=\"quiet\">{id}, message {position} of chat {chat}; sent by {sender} at {sent}, priority {priority}</p>\n\
         <p class=\"quiet\">All times are in UTC. As the server knew it at {now}.</p>\n",
        class = if emergency {
            " class=\"emergency\""
        } else {
            ""
        },
        id = story.message_id,
        from = escaped(&story.from_user_name),
        position = story.position,
        chat = story.chat_id,
        sender = escaped(story.from_user_id.as_str()),
        sent = story.sent_at,
        priority = story.priority.number(),
    );
    let text = if story.message.is_empty() {
        "<p class=\"text quiet\">The text was removed: it is older than texts are kept.</p>\n"
            .to_owned()
    } else {
        format!("<p class=\"text\">{}</p>\n", escaped(&story.message))
    };
    page.push_str(&text);
    page.push_str(
        "<table>\n<caption>What became of it</caption>\n<thead><tr><th scope=\"col\">Recipient</th>\
         <th scope=\"col\">Delivered</th><th scope=\"col\">Read</th><th scope=\"col\">Acknowledged</th></tr></thead>\n<tbody>\n",
    );
    for recipient in &story.recipients {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}<small class=\"quiet\"> {}</small></th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&recipient.name),
            escaped(recipient.user_id.as_str()),
            mark(recipient.delivered),
            mark(recipient.read),
            mark(recipient.acknowledged)
        );
    }
    page.push_str("</tbody>\n</table>\n");
    reminders(&mut page, story);
    devices(&mut page, &story.recipients);
    page.push_str("</body>\n</html>\n");
    page
}

fn mark(mark: Option<StoryMark>) -> String {
    let Some(mark) = mark else {
        return "no".to_owned();
    };
    let mut text = mark.at.to_string();
    if let Some(device_at) = mark.device_at {
        let _ = write!(text, "<small>device: {device_at}</small>");
    }
    if mark.implied {
        text.push_str("<small>implied by a later state</small>");
    }
    text
}

/// Who reminded whom.
fn reminders(page: &mut String, story: &MessageStory) {
    if story.reminders.is_empty() {
        return;
    }
    page.push_str(
        "<table>\n<caption>Reminders</caption>\n<thead><tr><th scope=\"col\">At</th><th scope=\"col\">By</th>\
         <th scope=\"col\">Until</th><th scope=\"col\">To</th></tr></thead>\n<tbody>\n",
    );
    for reminder in &story.reminders {
        let to: Vec<String> = reminder
            .user_ids
            .iter()
            .map(|id| escaped(id.as_str()))
            .collect();
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            reminder.at,
            escaped(reminder.by_user_id.as_str()),
            reminder.until.as_str(),
            to.join(", ")
        );
    }
    page.push_str("</tbody>\n</table>\n");
}

/// What each device said.
fn devices(page: &mut String, recipients: &[RecipientStory]) {
    if recipients.iter().all(|one| one.receipts.is_empty()) {
        return;
    }
    page.push_str(
        "<table>\n<caption>What each device said</caption>\n<thead><tr><th scope=\"col\">Recipient</th>\
         <th scope=\"col\">Device</th><th scope=\"col\">State</th><th scope=\"col\">Server</th>\
         <th scope=\"col\">Device's clock</th></tr></thead>\n<tbody>\n",
    );
    for recipient in recipients {
        for receipt in &recipient.receipts {
            let device = receipt.device_id.as_deref().unwrap_or("the server");
            let name = receipt.device_name.as_deref().unwrap_or_default();
            let clock = receipt.device_at.map(|at| at.to_string());
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}<small>{}</small></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(recipient.user_id.as_str()),
                escaped(name),
                escaped(device),
                receipt.state.as_str(),
                receipt.at,
                clock.unwrap_or_default()
            );
        }
    }
    page.push_str("</tbody>\n</table>\n");
}

/// A text of somebody, so that it stays a text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(
            super::escaped("<script>alert('x' & \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;"
        );
    }
}
