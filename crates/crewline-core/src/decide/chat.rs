//! Chats: one for each set of people, whoever starts it.

use crewline_api::{ApiError, Chat, EventKind};

use super::{
    Context, Told, appear, append, check_actor, check_heads, check_recipients, expect_recipients,
    find_chat, known, not_loaded,
};
use crate::changes::{LogDetail, NewChatRow};
use crate::command::{Answer, ChatCommand};
use crate::resolve::everyone_checked;
use crate::state::{ChatHead, ChatRow, MembersKey, State};
use crate::{ChatNo, ParticipantNo};

/// Makes a chat without a message, or finds it. Nobody is alerted; everyone's list shows a new one.
pub(super) fn create(
    state: &mut State,
    command: &ChatCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    let actor = &command.actor;
    let everyone = everyone_checked(state, &actor.id, &command.others, &command.groups)?;
    check_recipients(state, &everyone, context.settings)?;
    let found = find_chat(state, actor, &everyone)?;
    check_heads(
        state,
        known(state, &everyone).chain(state.no(&command.actor.id)),
    )?;
    let actor = appear(state, &command.actor, None)?;
    let others = expect_recipients(state, &everyone)?;
    let (no, new) = match found {
        Some(no) => (no, false),
        None => (make(state, actor, &others, context), true),
    };
    if new {
        let members: Vec<ParticipantNo> = others.iter().copied().chain([actor]).collect();
        for member in members {
            let detail = LogDetail {
                at: context.now,
                chat: no,
                messages: Vec::new(),
                unread: 0,
                until: None,
            };
            append(state, member, Told::detail(EventKind::ChatCreated, detail));
        }
    }
    let row = state
        .chats
        .get(&no)
        .and_then(Option::as_ref)
        .ok_or_else(|| not_loaded("the chat"))?;
    Ok(Answer::Chat {
        chat: Chat {
            chat_id: row.id(),
            user_ids: row.member_ids.to_vec(),
        },
        new,
    })
}

/// Makes the chat of an actor and others. Their participants and heads are there; the chat is not.
pub(super) fn make(
    state: &mut State,
    actor: ParticipantNo,
    others: &[ParticipantNo],
    context: &mut Context<'_>,
) -> ChatNo {
    let mut members: Vec<_> = others
        .iter()
        .chain([&actor])
        .filter_map(|no| state.participants.get(no).map(|row| (row.id.clone(), *no)))
        .collect();
    members.sort();
    // Numbers were loaded, or `appear` would have failed before.
    let numbers = state.numbers.get_or_insert_default();
    let no = numbers.chat;
    numbers.chat = no.next();
    let chat = ChatRow {
        no,
        salt: (context.salt)() & SALT_MASK,
        members: members.iter().map(|(_, no)| *no).collect(),
        member_ids: members.into_iter().map(|(id, _)| id).collect(),
    };
    let key = MembersKey::of(chat.members.iter().copied());
    let head = ChatHead {
        last_position: 0,
        last_activity: context.now,
        last_message: None,
    };
    for member in chat.members.iter() {
        state.members.entry((no, *member)).or_default();
    }
    state.sets.insert(key, Some(no));
    state.chat_heads.insert(no, head);
    state.changes.chat_heads.insert(no, head);
    state.chats.insert(no, Some(chat.clone()));
    state.changes.chats.push(NewChatRow {
        chat,
        key,
        created_by: actor,
        created_at: context.now,
    });
    no
}

/// Ids hold 40 bits of salt.
pub(super) const SALT_MASK: u64 = (1 << 40) - 1;
