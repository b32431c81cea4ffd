//! What a read mark of the source reads here: in steps, so that no batch grows with the length of a chat.

use crewline_api::{ApiError, ChatId, MessageId, Outcome, ReceiptState};

use super::batches::Answers;
use super::plan::{Mark, STEP, Set};
use crate::DeviceNo;
use crate::command::{Actor, Answer, Command, ReceiptCommand, ReceiptsCommand};

/// Most emergencies that one command reads.
const EMERGENCIES_MAX: usize = 500;
/// Rows that reading one message writes: the fact, the recipient, two events.
const ROWS_OF_A_READ: usize = 4;

/// A mark, with what it reads.
pub(super) struct Reading {
    pub(super) mark: Mark,
    /// Where the steps end, and about how many messages each reads.
    up_to: Vec<(MessageId, usize)>,
    emergencies: Vec<MessageId>,
}

impl Reading {
    /// What a mark reads of what was taken by now; `None` where there is nothing.
    pub(super) fn new(mark: Mark, set: &Set) -> Option<Self> {
        let last = set.last?;
        let mut up_to: Vec<_> = set.steps.iter().map(|message| (*message, STEP)).collect();
        let rest = set.count % STEP;
        if rest > 0 {
            up_to.push((last, rest));
        }
        let others = set
            .emergencies
            .iter()
            .filter(|(_, sender)| *sender != mark.who);
        let emergencies = others.map(|(message, _)| *message).collect();
        Some(Self {
            mark,
            up_to,
            emergencies,
        })
    }

    /// As commands, each with about how many rows it writes.
    pub(super) fn commands(&self, chat: Option<ChatId>) -> Vec<(Command, usize)> {
        let Some(chat) = chat else {
            return Vec::new();
        };
        let actor = Actor {
            id: self.mark.who.clone(),
            // Systems have no marks.
            external: false,
            device: DeviceNo(0),
        };
        let command = |receipts| {
            Command::Receipts(ReceiptsCommand {
                actor: actor.clone(),
                receipts,
            })
        };
        let steps = self.up_to.iter().map(|(message, count)| {
            let receipt = ReceiptCommand::UpTo {
                given: String::new(),
                place: Some((chat, *message)),
                at: None,
            };
            (command(vec![receipt]), ROWS_OF_A_READ * count)
        });
        let emergencies = self.emergencies.chunks(EMERGENCIES_MAX).map(|messages| {
            let receipts = messages.iter().map(|message| ReceiptCommand::Message {
                given: String::new(),
                message: Some(*message),
                state: ReceiptState::Read,
                at: None,
            });
            let rows = ROWS_OF_A_READ * messages.len();
            (command(receipts.collect()), rows)
        });
        steps.chain(emergencies).collect()
    }
}

/// Which readings of these commands read something that was not read before.
pub(super) fn newly_read<'a>(
    of: &'a [usize],
    answers: &'a Answers,
) -> impl Iterator<Item = usize> + 'a {
    let is_new = |answer: &Result<Answer, ApiError>| match answer {
        Ok(Answer::Receipts(results)) => results.iter().any(|r| r.outcome == Outcome::New),
        _ => false,
    };
    of.iter()
        .zip(answers)
        .filter(move |(_, answer)| is_new(answer))
        .map(|(at, _)| *at)
}
