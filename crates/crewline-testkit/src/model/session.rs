//! Sessions of the specification: a device or a system that follows a log and says what it has stored. What the socket
//! does in one connection is done here by pages, receipts and cursors.

use std::any::Any;

use crewline_api::{ApiError, EventData, EventKind, EventKinds, ReceiptSaid, ReceiptState};
use crewline_core::{Actor, Command, ConfirmCommand, ParticipantNo, Scope};
use serde_json::{Value, json};

use super::answer::Answer;
use super::core::Core;
use super::edge::{Edge, not_allowed};
use super::op::{By, Made, Much, Op, Place, Step, Tag};

/// The socket's code for who was signed out, revoked or disabled.
pub const REVOKED: u16 = crewline_api::close::REVOKED;
/// The socket's code for an ack of what was never sent.
pub const PROTOCOL: u16 = crewline_api::close::PROTOCOL;

/// Someone who follows.
pub(super) struct Session {
    by: By,
    whose: &'static str,
    participant: ParticipantNo,
    /// Who acts in it: nobody, where a watcher reads.
    actor: Option<Actor>,
    kinds: EventKinds,
    cursor: Option<&'static str>,
    /// Everything up to here was given out; nothing is the start, wherever the log begins then.
    at: Option<u64>,
    /// Where it began.
    start: u64,
    acked: u64,
    /// Whether anything was acknowledged in it.
    said: bool,
    /// What was given out and not acknowledged: each seq, and its message where it is one that was received.
    open: Vec<(u64, Option<String>)>,
    /// Its credential has ended.
    ended: bool,
    _following: Box<dyn Any>,
}

/// Whether an ack puts the session's cursor. One that says nothing new does not: it is no sign that its consumer goes on,
/// by which retention would wait longer for it. Only where the cursor itself is what delivers, or nothing is delivered,
/// each ack puts it.
pub fn ack_puts(is_new: bool, external: bool, kinds: EventKinds) -> bool {
    is_new || external || !kinds.contains(EventKind::MessageReceived)
}

/// How far an ack goes: of what was given out and not acknowledged yet.
pub fn ack_seq(much: Much, acked: u64, open: &[u64]) -> u64 {
    match much {
        Much::All => open.last().copied().unwrap_or(acked),
        Much::Half => open[..open.len() / 2].last().copied().unwrap_or(acked),
        Much::Again => acked,
        Much::Beyond => 1_000_000,
    }
}

impl<C: Core> Edge<C> {
    pub(super) async fn session_op(
        &mut self,
        step: &Step,
        made: &Made,
    ) -> Result<Answer, ApiError> {
        match &step.op {
            Op::Connect {
                by,
                whose,
                place,
                cursor,
                kinds,
            } => {
                // Without a place it begins behind the cursor.
                let place = match (place, cursor) {
                    (Place::Start, Some(cursor)) => Place::Cursor(cursor),
                    _ => *place,
                };
                let kinds = kinds.set();
                self.connect(step.tag, *by, whose, place, *cursor, kinds)
                    .await
            }
            Op::Listen { session } => self.listen(*session).await,
            Op::Ack { session, much } => self.ack(*session, *much).await,
            Op::SayIn { session, said } => {
                let said = self.said(said, made);
                self.say_in(*session, said).await
            }
            Op::Disconnect { session } => {
                self.sessions.remove(session);
                Ok(Answer::not_done())
            }
            other => unreachable!("{other:?} is done elsewhere"),
        }
    }

    async fn connect(
        &mut self,
        tag: Tag,
        by: By,
        whose: &'static str,
        place: Place,
        cursor: Option<&'static str>,
        kinds: EventKinds,
    ) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let as_of = match place {
            Place::AsOf => Some(self.core.chats(Self::user(&credential)?.0, None, 1).as_of),
            _ => None,
        };
        let (participant, actor) = self.reads(&credential, whose).await?;
        if let Some(cursor) = cursor {
            Self::check_cursor(Place::Cursor(cursor), actor.as_ref())?;
        }
        Self::check_cursor(place, actor.as_ref())?;
        let after = as_of.or(self.place(participant, place));
        let page = self.core.page(participant, after, kinds, 1).await?;
        let at = after.unwrap_or(0);
        let session = Session {
            by,
            whose,
            participant,
            actor,
            kinds,
            cursor,
            at: after,
            start: at,
            acked: at,
            said: false,
            open: Vec::new(),
            ended: false,
            _following: self.core.follow(participant),
        };
        self.sessions.insert(tag, session);
        self.acked.insert(tag, at);
        Ok(Answer::new(200, json!({"head": page.head})))
    }

    async fn listen(&mut self, tag: Tag) -> Result<Answer, ApiError> {
        let Some(session) = self.sessions.get_mut(&tag) else {
            return Ok(Answer::not_done());
        };
        if session.ended {
            self.sessions.remove(&tag);
            return Ok(Answer::new(REVOKED, Value::Null));
        }
        let mut events = Vec::new();
        loop {
            let page = self
                .core
                .page(session.participant, session.at, session.kinds, 7)
                .await?;
            session.at = Some(page.next);
            for event in page.events {
                let received = match &event.data {
                    EventData::MessageReceived(data) => Some(data.message_id.to_string()),
                    _ => None,
                };
                session.open.push((event.seq, received));
                events.push(event);
            }
            if page.next >= page.head {
                return Ok(Answer::new(200, json!(events)));
            }
        }
    }

    async fn ack(&mut self, tag: Tag, much: Much) -> Result<Answer, ApiError> {
        let Some(session) = self.sessions.get_mut(&tag).filter(|session| !session.ended) else {
            return Ok(Answer::not_done());
        };
        let open: Vec<u64> = session.open.iter().map(|(seq, _)| *seq).collect();
        let seq = ack_seq(much, session.acked, &open);
        if much == Much::Beyond {
            self.sessions.remove(&tag);
            return Ok(Answer::new(PROTOCOL, Value::Null));
        }
        let stored = session.open.iter().filter(|(at, _)| *at <= seq);
        let received: Vec<ReceiptSaid> = stored
            .filter_map(|(_, message)| message.clone())
            .map(|message_id| ReceiptSaid::Message {
                message_id,
                state: ReceiptState::Delivered,
                at: None,
            })
            .collect();
        session.open.retain(|(at, _)| *at > seq);
        let is_new = seq > session.acked || !session.said;
        (session.acked, session.said) = (seq, true);
        self.acked.insert(tag, seq);
        // Nothing is delivered because a watcher has read it.
        let Some(actor) = session.actor.clone() else {
            return Ok(Answer::new(200, Value::Null));
        };
        let (cursor, kinds) = (session.cursor, session.kinds);
        let start = session.start;
        // A device that follows no messages has stored none.
        if kinds.contains(EventKind::MessageReceived) {
            // A system's cursor delivers whatever it passes, in the order of the log.
            if let (true, Some(cursor)) = (actor.external, cursor) {
                self.put_cursor(actor.clone(), cursor, seq, kinds, false)
                    .await?;
            }
            if !received.is_empty() {
                self.receipts(actor.clone(), received).await?;
            }
            // Whatever came before the session is on the device too.
            self.confirm(actor.clone(), seq, start).await?;
        }
        let puts = ack_puts(is_new, actor.external, kinds);
        if let Some(cursor) = cursor.filter(|_| puts) {
            self.put_cursor(actor, cursor, seq, kinds, false).await?;
        }
        Ok(Answer::new(200, Value::Null))
    }

    async fn confirm(&mut self, actor: Actor, seq: u64, said_after: u64) -> Result<(), ApiError> {
        let confirm = ConfirmCommand {
            actor,
            seq,
            said_after,
        };
        // A play's logs are short: it is one step.
        self.core
            .submit(Command::Confirm(confirm))
            .await
            .map(|_| ())
    }

    /// Receipts that are said in a session are those of its participant: a watcher says none.
    async fn say_in(&mut self, session: Tag, said: Vec<ReceiptSaid>) -> Result<Answer, ApiError> {
        match self.sessions.get(&session).filter(|session| !session.ended) {
            None => Ok(Answer::not_done()),
            Some(session) => {
                let actor = session.actor.clone().ok_or_else(not_allowed)?;
                self.receipts(actor, said).await
            }
        }
    }

    /// Whether a session may go on: its credential stands, and who watched still watches.
    fn goes_on(&self, session: &Session) -> bool {
        let Ok(credential) = self.credential(session.by) else {
            return false;
        };
        match (&session.actor, &credential.scope) {
            (None, Scope::User { id, .. }) => {
                self.core.watches(id, &super::acts::id(session.whose))
            }
            _ => true,
        }
    }

    /// Ends the sessions that may not go on: they are told when they listen next.
    pub(super) fn end_sessions(&mut self) {
        let ended: Vec<Tag> = self
            .sessions
            .iter()
            .filter(|(_, session)| !self.goes_on(session))
            .map(|(tag, _)| *tag)
            .collect();
        for tag in ended {
            if let Some(session) = self.sessions.get_mut(&tag) {
                session.ended = true;
            }
        }
    }
}
