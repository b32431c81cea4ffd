//! What does not change while a batch is decided: ids, chats, keys, who is in groups.

use crewline_api::{IdempotencyKey, ParticipantId};

use super::Wanted;
use crate::command::{Command, GroupRecipient, ReceiptCommand, Recipient};
use crate::resolve;
use crate::set::{self, Set};
use crate::state::{Fingerprint, KeyRow, State};

/// What never changes and is still missing. Load it and ask again, until it is empty: at most four rounds.
pub fn to_resolve(commands: &[&Command], state: &State) -> Wanted {
    let mut wanted = Wanted {
        numbers: state.numbers.is_none(),
        ..Wanted::default()
    };
    for command in commands {
        wanted.id(state, &command.actor().id);
        match command {
            Command::Send(send) => {
                resolve_key(&mut wanted, state, &send.actor.id, send.key.as_ref());
                if !resolve_groups(&mut wanted, state, &send.groups) {
                    continue;
                }
                let all = resolve::everyone(state, &send.actor.id, &send.recipients, &send.groups);
                resolve_set(&mut wanted, state, &send.actor.id, &all);
            }
            Command::Reply(reply) => {
                resolve_key(&mut wanted, state, &reply.actor.id, reply.key.as_ref());
                wanted.chat_id(state, reply.chat);
                for id in [reply.reply_to, reply.read_up_to].into_iter().flatten() {
                    wanted.message_id(state, id);
                }
            }
            Command::Chat(chat) => {
                if !resolve_groups(&mut wanted, state, &chat.groups) {
                    continue;
                }
                let all = resolve::everyone(state, &chat.actor.id, &chat.others, &chat.groups);
                resolve_set(&mut wanted, state, &chat.actor.id, &all);
            }
            Command::Receipts(receipts) => {
                for receipt in &receipts.receipts {
                    match receipt {
                        ReceiptCommand::Message { message, .. } => {
                            if let Some(id) = *message {
                                wanted.message_id(state, id);
                                if let Some(message) = state.message(id) {
                                    wanted.chat(state, message.chat);
                                }
                            }
                        }
                        ReceiptCommand::UpTo { place, .. } => {
                            if let Some((chat, message)) = *place {
                                wanted.chat_id(state, chat);
                                wanted.message_id(state, message);
                            }
                        }
                    }
                }
            }
            Command::Remind(remind) => {
                if let Some(watched) = &remind.watched {
                    wanted.id(state, watched);
                }
                if let Some(id) = remind.message {
                    wanted.message_id(state, id);
                    if let Some(message) = state.message(id) {
                        wanted.chat(state, message.chat);
                    }
                }
            }
            Command::Cursor(_) | Command::Confirm(_) | Command::Appear(_) => {}
        }
    }
    wanted
}

fn resolve_key(
    wanted: &mut Wanted,
    state: &State,
    sender: &ParticipantId,
    key: Option<&(IdempotencyKey, Fingerprint)>,
) {
    let (Some((key, _)), Some(sender)) = (key, state.participant(sender)) else {
        return;
    };
    match state.keys.get(&(sender.no, key.clone())) {
        None => {
            wanted.keys.insert((sender.no, key.clone()));
        }
        Some(None) => {}
        // The first answer is given again: it needs the message and its chat.
        Some(Some(KeyRow { message, .. })) => {
            wanted.message(state, *message);
            if let Some(Some(message)) = state.messages.get(message) {
                wanted.chat(state, message.chat);
            }
        }
    }
}

/// Whether all groups are there; who is in a set is known only then.
fn resolve_groups(wanted: &mut Wanted, state: &State, groups: &[GroupRecipient]) -> bool {
    let mut all = true;
    for group in groups {
        if !state.groups.contains_key(&group.id) {
            wanted.groups.insert(group.id.clone());
            all = false;
        }
    }
    all
}

fn resolve_set(wanted: &mut Wanted, state: &State, actor: &ParticipantId, others: &[Recipient]) {
    for other in others {
        wanted.id(state, &other.id);
    }
    match set::find(state, actor, others) {
        Set::OfNew | Set::Known(None) => {}
        Set::NotAsked(key) => {
            wanted.sets.insert(key);
        }
        Set::Known(Some(chat)) => wanted.chat(state, chat),
    }
}
