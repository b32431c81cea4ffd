//! The whole story of a message, and searching, in memory.

use crewline_api::{MessageStory, RecipientStory, SearchHit, StoryMark, StoryReceipt};

use super::Data;
use crate::search::{Search, SearchFound, hit};
use crate::state::{ChatRow, Mark};
use crate::{MessageNo, ParticipantNo};

impl From<Mark> for StoryMark {
    fn from(mark: Mark) -> Self {
        Self {
            at: mark.at,
            device_at: mark.said_at,
            implied: mark.implied,
        }
    }
}

impl Data {
    pub(super) fn story(&self, no: MessageNo) -> Option<MessageStory> {
        let row = self.messages.get(&no)?;
        let (message, words) = (row.message, self.words(no)?);
        let chat = self.chats.get(&message.chat)?;
        let members = chat.members.iter().zip(chat.member_ids.iter());
        let others = members.filter(|(who, _)| **who != message.sender);
        let mut recipients: Vec<RecipientStory> = others
            .map(|(who, id)| self.recipient_story(no, *who, id))
            .collect();
        recipients.sort_by(|one, other| one.user_id.cmp(&other.user_id));
        Some(MessageStory {
            message_id: message.id(),
            chat_id: chat.id(),
            position: message.position,
            from_user_id: chat.member_id(message.sender)?.clone(),
            from_user_name: words.sender_name.to_string(),
            message: words.text.to_string(),
            priority: message.priority,
            sent_at: message.sent_at,
            reply_to: words.reply_to,
            recipients,
            reminders: self.reminders_of(no)?,
        })
    }

    fn recipient_story(
        &self,
        no: MessageNo,
        who: ParticipantNo,
        id: &crewline_api::ParticipantId,
    ) -> RecipientStory {
        let known = self.recipient(no, who);
        let mut facts: Vec<_> = self
            .facts
            .values()
            .filter(|fact| fact.message == no && fact.recipient == who)
            .collect();
        facts.sort_by_key(|fact| (fact.at, fact.state, fact.device));
        let row = self.participants.get(&who);
        let receipts = facts.into_iter().map(|fact| {
            let device = self.devices.get(&fact.device);
            StoryReceipt {
                state: fact.state,
                at: fact.at,
                device_at: fact.said_at,
                device_id: device.map(|device| device.id.clone()),
                device_name: device.and_then(|device| device.name.clone()),
            }
        });
        RecipientStory {
            user_id: id.clone(),
            name: row.map_or_else(|| id.to_string(), |row| row.shown_name().to_owned()),
            state: known.state(),
            delivered: known.delivered.map(Into::into),
            read: known.read.map(Into::into),
            acknowledged: known.acknowledged.map(Into::into),
            receipts: receipts.collect(),
        }
    }

    /// Looks at every message: what an index of another store finds must be this.
    pub(super) fn search(&self, user: ParticipantNo, search: &Search, limit: usize) -> SearchFound {
        let watched = self.watchers.keys().filter(|(watcher, _)| *watcher == user);
        let mut viewers = vec![user];
        viewers.extend(watched.map(|(_, participant)| *participant));
        let mut found = SearchFound::default();
        let below = MessageNo(search.below.unwrap_or(i64::MAX));
        for (no, _) in self.messages.range(..below).rev() {
            let Some((hit, viewer)) = self.hit(*no, &viewers, search) else {
                continue;
            };
            if found.hits.len() == limit {
                let last = found.hits.last();
                found.next = last.and_then(|hit| i64::try_from(hit.message_id.no()).ok());
                break;
            }
            if viewer != user && !found.through.contains(&viewer) {
                found.through.push(viewer);
            }
            found.hits.push(hit);
        }
        found.through.sort();
        found
    }

    fn hit(
        &self,
        no: MessageNo,
        viewers: &[ParticipantNo],
        search: &Search,
    ) -> Option<(SearchHit, ParticipantNo)> {
        let row = self.messages.get(&no)?;
        let message = row.message;
        let chat: &ChatRow = self.chats.get(&message.chat)?;
        let viewer = viewers.iter().copied().find(|viewer| chat.has(*viewer))?;
        if !search.asks_for(&message) {
            return None;
        }
        let places = search.places(chat, &row.text)?;
        let from = chat.member_id(message.sender)?.clone();
        let from = (from, row.sender_name.to_string());
        let hit = hit(&message, chat, from, &row.text, &places);
        Some((hit, viewer))
    }
}
