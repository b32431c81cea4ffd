//! Reading at the edge of the specification: messages, chats, people, the caller; and signing in and out.

use crewline_api::{ApiError, ChatId, ErrorCode, MessageId, MessageView, ParticipantId, Timestamp};
use crewline_core::{
    ChatNo, ChatRow, ChatsBefore, Credential, CredentialSource, NewSessionRow, ParticipantNo,
    Scope, SecretHash, UserChange,
};
use serde_json::{Value, json};

use super::acts::id;
use super::answer::Answer;
use super::core::Core;
use super::directory::Act;
use super::edge::{Edge, not_allowed};
use super::op::{By, Tag};

/// How long a session lives.
const SESSION_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Pages of a list, walked to its end.
pub(super) fn pages(pages: Vec<Value>) -> Answer {
    Answer::new(200, Value::Array(pages))
}

fn not_found_for_administration(credential: &Credential) -> Result<(), ApiError> {
    match credential.scope {
        Scope::Administration => Err(ApiError::not_found()),
        Scope::User { .. } | Scope::Externals(_) => Ok(()),
    }
}

/// The UUID of one of a user's two devices.
pub fn device_id(device: u8) -> String {
    format!("4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f{device:02}")
}

impl<C: Core> Edge<C> {
    /// Whether the caller may look with this one's eyes: its own, or those of whom it watches.
    fn lends_eyes(&self, credential: &Credential, who: &ParticipantId) -> bool {
        match &credential.scope {
            Scope::User { id: own, .. } => own == who || self.core.watches(own, who),
            Scope::Externals(_) => self.covers(credential, who),
            Scope::Administration => false,
        }
    }

    /// Whom the caller names must be one with whose eyes it may look.
    pub(super) fn check_eyes(
        &self,
        credential: &Credential,
        named: Option<&str>,
    ) -> Result<(), ApiError> {
        not_found_for_administration(credential)?;
        match named {
            Some(named) if !self.lends_eyes(credential, &id(named)) => Err(not_allowed()),
            _ => Ok(()),
        }
    }

    /// Those of a chat with whose eyes the caller looks, with their ids: of all that it may, or of the one it named.
    fn eyes(
        &self,
        credential: &Credential,
        chat: Option<ChatRow>,
        named: Option<&str>,
    ) -> Vec<(ParticipantNo, ParticipantId)> {
        let Some(chat) = chat else { return Vec::new() };
        let members = chat.members.iter().zip(chat.member_ids.iter());
        members
            .filter(|(_, id)| named.is_none_or(|named| named == id.as_str()))
            .filter(|(_, id)| self.lends_eyes(credential, id))
            .map(|(no, id)| (*no, id.clone()))
            .collect()
    }

    /// A message as all of them together see it: the sender sees every recipient, a recipient itself.
    pub(super) fn message(
        &self,
        credential: &Credential,
        message: MessageId,
        named: Option<&str>,
    ) -> Option<MessageView> {
        let chat = self.core.members_of_message(message);
        let mut whole: Option<MessageView> = None;
        for (no, id) in self.eyes(credential, chat, named) {
            let Some(view) = self.core.message(no, message) else {
                continue;
            };
            if view.from_user_id == id {
                return Some(view);
            }
            match &mut whole {
                None => whole = Some(view),
                Some(whole) => whole.recipients.extend(view.recipients),
            }
        }
        whole
    }

    pub(super) fn history(
        &self,
        credential: &Credential,
        chat: ChatId,
        named: Option<&str>,
        limit: usize,
    ) -> Result<Answer, ApiError> {
        let eyes = self.eyes(credential, self.core.members_of_chat(chat), named);
        // Beside a chat the head of a log is told: the own one, where there is one.
        let own = match &credential.scope {
            Scope::User { id, .. } => eyes.iter().find(|(_, who)| who == id),
            _ => None,
        };
        let first = own.or(eyes.first()).ok_or_else(ApiError::not_found)?;
        let viewer = first.0;
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = self.core.history(viewer, chat, before, limit);
            let mut page = page.ok_or_else(ApiError::not_found)?;
            // Each is shown as by itself: to several together, what all of them see.
            for message in &mut page.messages {
                if let Some(whole) = self.message(credential, message.message_id, named) {
                    *message = MessageView {
                        reminders: Vec::new(),
                        ..whole
                    };
                }
            }
            before = page.next.as_ref().and_then(|next| next.parse().ok());
            all.push(json!(page));
            if before.is_none() {
                return Ok(pages(all));
            }
        }
    }

    pub(super) fn chats(&self, by: By, limit: usize) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let (no, _) = Self::user(&credential)?;
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = self.core.chats(no, before, limit);
            before = page.next.as_deref().and_then(behind);
            all.push(json!(page));
            if before.is_none() {
                return Ok(pages(all));
            }
        }
    }

    /// Everybody but the caller. Pages are as long as asked for, whether the caller would have stood in them or not.
    pub(super) fn people(&self, by: By, q: &str, limit: usize) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let own = match &credential.scope {
            Scope::Administration => return Err(ApiError::new(ErrorCode::NotAllowed, "")),
            Scope::User { id, .. } => Some(id.clone()),
            Scope::Externals(_) => self.me_of(&credential),
        };
        let everybody = self.core.reader().people(q, None, usize::MAX / 2);
        let mut people = everybody.expect("the store reads").people;
        people.retain(|person| Some(&person.user_id) != own.as_ref());
        let count = people.len();
        let mut all: Vec<Value> = Vec::new();
        for (at, page) in people.chunks(limit).enumerate() {
            let mut body = json!({"people": page});
            if (at + 1) * limit < count {
                body["next"] = json!(page[page.len() - 1].user_id);
            }
            all.push(body);
        }
        if all.is_empty() {
            all.push(json!({"people": []}));
        }
        Ok(pages(all))
    }

    /// The one participant that a token of externals names.
    fn me_of(&self, credential: &Credential) -> Option<ParticipantId> {
        self.participant(credential, None)
            .ok()
            .map(|actor| actor.id)
    }

    pub(super) fn me(&self, by: By) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let (no, _) = Self::user(&credential)?;
        let rows = self.core.me(no).ok_or_else(ApiError::not_found)?;
        let sessions = rows.sessions.into_iter().map(|(no, mut view)| {
            view.current = credential.source == CredentialSource::Session(no);
            view
        });
        let sessions: Vec<_> = sessions.collect();
        Ok(Answer::new(
            200,
            json!({"userId": rows.user_id, "name": rows.name, "role": rows.role, "watches": rows.watches,
                "devices": rows.devices, "sessions": sessions}),
        ))
    }

    pub(super) async fn sign_in(
        &mut self,
        tag: Tag,
        user: &str,
        right: bool,
        device: Option<u8>,
    ) -> Result<Answer, ApiError> {
        let user = id(user);
        let row = self.core.reader().password(&user).expect("the store reads");
        let known = row.filter(|row| right && row.hash.is_some() && !row.disabled);
        let row = known.ok_or_else(|| ApiError::new(ErrorCode::SignInFailed, ""))?;
        let secret = format!("session of step {tag}");
        let expires_at: Timestamp = self.core.now().plus_millis(SESSION_MS);
        let session = NewSessionRow {
            user: row.no,
            hash: SecretHash::of(&secret),
            device_id: device.map(device_id),
            device_name: None,
            expires_at,
        };
        let opened = self.core.directory(Act::OpenSession(session)).await;
        opened.expect("the store writes");
        self.names.secrets.insert(tag, secret);
        Ok(Answer::new(
            201,
            json!({"userId": user, "expiresAt": expires_at}),
        ))
    }

    pub(super) async fn sign_out(&mut self, by: By, everywhere: bool) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let CredentialSource::Session(session) = credential.source else {
            return Err(ApiError::new(ErrorCode::NotAllowed, ""));
        };
        let (_, actor) = Self::user(&credential)?;
        let act = if everywhere {
            Act::Change(actor.id, UserChange::SignOut { tokens: false })
        } else {
            Act::CloseSession(session)
        };
        let closed = self.core.directory(act).await;
        closed.expect("the store writes");
        Ok(Answer::new(204, Value::Null))
    }
}

/// The place behind a chat, as `next` says it.
fn behind(next: &str) -> Option<ChatsBefore> {
    let (time, chat) = next.split_once('.')?;
    Some(ChatsBefore {
        last_activity: Timestamp::from_millis(time.parse().ok()?),
        chat: ChatNo(chat.parse().ok()?),
    })
}
