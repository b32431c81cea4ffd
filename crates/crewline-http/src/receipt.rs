//! `POST /api/v1/receipts`

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{ApiError, FieldCode, NewReceipts, ReceiptSaid, ReceiptState, ReceiptsDone};
use crewline_core::{Actor, Answer, Command, ReceiptsCommand};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::{Faults, Place};
use crate::fields::Fields;
use crate::json::Json;
use crate::problem::{Answered, internal};
use crate::query::NoQuery;
use crate::refusals::{BODY, CALLER, WRITE, refusals};
use crate::text::Read;

refusals!(ReceiptRefusals: BODY, CALLER, WRITE, [NotAllowed]);

/// Say what became of messages.
///
/// 1 to 1,000 receipts, in any order and repeated as often as you like: the state of a recipient never goes back.
/// `delivered` says that a device has stored the message durably, `read` that the person opened it on a visible page,
/// `acknowledged` that the person pressed the button. `readUpTo` reads everything of a chat up to a message, but
/// emergencies: each of those is read by itself. The results stand in the order of the receipts.
#[utoipa::path(
    post, path = "/api/v1/receipts", tag = "receipts",
    request_body(content = NewReceipts, example = json!({"receipts": [
        {"messageId": "m2k7f3q9xab", "state": "read", "at": "2026-11-23T03:47:29.120Z"},
        {"chatId": "c1h8d2m4rwz", "readUpTo": "m2k7f3q9xab"}
    ]})),
    responses((status = 200, description = "What each receipt brought about", body = ReceiptsDone), ReceiptRefusals)
)]
pub(crate) async fn post_receipts(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let said = read_receipts(&caller, &body)?;
    let actor = caller.participant(&edge, said.participant.as_ref()).await?;
    let command = ReceiptsCommand::new(actor, said.receipts)?;
    match edge.engine.submit(Command::Receipts(command)).await? {
        Answer::Receipts(results) => Ok(json(StatusCode::OK, &ReceiptsDone { results })),
        _ => Err(internal().into()),
    }
}

pub(crate) fn read_receipts(caller: &Caller, body: &JsonBody) -> Result<NewReceipts, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let participant = fields.optional_parsed("participant", |id| caller.read_named(id));
    let list = fields.list("receipts").unwrap_or_default();
    fields.end();
    let receipts = read_list(list, &faults);
    faults.finish(|| {
        Ok(NewReceipts {
            participant,
            receipts,
        })
    })
}

/// The command of receipts that stand by themselves in a list.
pub(crate) fn receipts_command(actor: Actor, list: Json<'_>) -> Result<Command, ApiError> {
    let receipts = read_bare(list)?;
    Ok(Command::Receipts(ReceiptsCommand::new(actor, receipts)?))
}

/// Receipts that stand by themselves in a list.
pub(crate) fn read_bare(list: Json<'_>) -> Result<Vec<ReceiptSaid>, ApiError> {
    let faults = Faults::default();
    let Json::List(list) = list else {
        let detail = format!("{}, and must be a list", list.what());
        return Err(ApiError::field("receipts", FieldCode::WrongType, detail));
    };
    let receipts = read_list(list, &faults);
    faults.finish(|| Ok(receipts))
}

fn read_list(list: Vec<Json<'_>>, faults: &Faults) -> Vec<ReceiptSaid> {
    let items = list.into_iter().enumerate();
    items
        .map(|(index, item)| read_receipt(item, index, faults))
        .collect()
}

/// A state that a device can say.
pub(crate) fn read_state(word: &str) -> Read<ReceiptState> {
    let state = word.parse().ok();
    let must_be = "must be delivered, read or acknowledged; accepted is what the server says";
    state
        .filter(|state| *state != ReceiptState::Accepted)
        .ok_or_else(|| (FieldCode::OutOfRange, must_be.to_owned()))
}

/// A receipt; where it is at fault, one that stands in for it.
fn read_receipt(item: Json<'_>, index: usize, faults: &Faults) -> ReceiptSaid {
    let mut said = ReceiptSaid::Message {
        message_id: String::new(),
        state: ReceiptState::Delivered,
        at: None,
    };
    let Some(mut fields) = Fields::of_item(item, Place::Item("receipts", index), faults) else {
        return said;
    };
    let up_to = fields.has("chatId") || fields.has("readUpTo");
    let single = fields.has("messageId") || fields.has("state");
    if up_to && single {
        let name = if fields.has("chatId") {
            "chatId"
        } else {
            "readUpTo"
        };
        fields.conflict(
            name,
            "a receipt is either of a messageId with a state, or of a chatId with readUpTo",
        );
        // Known fields, all of them: no more is to be said.
        for name in ["chatId", "readUpTo", "messageId", "state"] {
            let _ = fields.optional_text(name);
        }
        let _ = fields.time("at");
    } else if up_to {
        let chat_id = fields.text("chatId").unwrap_or_default().into_owned();
        let read_up_to = fields.text("readUpTo").unwrap_or_default().into_owned();
        said = ReceiptSaid::UpTo {
            chat_id,
            read_up_to,
            at: fields.time("at"),
        };
    } else {
        let message_id = fields.text("messageId").unwrap_or_default().into_owned();
        let state = fields.parsed("state", read_state);
        said = ReceiptSaid::Message {
            message_id,
            state: state.unwrap_or(ReceiptState::Delivered),
            at: fields.time("at"),
        };
    }
    fields.end();
    said
}
