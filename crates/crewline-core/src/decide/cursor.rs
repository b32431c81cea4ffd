//! Named cursors: a consumer without a memory of its own confirms what it has.

use crewline_api::{ApiError, Cursor, ErrorCode, ReceiptState};

use super::receipt::{Reading, advance, check_message};
use super::{Context, appear, check_actor, not_loaded};
use crate::ParticipantNo;
use crate::changes::CursorRow;
use crate::command::{Answer, CursorCommand};
use crate::needs::newly_confirmed;
use crate::state::{MessageRow, State};

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
    if command.seq > head {
        let detail = format!(
            "The log ends at {head}; {} lies beyond. Confirm only what was received.",
            command.seq
        );
        return Err(ApiError::new(ErrorCode::AheadOfLog, detail));
    }
    let delivered = match state.participant(&command.actor.id) {
        None => Vec::new(),
        Some(row) => to_deliver(state, row.no, command)?,
    };
    let actor = appear(state, &command.actor, None)?;
    let key = (actor, command.name.clone());
    let kept = state.cursors.get(&key).copied().flatten();
    if let Some(kept) = kept.filter(|kept| command.seq < kept.seq && !command.rewind) {
        return Ok(answer(kept));
    }
    let reading = Reading {
        reader: actor,
        device: command.actor.device,
        at: None,
    };
    for message in delivered {
        advance(state, &message, ReceiptState::Delivered, reading, context);
    }
    confirm(state, actor, command);
    let row = CursorRow {
        seq: command.seq,
        kinds: command.kinds,
        put_at: context.now,
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

/// The messages that this cursor newly carries past an external: each must be at hand before anything changes.
fn to_deliver(
    state: &State,
    actor: ParticipantNo,
    command: &CursorCommand,
) -> Result<Vec<MessageRow>, ApiError> {
    let Some((after, up_to)) = newly_confirmed(state, actor, command) else {
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

fn confirm(state: &mut State, actor: ParticipantNo, command: &CursorCommand) {
    if let Some((_, up_to)) = newly_confirmed(state, actor, command) {
        let head = state.heads.entry(actor).or_default();
        head.confirmed = up_to;
        state.changes.confirmed.insert(actor, *head);
    }
}
