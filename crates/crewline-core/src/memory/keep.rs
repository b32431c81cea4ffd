//! Retention in the store in memory: each pass in one step.

use std::collections::BTreeMap;

use crewline_api::{EventKind, Priority, ReceiptState, Seq};

use super::Data;
use crate::changes::LogRow;
use crate::keep::{
    CursorBehind, Cut, HOLD_LOOK_MAX, Holder, Pass, Stage, is_awaited, passed, told_at,
};
use crate::port::{StoreError, StoreErrorKind};
use crate::state::MessageRow;
use crate::{MessageNo, ParticipantNo};

fn damaged(row: &LogRow) -> StoreError {
    let detail = format!(
        "row {} of the log of participant {} tells of something that is not there",
        row.seq, row.participant.0
    );
    StoreError::new(StoreErrorKind::Corrupt, detail)
}

/// Everything that is left of a pass.
pub(super) fn prune(data: &mut Data, pass: &mut Pass) -> Result<(), StoreError> {
    let participants: Vec<ParticipantNo> = data.participants.keys().copied().collect();
    for no in participants {
        release_cursors(data, no, pass)?;
        prune_log(data, no, pass)?;
    }
    prune_texts(data, pass);
    pass.stage = Stage::Done;
    Ok(())
}

/// Cursors that are behind, of one participant or of all, and since when.
pub(super) fn behind(
    data: &Data,
    of: Option<ParticipantNo>,
) -> Result<BTreeMap<(ParticipantNo, crewline_api::CursorName), CursorBehind>, StoreError> {
    let mut found = BTreeMap::new();
    let cursors = data.cursors.iter();
    for ((no, name), cursor) in cursors.filter(|((no, _), _)| of.is_none_or(|of| of == *no)) {
        let mut rest = data.log.range((*no, cursor.seq + 1)..=(*no, Seq::MAX));
        let Some((_, next)) = rest.next() else {
            continue;
        };
        let next_at = told_at(next, data).ok_or_else(|| damaged(next))?;
        let behind = CursorBehind {
            participant: data.participants[no].id.clone(),
            name: name.clone(),
            seq: cursor.seq,
            since: cursor.behind_since(next_at),
            released: cursor.released,
        };
        found.insert((*no, name.clone()), behind);
    }
    Ok(found)
}

fn release_cursors(data: &mut Data, no: ParticipantNo, pass: &mut Pass) -> Result<(), StoreError> {
    for (key, mut behind) in behind(data, Some(no))? {
        let next = data
            .log
            .range((no, behind.seq + 1)..=(no, Seq::MAX))
            .next()
            .and_then(|(_, row)| told_at(row, data));
        let Some((cursor, next_at)) = data.cursors.get_mut(&key).zip(next) else {
            continue;
        };
        if pass.cut.releases(cursor, next_at) {
            cursor.released = true;
            behind.released = true;
            pass.removed.released.push(behind);
        }
    }
    Ok(())
}

/// The rows of a log, as they are now.
fn rows(data: &Data, no: ParticipantNo) -> impl Iterator<Item = &LogRow> {
    data.log.range((no, 0)..=(no, Seq::MAX)).map(|(_, row)| row)
}

fn prune_log(data: &mut Data, no: ParticipantNo, pass: &mut Pass) -> Result<(), StoreError> {
    let own = data.cursors.iter().filter(|((of, _), _)| *of == no);
    let passed = passed(own.map(|(_, cursor)| *cursor));
    let old = |data: &Data, row: &LogRow, cut: &Cut| -> Result<bool, StoreError> {
        let at = told_at(row, data).ok_or_else(|| damaged(row))?;
        Ok(cut.is_old(at))
    };
    let (mut going, last) = (Vec::new(), data.head(no));
    for row in rows(data, no) {
        if row.seq > passed || row.seq == last || !old(data, row, &pass.cut)? {
            break;
        }
        going.push(row.clone());
    }
    for row in going {
        let told = match row.kind {
            EventKind::MessageDelivered => Some(ReceiptState::Delivered),
            EventKind::MessageRead => Some(ReceiptState::Read),
            _ => None,
        };
        if let (Some(state), Some(message), Some(who)) = (told, row.message, row.who) {
            let payload = data.payloads.remove(&(message, who, state));
            pass.removed.payloads += u64::from(payload.is_some());
        }
        data.log.remove(&(no, row.seq));
        pass.removed.events += 1;
    }
    let held = match rows(data, no).next() {
        Some(first) if first.seq > passed => old(data, first, &pass.cut)?,
        _ => false,
    };
    if held {
        pass.removed.logs_held += 1;
        let told = |row: &&LogRow| {
            matches!(
                row.kind,
                EventKind::MessageReceived | EventKind::MessageSent
            )
        };
        let from = rows(data, no)
            .take(HOLD_LOOK_MAX)
            .find(told)
            .and_then(|row| row.message);
        let more = rows(data, no).nth(HOLD_LOOK_MAX).map(|_| MessageNo(0));
        if let Some(from) = from.or(more) {
            pass.holds.insert(no, from);
        }
    }
    Ok(())
}

fn holder(data: &Data, message: &MessageRow, pass: &Pass) -> Option<Holder> {
    let chat = data.chats.get(&message.chat)?;
    let others = chat.members.iter().filter(|no| **no != message.sender);
    let mut others = others.filter_map(|no| data.participants.get(no));
    if message.priority == Priority::Emergency
        && others.any(|other| is_awaited(other, &data.recipient(message.no, other.no)))
    {
        return Some(Holder::Emergency);
    }
    pass.holder_of(message.no, chat.members.iter().copied())
        .map(Holder::Log)
}

/// In the order of numbers, up to the first message that is not old.
fn prune_texts(data: &mut Data, pass: &mut Pass) {
    let old = data
        .messages
        .values()
        .take_while(|row| pass.cut.is_old(row.message.sent_at));
    let texts = old.filter(|row| !row.text.is_empty());
    let looked: Vec<(MessageNo, Option<Holder>)> = texts
        .map(|row| (row.message.no, holder(data, &row.message, pass)))
        .collect();
    for (no, holder) in looked {
        match holder {
            Some(Holder::Emergency) => pass.removed.emergencies_kept += 1,
            Some(Holder::Log(_)) => {}
            None => {
                if let Some(row) = data.messages.get_mut(&no) {
                    row.text = "".into();
                    pass.removed.texts += 1;
                }
            }
        }
    }
}
