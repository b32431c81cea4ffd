//! Writing what a batch decided: one statement for each table, whatever the number of rows, and all of them travel together.

use crewline_core::changes::LogDetail;
use crewline_core::{Changes, Code as _, Mark, fold};

use crate::row::as_integer;
use crate::sql::Call;
use crate::together::{Must, Together};

/// What a batch writes: what is new first, since the rest may be about that.
#[derive(Default)]
pub(crate) struct Writes {
    new: Together,
    rest: Together,
}

impl Writes {
    /// The statements in their order, with the note of the writer in the last of them.
    pub(crate) fn with(mut self, note: Option<Call>) -> Vec<Together> {
        if let Some(note) = note {
            let missing = Must::BeThere("a writer's own row is missing");
            self.rest.add_checked(missing, note);
        }
        let all = [self.new, self.rest].into_iter();
        all.filter(|together| !together.is_empty()).collect()
    }
}

/// What writes all rows.
pub(crate) fn save(changes: &Changes) -> Writes {
    let mut writes = Writes::default();
    save_participants(&mut writes.new, changes);
    save_chats(&mut writes.new, changes);
    save_messages(&mut writes.rest, changes);
    save_chat_heads(&mut writes.rest, changes);
    save_members(&mut writes.rest, changes);
    save_receipts(&mut writes.rest, changes);
    save_reminders(&mut writes.rest, changes);
    save_log(&mut writes.rest, changes);
    save_cursors(&mut writes.rest, changes);
    writes
}

/// A column of numbers.
fn column<T>(rows: impl IntoIterator<Item = T>, of: impl Fn(T) -> i64) -> Vec<i64> {
    rows.into_iter().map(of).collect()
}

fn save_participants(new: &mut Together, changes: &Changes) {
    if changes.participants.is_empty() {
        return;
    }
    let rows = || changes.participants.values();
    let ids: Vec<String> = rows().map(|row| row.id.to_string()).collect();
    let folded: Vec<String> = ids.iter().map(|id| fold(id)).collect();
    let standings: Vec<i16> = rows().map(|row| row.standing.code()).collect();
    let names: Vec<Option<String>> = rows()
        .map(|row| row.name.as_deref().map(str::to_owned))
        .collect();
    let disabled: Vec<bool> = rows().map(|row| row.disabled).collect();
    // The directory's own columns stay as they are.
    let call = Call::new(
        "INSERT INTO participant AS p (no, id, folded, standing, name, disabled)
             SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::int2[], $5::text[], $6::bool[])
             ON CONFLICT (no) DO UPDATE SET standing = excluded.standing, name = excluded.name WHERE p.id = excluded.id",
    )
    .with(column(changes.participants.keys(), |no| no.0))
    .with(ids)
    .with(folded)
    .with(standings)
    .with(names)
    .with(disabled);
    new.add_checked(Must::BeFree("the number of a participant"), call);
}

/// New chats, with how far they have come by the end of the batch.
fn save_chats(new: &mut Together, changes: &Changes) {
    if changes.chats.is_empty() {
        return;
    }
    let rows = &changes.chats;
    let head = |row: &crewline_core::NewChatRow| changes.chat_heads.get(&row.chat.no);
    let last_messages: Vec<Option<i64>> = rows
        .iter()
        .map(|row| head(row).and_then(|head| head.last_message).map(|no| no.0))
        .collect();
    let call = Call::new(
        "INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity, last_message)
         SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])",
    )
    .with(column(rows, |row| row.chat.no.0))
    .with(column(rows, |row| row.chat.salt as i64))
    .with(column(rows, |row| row.created_by.0))
    .with(column(rows, |row| row.created_at.as_millis()))
    .with(column(rows, |row| head(row).map_or(0, |head| as_integer(head.last_position))))
    .with(column(rows, |row| {
        head(row).map_or(row.created_at, |head| head.last_activity).as_millis()
    }))
    .with(last_messages);
    new.add(call);
    let keys: Vec<Vec<u8>> = rows.iter().map(|row| row.key.0.to_vec()).collect();
    let call = Call::new(
        "INSERT INTO chat_set (members_key, chat) SELECT * FROM unnest($1::bytea[], $2::int8[])",
    )
    .with(keys)
    .with(column(rows, |row| row.chat.no.0));
    new.add(call);
    let members = || {
        let of = |row: &'_ crewline_core::NewChatRow| {
            let (chat, members) = (row.chat.no, row.chat.members.clone());
            members.iter().map(|no| (chat.0, no.0)).collect::<Vec<_>>()
        };
        rows.iter().flat_map(of)
    };
    let call = Call::new(
        "INSERT INTO member (chat, participant, done, read_position)
         SELECT chat, participant, 0, 0 FROM unnest($1::int8[], $2::int8[]) m (chat, participant)",
    )
    .with(column(members(), |(chat, _)| chat))
    .with(column(members(), |(_, no)| no));
    new.add(call);
}

fn save_messages(rest: &mut Together, changes: &Changes) {
    if changes.messages.is_empty() {
        return;
    }
    let rows = &changes.messages;
    let names: Vec<String> = rows.iter().map(|row| row.sender_name.to_string()).collect();
    let priorities: Vec<i16> = rows
        .iter()
        .map(|row| i16::from(row.message.priority.number()))
        .collect();
    let has_payloads: Vec<bool> = rows.iter().map(|row| row.message.has_payloads).collect();
    let replies: Vec<Option<i64>> = rows.iter().map(|row| row.reply_to.map(|no| no.0)).collect();
    let texts: Vec<String> = rows.iter().map(|row| row.text.to_string()).collect();
    let call = Call::new(
        "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, text, device)
         SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::int2[], $8::int8[],
             $9::bool[], $10::int8[], $11::text[], $12::int8[])",
    )
    .with(column(rows, |row| row.message.no.0))
    .with(column(rows, |row| row.message.salt as i64))
    .with(column(rows, |row| row.message.chat.0))
    .with(column(rows, |row| as_integer(row.message.position)))
    .with(column(rows, |row| row.message.sender.0))
    .with(names)
    .with(priorities)
    .with(column(rows, |row| row.message.sent_at.as_millis()))
    .with(has_payloads)
    .with(replies)
    .with(texts)
    .with(column(rows, |row| row.device.0));
    rest.add(call);
    let keyed: Vec<_> = rows
        .iter()
        .filter_map(|row| row.key.as_ref().map(|key| (&row.message, key)))
        .collect();
    if !keyed.is_empty() {
        let texts: Vec<String> = keyed.iter().map(|(_, key)| key.0.to_string()).collect();
        let fingerprints: Vec<Vec<u8>> = keyed.iter().map(|(_, key)| key.1.0.to_vec()).collect();
        let call = Call::new(
            "INSERT INTO idempotency (sender, key, message, fingerprint)
             SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::bytea[])",
        )
        .with(column(&keyed, |(message, _)| message.sender.0))
        .with(texts)
        .with(column(&keyed, |(message, _)| message.no.0))
        .with(fingerprints);
        rest.add(call);
    }
    save_payloads(rest, changes);
}

fn save_payloads(rest: &mut Together, changes: &Changes) {
    let rows = &changes.payloads;
    if rows.is_empty() {
        return;
    }
    let states: Vec<i16> = rows.iter().map(|row| row.state.code()).collect();
    let bytes: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| row.payload.as_bytes().to_vec())
        .collect();
    let call = Call::new(
        "INSERT INTO payload (message, recipient, state, bytes)
         SELECT * FROM unnest($1::int8[], $2::int8[], $3::int2[], $4::bytea[])",
    )
    .with(column(rows, |row| row.message.0))
    .with(column(rows, |row| row.recipient.0))
    .with(states)
    .with(bytes);
    rest.add(call);
}

/// How far chats have come that were there before.
fn save_chat_heads(rest: &mut Together, changes: &Changes) {
    let is_new = |no: &crewline_core::ChatNo| changes.chats.iter().any(|row| row.chat.no == *no);
    let rows: Vec<_> = changes
        .chat_heads
        .iter()
        .filter(|(no, _)| !is_new(no))
        .collect();
    if rows.is_empty() {
        return;
    }
    let messages: Vec<Option<i64>> = rows
        .iter()
        .map(|(_, head)| head.last_message.map(|no| no.0))
        .collect();
    let call = Call::new(
        "UPDATE chat c
             SET last_position = u.last_position, last_activity = u.last_activity, last_message = u.last_message
             FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) u (no, last_position, last_activity, last_message)
             WHERE c.no = u.no",
    )
    .with(column(&rows, |(no, _)| no.0))
    .with(column(&rows, |(_, head)| as_integer(head.last_position)))
    .with(column(&rows, |(_, head)| head.last_activity.as_millis()))
    .with(messages);
    rest.add_checked(Must::BeThere("a chat is missing"), call);
}

fn save_members(rest: &mut Together, changes: &Changes) {
    let rows = &changes.members;
    if rows.is_empty() {
        return;
    }
    let call = Call::new(
        "UPDATE member m SET done = u.done, read_position = u.read_position
             FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) u (chat, participant, done, read_position)
             WHERE m.chat = u.chat AND m.participant = u.participant",
    )
    .with(column(rows.keys(), |key| key.0.0))
    .with(column(rows.keys(), |key| key.1.0))
    .with(column(rows.values(), |row| as_integer(row.done)))
    .with(column(rows.values(), |row| as_integer(row.read_position)));
    rest.add_checked(Must::BeThere("somebody is not in a chat"), call);
}

fn save_receipts(rest: &mut Together, changes: &Changes) {
    let rows = &changes.facts;
    if !rows.is_empty() {
        let states: Vec<i16> = rows.iter().map(|row| row.state.code()).collect();
        let said: Vec<Option<i64>> = rows
            .iter()
            .map(|row| row.said_at.map(crewline_api::Timestamp::as_millis))
            .collect();
        let call = Call::new(
            "INSERT INTO receipt (message, recipient, device, state, at, said_at)
             SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int2[], $5::int8[], $6::int8[])
             ON CONFLICT DO NOTHING",
        )
        .with(column(rows, |row| row.message.0))
        .with(column(rows, |row| row.recipient.0))
        .with(column(rows, |row| row.device.0))
        .with(states)
        .with(column(rows, |row| row.at.as_millis()))
        .with(said);
        rest.add(call);
    }
    save_recipients(rest, changes);
}

fn save_recipients(rest: &mut Together, changes: &Changes) {
    let rows = &changes.recipients;
    if rows.is_empty() {
        return;
    }
    let at = |mark: fn(&crewline_core::RecipientRow) -> Option<Mark>| -> Vec<Option<i64>> {
        let marks = rows.values().map(mark);
        marks
            .map(|mark| mark.map(|mark| mark.at.as_millis()))
            .collect()
    };
    let said = |mark: fn(&crewline_core::RecipientRow) -> Option<Mark>| -> Vec<Option<i64>> {
        let marks = rows.values().map(mark);
        marks
            .map(|mark| {
                mark.and_then(|mark| mark.said_at)
                    .map(crewline_api::Timestamp::as_millis)
            })
            .collect()
    };
    let implied: Vec<i32> = rows.values().map(|row| row.implied_code().into()).collect();
    let call = Call::new(
        "INSERT INTO recipient (message, participant, delivered_at, delivered_said, read_at, read_said, acknowledged_at,
             acknowledged_said, implied)
         SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
             $9::int4[])
         ON CONFLICT (message, participant) DO UPDATE SET delivered_at = excluded.delivered_at,
             delivered_said = excluded.delivered_said, read_at = excluded.read_at, read_said = excluded.read_said,
             acknowledged_at = excluded.acknowledged_at, acknowledged_said = excluded.acknowledged_said,
             implied = excluded.implied",
    )
    .with(column(rows.keys(), |key| key.0.0))
    .with(column(rows.keys(), |key| key.1.0))
    .with(at(|row| row.delivered))
    .with(said(|row| row.delivered))
    .with(at(|row| row.read))
    .with(said(|row| row.read))
    .with(at(|row| row.acknowledged))
    .with(said(|row| row.acknowledged))
    .with(implied);
    rest.add(call);
}

fn save_reminders(rest: &mut Together, changes: &Changes) {
    let rows = &changes.reminders;
    if rows.is_empty() {
        return;
    }
    let numbers: Vec<i32> = rows.keys().map(|key| key.1 as i32).collect();
    let until: Vec<i16> = rows.values().map(|row| row.until.code()).collect();
    let who: Vec<Vec<u8>> = rows
        .values()
        .map(crewline_core::ReminderRow::who_to_bytes)
        .collect();
    let call = Call::new(
        "INSERT INTO reminder (message, number, at, by, until, who)
         SELECT * FROM unnest($1::int8[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[])",
    )
    .with(column(rows.keys(), |key| key.0.0))
    .with(numbers)
    .with(column(rows.values(), |row| row.at.as_millis()))
    .with(column(rows.values(), |row| row.by.0))
    .with(until)
    .with(who);
    rest.add(call);
}

fn save_log(rest: &mut Together, changes: &Changes) {
    let rows = &changes.log;
    if !rows.is_empty() {
        let kinds: Vec<i16> = rows.iter().map(|row| i16::from(row.kind.code())).collect();
        let messages: Vec<Option<i64>> =
            rows.iter().map(|row| row.message.map(|no| no.0)).collect();
        let who: Vec<Option<i64>> = rows.iter().map(|row| row.who.map(|no| no.0)).collect();
        let details: Vec<Option<Vec<u8>>> = rows
            .iter()
            .map(|row| row.detail.as_ref().map(LogDetail::to_bytes))
            .collect();
        let call = Call::new(
            "INSERT INTO log (participant, seq, kind, message, who, detail)
             SELECT * FROM unnest($1::int8[], $2::int8[], $3::int2[], $4::int8[], $5::int8[], $6::bytea[])",
        )
        .with(column(rows, |row| row.participant.0))
        .with(column(rows, |row| as_integer(row.seq)))
        .with(kinds)
        .with(messages)
        .with(who)
        .with(details);
        rest.add(call);
    }
    let rows = &changes.confirmed;
    if rows.is_empty() {
        return;
    }
    let call = Call::new(
        "UPDATE participant p SET confirmed = u.confirmed
             FROM unnest($1::int8[], $2::int8[]) u (no, confirmed) WHERE p.no = u.no",
    )
    .with(column(rows.keys(), |no| no.0))
    .with(column(rows.values(), |head| as_integer(head.confirmed)));
    rest.add_checked(Must::BeThere("a participant is missing"), call);
}

fn save_cursors(rest: &mut Together, changes: &Changes) {
    let rows = &changes.cursors;
    if rows.is_empty() {
        return;
    }
    let names: Vec<String> = rows.keys().map(|key| key.1.to_string()).collect();
    let kinds: Vec<i32> = rows
        .values()
        .map(|row| i32::from(row.kinds.bits()))
        .collect();
    let released: Vec<bool> = rows.values().map(|row| row.released).collect();
    let call = Call::new(
        "INSERT INTO cursor (participant, name, seq, kinds, put_at, released)
         SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::int4[], $5::int8[], $6::bool[])
         ON CONFLICT (participant, name) DO UPDATE SET seq = excluded.seq, kinds = excluded.kinds,
             put_at = excluded.put_at, released = excluded.released",
    )
    .with(column(rows.keys(), |key| key.0.0))
    .with(names)
    .with(column(rows.values(), |row| as_integer(row.seq)))
    .with(kinds)
    .with(column(rows.values(), |row| row.put_at.as_millis()))
    .with(released);
    rest.add(call);
}
