//! Confirming: a consumer without a memory of its own moves a named cursor; a device says how far it has stored its log.

use crewline_api::{ApiError, Cursor, ErrorCode, ReceiptState, Seq};

use super::receipt::{Reading, advance, check_message};
use super::{Context, appear, check_actor, not_loaded};
use crate::changes::CursorRow;
use crate::command::{Answer, ConfirmCommand, CursorCommand};
use crate::needs::{newly_confirmed, not_said};
use crate::state::{MessageRow, State};
use crate::{DeviceNo, ParticipantNo};

/// Moves a cursor. For an external, one that carries messages past delivers them.
pub(super) fn put(
    state: &mut State,
    command: &CursorCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    let head = match state.participant(&command.actor.id) {
        None => 0,
        Some(row) => {
            state
                .heads
                .get(&row.no)
                .ok_or_else(|| not_loaded("the head of a log"))?
                .head
        }
    };
    check_within(command.seq, head)?;
    let delivered = match state.participant(&command.actor.id) {
        None => Vec::new(),
        Some(row) => to_deliver(state, row.no, newly_confirmed(state, row.no, command))?,
    };
    let actor = appear(state, &command.actor, None)?;
    let key = (actor, command.name.clone());
    let kept = state.cursors.get(&key).copied().flatten();
    if let Some(kept) = kept.filter(|kept| command.seq < kept.seq && !command.rewind) {
        return Ok(answer(kept));
    }
    deliver(state, &delivered, actor, command.actor.device, context);
    if let Some((_, up_to)) = newly_confirmed(state, actor, command) {
        set_confirmed(state, actor, up_to);
    }
    let row = CursorRow {
        seq: command.seq,
        kinds: command.kinds,
        put_at: context.now,
        released: false,
    };
    state.cursors.insert(key.clone(), Some(row));
    state.changes.cursors.insert(key, row);
    Ok(answer(row))
}

fn answer(row: CursorRow) -> Answer {
    Answer::Cursor(Cursor {
        seq: row.seq,
        types: row.kinds.to_list(),
    })
}

/// The messages received in a range of a log: each must be at hand before anything changes.
fn to_deliver(
    state: &State,
    actor: ParticipantNo,
    range: Option<(Seq, Seq)>,
) -> Result<Vec<MessageRow>, ApiError> {
    let Some((after, up_to)) = range else {
        return Ok(Vec::new());
    };
    // An earlier command of this batch may have confirmed a part of what was loaded.
    let loaded = state
        .received
        .range((actor, 0, 0)..=(actor, after, u64::MAX))
        .find(|((_, _, end), _)| *end >= up_to);
    let (_, rows) = loaded.ok_or_else(|| not_loaded("what was received"))?;
    rows.iter()
        .filter(|(seq, _)| *seq > after && *seq <= up_to)
        .map(|(_, no)| {
            let message = state
                .messages
                .get(no)
                .copied()
                .flatten()
                .ok_or_else(|| not_loaded("a message"))?;
            check_message(state, &message, actor)?;
            Ok(message)
        })
        .collect()
}

/// Says of messages that a device has them.
fn deliver(
    state: &mut State,
    messages: &[MessageRow],
    reader: ParticipantNo,
    device: DeviceNo,
    context: &mut Context<'_>,
) {
    let reading = Reading {
        reader,
        device,
        at: None,
    };
    for message in messages {
        advance(state, message, ReceiptState::Delivered, reading, context);
    }
}

fn set_confirmed(state: &mut State, actor: ParticipantNo, up_to: Seq) {
    let head = state.heads.entry(actor).or_default();
    head.confirmed = up_to;
    state.changes.confirmed.insert(actor, *head);
}

fn check_within(seq: Seq, head: Seq) -> Result<(), ApiError> {
    if seq <= head {
        return Ok(());
    }
    let detail =
        format!("The log ends at {head}; {seq} lies beyond. Confirm only what was received.");
    Err(ApiError::new(ErrorCode::AheadOfLog, detail))
}

/// A device has stored its log up to an event: whatever was received up to there is delivered.
pub(super) fn confirm(
    state: &mut State,
    command: &ConfirmCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    let Some(actor) = state.participant(&command.actor.id).map(|row| row.no) else {
        check_within(command.seq, 0)?;
        return Ok(Answer::Confirmed(0));
    };
    let head = *state
        .heads
        .get(&actor)
        .ok_or_else(|| not_loaded("the head of a log"))?;
    check_within(command.seq, head.head)?;
    let range = not_said(state, actor, command);
    let delivered = to_deliver(state, actor, range)?;
    deliver(state, &delivered, actor, command.actor.device, context);
    let reached = range.map_or(head.confirmed, |(_, up_to)| up_to);
    // What follows was said by receipts.
    let up_to = if reached >= command.said_after {
        command.seq
    } else {
        reached
    };
    if up_to > head.confirmed {
        set_confirmed(state, actor, up_to);
    }
    Ok(Answer::Confirmed(up_to.max(head.confirmed)))
}
