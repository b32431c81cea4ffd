//! Chats in memory, as their members look at them.

use crewline_api::{ChatId, ChatSummary, ChatsPage, MessageView, MessagesPage};

use super::Data;
use super::reader::damaged;
use crate::event::history_takes;
use crate::port::{ChatsBefore, StoreError};
use crate::state::ChatRow;
use crate::{ChatNo, ParticipantNo};

impl Data {
    pub(super) fn chat_of(&self, id: ChatId) -> Option<&ChatRow> {
        self.chats
            .get(&ChatNo(i64::try_from(id.no()).ok()?))
            .filter(|chat| chat.salt == id.salt())
    }

    pub(super) fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> ChatsPage {
        let own = self.chats.values().filter(|chat| chat.has(viewer));
        let mut rows: Vec<_> = own
            .filter_map(|chat| Some((self.chat_heads.get(&chat.no)?, chat)))
            .collect();
        rows.sort_by_key(|(head, chat)| std::cmp::Reverse((head.last_activity, chat.no)));
        rows.retain(|(head, chat)| {
            before.is_none_or(|before| {
                (head.last_activity, chat.no) < (before.last_activity, before.chat)
            })
        });
        let next = rows
            .get(limit.saturating_sub(1))
            .filter(|_| rows.len() > limit);
        let next =
            next.map(|(head, chat)| format!("{}.{}", head.last_activity.as_millis(), chat.no.0));
        let chats = rows.iter().take(limit).map(|(head, chat)| {
            let member = self
                .members
                .get(&(chat.no, viewer))
                .copied()
                .unwrap_or_default();
            ChatSummary {
                chat_id: chat.id(),
                user_ids: chat.member_ids.to_vec(),
                last_activity_at: head.last_activity,
                last_message: head.last_message.and_then(|no| self.view(&[viewer], no)),
                unread: head.last_position.saturating_sub(member.done),
            }
        });
        ChatsPage {
            chats: chats.collect(),
            next,
            as_of: self.head(viewer),
        }
    }

    pub(super) fn history(
        &self,
        viewers: &[ParticipantNo],
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError> {
        let chat = self.chat_of(chat);
        let first = chat.and_then(|chat| viewers.iter().find(|viewer| chat.has(**viewer)));
        let (Some(chat), Some(first)) = (chat, first) else {
            return Ok(None);
        };
        let end = (chat.no, before.unwrap_or(u64::MAX));
        let mut rows = self.positions.range((chat.no, 0)..end).rev();
        let (mut messages, mut bytes): (Vec<MessageView>, _) = (Vec::new(), 0);
        while messages.len() < limit
            && history_takes(messages.len(), chat.members.len(), bytes)
            && let Some((_, no)) = rows.next()
        {
            let view = self.view(viewers, *no);
            let view = view.ok_or_else(|| damaged("a message"))?;
            bytes += view.message.len();
            messages.push(view);
        }
        let more = rows.next().is_some();
        let next = messages
            .last()
            .filter(|_| more)
            .map(|message| message.position.to_string());
        Ok(Some(MessagesPage {
            messages,
            next,
            as_of: self.head(*first),
        }))
    }
}
