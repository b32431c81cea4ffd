//! Reminders: those who have not come far enough with a message are told of it again. None is a message, none changes
//! what anybody has read.

use crewline_api::limits::{REMINDER_S_MIN, REMINDERS_MAX};
use crewline_api::{
    ApiError, ErrorCode, EventKind, FieldCode, ParticipantId, ReceiptState, Reminded,
};

use super::{Context, Told, append, check_actor, check_heads, not_loaded};
use crate::changes::{LogDetail, ReminderRow};
use crate::command::{Answer, RemindCommand};
use crate::state::{MessageRow, State};
use crate::{ChatNo, ParticipantNo};

/// Somebody reminds the silent recipients of a message.
pub(super) fn remind(
    state: &mut State,
    command: &RemindCommand,
    context: &Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    let by = state.participant(&command.actor.id).map(|row| row.no);
    let by = by.ok_or_else(ApiError::not_found)?;
    let sender = match &command.watched {
        None => by,
        Some(watched) => state.no(watched).ok_or_else(ApiError::not_found)?,
    };
    let message = command.message.and_then(|id| state.message(id)).copied();
    let message = message.filter(|message| message.sender == sender);
    let message = message.ok_or_else(ApiError::not_found)?;
    let until = command.reminder.until_of(message.priority);
    let silent = silent(state, &message, until)?;
    let given = state.reminders.get(&message.no).cloned();
    let given = given.ok_or_else(|| not_loaded("the reminders"))?;
    if let Some(last) = given.last.as_ref().filter(|last| is_fresh(last, context)) {
        // A retry whose first answer was lost is the same reminder.
        if last.by == by && last.until == until {
            return answer(state, &message, last, true);
        }
        return Err(just_now(last, context));
    }
    let row = ReminderRow {
        at: context.now,
        by,
        until,
        who: silent.into(),
    };
    if row.who.is_empty() {
        return answer(state, &message, &row, true);
    }
    if given.count as usize >= REMINDERS_MAX {
        let detail = format!("was reminded of {REMINDERS_MAX} times; no more are allowed");
        return Err(ApiError::field("messageId", FieldCode::TooMany, detail));
    }
    check_heads(state, row.who.iter().copied())?;
    let answer = answer(state, &message, &row, false)?;
    // Nothing fails from here on.
    let number = given.count + 1;
    for who in row.who.iter() {
        append(state, *who, told(&message, by, &row));
    }
    state
        .changes
        .reminders
        .insert((message.no, number), row.clone());
    if let Some(given) = state.reminders.get_mut(&message.no) {
        given.count = number;
        given.last = Some(row);
    }
    Ok(answer)
}

fn told(message: &MessageRow, by: ParticipantNo, row: &ReminderRow) -> Told {
    Told {
        kind: EventKind::MessageReminded,
        message: Some(message.no),
        who: Some(by),
        detail: Some(LogDetail {
            at: row.at,
            chat: message.chat,
            messages: Vec::new(),
            unread: 0,
            until: Some(row.until),
        }),
    }
}

/// The recipients who have not come so far, in the order of the chat's members.
fn silent(
    state: &State,
    message: &MessageRow,
    until: ReceiptState,
) -> Result<Vec<ParticipantNo>, ApiError> {
    let chat = members(state, message.chat)?;
    let mut silent = Vec::new();
    for (no, _) in chat.iter().filter(|(no, _)| *no != message.sender) {
        let row = state.recipients.get(&(message.no, *no));
        let row = row.ok_or_else(|| not_loaded("a recipient"))?;
        if row.state() < until {
            silent.push(*no);
        }
    }
    Ok(silent)
}

fn members(state: &State, chat: ChatNo) -> Result<Vec<(ParticipantNo, ParticipantId)>, ApiError> {
    let chat = state.chats.get(&chat).and_then(Option::as_ref);
    let chat = chat.ok_or_else(|| not_loaded("the chat"))?;
    let members = chat.members.iter().copied();
    Ok(members.zip(chat.member_ids.iter().cloned()).collect())
}

fn age_ms(last: &ReminderRow, context: &Context<'_>) -> i64 {
    context.now.as_millis() - last.at.as_millis()
}

/// Whether it is too early for another one. A clock that was set back holds nobody up.
fn is_fresh(last: &ReminderRow, context: &Context<'_>) -> bool {
    (0..REMINDER_S_MIN as i64 * 1000).contains(&age_ms(last, context))
}

fn just_now(last: &ReminderRow, context: &Context<'_>) -> ApiError {
    let left_ms = REMINDER_S_MIN as i64 * 1000 - age_ms(last, context);
    let seconds = u32::try_from(left_ms.div_euclid(1000) + 1).unwrap_or(1);
    let detail = format!(
        "Of this message there was a reminder less than {REMINDER_S_MIN} seconds ago. Wait {seconds} seconds."
    );
    ApiError::new(ErrorCode::RemindedJustNow, detail).retry_after(seconds)
}

fn answer(
    state: &State,
    message: &MessageRow,
    row: &ReminderRow,
    again: bool,
) -> Result<Answer, ApiError> {
    let chat = members(state, message.chat)?;
    // Both are in the order of the chat: each id is looked at once.
    let mut who = row.who.iter().peekable();
    let ids = chat
        .into_iter()
        .filter(|(no, _)| who.next_if_eq(&no).is_some());
    Ok(Answer::Reminded {
        reminded: Reminded {
            message_id: message.id(),
            reminded_at: row.at,
            user_ids: ids.map(|(_, id)| id).collect(),
        },
        again,
    })
}
