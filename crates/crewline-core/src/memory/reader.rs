//! Reading from the store in memory.

use std::collections::BTreeMap;

use crewline_api::{
    ChatId, ChatsPage, CursorName, Event, EventKinds, GroupId, GroupsPage, MessageId, MessageStory,
    MessageView, MessagesPage, ParticipantId, PeoplePage, Seq, Timestamp, WebhookFailure,
};

use super::{MemoryStore, keep};
use crate::audit::{AuditFound, AuditQuery};
use crate::changes::CursorRow;
use crate::credential::{Credential, SecretHash};
use crate::directory::{PasswordRow, TokenRow, UserRow, WatcherRow};
use crate::event::{MessageBodies, PAGE_BYTES_MAX, about_bytes, assemble};
use crate::keep::CursorBehind;
use crate::node::LeaseRow;
use crate::organisation::{OrganisationPart, OrganisationRow};
use crate::port::{
    ChatsBefore, Contact, LogPage, MeRows, Reader, StoreError, StoreErrorKind, StoreInfo,
};
use crate::push::{PushKey, PushState, PushSubscriptionRow};
use crate::search::{Search, SearchFound};
use crate::state::{ChatRow, GroupMember, ParticipantRow, Standing};
use crate::webhook::WebhookRow;
use crate::{ParticipantNo, PushNo, SessionNo, WebhookNo};

/// Most rows that one page of a log looks at.
const SCAN_MAX: usize = 10_000;

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("{what} refers to a row that is not there"),
    )
}

impl Reader for MemoryStore {
    fn log(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        let data = self.lock();
        let head = data.head(participant);
        let oldest = data
            .log
            .range((participant, 0)..=(participant, Seq::MAX))
            .next()
            .map_or(head + 1, |((_, seq), _)| *seq);
        let (mut events, mut next): (Vec<Event>, Seq) = (Vec::new(), after);
        let (mut bodies, mut bytes) = (MessageBodies::new(), 0);
        if after < head {
            for ((_, seq), row) in data
                .log
                .range((participant, after + 1)..=(participant, head))
                .take(SCAN_MAX)
            {
                if events.len() == limit || bytes >= PAGE_BYTES_MAX {
                    break;
                }
                next = *seq;
                if kinds.contains(row.kind) {
                    let event = assemble(row, &*data, &mut bodies);
                    let event = event.ok_or_else(|| damaged("an event"))?;
                    bytes += about_bytes(&event);
                    events.push(event);
                }
            }
        }
        Ok(LogPage {
            events,
            next,
            head,
            oldest,
        })
    }

    fn heads(&self, of: &[ParticipantNo]) -> Result<Vec<Seq>, StoreError> {
        let data = self.lock();
        Ok(of.iter().map(|no| data.head(*no)).collect())
    }

    fn participant(&self, id: &ParticipantId) -> Result<Option<ParticipantRow>, StoreError> {
        let data = self.lock();
        Ok(data
            .ids
            .get(id)
            .and_then(|no| data.participants.get(no))
            .cloned())
    }

    fn message(
        &self,
        viewers: &[ParticipantNo],
        id: MessageId,
    ) -> Result<Option<MessageView>, StoreError> {
        let data = self.lock();
        let Some(message) = data.message_of(id) else {
            return Ok(None);
        };
        let seen = data
            .chats
            .get(&message.chat)
            .is_some_and(|chat| viewers.iter().any(|viewer| chat.has(*viewer)));
        if !seen {
            return Ok(None);
        }
        let view = data.view(viewers, message.no);
        let mut view = view.ok_or_else(|| damaged("a message"))?;
        if viewers.contains(&message.sender) {
            let reminders = data.reminders_of(message.no);
            view.reminders = reminders.ok_or_else(|| damaged("a reminder"))?;
        }
        Ok(Some(view))
    }

    fn history(
        &self,
        viewers: &[ParticipantNo],
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError> {
        self.lock().history(viewers, chat, before, limit)
    }

    fn members_of_chat(&self, chat: ChatId) -> Result<Option<ChatRow>, StoreError> {
        let data = self.lock();
        Ok(data.chat_of(chat).cloned())
    }

    fn members_of_message(&self, message: MessageId) -> Result<Option<ChatRow>, StoreError> {
        let data = self.lock();
        let message = data.message_of(message);
        let chat = message.and_then(|message| data.chats.get(&message.chat));
        Ok(chat.cloned())
    }

    fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> Result<ChatsPage, StoreError> {
        Ok(self.lock().chats(viewer, before, limit))
    }

    fn people(&self, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage, StoreError> {
        Ok(self.lock().people(q, after.unwrap_or_default(), limit))
    }

    fn groups(&self, after: Option<&str>, limit: usize) -> Result<GroupsPage, StoreError> {
        Ok(self.lock().groups_page(after.unwrap_or_default(), limit))
    }

    fn group_members(
        &self,
        group: &GroupId,
    ) -> Result<Option<Vec<(ParticipantRow, bool)>>, StoreError> {
        let data = self.lock();
        let members = data.group_members(group);
        let row = |member: &GroupMember| {
            let row = data.participants.get(&member.no)?;
            Some((row.clone(), member.on_duty))
        };
        Ok(members.map(|members| members.iter().filter_map(row).collect()))
    }

    fn last_contacts(&self, who: &[ParticipantNo]) -> Result<Vec<Option<Contact>>, StoreError> {
        let data = self.lock();
        let last = |no: &ParticipantNo| {
            let own = data.devices.values();
            let own = own.filter(|device| device.participant == Some(*no));
            // By number, so that of equal times the last one is taken.
            let last = own.max_by_key(|device| device.last_seen_at)?;
            Some(Contact {
                at: last.last_seen_at,
                device_name: last.name.clone(),
            })
        };
        Ok(who.iter().map(last).collect())
    }

    fn organisation(&self) -> Result<BTreeMap<OrganisationPart, OrganisationRow>, StoreError> {
        Ok(self.lock().organisation.clone())
    }

    fn cursor(
        &self,
        participant: ParticipantNo,
        name: &CursorName,
    ) -> Result<Option<CursorRow>, StoreError> {
        Ok(self
            .lock()
            .cursors
            .get(&(participant, name.clone()))
            .copied())
    }

    fn cursors_behind(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<(Vec<CursorBehind>, u64), StoreError> {
        let all = keep::behind(&self.lock(), None)?;
        let mut found: Vec<CursorBehind> =
            all.into_values().filter(|row| row.since < before).collect();
        found.sort_by(|a, b| (a.since, a).cmp(&(b.since, b)));
        let count = found.len() as u64;
        found.truncate(limit);
        Ok((found, count))
    }

    fn credential(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError> {
        Ok(self.lock().credential(hash, now))
    }

    fn password(&self, user: &ParticipantId) -> Result<Option<PasswordRow>, StoreError> {
        Ok(self.lock().password(user))
    }

    fn me(&self, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>, StoreError> {
        Ok(self.lock().me(user, now))
    }

    fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let data = self.lock();
        let rows = data.ids.values().filter_map(|no| data.user_row(*no));
        Ok(rows.collect())
    }

    fn story(&self, message: MessageId) -> Result<Option<MessageStory>, StoreError> {
        let data = self.lock();
        data.message_of(message)
            .map(|message| data.story(message.no).ok_or_else(|| damaged("a message")))
            .transpose()
    }

    fn search(
        &self,
        user: ParticipantNo,
        search: &Search,
        limit: usize,
    ) -> Result<SearchFound, StoreError> {
        Ok(self.lock().search(user, search, limit))
    }

    fn participant_of(&self, no: ParticipantNo) -> Result<Option<ParticipantRow>, StoreError> {
        Ok(self.lock().participants.get(&no).cloned())
    }

    fn user(&self, no: ParticipantNo) -> Result<Option<UserRow>, StoreError> {
        Ok(self.lock().user_row(no))
    }

    fn users_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, StoreError> {
        let data = self.lock();
        let users = data
            .found(q, after.unwrap_or_default())
            .filter(|row| row.standing == Standing::User);
        let rows = users.filter_map(|row| data.user_row(row.no));
        Ok(rows.take(limit).collect())
    }

    fn externals_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParticipantRow>, StoreError> {
        let data = self.lock();
        let externals = data
            .found(q, after.unwrap_or_default())
            .filter(|row| row.standing == Standing::External);
        Ok(externals.take(limit).cloned().collect())
    }

    fn session_count(&self, now: Timestamp) -> Result<u64, StoreError> {
        let data = self.lock();
        let open = data.sessions.values();
        Ok(open.filter(|session| session.row.expires_at > now).count() as u64)
    }

    fn audit(&self, query: &AuditQuery, limit: usize) -> Result<AuditFound, StoreError> {
        Ok(self.lock().audit(query, limit))
    }

    fn watchers(
        &self,
        participant: &ParticipantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<WatcherRow>>, StoreError> {
        let data = self.lock();
        let no = data.ids.get(participant).copied();
        Ok(no.map(|no| data.watchers(no, after.unwrap_or_default(), limit)))
    }

    fn watched_among(
        &self,
        user: ParticipantNo,
        participants: &[ParticipantNo],
    ) -> Result<Vec<ParticipantNo>, StoreError> {
        let data = self.lock();
        let watched = |no: &&ParticipantNo| data.watchers.contains_key(&(user, **no));
        Ok(participants.iter().filter(watched).copied().collect())
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        Ok(self
            .lock()
            .tokens
            .values()
            .map(|token| token.row.clone())
            .collect())
    }

    fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        Ok(self.lock().webhook_rows())
    }

    fn webhook_failures(
        &self,
        no: WebhookNo,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<WebhookFailure>, StoreError> {
        Ok(self.lock().webhook_failures(no, after, limit))
    }

    fn push_key(&self) -> Result<Option<PushKey>, StoreError> {
        Ok(self.lock().push_key.clone())
    }

    fn push_subscriptions(&self, now: Timestamp) -> Result<Vec<PushSubscriptionRow>, StoreError> {
        Ok(self.lock().push_rows(now).cloned().collect())
    }

    fn push_subscription(
        &self,
        session: SessionNo,
        now: Timestamp,
    ) -> Result<Option<PushSubscriptionRow>, StoreError> {
        let data = self.lock();
        let row = data.push_rows(now).find(|row| row.session == session);
        Ok(row.cloned())
    }

    fn push_state(
        &self,
        no: PushNo,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Option<PushState>, StoreError> {
        Ok(self.lock().push_state(no, message, now))
    }

    fn directory_version(&self) -> Result<u64, StoreError> {
        Ok(self.lock().directory_version)
    }

    fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        Ok(self.lock().leases.values().cloned().collect())
    }

    fn present_elsewhere(
        &self,
        node: u64,
        now: Timestamp,
    ) -> Result<Vec<ParticipantNo>, StoreError> {
        Ok(self.lock().present_elsewhere(node, now))
    }

    fn epoch(&self) -> Result<String, StoreError> {
        Ok(self.lock().epoch.clone())
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        Ok(StoreInfo {
            name: "memory".to_owned(),
            ..StoreInfo::default()
        })
    }
}
