//! What somebody does because of a message: reads it after a while, acknowledges an emergency, answers, looks after the silent.

use std::cmp::Ordering;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crewline_client::api::{
    ChatId, IdempotencyKey, MessageEvent, MessageId, NewChat, NewReply, ParticipantId, Priority,
    ReceiptSaid, ReceiptState, ToGroup,
};
use tokio::time::Instant;

use super::device::{Deed, Target};
use super::{Doing, Person};
use crate::cast::{Cast, DESKS, SCADA, Who};
use crate::dice::Dice;
use crate::ledger::{State, reference_of, text_of};

const ANSWERS: [&str; 6] = [
    "Understood, on the way.",
    "Done. The line is earthed.",
    "We need twenty minutes more.",
    "The road is blocked, we go around by the quarry.",
    "Found it: a branch at pole 34. Clearing it now.",
    "Confirmed, 212 A.",
];
const HELP: &str = "Help is on its way to you. Stay where you are.";
const SOS: &str = "SOS. Position: 51.50000, -0.12500, to 12 m.";

/// What is going to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Read {
        chat: ChatId,
        position: u64,
        id: MessageId,
        is_emergency: bool,
        up_to: bool,
    },
    Acknowledge {
        id: MessageId,
    },
    Answer {
        chat: ChatId,
        position: u64,
        id: MessageId,
        text: &'static str,
    },
    Look {
        id: MessageId,
        tries: u32,
    },
}

impl What {
    /// Whether it is still done when the day is over.
    pub(super) fn is_receipt(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Acknowledge { .. })
    }
}

/// What is going to be done, and when. The soonest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reaction {
    pub(super) at: Instant,
    pub(super) what: What,
}

impl Ord for Reaction {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Reaction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Person {
    /// A message is on the device: what will its person do?
    pub(super) fn consider(&mut self, event: &MessageEvent) {
        let (id, chat, position) = (event.message_id, event.chat_id, event.position);
        let is_emergency = event.priority == Priority::Emergency;
        let is_reply = event.reply_to.is_some();
        let number = reference_of(&event.message).map_or(id.no(), u64::from);
        // The same person does the same with the same message, whatever else happens on this day.
        let mut dice = Dice::of(self.world.seed, 100 + u64::from(self.who), number);
        let tempo = self.world.tempo;
        let read_s = dice.between(tempo.read);
        if !self.memory.read.contains(&id) {
            if !is_emergency {
                self.device
                    .unread
                    .entry(chat)
                    .or_default()
                    .push((position, id));
            }
            let up_to = dice.chance(0.5);
            self.plan(
                read_s,
                What::Read {
                    chat,
                    position,
                    id,
                    is_emergency,
                    up_to,
                },
            );
        }
        if is_emergency && !self.memory.acknowledged.contains(&id) {
            self.memory.open.insert(id);
            self.plan(
                read_s + dice.between(tempo.acknowledge),
                What::Acknowledge { id },
            );
        }
        if is_reply || self.is_finishing || self.memory.answered.contains(&id) {
            return;
        }
        let from = self.world.cast.who(&event.from_user_id);
        let answer_s = read_s + dice.between(tempo.reply);
        if self.is_desk() {
            let first = self.who == DESKS[number as usize % DESKS.len()];
            if is_emergency && from == Some(SCADA) && first {
                self.plan(tempo.look, What::Look { id, tries: 0 });
            } else if is_emergency && from.is_some_and(Cast::is_crew) && first {
                self.plan(
                    answer_s,
                    What::Answer {
                        chat,
                        position,
                        id,
                        text: HELP,
                    },
                );
            }
        } else if dice.chance(tempo.answered) {
            let text = dice.pick(&ANSWERS);
            self.plan(
                answer_s,
                What::Answer {
                    chat,
                    position,
                    id,
                    text,
                },
            );
        }
    }

    pub(super) fn plan(&mut self, after_s: f64, what: What) {
        let after = if self.is_finishing {
            Duration::ZERO
        } else {
            self.world.clock.real(after_s)
        };
        self.reactions.push(Reaction {
            at: Instant::now() + after,
            what,
        });
    }

    /// Does it: it goes into the outbox.
    pub(super) fn react(&mut self, reaction: Reaction) {
        match reaction.what {
            What::Read {
                chat,
                position,
                id,
                is_emergency,
                up_to,
            } => {
                self.read(chat, position, id, is_emergency, up_to);
            }
            What::Acknowledge { id } => {
                let of = vec![(id, State::Read), (id, State::Acknowledged)];
                self.say(message(id, ReceiptState::Acknowledged), of);
            }
            What::Answer {
                chat,
                position,
                id,
                text,
            } => {
                if self.memory.answered.insert(id) {
                    let reply = NewReply::new(text).reply_to(id);
                    self.write(Target::Chat(chat), reply, Some((chat, position, id)));
                }
            }
            What::Look { id, tries } => self.device.outbox.push_back(Deed::Look { id, tries }),
        }
    }

    fn read(
        &mut self,
        chat: ChatId,
        position: u64,
        id: MessageId,
        is_emergency: bool,
        up_to: bool,
    ) {
        if is_emergency {
            self.say(message(id, ReceiptState::Read), vec![(id, State::Read)]);
        } else if up_to {
            let of: Vec<_> = self
                .device
                .read_up_to(chat, position)
                .into_iter()
                .map(|id| (id, State::Read))
                .collect();
            if !of.is_empty() {
                let said = ReceiptSaid::UpTo {
                    chat_id: chat.to_string(),
                    read_up_to: id.to_string(),
                    at: None,
                };
                self.say(said, of);
            }
        } else if self.device.read_one(chat, id) {
            self.say(message(id, ReceiptState::Read), vec![(id, State::Read)]);
        }
    }

    fn say(&mut self, said: ReceiptSaid, of: Vec<(MessageId, State)>) {
        self.note_said(&of);
        self.device.outbox.push_back(Deed::Receipt { said, of });
    }

    fn note_said(&self, of: &[(MessageId, State)]) {
        let now = self.world.clock.ms();
        let mut ledger = self.world.ledger();
        for (id, state) in of {
            ledger.said(self.who, *id, *state, now);
        }
    }

    /// Writes a message. It reads what stood on the screen, and nothing that came since.
    fn write(
        &mut self,
        to: Target,
        mut reply: NewReply,
        on_screen: Option<(ChatId, u64, MessageId)>,
    ) {
        let now = self.world.clock.ms();
        let reference = self
            .world
            .ledger()
            .begin(self.who, reply.priority, None, now);
        reply.message = text_of(reference, &reply.message);
        let reads = on_screen
            .map(|place| self.read_on_screen(place, &mut reply))
            .unwrap_or_default();
        let Ok(key) = IdempotencyKey::new(format!("day-{:016x}-{reference}", self.world.seed))
        else {
            return;
        };
        self.device.outbox.push_back(Deed::Reply {
            to,
            reply,
            key,
            reads,
        });
    }

    /// What a message reads that is written where this stands on the screen.
    fn read_on_screen(
        &mut self,
        (chat, position, id): (ChatId, u64, MessageId),
        reply: &mut NewReply,
    ) -> Vec<MessageId> {
        let reads = self.device.read_up_to(chat, position);
        reply.read_up_to = Some(id);
        let of: Vec<_> = reads.iter().map(|id| (*id, State::Read)).collect();
        self.note_said(&of);
        reads
    }

    /// Where there is a chat of these already, the message goes there and reads what is on the screen. That is settled before
    /// the first try: a message with the same key must mean the same.
    pub(super) fn settle(&mut self) {
        let Some(Deed::Reply {
            to, mut reply, key, ..
        }) = self.device.underway.first().cloned()
        else {
            return;
        };
        let Target::With(_, all) = to else {
            return;
        };
        let Some(chat) = self.memory.chats.get(&all).copied() else {
            return;
        };
        let Some((position, id)) = self.memory.last.get(&chat).copied() else {
            return;
        };
        let reads = self.read_on_screen((chat, position, id), &mut reply);
        self.device.underway[0] = Deed::Reply {
            to: Target::Chat(chat),
            reply,
            key,
            reads,
        };
    }

    fn with_me(&self, mut others: Vec<ParticipantId>) -> Vec<ParticipantId> {
        others.push(self.world.cast.id(self.who).clone());
        others.sort();
        others.dedup();
        others
    }

    /// A desk writes to crews.
    pub(super) fn call(&mut self, to: &[Who], priority: Priority, text: &str) {
        let cast = &self.world.cast;
        let to: Vec<_> = to.iter().map(|who| cast.id(*who).clone()).collect();
        let all = self.with_me(to.clone());
        let chat = NewChat {
            from_ext_user_id: None,
            to_user_ids: to,
            to_groups: Vec::new(),
        };
        self.write(
            Target::With(chat, all),
            NewReply::new(text).priority(priority),
            None,
        );
    }

    /// A crew is in trouble: it goes out before everything else that waits. One at a time.
    pub(super) fn raise_sos(&mut self, doing: &mut Option<Doing>) {
        let status = self.world.status(self.who);
        if self.is_finishing || status.sos_ms.load(Relaxed) > 0 {
            return;
        }
        let Ok(group_id) = self.world.cast.desk_group() else {
            return;
        };
        status.sos_ms.store(self.world.clock.ms().max(1), Relaxed);
        self.world.news(self.who, "raises an SOS");
        self.world.ledger().counts.sos += 1;
        let group = ToGroup {
            group_id,
            on_duty_only: false,
        };
        let chat = NewChat {
            from_ext_user_id: None,
            to_user_ids: Vec::new(),
            to_groups: vec![group],
        };
        let all = self.with_me(DESKS.map(|desk| self.world.cast.id(desk).clone()).to_vec());
        // What is under way is said again after it, with the same keys.
        *doing = None;
        self.device.put_back();
        self.write(
            Target::With(chat, all),
            NewReply::new(SOS).priority(Priority::Emergency),
            None,
        );
        self.device.outbox.rotate_right(1);
    }

    /// The names of the silent: the first ones, and how many more there are.
    pub(super) fn silent_names(&self, silent: &[Who]) -> String {
        let names: Vec<_> = silent
            .iter()
            .take(4)
            .map(|who| self.world.cast.name(*who))
            .collect();
        let more = silent.len().saturating_sub(names.len());
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{tail}", names.join(", "))
    }

    pub(super) fn control_system(&self) -> &ParticipantId {
        self.world.cast.id(SCADA)
    }
}

fn message(id: MessageId, state: ReceiptState) -> ReceiptSaid {
    ReceiptSaid::Message {
        message_id: id.to_string(),
        state,
        at: None,
    }
}
