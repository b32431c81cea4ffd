//! Reading from the store in memory.

use std::collections::BTreeMap;

use crewline_api::{
    ChatId, ChatSummary, ChatsPage, CursorName, DeviceView, Event, EventKinds, GroupId, GroupsPage,
    MessageId, MessageStory, MessageView, MessagesPage, ParticipantId, ParticipantKind, PeoplePage,
    Person, Seq, SessionView, Timestamp, WebhookFailure,
};

use super::{MemoryStore, keep};
use crate::audit::{AuditFound, AuditQuery};
use crate::changes::CursorRow;
use crate::credential::{Credential, CredentialSource, Scope, SecretHash};
use crate::directory::{PasswordRow, TokenOwner, TokenRow, UserRow, WatcherRow};
use crate::event::{MessageBodies, PAGE_BYTES_MAX, about_bytes, assemble, history_takes};
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
use crate::{MessageNo, ParticipantNo, PushNo, SessionNo, WebhookNo};

/// Most rows that one page of a log looks at.
const SCAN_MAX: usize = 10_000;

fn damaged(what: &str) -> StoreError {
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
        let Some(row) = i64::try_from(id.no())
            .ok()
            .and_then(|no| data.messages.get(&MessageNo(no)))
        else {
            return Ok(None);
        };
        let seen = data
            .chats
            .get(&row.message.chat)
            .is_some_and(|chat| viewers.iter().any(|viewer| chat.has(*viewer)));
        if row.message.salt != id.salt() || !seen {
            return Ok(None);
        }
        let view = data.view(viewers, row.message.no);
        let mut view = view.ok_or_else(|| damaged("a message"))?;
        if viewers.contains(&row.message.sender) {
            let reminders = data.reminders_of(row.message.no);
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
        let data = self.lock();
        let chat = data.chat_of(chat);
        let first = chat.and_then(|chat| viewers.iter().find(|viewer| chat.has(**viewer)));
        let (Some(chat), Some(first)) = (chat, first) else {
            return Ok(None);
        };
        let end = (chat.no, before.unwrap_or(u64::MAX));
        let mut rows = data.positions.range((chat.no, 0)..end).rev();
        let (mut messages, mut bytes): (Vec<MessageView>, _) = (Vec::new(), 0);
        while messages.len() < limit
            && history_takes(messages.len(), chat.members.len(), bytes)
            && let Some((_, no)) = rows.next()
        {
            let view = data.view(viewers, *no);
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
            as_of: data.head(*first),
        }))
    }

    fn members_of_chat(&self, chat: ChatId) -> Result<Option<ChatRow>, StoreError> {
        let data = self.lock();
        Ok(data.chat_of(chat).cloned())
    }

    fn members_of_message(&self, message: MessageId) -> Result<Option<ChatRow>, StoreError> {
        let data = self.lock();
        let row = i64::try_from(message.no())
            .ok()
            .and_then(|no| data.messages.get(&MessageNo(no)));
        let row = row.filter(|row| row.message.salt == message.salt());
        Ok(row
            .and_then(|row| data.chats.get(&row.message.chat))
            .cloned())
    }

    fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> Result<ChatsPage, StoreError> {
        let data = self.lock();
        let own = data.chats.values().filter(|chat| chat.has(viewer));
        let mut rows: Vec<_> = own
            .filter_map(|chat| Some((data.chat_heads.get(&chat.no)?, chat)))
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
            let member = data
                .members
                .get(&(chat.no, viewer))
                .copied()
                .unwrap_or_default();
            ChatSummary {
                chat_id: chat.id(),
                user_ids: chat.member_ids.to_vec(),
                last_activity_at: head.last_activity,
                last_message: head.last_message.and_then(|no| data.view(&[viewer], no)),
                unread: head.last_position.saturating_sub(member.done),
            }
        });
        Ok(ChatsPage {
            chats: chats.collect(),
            next,
            as_of: data.head(viewer),
        })
    }

    fn people(&self, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage, StoreError> {
        let data = self.lock();
        let q = q.to_lowercase();
        let found = |row: &&ParticipantRow| {
            !row.disabled
                && row.standing != Standing::Expected
                && after.is_none_or(|after| row.id.as_str() > after)
                && (row.id.as_str().to_lowercase().contains(&q)
                    || row.shown_name().to_lowercase().contains(&q))
        };
        let mut rows = data
            .ids
            .values()
            .filter_map(|no| data.participants.get(no))
            .filter(found);
        let people: Vec<Person> = rows
            .by_ref()
            .take(limit)
            .map(|row| Person {
                user_id: row.id.clone(),
                name: row.shown_name().to_owned(),
                kind: if row.standing == Standing::User {
                    ParticipantKind::User
                } else {
                    ParticipantKind::External
                },
                role: data.users.get(&row.no).map(|user| user.role),
                on_duty: (row.standing == Standing::User).then(|| data.on_duty(row.no)),
            })
            .collect();
        let more = rows.next().is_some();
        let next = people
            .last()
            .filter(|_| more)
            .map(|person| person.user_id.to_string());
        Ok(PeoplePage { people, next })
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
        let data = self.lock();
        let user = |no: ParticipantNo| {
            let row = data.participants.get(&no).filter(|row| !row.disabled)?;
            Some(Scope::User {
                no,
                id: row.id.clone(),
                role: data.users.get(&no)?.role,
            })
        };
        if let Some((no, session)) = data
            .sessions
            .iter()
            .find(|(_, session)| session.row.hash == *hash && session.row.expires_at > now)
        {
            return Ok(user(session.row.user).map(|scope| Credential {
                source: CredentialSource::Session(*no),
                scope,
                device: session.device,
                expires_at: Some(session.row.expires_at),
            }));
        }
        let Some(token) = data.tokens.values().find(|token| token.hash == *hash) else {
            return Ok(None);
        };
        let scope = match &token.row.owner {
            TokenOwner::User(id) => data.ids.get(id).and_then(|no| user(*no)),
            TokenOwner::Externals(patterns) => Some(Scope::Externals(patterns.clone())),
            TokenOwner::Administration => Some(Scope::Administration),
        };
        let source = CredentialSource::Token(token.row.no);
        Ok(scope.map(|scope| Credential {
            source,
            scope,
            device: token.device,
            expires_at: None,
        }))
    }

    fn password(&self, user: &ParticipantId) -> Result<Option<PasswordRow>, StoreError> {
        let data = self.lock();
        let Some(no) = data.ids.get(user).copied() else {
            return Ok(None);
        };
        let disabled = data.participants.get(&no).is_some_and(|row| row.disabled);
        Ok(data.users.get(&no).map(|user| PasswordRow {
            role: user.role,
            no,
            hash: user.password.clone(),
            disabled,
        }))
    }

    fn me(&self, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>, StoreError> {
        let data = self.lock();
        let (Some(row), Some(known)) = (data.participants.get(&user), data.users.get(&user)) else {
            return Ok(None);
        };
        let devices = data
            .devices
            .values()
            .filter(|device| device.participant == Some(user));
        let sessions = data
            .sessions
            .iter()
            .filter(|(_, session)| session.row.user == user && session.row.expires_at > now);
        Ok(Some(MeRows {
            user_id: row.id.clone(),
            name: row.shown_name().to_owned(),
            role: known.role,
            watches: data.watches(user),
            devices: devices
                .map(|device| DeviceView {
                    device_id: device.id.clone(),
                    device_name: device.name.clone(),
                    last_seen_at: device.last_seen_at,
                })
                .collect(),
            sessions: sessions
                .map(|(no, session)| {
                    let device_id = data
                        .devices
                        .get(&session.device)
                        .map(|device| device.id.clone())
                        .unwrap_or_default();
                    let view = SessionView {
                        session_id: no.0.to_string(),
                        device_id,
                        created_at: session.created_at,
                        expires_at: session.row.expires_at,
                        current: false,
                    };
                    (*no, view)
                })
                .collect(),
        }))
    }

    fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let data = self.lock();
        let rows = data.ids.values().filter_map(|no| data.user_row(*no));
        Ok(rows.collect())
    }

    fn story(&self, message: MessageId) -> Result<Option<MessageStory>, StoreError> {
        let data = self.lock();
        let no = i64::try_from(message.no()).ok().map(MessageNo);
        let row = no.and_then(|no| data.messages.get(&no));
        let row = row.filter(|row| row.message.salt == message.salt());
        row.map(|row| {
            data.story(row.message.no)
                .ok_or_else(|| damaged("a message"))
        })
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
        let rows = data.found(Standing::User, q, after);
        let rows = rows.filter_map(|row| data.user_row(row.no));
        Ok(rows.take(limit).collect())
    }

    fn externals_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParticipantRow>, StoreError> {
        let data = self.lock();
        let rows = data.found(Standing::External, q, after);
        Ok(rows.take(limit).cloned().collect())
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
