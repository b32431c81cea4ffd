//! One step of a pass, for stores that give and remove their rows by statements: what is looked at, in which order, and what
//! goes. The store in memory does a whole pass at once, by the same rules said plainly.

use crewline_api::{CursorName, EventKind, ParticipantId, Priority, ReceiptState, Seq, Timestamp};

use super::{CursorBehind, HOLD_LOOK_MAX, Holder, Pass, Stage, passed};
use crate::changes::CursorRow;
use crate::{ChatNo, MessageNo, ParticipantNo};

/// A row of a log, with what decides on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldRow {
    /// Its number in the log.
    pub seq: Seq,
    /// What it tells of; `None` of a kind that a newer version has written.
    pub kind: Option<EventKind>,
    /// The message, where it tells of one.
    pub message: Option<MessageNo>,
    /// The recipient, where it tells of one.
    pub who: Option<ParticipantNo>,
    /// Whether the message has payloads.
    pub has_payloads: bool,
    /// When it was told.
    pub at: Timestamp,
}

impl OldRow {
    /// The payload that was told with it and goes with it: of which message, for whom, and with which state.
    pub fn payload(&self) -> Option<(MessageNo, ParticipantNo, ReceiptState)> {
        let state = match self.kind? {
            EventKind::MessageDelivered => ReceiptState::Delivered,
            EventKind::MessageRead => ReceiptState::Read,
            _ => return None,
        };
        self.has_payloads
            .then_some((self.message?, self.who?, state))
    }
}

/// A message whose text may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldText {
    /// The message.
    pub no: MessageNo,
    /// Its chat.
    pub chat: ChatNo,
    /// Who sent it.
    pub sender: ParticipantNo,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// A named cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCursor {
    /// Whose.
    pub participant: ParticipantNo,
    /// Its name.
    pub name: CursorName,
    /// Where it stands.
    pub row: CursorRow,
}

/// The statements of a store, in a transaction that is open. None of them decides anything.
pub trait OldRows {
    /// How they fail.
    type Error;

    /// The participant with the next number.
    fn participant_after(&self, no: ParticipantNo) -> Result<Option<ParticipantNo>, Self::Error>;

    /// The id of a participant.
    fn id(&self, no: ParticipantNo) -> Result<ParticipantId, Self::Error>;

    /// A participant's cursors that were not released, by name.
    fn holding_cursors(&self, of: ParticipantNo) -> Result<Vec<NamedCursor>, Self::Error>;

    /// Everybody's cursors that were put before a time.
    fn cursors_put_before(&self, time: Timestamp) -> Result<Vec<NamedCursor>, Self::Error>;

    /// Notes that a cursor is released.
    fn release(&self, of: ParticipantNo, name: &CursorName) -> Result<(), Self::Error>;

    /// The last number of a log.
    fn head(&self, of: ParticipantNo) -> Result<Seq, Self::Error>;

    /// The next rows of a log behind a number.
    fn log(&self, of: ParticipantNo, after: Seq, limit: usize) -> Result<Vec<OldRow>, Self::Error>;

    /// Removes the payloads that were told with these rows; returns how many there were.
    fn remove_payloads(&self, rows: &[OldRow]) -> Result<u64, Self::Error>;

    /// Removes a log up to a number; returns how many rows there were.
    fn remove_log(&self, of: ParticipantNo, up_to: Seq) -> Result<u64, Self::Error>;

    /// Notes that a log need not begin at 1 any more.
    fn note_retention(&self) -> Result<(), Self::Error>;

    /// Up to which message texts were looked at.
    fn texts_looked_at(&self) -> Result<MessageNo, Self::Error>;

    /// Notes up to which message they were.
    fn look_at_texts(&self, up_to: MessageNo) -> Result<(), Self::Error>;

    /// The next messages behind a number.
    fn messages_after(&self, no: MessageNo, limit: usize) -> Result<Vec<OldText>, Self::Error>;

    /// These messages, in the order of their numbers; an error where one is missing.
    fn messages(&self, nos: &[MessageNo]) -> Result<Vec<OldText>, Self::Error>;

    /// The next texts behind a message that are kept for a holder, and before another one where it is said.
    fn kept(
        &self,
        holder: Holder,
        after: MessageNo,
        before: Option<MessageNo>,
        limit: usize,
    ) -> Result<Vec<MessageNo>, Self::Error>;

    /// The next holder for whom something is kept, by [`Holder::code`].
    fn holder_after(&self, holder: Holder) -> Result<Option<Holder>, Self::Error>;

    /// Notes for whom a text is kept.
    fn keep(&self, holder: Holder, message: MessageNo) -> Result<(), Self::Error>;

    /// Notes that texts are not kept for a holder any more.
    fn let_go(&self, holder: Holder, messages: &[MessageNo]) -> Result<(), Self::Error>;

    /// Whether somebody still has to acknowledge an emergency: [`is_awaited`](super::is_awaited), of all its recipients at once.
    fn is_awaited(&self, text: &OldText) -> Result<bool, Self::Error>;

    /// The first of these participants, in their order by number, who is in a chat.
    fn first_member(
        &self,
        chat: ChatNo,
        of: &[ParticipantNo],
    ) -> Result<Option<ParticipantNo>, Self::Error>;

    /// Removes texts, and their words from the index.
    fn remove_texts(&self, messages: &[MessageNo]) -> Result<(), Self::Error>;
}

/// Removes about `limit` rows.
pub fn step<S: OldRows>(store: &S, pass: &mut Pass, limit: usize) -> Result<(), S::Error> {
    let (events, mut left) = (pass.removed.events, limit.max(1));
    while left > 0 && !pass.is_done() {
        match pass.stage {
            Stage::Logs(after) => prune_log(store, pass, after, &mut left)?,
            Stage::Kept(after) => look_at_kept(store, pass, after, &mut left)?,
            Stage::Texts => prune_texts(store, pass, &mut left)?,
            Stage::Done => {}
        }
    }
    if pass.removed.events > events {
        store.note_retention()?;
    }
    Ok(())
}

/// The log of the next participant, or a part of it.
fn prune_log<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    after: ParticipantNo,
    left: &mut usize,
) -> Result<(), S::Error> {
    let Some(no) = store.participant_after(after)? else {
        pass.stage = Stage::Kept(None);
        return Ok(());
    };
    let passed = passed(release_cursors(store, pass, no)?);
    let last = store.head(no)?;
    // One more than may go in this step, so that the end of what is old is seen.
    let look = store.log(no, 0, *left + 1)?;
    let old = |row: &&OldRow| row.seq <= passed && row.seq < last && pass.cut.is_old(row.at);
    let going = look.iter().take_while(old).take(*left).count();
    let (goes, stays) = look.split_at(going);
    if let Some(last) = goes.last() {
        pass.removed.payloads += store.remove_payloads(goes)?;
        pass.removed.events += store.remove_log(no, last.seq)?;
    }
    // A log of which nothing goes has cost a look.
    *left -= going.max(1);
    match stays.first() {
        // There may be more to go: this log is the next one again.
        Some(row) if old(&row) => return Ok(()),
        Some(row) if row.seq > passed && pass.cut.is_old(row.at) => hold(store, pass, no, row.seq)?,
        _ => {}
    }
    pass.stage = Stage::Logs(no);
    Ok(())
}

/// A participant's cursors that hold something, of which those that are behind for too long were released.
fn release_cursors<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    no: ParticipantNo,
) -> Result<Vec<CursorRow>, S::Error> {
    let mut cursors = Vec::new();
    for mut cursor in store.holding_cursors(no)? {
        if let Some(next) = store.log(no, cursor.row.seq, 1)?.first()
            && pass.cut.releases(&cursor.row, next.at)
        {
            cursor.row.released = true;
            store.release(no, &cursor.name)?;
            let behind = behind(store, &cursor, next.at)?;
            pass.removed.released.push(behind);
        }
        cursors.push(cursor.row);
    }
    Ok(cursors)
}

fn behind<S: OldRows>(
    store: &S,
    cursor: &NamedCursor,
    next_at: Timestamp,
) -> Result<CursorBehind, S::Error> {
    Ok(CursorBehind {
        participant: store.id(cursor.participant)?,
        name: cursor.name.clone(),
        seq: cursor.row.seq,
        since: cursor.row.behind_since(next_at),
        released: cursor.row.released,
    })
}

/// Cursors that have been behind since before a time, the longest first.
pub fn cursors_behind<S: OldRows>(
    store: &S,
    before: Timestamp,
) -> Result<Vec<CursorBehind>, S::Error> {
    let mut found = Vec::new();
    for cursor in store.cursors_put_before(before)? {
        if let Some(next) = store.log(cursor.participant, cursor.row.seq, 1)?.first()
            && cursor.row.behind_since(next.at) < before
        {
            found.push(behind(store, &cursor, next.at)?);
        }
    }
    found.sort_by(|a, b| (a.since, a).cmp(&(b.since, b)));
    Ok(found)
}

/// Notes that what is left of a log, from this row on, holds texts.
fn hold<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    no: ParticipantNo,
    seq: Seq,
) -> Result<(), S::Error> {
    pass.removed.logs_held += 1;
    let look = store.log(no, seq - 1, HOLD_LOOK_MAX + 1)?;
    let tells = |row: &&OldRow| {
        matches!(
            row.kind,
            Some(EventKind::MessageReceived | EventKind::MessageSent)
        )
    };
    let from = look
        .iter()
        .take(HOLD_LOOK_MAX)
        .find(tells)
        .and_then(|row| row.message);
    if let Some(from) = from.or((look.len() > HOLD_LOOK_MAX).then_some(MessageNo(0))) {
        pass.holds.insert(no, from);
    }
    Ok(())
}

/// Texts that an earlier pass kept: those of the next holder, or a part of them.
fn look_at_kept<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    after: Option<(Holder, MessageNo)>,
    left: &mut usize,
) -> Result<(), S::Error> {
    let (holder, after) = after.unwrap_or((Holder::Emergency, MessageNo(0)));
    // What a log holds still is not looked at.
    let before = match holder {
        Holder::Emergency => None,
        Holder::Log(no) => pass.holds.get(&no).copied(),
    };
    let found = store.kept(holder, after, before, *left)?;
    look_again(store, pass, holder, &found)?;
    if let Some(last) = found.last().filter(|_| found.len() == *left) {
        *left = 0;
        pass.stage = Stage::Kept(Some((holder, *last)));
        return Ok(());
    }
    *left -= found.len();
    pass.stage = match store.holder_after(holder)? {
        Some(holder) => Stage::Kept(Some((holder, MessageNo(0)))),
        None => Stage::Texts,
    };
    Ok(())
}

fn look_again<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    kept_by: Holder,
    nos: &[MessageNo],
) -> Result<(), S::Error> {
    if nos.is_empty() {
        return Ok(());
    }
    let (mut going, mut let_go) = (Vec::new(), Vec::new());
    for text in store.messages(nos)? {
        // The setting may have been raised since.
        if !pass.cut.is_old(text.sent_at) {
            continue;
        }
        let holder = holder_of(store, pass, &text)?;
        if holder == Some(kept_by) {
            continue;
        }
        let_go.push(text.no);
        match holder {
            Some(holder) => store.keep(holder, text.no)?,
            None => going.push(text.no),
        }
    }
    store.let_go(kept_by, &let_go)?;
    remove_texts(store, pass, &going)
}

/// Texts that were not looked at before.
fn prune_texts<S: OldRows>(store: &S, pass: &mut Pass, left: &mut usize) -> Result<(), S::Error> {
    let look = store.messages_after(store.texts_looked_at()?, *left)?;
    let old: Vec<&OldText> = look
        .iter()
        .take_while(|text| pass.cut.is_old(text.sent_at))
        .collect();
    let mut going = Vec::new();
    for text in &old {
        match holder_of(store, pass, text)? {
            Some(holder) => store.keep(holder, text.no)?,
            None => going.push(text.no),
        }
    }
    remove_texts(store, pass, &going)?;
    if let Some(last) = old.last() {
        store.look_at_texts(last.no)?;
    }
    if old.len() == *left {
        *left = 0;
    } else {
        pass.stage = Stage::Done;
    }
    Ok(())
}

/// Who holds a text; where nobody does, it goes.
fn holder_of<S: OldRows>(
    store: &S,
    pass: &mut Pass,
    text: &OldText,
) -> Result<Option<Holder>, S::Error> {
    if text.priority == Priority::Emergency && store.is_awaited(text)? {
        pass.removed.emergencies_kept += 1;
        return Ok(Some(Holder::Emergency));
    }
    let holding = pass.holds.iter().filter(|(_, from)| **from <= text.no);
    let holding: Vec<ParticipantNo> = holding.map(|(no, _)| *no).collect();
    // Mostly nobody holds anything.
    if holding.is_empty() {
        return Ok(None);
    }
    let member = store.first_member(text.chat, &holding)?;
    Ok(member.map(Holder::Log))
}

fn remove_texts<S: OldRows>(store: &S, pass: &mut Pass, nos: &[MessageNo]) -> Result<(), S::Error> {
    if nos.is_empty() {
        return Ok(());
    }
    store.remove_texts(nos)?;
    pass.removed.texts += nos.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_goes_with_the_row_that_told_of_it_and_with_no_other() {
        let row = |kind, has_payloads| OldRow {
            seq: 1,
            kind,
            message: Some(MessageNo(7)),
            who: Some(ParticipantNo(3)),
            has_payloads,
            at: Timestamp::from_millis(0),
        };
        let with = |state| Some((MessageNo(7), ParticipantNo(3), state));
        for (kind, payload) in [
            (EventKind::MessageDelivered, with(ReceiptState::Delivered)),
            (EventKind::MessageRead, with(ReceiptState::Read)),
            (EventKind::MessageAcknowledged, None),
            (EventKind::MessageReceived, None),
        ] {
            assert_eq!(row(Some(kind), true).payload(), payload);
            assert_eq!(row(Some(kind), false).payload(), None);
        }
        assert_eq!(row(None, true).payload(), None);
    }
}
