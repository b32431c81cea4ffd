//! Commands brought into their plainest form: checked, sorted, each recipient once.

use std::collections::BTreeMap;

use crewline_api::{
    ApiError, ChatId, ErrorCode, FieldCode, FieldError, GroupId, IdempotencyKey, NewMessage,
    NewMessageGroup, NewReply, ParticipantId, ReceiptSaid, ReceiptState, ToGroup, limits,
};

use super::{
    Actor, ChatCommand, GroupRecipient, ReceiptCommand, ReceiptsCommand, Recipient, ReplyCommand,
    SendCommand, meaning,
};
use crate::DeviceNo;
use crate::state::Payloads;

impl SendCommand {
    /// Brings a message into its plainest form.
    ///
    /// # Errors
    /// What [`crewline_api::NewMessageBuilder::build`] refuses.
    pub fn new(message: NewMessage, device: DeviceNo) -> Result<Self, ApiError> {
        message.check()?;
        let mut recipients: BTreeMap<ParticipantId, Recipient> = BTreeMap::new();
        for (index, user) in message.to_users.into_iter().enumerate() {
            let Ok(id) = ParticipantId::new(&user.to_user_id) else {
                continue;
            };
            if id == message.from_ext_user_id {
                continue;
            }
            let recipient = recipients.entry(id.clone()).or_insert_with(|| Recipient {
                id,
                field: format!("toUsers[{index}].toUserId"),
                payloads: Payloads::default(),
            });
            recipient
                .payloads
                .or(user.on_delivered_payload, user.on_read_payload);
        }
        let mut send = Self {
            actor: Actor {
                id: message.from_ext_user_id,
                external: true,
                device,
            },
            from_name: message.from_ext_user_name.into(),
            recipients: recipients.into_values().collect(),
            groups: plain_groups(message.to_groups),
            text: message.message.into(),
            priority: message.priority,
            key: None,
        };
        send.key = message
            .idempotency_key
            .map(|key| (key, meaning::of_send(&send)));
        Ok(send)
    }
}

impl ReplyCommand {
    /// Brings a reply into its plainest form.
    ///
    /// # Errors
    /// What [`NewReply::check`] refuses.
    pub fn new(
        actor: Actor,
        chat: ChatId,
        reply: NewReply,
        key: Option<IdempotencyKey>,
    ) -> Result<Self, ApiError> {
        reply.check()?;
        let mut command = Self {
            actor,
            chat,
            text: reply.message.into(),
            priority: reply.priority,
            reply_to: reply.reply_to,
            read_up_to: reply.read_up_to,
            key: None,
        };
        command.key = key.map(|key| (key, meaning::of_reply(&command)));
        Ok(command)
    }
}

impl ChatCommand {
    /// Brings the people of a chat into their plainest form.
    ///
    /// # Errors
    /// Nobody but the actor, or too many.
    pub fn new(
        actor: Actor,
        to_user_ids: Vec<ParticipantId>,
        to_groups: Vec<ToGroup>,
    ) -> Result<Self, ApiError> {
        let none_given = to_user_ids.is_empty();
        let mut others: BTreeMap<ParticipantId, Recipient> = BTreeMap::new();
        for (index, id) in to_user_ids.into_iter().enumerate() {
            if id != actor.id {
                let field = format!("toUserIds[{index}]");
                others.entry(id.clone()).or_insert_with(|| Recipient {
                    id,
                    field,
                    payloads: Payloads::default(),
                });
            }
        }
        let mut errors = Vec::new();
        if to_groups.is_empty() || others.len() > limits::RECIPIENTS_MAX {
            crewline_api::check_recipient_count("toUserIds", none_given, others.len(), &mut errors);
        }
        crewline_api::check_to_groups(to_groups.len(), &mut errors);
        let groups = to_groups.into_iter().map(|group| NewMessageGroup {
            on_duty_only: group.on_duty_only,
            ..NewMessageGroup::new(group.group_id)
        });
        if errors.is_empty() {
            Ok(Self {
                actor,
                others: others.into_values().collect(),
                groups: plain_groups(groups.collect()),
            })
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
}

impl ReceiptsCommand {
    /// Brings receipts into their plainest form.
    ///
    /// # Errors
    /// None or more than 1,000, and a receipt that says `accepted`.
    pub fn new(actor: Actor, receipts: Vec<ReceiptSaid>) -> Result<Self, ApiError> {
        let mut errors = Vec::new();
        if receipts.is_empty() {
            errors.push(FieldError::new(
                "receipts",
                FieldCode::Empty,
                "holds no receipt",
            ));
        } else if receipts.len() > limits::RECEIPTS_MAX {
            let detail = format!(
                "holds {} receipts; at most {} are allowed",
                receipts.len(),
                limits::RECEIPTS_MAX
            );
            errors.push(FieldError::new("receipts", FieldCode::TooMany, detail));
        }
        let receipts = receipts
            .into_iter()
            .enumerate()
            .map(|(index, said)| match said {
                ReceiptSaid::Message {
                    message_id,
                    state,
                    at,
                } => {
                    if state == ReceiptState::Accepted {
                        let detail =
                            "is delivered, read or acknowledged; accepted is what the server says";
                        errors.push(FieldError::new(
                            format!("receipts[{index}].state"),
                            FieldCode::OutOfRange,
                            detail,
                        ));
                    }
                    ReceiptCommand::Message {
                        message: message_id.parse().ok(),
                        given: message_id,
                        state,
                        at,
                    }
                }
                ReceiptSaid::UpTo {
                    chat_id,
                    read_up_to,
                    at,
                } => {
                    let place = chat_id.parse().ok().zip(read_up_to.parse().ok());
                    ReceiptCommand::UpTo {
                        given: chat_id,
                        place,
                        at,
                    }
                }
            });
        let receipts = receipts.collect();
        if errors.is_empty() {
            Ok(Self { actor, receipts })
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
}

/// Groups in their plainest form: sorted, each once, payloads of duplicates merged.
fn plain_groups(groups: Vec<NewMessageGroup>) -> Vec<GroupRecipient> {
    let mut plain: BTreeMap<(GroupId, bool), GroupRecipient> = BTreeMap::new();
    for (index, group) in groups.into_iter().enumerate() {
        let Ok(id) = GroupId::new(&group.group_id) else {
            continue;
        };
        let key = (id.clone(), group.on_duty_only);
        let kept = plain.entry(key).or_insert_with(|| GroupRecipient {
            id,
            on_duty_only: group.on_duty_only,
            field: format!("toGroups[{index}]"),
            payloads: Payloads::default(),
        });
        kept.payloads
            .or(group.on_delivered_payload, group.on_read_payload);
    }
    plain.into_values().collect()
}
