//! Saying what is in the outbox: one deed after the other, each answered before the next.

use std::time::Duration;

use crewline_client::api::{
    ErrorCode, NewReminder, Outcome, ParticipantId, ReceiptState, SentMessage,
};
use crewline_client::{Client, Error};
use tokio::time::Instant;

use super::device::{Deed, Target};
use super::react::What;
use super::{AGAIN, Doing, Person};
use crate::cast::{Cast, Who};
use crate::ledger::State;

/// How often a desk looks after the same message.
const LOOKS: u32 = 4;
/// A look is no worth waiting for.
const LOOK_PATIENCE: Duration = Duration::from_secs(10);

/// What was answered.
pub(super) enum Done {
    Receipts(Vec<Outcome>),
    Sent(SentMessage),
    /// Who has not got the message, and whether they were reminded.
    Looked {
        silent: Vec<ParticipantId>,
        reminded: bool,
    },
}

impl Person {
    /// Begins with what stands in front, where there is something and a device to say it.
    pub(super) fn begin(&mut self) -> Option<Doing> {
        let session = self.session.as_ref()?;
        if Instant::now() < self.not_before {
            return None;
        }
        let handle = session.handle();
        self.device.begin();
        self.settle();
        match self.device.underway.first()? {
            Deed::Receipt { .. } => {
                let said = self.device.underway.iter().filter_map(|deed| match deed {
                    Deed::Receipt { said, .. } => Some(said.clone()),
                    _ => None,
                });
                let said: Vec<_> = said.collect();
                Some(Box::pin(async move {
                    let done = handle.receipts(said).await?;
                    Ok(Done::Receipts(
                        done.results
                            .into_iter()
                            .map(|result| result.outcome)
                            .collect(),
                    ))
                }))
            }
            Deed::Reply { to, reply, key, .. } => {
                let now = self.world.clock.ms();
                self.world.ledger().tried(&reply.message, now);
                let (to, reply, key) = (to.clone(), reply.clone(), key.clone());
                Some(Box::pin(async move {
                    let chat = match to {
                        Target::Chat(chat) => chat,
                        Target::With(chat, _) => handle.create_chat(chat).await?.chat_id,
                    };
                    Ok(Done::Sent(handle.reply(chat, reply, Some(key)).await?))
                }))
            }
            Deed::Look { id, .. } => {
                let (id, from) = (*id, self.control_system().clone());
                let client = self.client(&format!("http://{}", self.world.server)).ok()?;
                Some(Box::pin(look(client, id, from)))
            }
        }
    }

    /// Takes the answer.
    pub(super) fn done(&mut self, done: Result<Done, Error>) {
        match done {
            Ok(done) => {
                self.world.heard(self.who);
                let deeds = std::mem::take(&mut self.device.underway);
                match done {
                    Done::Receipts(outcomes) => self.receipts_done(deeds, &outcomes),
                    Done::Sent(sent) => self.sent(deeds, &sent),
                    Done::Looked { silent, reminded } => self.looked(&deeds, &silent, reminded),
                }
            }
            Err(error) if error.is_retryable() => {
                self.device.put_back();
                self.not_before = Instant::now() + AGAIN;
            }
            Err(error) => {
                self.device.underway.clear();
                self.world
                    .ledger()
                    .refused(format!("{}: {error}", self.name()));
            }
        }
    }

    fn receipts_done(&mut self, deeds: Vec<Deed>, outcomes: &[Outcome]) {
        for (deed, outcome) in deeds.into_iter().zip(outcomes) {
            let Deed::Receipt { of, .. } = deed else {
                continue;
            };
            if *outcome == Outcome::NotFound {
                self.world.ledger().refused(format!(
                    "{}: the message of a receipt is not found",
                    self.name()
                ));
                continue;
            }
            for (id, state) in of {
                self.world.ledger().confirmed(self.who, id, state);
                self.memory.read.insert(id);
                if state == State::Acknowledged {
                    self.memory.acknowledged.insert(id);
                    self.memory.open.remove(&id);
                }
            }
        }
    }

    fn sent(&mut self, deeds: Vec<Deed>, sent: &SentMessage) {
        self.saw(sent.chat_id, sent.position, sent.message_id);
        let now = self.world.clock.ms();
        for deed in deeds {
            let Deed::Reply { reply, reads, .. } = deed else {
                continue;
            };
            let mut ledger = self.world.ledger();
            ledger.answered(&self.world.cast, &reply.message, sent, now);
            for id in reads {
                ledger.confirmed(self.who, id, State::Read);
                self.memory.read.insert(id);
            }
        }
    }

    fn looked(&mut self, deeds: &[Deed], silent: &[ParticipantId], reminded: bool) {
        let silent: Vec<Who> = silent
            .iter()
            .filter_map(|id| self.world.cast.who(id))
            .filter(|who| Cast::is_crew(*who))
            .collect();
        let Some(Deed::Look { id, tries }) = deeds.first() else {
            return;
        };
        if silent.is_empty() {
            return;
        }
        if reminded {
            self.world.ledger().counts.reminders += 1;
            self.world.news(
                self.who,
                format!("reminds the silent: {}", self.silent_names(&silent)),
            );
        }
        if tries + 1 < LOOKS && !self.is_finishing {
            self.plan(
                self.world.tempo.look,
                What::Look {
                    id: *id,
                    tries: tries + 1,
                },
            );
        }
    }
}

/// Looks who has not got a message of somebody who is watched, and brings it back to these.
async fn look(
    client: Client,
    id: crewline_client::api::MessageId,
    from: ParticipantId,
) -> Result<Done, Error> {
    let view = client
        .with_patience(LOOK_PATIENCE)
        .message(id, Some(&from))
        .await?;
    let silent = view
        .recipients
        .into_iter()
        .filter(|recipient| recipient.state == ReceiptState::Accepted);
    let silent: Vec<_> = silent.map(|recipient| recipient.user_id).collect();
    if silent.is_empty() {
        return Ok(Done::Looked {
            silent,
            reminded: false,
        });
    }
    let until = Some(ReceiptState::Delivered);
    // Not again and again until the server takes it: that would hold up everything else at this desk.
    let once = client.with_patience(Duration::ZERO);
    let reminded = match once.remind(id, NewReminder { until }).await {
        Ok(_) => true,
        // The other desk, or a visitor, was quicker.
        Err(error) if error.code == ErrorCode::RemindedJustNow => false,
        Err(error) => return Err(error),
    };
    Ok(Done::Looked { silent, reminded })
}
