//! Writing at the edge of the specification: sends, replies, chats, receipts and cursors.

use crewline_api::{
    ApiError, CursorName, EventKinds, FieldCode, NewMessage, NewMessageGroup, NewMessageUser,
    NewReply, Priority, ReceiptSaid, ReceiptState, Timestamp,
};
use crewline_core::{
    Actor, Answer as Done, ChatCommand, Command, CursorCommand, ReceiptsCommand, ReplyCommand,
    Scope, SendCommand,
};
use serde_json::json;

use super::acts::id;
use super::answer::{Answer, Names};
use super::core::Core;
use super::edge::{Edge, good, not_allowed, unexpected};
use super::op::{By, Made, Op, Said, To, ToGroup};

impl<C: Core> Edge<C> {
    pub(super) async fn send(&mut self, op: &Op) -> Result<Answer, ApiError> {
        let Op::Send {
            by,
            from,
            name,
            to,
            groups,
            text,
            priority,
            key,
        } = op
        else {
            unreachable!("called for sends")
        };
        let credential = self.credential(*by)?;
        if !matches!(credential.scope, Scope::Externals(_)) {
            return Err(not_allowed());
        }
        let users = to.iter().map(
            |To {
                 id,
                 delivered,
                 read,
             }| {
                let mut user = NewMessageUser::new(*id);
                user.on_delivered_payload = delivered.map(Into::into);
                user.on_read_payload = read.map(Into::into);
                user
            },
        );
        let mut message = NewMessage::builder(*from, *name, *text)
            .to_all(users)
            .priority(urgency(*priority));
        for to in groups {
            let mut group = NewMessageGroup::new(to.id);
            group.on_duty_only = to.on_duty_only;
            group.on_delivered_payload = to.delivered.map(Into::into);
            group.on_read_payload = to.read.map(Into::into);
            message = message.to_group(group);
        }
        if let Some(key) = key {
            message = message.idempotency_key(*key);
        }
        let message = message.build()?;
        if !self.covers(&credential, &message.from_ext_user_id) {
            return Err(not_allowed());
        }
        let command = Command::Send(SendCommand::new(message, credential.device)?);
        sent(self.core.submit(command).await?)
    }

    pub(super) async fn reply(&mut self, op: &Op, made: &Made) -> Result<Answer, ApiError> {
        let Op::Reply {
            by,
            chat,
            text,
            priority,
            reply_to,
            read_up_to,
            key,
        } = op
        else {
            unreachable!("called for replies")
        };
        let credential = self.credential(*by)?;
        let (_, actor) = Self::user(&credential)?;
        let mut reply = NewReply::new(*text).priority(urgency(*priority));
        reply.reply_to = reply_to.map(|tag| self.names.message(made, tag));
        reply.read_up_to = read_up_to.map(|tag| self.names.message(made, tag));
        let key = key.map(|key| key.parse().expect("the keys of the model are good ones"));
        let chat = self.names.chat(made, *chat);
        let command = Command::Reply(ReplyCommand::new(actor, chat, reply, key)?);
        sent(self.core.submit(command).await?)
    }

    pub(super) async fn create_chat(
        &mut self,
        by: By,
        from: Option<&str>,
        to: &[&str],
        groups: &[ToGroup],
    ) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let others = to.iter().map(|to| id(to)).collect();
        let groups = groups.iter().map(|to| crewline_api::ToGroup {
            group_id: to
                .id
                .parse()
                .expect("the groups of the model are good ones"),
            on_duty_only: to.on_duty_only,
        });
        let groups = groups.collect();
        let actor = match &credential.scope {
            Scope::Administration => return Err(not_allowed()),
            Scope::User { .. } if from.is_some() => {
                return Err(ApiError::field(
                    "fromExtUserId",
                    FieldCode::UnknownField,
                    "",
                ));
            }
            Scope::User { id, .. } => Self::actor(&credential, id, false),
            Scope::Externals(_) => {
                let from =
                    from.ok_or_else(|| ApiError::field("fromExtUserId", FieldCode::Required, ""))?;
                if !self.covers(&credential, &id(from)) {
                    return Err(not_allowed());
                }
                Self::actor(&credential, &id(from), true)
            }
        };
        let command = Command::Chat(ChatCommand::new(actor, others, groups)?);
        match self.core.submit(command).await? {
            Done::Chat { chat, new } => {
                let status = if new { 201 } else { 200 };
                Ok(Answer::new(status, good(chat).body))
            }
            other => unexpected(&other),
        }
    }

    /// Receipts as they are written on the wire.
    pub(super) fn said(&self, said: &[Said], made: &Made) -> Vec<ReceiptSaid> {
        said.iter()
            .map(|said| receipt(said, &self.names, made))
            .collect()
    }

    pub(super) async fn receipts(
        &mut self,
        actor: Actor,
        said: Vec<ReceiptSaid>,
    ) -> Result<Answer, ApiError> {
        let command = Command::Receipts(ReceiptsCommand::new(actor, said)?);
        match self.core.submit(command).await? {
            Done::Receipts(results) => Ok(good(json!({"results": results}))),
            other => unexpected(&other),
        }
    }

    pub(super) async fn put_cursor(
        &mut self,
        actor: Actor,
        name: &str,
        seq: u64,
        kinds: EventKinds,
        rewind: bool,
    ) -> Result<Answer, ApiError> {
        let command = CursorCommand {
            actor,
            name: CursorName::new(name).expect("the names of the model are good ones"),
            seq,
            kinds,
            rewind,
        };
        match self.core.submit(Command::Cursor(command)).await? {
            Done::Cursor(cursor) => Ok(good(cursor)),
            other => unexpected(&other),
        }
    }
}

/// A receipt as it is written on the wire.
pub fn receipt(said: &Said, names: &Names, made: &Made) -> ReceiptSaid {
    let one = |tag, state, at: Option<i64>| ReceiptSaid::Message {
        message_id: names.message(made, tag).to_string(),
        state,
        at: at.map(Timestamp::from_millis),
    };
    match *said {
        Said::Delivered(tag) => one(tag, ReceiptState::Delivered, None),
        Said::Read(tag, at) => one(tag, ReceiptState::Read, at),
        Said::Acknowledged(tag) => one(tag, ReceiptState::Acknowledged, None),
        Said::UpTo(chat, tag) => ReceiptSaid::UpTo {
            chat_id: names.chat(made, chat).to_string(),
            read_up_to: names.message(made, tag).to_string(),
            at: None,
        },
    }
}

fn urgency(priority: u64) -> Priority {
    Priority::try_from(priority).expect("the priorities of the model are good ones")
}

fn sent(done: Done) -> Result<Answer, ApiError> {
    match done {
        Done::Sent { sent, again } => {
            Ok(Answer::new(if again { 200 } else { 201 }, good(sent).body))
        }
        other => unexpected(&other),
    }
}
