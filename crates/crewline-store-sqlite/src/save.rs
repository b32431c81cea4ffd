//! Writing what a batch decided: one prepared statement for each table, one step for each row.

use crewline_core::changes::LogDetail;
use crewline_core::{Changes, ChatHead, Code as _, NewChatRow, RecipientRow, fold};
use rusqlite::{Connection, params};

use crate::error::Fault;

type Result<T> = std::result::Result<T, Fault>;

/// Writes all rows, in the transaction that is open.
pub(crate) fn save(sql: &Connection, changes: &Changes) -> Result<()> {
    save_participants(sql, changes)?;
    save_chats(sql, changes)?;
    save_messages(sql, changes)?;
    save_chat_heads(sql, changes)?;
    save_members(sql, changes)?;
    save_receipts(sql, changes)?;
    save_reminders(sql, changes)?;
    save_log(sql, changes)?;
    save_cursors(sql, changes)
}

fn save_participants(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.participants.is_empty() {
        return Ok(());
    }
    // The directory's own columns stay as they are.
    let mut put = sql.prepare_cached(
        "INSERT INTO participant (no, id, folded, standing, name, disabled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (no) DO UPDATE SET standing = excluded.standing, name = excluded.name
         WHERE id = excluded.id",
    )?;
    for (no, row) in &changes.participants {
        let id = row.id.as_str();
        let put = put.execute(params![
            no.0,
            id,
            fold(id),
            row.standing.code(),
            row.name.as_deref(),
            row.disabled
        ])?;
        if put != 1 {
            return Err(Fault::Taken(format!(
                "the number {} of a participant",
                no.0
            )));
        }
    }
    Ok(())
}

/// A row that must be there was not: the store is not what was loaded from it.
fn expect_one(rows: usize, what: impl FnOnce() -> String) -> Result<()> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Fault::damaged(what()))
    }
}

fn save_chats(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.chats.is_empty() {
        return Ok(());
    }
    let mut chat = sql.prepare_cached(
        "INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity) VALUES (?1, ?2, ?3, ?4, 0, ?4)",
    )?;
    let mut set = sql.prepare_cached("INSERT INTO chat_set (members_key, chat) VALUES (?1, ?2)")?;
    let mut member = sql.prepare_cached(
        "INSERT INTO member (chat, participant, done, read_position) VALUES (?1, ?2, 0, 0)",
    )?;
    for NewChatRow {
        chat: row,
        key,
        created_by,
        created_at,
    } in &changes.chats
    {
        chat.execute((
            row.no.0,
            row.salt as i64,
            created_by.0,
            created_at.as_millis(),
        ))?;
        set.execute((&key.0[..], row.no.0))?;
        for no in row.members.iter() {
            member.execute((row.no.0, no.0))?;
        }
    }
    Ok(())
}

fn save_messages(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.messages.is_empty() {
        return Ok(());
    }
    let mut message = sql.prepare_cached(
        "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, text, device)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let mut key = sql.prepare_cached(
        "INSERT INTO idempotency (sender, key, message, fingerprint) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for new in &changes.messages {
        let row = &new.message;
        message.execute(params![
            row.no.0,
            row.salt as i64,
            row.chat.0,
            row.position as i64,
            row.sender.0,
            &*new.sender_name,
            row.priority.number(),
            row.sent_at.as_millis(),
            row.has_payloads,
            new.reply_to.map(|no| no.0),
            &*new.text,
            new.device.0,
        ])?;
        if let Some((text, fingerprint)) = &new.key {
            key.execute((row.sender.0, text.as_str(), row.no.0, &fingerprint.0[..]))?;
        }
    }
    if changes.payloads.is_empty() {
        return Ok(());
    }
    let mut payload = sql.prepare_cached(
        "INSERT INTO payload (message, recipient, state, bytes) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for row in &changes.payloads {
        payload.execute((
            row.message.0,
            row.recipient.0,
            row.state.code(),
            row.payload.as_bytes(),
        ))?;
    }
    Ok(())
}

fn save_chat_heads(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.chat_heads.is_empty() {
        return Ok(());
    }
    let mut put = sql.prepare_cached(
        "UPDATE chat SET last_position = ?2, last_activity = ?3, last_message = ?4 WHERE no = ?1",
    )?;
    for (no, head) in &changes.chat_heads {
        let ChatHead {
            last_position,
            last_activity,
            last_message,
        } = head;
        let message = last_message.map(|no| no.0);
        let rows = put.execute((
            no.0,
            *last_position as i64,
            last_activity.as_millis(),
            message,
        ))?;
        expect_one(rows, || format!("chat {} is missing", no.0))?;
    }
    Ok(())
}

fn save_members(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.members.is_empty() {
        return Ok(());
    }
    let mut put = sql.prepare_cached(
        "UPDATE member SET done = ?3, read_position = ?4 WHERE chat = ?1 AND participant = ?2",
    )?;
    for ((chat, participant), row) in &changes.members {
        let rows = put.execute((
            chat.0,
            participant.0,
            row.done as i64,
            row.read_position as i64,
        ))?;
        expect_one(rows, || {
            format!("participant {} is not in chat {}", participant.0, chat.0)
        })?;
    }
    Ok(())
}

fn save_receipts(sql: &Connection, changes: &Changes) -> Result<()> {
    if !changes.facts.is_empty() {
        let mut fact = sql.prepare_cached(
            "INSERT INTO receipt (message, recipient, device, state, at, said_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?;
        for row in &changes.facts {
            let (at, said_at) = (
                row.at.as_millis(),
                row.said_at.map(crewline_api::Timestamp::as_millis),
            );
            let state = row.state.code();
            fact.execute((
                row.message.0,
                row.recipient.0,
                row.device.0,
                state,
                at,
                said_at,
            ))?;
        }
    }
    if changes.recipients.is_empty() {
        return Ok(());
    }
    let mut put = sql.prepare_cached(
        "INSERT OR REPLACE INTO recipient (message, participant, delivered_at, delivered_said, read_at, read_said,
             acknowledged_at, acknowledged_said, implied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for ((message, participant), row) in &changes.recipients {
        let RecipientRow {
            delivered,
            read,
            acknowledged,
        } = row;
        let at = |mark: &Option<crewline_core::Mark>| mark.map(|mark| mark.at.as_millis());
        let said = |mark: &Option<crewline_core::Mark>| {
            mark.and_then(|mark| mark.said_at)
                .map(crewline_api::Timestamp::as_millis)
        };
        put.execute(params![
            message.0,
            participant.0,
            at(delivered),
            said(delivered),
            at(read),
            said(read),
            at(acknowledged),
            said(acknowledged),
            row.implied_code(),
        ])?;
    }
    Ok(())
}

fn save_reminders(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.reminders.is_empty() {
        return Ok(());
    }
    let mut insert = sql.prepare_cached(
        "INSERT INTO reminder (message, number, at, by, until, who) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for ((message, number), row) in &changes.reminders {
        insert.execute((
            message.0,
            number,
            row.at.as_millis(),
            row.by.0,
            row.until.code(),
            row.who_to_bytes(),
        ))?;
    }
    Ok(())
}

fn save_log(sql: &Connection, changes: &Changes) -> Result<()> {
    if !changes.log.is_empty() {
        let mut insert = sql.prepare_cached(
            "INSERT INTO log (participant, seq, kind, message, who, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for row in &changes.log {
            insert.execute((
                row.participant.0,
                row.seq as i64,
                row.kind.code(),
                row.message.map(|no| no.0),
                row.who.map(|no| no.0),
                row.detail.as_ref().map(LogDetail::to_bytes),
            ))?;
        }
    }
    if changes.confirmed.is_empty() {
        return Ok(());
    }
    let mut put = sql.prepare_cached("UPDATE participant SET confirmed = ?2 WHERE no = ?1")?;
    for (no, head) in &changes.confirmed {
        let rows = put.execute((no.0, head.confirmed as i64))?;
        expect_one(rows, || format!("participant {} is missing", no.0))?;
    }
    Ok(())
}

fn save_cursors(sql: &Connection, changes: &Changes) -> Result<()> {
    if changes.cursors.is_empty() {
        return Ok(());
    }
    let mut put = sql.prepare_cached(
        "INSERT OR REPLACE INTO cursor (participant, name, seq, kinds, put_at, released) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for ((participant, name), row) in &changes.cursors {
        let put_at = row.put_at.as_millis();
        put.execute((
            participant.0,
            name.as_str(),
            row.seq as i64,
            row.kinds.bits(),
            put_at,
            row.released,
        ))?;
    }
    Ok(())
}
