//! Loading what decisions are made on: one statement for each map, and all of them travel together.
//!
//! Whatever is wanted gets an entry. An entry that is there already stays: it may hold what this batch decided.

use std::collections::BTreeMap;

use crewline_api::{CursorName, EventKind, EventKinds, IdempotencyKey, Payload, Timestamp};
use crewline_core::needs::Wanted;
use crewline_core::{
    ChatHead, ChatNo, CursorRow, Fingerprint, KeyRow, LogHead, MemberRow, MembersKey, MessageNo,
    Numbers, ParticipantNo, Payloads, Reminders, State, Window, WindowRow,
};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::reader::group;
use crate::row::{self, message_columns, participant_columns, recipient_columns};
use crate::sql::{Call, Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// What becomes of the rows of a statement.
type Take = fn(&Wanted, &[Row], &mut State) -> Result<()>;

/// Loads what is wanted.
pub(crate) fn load(sql: &Sql, wanted: &Wanted, state: &mut State) -> Result<()> {
    let mut asked: Vec<(Call, Take)> = Vec::new();
    if wanted.numbers && state.numbers.is_none() {
        asked.push((Call::new(NUMBERS), take_numbers));
    }
    ask_constant(wanted, &mut asked);
    ask_changing(wanted, &mut asked);
    ask_ranges(wanted, &mut asked);
    let (calls, takes): (Vec<Call>, Vec<Take>) = asked.into_iter().unzip();
    for (rows, take) in sql.query_all(&calls)?.iter().zip(takes) {
        take(wanted, rows, state)?;
    }
    for id in &wanted.groups {
        let members = group::members(sql, id, |row| {
            state.ids.entry(row.id.clone()).or_insert(Some(row.no));
            state.participants.entry(row.no).or_insert(row);
        })?;
        state.groups.entry(id.clone()).or_insert(members);
    }
    Ok(())
}

fn ask_constant(wanted: &Wanted, asked: &mut Vec<(Call, Take)>) {
    if !wanted.ids.is_empty() {
        let ids: Vec<String> = wanted.ids.iter().map(ToString::to_string).collect();
        asked.push((Call::new(BY_ID).with(ids), take_ids));
    }
    if !wanted.participants.is_empty() {
        let nos = numbers(wanted.participants.iter().map(|no| no.0));
        asked.push((Call::new(BY_NO).with(nos), take_participants));
    }
    if !wanted.messages.is_empty() {
        let nos = numbers(wanted.messages.iter().map(|no| no.0));
        asked.push((Call::new(MESSAGES).with(nos), take_messages));
    }
    if !wanted.chats.is_empty() {
        let nos = numbers(wanted.chats.iter().map(|no| no.0));
        asked.push((Call::new(row::CHATS).with(nos), take_chats));
    }
    if !wanted.sets.is_empty() {
        let keys: Vec<Vec<u8>> = wanted.sets.iter().map(|key| key.0.to_vec()).collect();
        asked.push((Call::new(SETS).with(keys), take_sets));
    }
    if !wanted.keys.is_empty() {
        let senders = numbers(wanted.keys.iter().map(|key| key.0.0));
        let keys: Vec<String> = wanted.keys.iter().map(|key| key.1.to_string()).collect();
        asked.push((Call::new(KEYS).with(senders).with(keys), take_keys));
    }
}

fn ask_changing(wanted: &Wanted, asked: &mut Vec<(Call, Take)>) {
    if !wanted.heads.is_empty() {
        let nos = numbers(wanted.heads.iter().map(|no| no.0));
        asked.push((Call::new(HEADS).with(nos), take_heads));
    }
    if !wanted.chat_heads.is_empty() {
        let nos = numbers(wanted.chat_heads.iter().map(|no| no.0));
        asked.push((Call::new(CHAT_HEADS).with(nos), take_chat_heads));
    }
    if !wanted.members.is_empty() {
        let chats = numbers(wanted.members.iter().map(|key| key.0.0));
        let nos = numbers(wanted.members.iter().map(|key| key.1.0));
        asked.push((Call::new(MEMBERS).with(chats).with(nos), take_members));
    }
    if !wanted.recipients.is_empty() {
        let messages = numbers(wanted.recipients.iter().map(|key| key.0.0));
        let nos = numbers(wanted.recipients.iter().map(|key| key.1.0));
        asked.push((
            Call::new(RECIPIENTS).with(messages).with(nos),
            take_recipients,
        ));
    }
    if !wanted.payloads.is_empty() {
        let messages = numbers(wanted.payloads.iter().map(|key| key.0.0));
        let nos = numbers(wanted.payloads.iter().map(|key| key.1.0));
        asked.push((Call::new(PAYLOADS).with(messages).with(nos), take_payloads));
    }
    if !wanted.reminders.is_empty() {
        let messages = numbers(wanted.reminders.iter().map(|no| no.0));
        asked.push((Call::new(REMINDERS).with(messages), take_reminders));
    }
    if !wanted.cursors.is_empty() {
        let nos = numbers(wanted.cursors.iter().map(|key| key.0.0));
        let names: Vec<String> = wanted.cursors.iter().map(|key| key.1.to_string()).collect();
        asked.push((Call::new(CURSORS).with(nos).with(names), take_cursors));
    }
}

fn ask_ranges(wanted: &Wanted, asked: &mut Vec<(Call, Take)>) {
    if !wanted.windows.is_empty() {
        let all = &wanted.windows;
        let call = Call::new(WINDOWS)
            .with(numbers(all.keys().map(|key| key.0.0)))
            .with(numbers(all.keys().map(|key| key.1.0)))
            .with(numbers(all.values().map(|range| row::as_integer(range.0))))
            .with(numbers(all.values().map(|range| row::as_integer(range.1))));
        asked.push((call, take_windows));
    }
    if !wanted.received.is_empty() {
        let all = &wanted.received;
        let call = Call::new(RECEIVED)
            .with(numbers(all.iter().map(|range| range.0.0)))
            .with(numbers(all.iter().map(|range| row::as_integer(range.1))))
            .with(numbers(all.iter().map(|range| row::as_integer(range.2))))
            .with(i16::from(EventKind::MessageReceived.code()));
        asked.push((call, take_received));
    }
}

fn numbers(of: impl Iterator<Item = i64>) -> Vec<i64> {
    of.collect()
}

const NUMBERS: &str = "SELECT (SELECT coalesce(max(no), 0) FROM participant), (SELECT coalesce(max(no), 0) FROM chat),
     (SELECT coalesce(max(no), 0) FROM message)";

fn take_numbers(_: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    let row = rows
        .first()
        .ok_or_else(|| Fault::damaged("nothing is numbered"))?;
    state.numbers = Some(Numbers {
        participant: ParticipantNo(get::<i64>(row, 0)? + 1),
        chat: ChatNo(get::<i64>(row, 1)? + 1),
        message: MessageNo(get::<i64>(row, 2)? + 1),
    });
    Ok(())
}

const BY_ID: &str = concat!(
    "SELECT ",
    participant_columns!(),
    " FROM participant p WHERE p.id = ANY($1)"
);

fn take_ids(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let row = row::participant(row, 0)?;
        state.ids.entry(row.id.clone()).or_insert(Some(row.no));
        state.participants.entry(row.no).or_insert(row);
    }
    for id in &wanted.ids {
        state.ids.entry(id.clone()).or_insert(None);
    }
    Ok(())
}

const BY_NO: &str = concat!(
    "SELECT ",
    participant_columns!(),
    " FROM participant p WHERE p.no = ANY($1)"
);

fn take_participants(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let row = row::participant(row, 0)?;
        state.ids.entry(row.id.clone()).or_insert(Some(row.no));
        state.participants.entry(row.no).or_insert(row);
    }
    let missing = wanted
        .participants
        .iter()
        .find(|no| !state.participants.contains_key(no));
    missing.map_or(Ok(()), |no| {
        Err(Fault::damaged(format!("participant {} is missing", no.0)))
    })
}

const MESSAGES: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM message m WHERE m.no = ANY($1)"
);

fn take_messages(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let row = row::message(row, 0)?;
        state.messages.entry(row.no).or_insert(Some(row));
    }
    for no in &wanted.messages {
        state.messages.entry(*no).or_insert(None);
    }
    Ok(())
}

fn take_chats(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for chat in row::chats(rows)? {
        state.chats.entry(chat.no).or_insert(Some(chat));
    }
    for no in &wanted.chats {
        state.chats.entry(*no).or_insert(None);
    }
    Ok(())
}

const SETS: &str = "SELECT members_key, chat FROM chat_set WHERE members_key = ANY($1)";

fn take_sets(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let (key, chat) = (MembersKey(row::hash(row, 0)?), ChatNo(get(row, 1)?));
        state.sets.entry(key).or_insert(Some(chat));
    }
    for key in &wanted.sets {
        state.sets.entry(*key).or_insert(None);
    }
    Ok(())
}

const KEYS: &str = "SELECT i.sender, i.key, i.message, i.fingerprint
     FROM unnest($1::int8[], $2::text[]) k (sender, key) JOIN idempotency i ON i.sender = k.sender AND i.key = k.key";

fn take_keys(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let key: &str = get(row, 1)?;
        let key = IdempotencyKey::new(key)
            .map_err(|error| Fault::damaged(format!("an idempotency key {error}")))?;
        let found = KeyRow {
            message: MessageNo(get(row, 2)?),
            fingerprint: Fingerprint(row::hash(row, 3)?),
        };
        let sender = ParticipantNo(get(row, 0)?);
        state.keys.entry((sender, key)).or_insert(Some(found));
    }
    for key in &wanted.keys {
        state.keys.entry(key.clone()).or_insert(None);
    }
    Ok(())
}

const HEADS: &str = "SELECT p.no, coalesce((SELECT max(l.seq) FROM log l WHERE l.participant = p.no), 0), p.confirmed
     FROM participant p WHERE p.no = ANY($1)";

fn take_heads(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let head = LogHead {
            head: row::count(row, 1)?,
            confirmed: row::count(row, 2)?,
        };
        let no = ParticipantNo(get(row, 0)?);
        state.heads.entry(no).or_insert(head);
    }
    for no in &wanted.heads {
        state.heads.entry(*no).or_default();
    }
    Ok(())
}

const CHAT_HEADS: &str =
    "SELECT no, last_position, last_activity, last_message FROM chat WHERE no = ANY($1)";

/// A chat that does not exist has no head; nobody asks for one.
fn take_chat_heads(_: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let head = ChatHead {
            last_position: row::count(row, 1)?,
            last_activity: row::time(row, 2)?,
            last_message: get::<Option<i64>>(row, 3)?.map(MessageNo),
        };
        let no = ChatNo(get(row, 0)?);
        state.chat_heads.entry(no).or_insert(head);
    }
    Ok(())
}

const MEMBERS: &str = "SELECT m.chat, m.participant, m.done, m.read_position
     FROM unnest($1::int8[], $2::int8[]) k (chat, participant)
     JOIN member m ON m.chat = k.chat AND m.participant = k.participant";

fn take_members(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let member = MemberRow {
            done: row::count(row, 2)?,
            read_position: row::count(row, 3)?,
        };
        let key = (ChatNo(get(row, 0)?), ParticipantNo(get(row, 1)?));
        state.members.entry(key).or_insert(member);
    }
    for key in &wanted.members {
        state.members.entry(*key).or_default();
    }
    Ok(())
}

const RECIPIENTS: &str = concat!(
    "SELECT r.message, r.participant, ",
    recipient_columns!(),
    " FROM unnest($1::int8[], $2::int8[]) k (message, participant)
      JOIN recipient r ON r.message = k.message AND r.participant = k.participant"
);

fn take_recipients(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let key = (MessageNo(get(row, 0)?), ParticipantNo(get(row, 1)?));
        let recipient = row::recipient(row, 2)?;
        state.recipients.entry(key).or_insert(recipient);
    }
    for key in &wanted.recipients {
        state.recipients.entry(*key).or_default();
    }
    Ok(())
}

const PAYLOADS: &str = "SELECT p.message, p.recipient, p.state, p.bytes
     FROM unnest($1::int8[], $2::int8[]) k (message, recipient)
     JOIN payload p ON p.message = k.message AND p.recipient = k.recipient";

fn take_payloads(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    let mut found: BTreeMap<_, Payloads> = BTreeMap::new();
    for row in rows {
        let key = (MessageNo(get(row, 0)?), ParticipantNo(get(row, 1)?));
        let payload = Payload::from(get::<&[u8]>(row, 3)?);
        let payloads = found.entry(key).or_default();
        match get::<i16>(row, 2)? {
            1 => payloads.on_delivered = Some(payload),
            2 => payloads.on_read = Some(payload),
            code => return Err(Fault::damaged(format!("a payload has the state {code}"))),
        }
    }
    for key in &wanted.payloads {
        let payloads = found.remove(key).unwrap_or_default();
        state.payloads.entry(*key).or_insert(payloads);
    }
    Ok(())
}

const REMINDERS: &str = "SELECT DISTINCT ON (message) message, number, at, by, until, who
     FROM reminder WHERE message = ANY($1) ORDER BY message, number DESC";

/// The reminders of messages, as far as the next one depends on them.
fn take_reminders(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let reminders = Reminders {
            count: get::<i32>(row, 1)? as u32,
            last: Some(row::reminder(row, 2)?),
        };
        let no = MessageNo(get(row, 0)?);
        state.reminders.entry(no).or_insert(reminders);
    }
    for no in &wanted.reminders {
        state.reminders.entry(*no).or_default();
    }
    Ok(())
}

const CURSORS: &str = "SELECT c.participant, c.name, c.seq, c.kinds, c.put_at, c.released
     FROM unnest($1::int8[], $2::text[]) k (participant, name)
     JOIN cursor c ON c.participant = k.participant AND c.name = k.name";

fn take_cursors(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    for row in rows {
        let name: &str = get(row, 1)?;
        let name = CursorName::new(name)
            .map_err(|error| Fault::damaged(format!("the name {name:?} of a cursor {error}")))?;
        let found = cursor_row(row, 2)?;
        let no = ParticipantNo(get(row, 0)?);
        state.cursors.entry((no, name)).or_insert(Some(found));
    }
    for key in &wanted.cursors {
        state.cursors.entry(key.clone()).or_insert(None);
    }
    Ok(())
}

/// A chat's messages between two positions that others sent, each with what became of it.
const WINDOWS: &str = concat!(
    "SELECT k.chat, k.member, ",
    message_columns!(),
    ", ",
    recipient_columns!(),
    " FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) k (chat, member, after, up_to)
      JOIN message m ON m.chat = k.chat AND m.position > k.after AND m.position <= k.up_to AND m.sender <> k.member
      LEFT JOIN recipient r ON r.message = m.no AND r.participant = k.member
      ORDER BY k.chat, k.member, m.position"
);

fn take_windows(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    let mut found: BTreeMap<_, Vec<WindowRow>> = BTreeMap::new();
    for row in rows {
        let key = (ChatNo(get(row, 0)?), ParticipantNo(get(row, 1)?));
        found.entry(key).or_default().push(WindowRow {
            message: row::message(row, 2)?,
            recipient: row::recipient(row, 2 + row::MESSAGE_WIDTH)?,
        });
    }
    for (key, (_, up_to)) in &wanted.windows {
        let rows = found.remove(key).unwrap_or_default();
        let up_to = *up_to;
        state.windows.insert(*key, Window { up_to, rows });
    }
    Ok(())
}

/// Rows of one kind between two seqs.
const RECEIVED: &str = "SELECT k.participant, k.after, k.up_to, l.seq, l.message
     FROM unnest($1::int8[], $2::int8[], $3::int8[]) k (participant, after, up_to)
     JOIN log l ON l.participant = k.participant AND l.seq > k.after AND l.seq <= k.up_to AND l.kind = $4
     ORDER BY k.participant, k.after, k.up_to, l.seq";

fn take_received(wanted: &Wanted, rows: &[Row], state: &mut State) -> Result<()> {
    let mut found: BTreeMap<_, Vec<(u64, MessageNo)>> = BTreeMap::new();
    for row in rows {
        let key = (
            ParticipantNo(get(row, 0)?),
            row::count(row, 1)?,
            row::count(row, 2)?,
        );
        let one = (row::count(row, 3)?, MessageNo(get(row, 4)?));
        found.entry(key).or_default().push(one);
    }
    for key in &wanted.received {
        let rows = found.remove(key).unwrap_or_default();
        state.received.entry(*key).or_insert(rows);
    }
    Ok(())
}

/// A named cursor, from the columns `seq, kinds, put_at, released` that begin at `at`.
pub(crate) fn cursor_row(row: &Row, at: usize) -> Result<CursorRow> {
    Ok(CursorRow {
        seq: row::count(row, at)?,
        kinds: EventKinds::from_bits(get::<i32>(row, at + 1)? as _),
        put_at: Timestamp::from_millis(get(row, at + 2)?),
        released: get(row, at + 3)?,
    })
}

/// A named cursor.
pub(crate) fn cursor(
    sql: &Sql,
    participant: ParticipantNo,
    name: &str,
) -> Result<Option<CursorRow>> {
    let row = sql.first(
        "SELECT seq, kinds, put_at, released FROM cursor WHERE participant = $1 AND name = $2",
        &[&participant.0, &name],
    )?;
    row.map(|row| cursor_row(&row, 0)).transpose()
}
