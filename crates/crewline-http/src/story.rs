//! `GET /api/v1/messages/{messageId}/story`: the proof of what became of a message, as JSON, as CSV, or as a page to print.

mod page;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use crewline_api::{
    ApiError, AuditKind, ErrorCode, FieldCode, MessageId, MessageStory, RecipientStory, StoryMark,
    StoryReceipt, Timestamp,
};
use crewline_core::{ExternalPattern, Scope};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::{Caller, participant, watches};
use crate::fault::quoted;
use crate::id::PathIds;
use crate::problem::{Answered, internal};
use crate::query::Query;
use crate::refusals::{READ, refusals};
use crate::text::Read;
use crate::{audit, browser};

refusals!(StoryRefusals: READ, [NotFound]);

/// How a story is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Html,
}

/// See the whole story of a message.
///
/// For its sender, for those who watch the sender, and for administrators: each recipient and device, what was said and
/// when, by the server's clock and by the device's. With `format=csv` or `Accept: text/csv` as a table, with `format=html`
/// as a page to be printed. That an administrator read the story of others is noted in the audit.
#[utoipa::path(
    get, path = "/api/v1/messages/{messageId}/story", tag = "messages",
    params(
        ("messageId" = MessageId, Path, description = "The message"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `html`; what `Accept` asks for, if left out", example = "csv"),
    ),
    responses(
        (status = 200, description = "The story", content(
            (MessageStory = "application/json"), (String = "text/csv"), (String = "text/html"))),
        StoryRefusals
    )
)]
pub(crate) async fn get_story(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["format"]);
    let format = query.parsed("format", read_format);
    query.finish()?;
    let accepts = |kind: &str| {
        let given = parts.headers.get_all(ACCEPT).iter();
        given
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.trim_start().starts_with(kind))
    };
    let format = format.unwrap_or(if accepts("text/csv") {
        Format::Csv
    } else {
        Format::Json
    });
    let id: MessageId = id.parse().map_err(|_| ApiError::not_found())?;
    let story = edge.engine.read(move |reader| reader.story(id)).await?;
    let story = story.ok_or_else(ApiError::not_found)?;
    check_reader(&edge, &caller, &story).await?;
    match format {
        Format::Json => Ok(json(StatusCode::OK, &story)),
        Format::Csv => csv_answer(&story),
        Format::Html => Ok(page_answer(&story, edge.engine.now())),
    }
}

pub(crate) fn read_format(text: &str) -> Read<Format> {
    match text {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        "html" => Ok(Format::Html),
        _ => Err((
            FieldCode::OutOfRange,
            format!("is {}, and must be json, csv or html", quoted(text)),
        )),
    }
}

/// Lets in the sender, those who watch the sender, and administrators, whose reading is noted.
async fn check_reader(edge: &Edge, caller: &Caller, story: &MessageStory) -> Result<(), ApiError> {
    let sender = &story.from_user_id;
    match &caller.credential().scope {
        Scope::User { id, .. } if id == sender => return Ok(()),
        Scope::User { no, .. } => {
            let row = participant(edge, sender).await?;
            if let Some(row) = row
                && watches(edge, *no, row.no).await?
            {
                caller.note_watching(edge, *no, (row.no, sender)).await;
                return Ok(());
            }
        }
        Scope::Externals(patterns) => {
            let covers = |own: &ExternalPattern| own.covers(sender);
            if patterns.iter().any(covers) && caller.external(edge, sender).await.is_ok() {
                return Ok(());
            }
        }
        Scope::Administration => {}
    }
    if caller.must_administer().is_err() {
        return Err(ApiError::not_found());
    }
    let read = caller.does(AuditKind::StoryRead);
    let read = read.about(story.message_id.to_string());
    if audit::note(edge, read.detail(format!("of {sender}"))).await {
        Ok(())
    } else {
        let detail = "That an administrator reads this could not be noted, so it is not shown. Try again later.";
        Err(ApiError::new(ErrorCode::StorageUnavailable, detail))
    }
}

fn csv_answer(story: &MessageStory) -> Answered {
    let mut response = Response::new(Body::from(csv(story).ok_or_else(internal)?));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    let name = format!("attachment; filename=\"crewline-{}.csv\"", story.message_id);
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn page_answer(story: &MessageStory, now: Timestamp) -> Response {
    let mut response = Response::new(Body::from(page::html(story, now)));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    browser::protect_print(headers);
    response
}

/// The columns of a story as a table.
const COLUMNS: [&str; 16] = [
    "messageId",
    "chatId",
    "position",
    "sentAt",
    "fromUserId",
    "fromUserName",
    "priority",
    "message",
    "userId",
    "userName",
    "state",
    "at",
    "deviceAt",
    "deviceId",
    "implied",
    "by",
];

/// A story as a table: a row for each thing that a device said, for each state that is implied, one for a recipient of whom
/// nothing is known, and one for each reminder of each recipient, with who reminded in the last column. `None` only where
/// the machine is out of memory.
///
/// A cell that a spreadsheet would take for a formula begins with `'`.
pub fn csv(story: &MessageStory) -> Option<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).ok()?;
    for recipient in &story.recipients {
        for [state, at, device_at, device, implied, by] in said(recipient)
            .into_iter()
            .map(|[state, at, device_at, device, implied]| {
                [state, at, device_at, device, implied, String::new()]
            })
            .chain(reminded(story, recipient))
        {
            let cells = [
                story.message_id.to_string(),
                story.chat_id.to_string(),
                story.position.to_string(),
                story.sent_at.to_string(),
                story.from_user_id.to_string(),
                story.from_user_name.clone(),
                story.priority.number().to_string(),
                story.message.clone(),
                recipient.user_id.to_string(),
                recipient.name.clone(),
                state,
                at,
                device_at,
                device,
                implied,
                by,
            ];
            writer.write_record(cells.map(no_formula)).ok()?;
        }
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

/// When a recipient was reminded, and by whom.
fn reminded<'a>(
    story: &'a MessageStory,
    recipient: &'a RecipientStory,
) -> impl Iterator<Item = [String; 6]> + 'a {
    let of_it = story
        .reminders
        .iter()
        .filter(|reminder| reminder.user_ids.contains(&recipient.user_id));
    of_it.map(|reminder| {
        let none = String::new;
        let (at, by) = (reminder.at.to_string(), reminder.by_user_id.to_string());
        ["reminded".to_owned(), at, none(), none(), none(), by]
    })
}

fn no_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}

/// What was said of a recipient, line by line: state, both times, device, whether it is implied.
fn said(recipient: &RecipientStory) -> Vec<[String; 5]> {
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let mut lines = Vec::new();
    for (state, mark) in marks(recipient) {
        if mark.implied {
            lines.push([
                state.to_owned(),
                mark.at.to_string(),
                time(mark.device_at),
                String::new(),
                "true".to_owned(),
            ]);
        }
    }
    let receipt = |receipt: &StoryReceipt| {
        [
            receipt.state.as_str().to_owned(),
            receipt.at.to_string(),
            time(receipt.device_at),
            receipt.device_id.clone().unwrap_or_default(),
            "false".to_owned(),
        ]
    };
    lines.extend(recipient.receipts.iter().map(receipt));
    if lines.is_empty() {
        let state = recipient.state.as_str().to_owned();
        let none = String::new;
        lines.push([state, none(), none(), none(), none()]);
    }
    lines
}

fn marks(recipient: &RecipientStory) -> impl Iterator<Item = (&'static str, StoryMark)> {
    let marks = [
        ("delivered", recipient.delivered),
        ("read", recipient.read),
        ("acknowledged", recipient.acknowledged),
    ];
    marks
        .into_iter()
        .filter_map(|(state, mark)| Some((state, mark?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(no_formula(formula.to_owned()), format!("'{formula}"));
        }
        for plain in ["", "a=1", "1-1", " =1"] {
            assert_eq!(no_formula(plain.to_owned()), plain);
        }
    }
}
