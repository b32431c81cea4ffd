//! Operations drawn from a seed: what people and systems do all day, with the wrong and the odd among it.

use crewline_api::{
    ChatId, EventKind, EventKinds, MessageId, NewMessage, NewMessageGroup, NewMessageUser,
    NewReminder, NewReply, Priority, ReceiptSaid, ReceiptState, Timestamp,
};
use crewline_core::{
    Answer, ChatCommand, Command, ConfirmCommand, CursorCommand, DeviceNo, ReceiptsCommand,
    RemindCommand, ReplyCommand, SendCommand,
};

use crate::random::Random;
use crate::{external, person};

/// One operation: a command, as it would come from an edge.
pub type Op = Command;

/// What a test knows of the store it works on: ids that were given out, from which later operations are drawn.
#[derive(Debug, Default, Clone)]
pub struct World {
    /// Messages and their chats.
    pub messages: Vec<(MessageId, ChatId)>,
    /// Chats.
    pub chats: Vec<ChatId>,
}

/// People in every world.
pub const USERS: [&str; 5] = ["alice", "bob", "a,b", "Ann", "ann"];
/// Externals in every world.
pub const EXTERNALS: [&str; 3] = ["scada", "oms", "scada:dms 🚑"];

impl World {
    /// Takes note of an answer.
    pub fn learn(&mut self, answer: &Answer) {
        match answer {
            Answer::Sent { sent, .. } => {
                self.messages.push((sent.message_id, sent.chat_id));
                self.chats.push(sent.chat_id);
            }
            Answer::Chat { chat, .. } => self.chats.push(chat.chat_id),
            Answer::Receipts(_)
            | Answer::Cursor(_)
            | Answer::Confirmed(_)
            | Answer::Reminded { .. }
            | Answer::Appeared(_) => {}
        }
    }
}

/// Draws an operation.
///
/// # Panics
/// Never: what is drawn is well formed.
pub fn draw(random: &mut Random, world: &World) -> Op {
    loop {
        let op = match random.below(12) {
            0..=2 => draw_send(random),
            3..=4 => draw_reply(random, world),
            5..=7 => draw_receipts(random, world),
            8 => draw_cursor(random),
            9 => Some(draw_confirm(random)),
            10 => draw_remind(random, world),
            _ => draw_chat(random),
        };
        if let Some(op) = op {
            return op;
        }
    }
}

fn draw_others(random: &mut Random) -> Vec<&'static str> {
    let all: Vec<&'static str> = USERS
        .iter()
        .chain(&EXTERNALS)
        .chain(&["nobody"])
        .copied()
        .collect();
    // Mostly people who exist: a refused send teaches little.
    let end = if random.one_in(12) {
        all.len()
    } else {
        all.len() - 1
    };
    (0..=random.below(3))
        .map(|_| random.pick(&all[..end]))
        .collect()
}

fn draw_priority(random: &mut Random) -> Priority {
    random.pick(&[
        Priority::Fleeting,
        Priority::Fleeting,
        Priority::Sticky,
        Priority::Emergency,
    ])
}

fn draw_send(random: &mut Random) -> Option<Op> {
    let from = random.pick(&EXTERNALS);
    let users = draw_others(random).into_iter().map(|to| {
        let mut user = NewMessageUser::new(to);
        // The same bytes for the same person: two different ones would be refused.
        if random.one_in(2) {
            user = user.on_delivered_payload(format!("delivered {to}"));
        }
        if random.one_in(2) {
            user = user.on_read_payload(format!("read {to}"));
        }
        user
    });
    let users: Vec<NewMessageUser> = users.collect();
    let name = random.pick(&["Feeder 7", "Line 2"]);
    let text = format!("text {}", random.below(4));
    let mut message = NewMessage::builder(from, name, text)
        .to_all(users)
        .priority(draw_priority(random));
    if random.one_in(3) {
        message = message.idempotency_key(format!("key {}", random.below(6)));
    }
    if random.one_in(4) {
        let mut group = NewMessageGroup::new(draw_group(random));
        group.on_duty_only = random.one_in(4);
        message = message.to_group(group);
    }
    Some(Command::Send(
        SendCommand::new(message.build().ok()?, DeviceNo(100)).ok()?,
    ))
}

/// Groups in every world, and one that nobody makes.
pub(crate) const GROUPS: [&str; 2] = ["north", "south"];

fn draw_group(random: &mut Random) -> &'static str {
    random.pick(&[GROUPS[0], GROUPS[1], GROUPS[0], "on-duty", "west"])
}

fn draw_message(random: &mut Random, world: &World) -> (MessageId, ChatId) {
    if world.messages.is_empty() || random.one_in(20) {
        return (
            MessageId::from_parts(random.below(8) as u64, 7),
            ChatId::from_parts(random.below(8) as u64, 7),
        );
    }
    // The newest are what people look at.
    let last = world.messages.len();
    let first = if random.one_in(4) {
        0
    } else {
        last.saturating_sub(12)
    };
    world.messages[first + random.below(last - first)]
}

fn draw_reply(random: &mut Random, world: &World) -> Option<Op> {
    let chat = if random.one_in(3) {
        *world.chats.get(random.below(world.chats.len()))?
    } else {
        draw_message(random, world).1
    };
    let mut reply = NewReply::new(format!("reply {}", random.below(4)));
    reply.priority = draw_priority(random);
    if random.one_in(3) {
        reply.reply_to = Some(draw_message(random, world).0);
    }
    if random.one_in(3) {
        reply.read_up_to = Some(draw_message(random, world).0);
    }
    let actor = if random.one_in(15) {
        external(random.pick(&EXTERNALS))
    } else {
        person(random.pick(&USERS), 1 + random.below(2) as i64)
    };
    let key = random
        .one_in(4)
        .then(|| format!("key {}", random.below(4)).parse().ok())
        .flatten();
    Some(Command::Reply(
        ReplyCommand::new(actor, chat, reply, key).ok()?,
    ))
}

fn draw_receipts(random: &mut Random, world: &World) -> Option<Op> {
    let receipts = (0..=random.below(4)).map(|_| {
        let (message, chat) = draw_message(random, world);
        let at = random
            .one_in(2)
            .then(|| Timestamp::from_millis(1_700_000_000_000 + random.below(1_000) as i64));
        if random.one_in(4) {
            return ReceiptSaid::UpTo {
                chat_id: chat.to_string(),
                read_up_to: message.to_string(),
                at,
            };
        }
        let state = random.pick(&[
            ReceiptState::Delivered,
            ReceiptState::Delivered,
            ReceiptState::Read,
            ReceiptState::Acknowledged,
        ]);
        ReceiptSaid::Message {
            message_id: message.to_string(),
            state,
            at,
        }
    });
    let receipts = receipts.collect();
    let actor = if random.one_in(6) {
        external(random.pick(&EXTERNALS))
    } else {
        person(random.pick(&USERS), 1 + random.below(2) as i64)
    };
    Some(Command::Receipts(
        ReceiptsCommand::new(actor, receipts).ok()?,
    ))
}

fn draw_cursor(random: &mut Random) -> Option<Op> {
    let actor = if random.one_in(5) {
        person(random.pick(&USERS), 1)
    } else {
        external(random.pick(&EXTERNALS))
    };
    let kinds = match random.below(3) {
        0 => EventKinds::from_iter([EventKind::MessageRead]),
        1 => EventKinds::from_iter([EventKind::MessageReceived, EventKind::MessageRead]),
        _ => EventKinds::ALL,
    };
    let name = random.pick(&["a", "b"]).parse().ok()?;
    Some(Command::Cursor(CursorCommand {
        actor,
        name,
        seq: random.below(40) as u64,
        kinds,
        rewind: random.one_in(4),
    }))
}

fn draw_confirm(random: &mut Random) -> Op {
    let actor = if random.one_in(3) {
        external(random.pick(&EXTERNALS))
    } else {
        person(random.pick(&USERS), 1 + random.below(2) as i64)
    };
    Command::Confirm(ConfirmCommand {
        actor,
        seq: random.below(30) as u64,
        said_after: random.below(30) as u64,
    })
}

fn draw_remind(random: &mut Random, world: &World) -> Option<Op> {
    let (message, _) = random.pick_some(&world.messages)?;
    let actor = if random.one_in(3) {
        person(random.pick(&USERS), 1)
    } else {
        external(random.pick(&EXTERNALS))
    };
    let watched = random.one_in(2).then(|| random.pick(&EXTERNALS));
    let until = random.pick(&[
        None,
        Some(ReceiptState::Delivered),
        Some(ReceiptState::Read),
    ]);
    Some(Command::Remind(RemindCommand {
        actor,
        watched: watched.and_then(|id| id.parse().ok()),
        message: Some(message),
        reminder: NewReminder { until },
    }))
}

fn draw_chat(random: &mut Random) -> Option<Op> {
    let others = draw_others(random)
        .into_iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    let actor = if random.one_in(2) {
        person(random.pick(&USERS), 1)
    } else {
        external(random.pick(&EXTERNALS))
    };
    Some(Command::Chat(
        ChatCommand::new(actor, others, Vec::new()).ok()?,
    ))
}
