//! Chats: who is in them, and the list of a participant.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crewline_api::{ChatId, ChatSummary, ChatsPage};
use crewline_core::{ChatNo, ChatRow, ChatsBefore, MessageNo, ParticipantNo};
use rusqlite::Connection;

use super::{as_integer, message};
use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// Most members of all chats together that are kept.
const MEMBERS_KEPT: usize = 200_000;

/// Chats that were read before: who is in one never changes. When there are too many they all go, which costs some
/// reads, and is simple.
#[derive(Debug, Default)]
pub(super) struct ChatCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    chats: BTreeMap<ChatNo, ChatRow>,
    members: usize,
}

impl ChatCache {
    /// A chat, from memory or from the store.
    pub(super) fn get(&self, sql: &Connection, no: ChatNo) -> Result<Option<ChatRow>> {
        // What is kept is whole rows: one that panicked has left none in between.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chat) = lock().chats.get(&no) {
            return Ok(Some(chat.clone()));
        }
        let Some(chat) = row::load_chat(sql, no)? else {
            return Ok(None);
        };
        let mut kept = lock();
        if kept.members > MEMBERS_KEPT {
            *kept = Kept::default();
        }
        kept.members += chat.members.len();
        kept.chats.insert(no, chat.clone());
        Ok(Some(chat))
    }

    /// The chat of an id.
    pub(super) fn of_id(&self, sql: &Connection, id: ChatId) -> Result<Option<ChatRow>> {
        let chat = self.get(sql, ChatNo(as_integer(id.no())))?;
        Ok(chat.filter(|chat| chat.salt == id.salt()))
    }

    /// The chat of a row that names one.
    pub(super) fn of_row(&self, sql: &Connection, no: ChatNo) -> Result<ChatRow> {
        self.get(sql, no)?
            .ok_or_else(|| Fault::damaged(format!("chat {} is missing", no.0)))
    }
}

/// The chats of one participant are found by the index; CROSS says that they come first.
pub(super) const PAGE: &str =
    "SELECT c.no, c.last_position, c.last_activity, c.last_message, m.done
     FROM member m CROSS JOIN chat c ON c.no = m.chat
     WHERE m.participant = ?1 AND (c.last_activity, c.no) < (?2, ?3)
     ORDER BY c.last_activity DESC, c.no DESC LIMIT ?4";

/// A participant's chats, newest activity first.
pub(super) fn page(
    sql: &Connection,
    chats: &ChatCache,
    viewer: ParticipantNo,
    before: Option<ChatsBefore>,
    limit: usize,
) -> Result<ChatsPage> {
    let before = before.map_or((i64::MAX, i64::MAX), |before| {
        (before.last_activity.as_millis(), before.chat.0)
    });
    let mut page = ChatsPage {
        chats: Vec::new(),
        next: None,
        as_of: row::load_head(sql, viewer)?,
    };
    let mut statement = sql.prepare_cached(PAGE)?;
    let mut rows = statement.query((viewer.0, before.0, before.1, as_integer(limit as u64 + 1)))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.chats.len() == limit {
            page.next = last;
            break;
        }
        let chat = chats.of_row(sql, ChatNo(row.get(0)?))?;
        let (last_position, done) = (row::count(row, 1)?, row::count(row, 4)?);
        let last_activity_at = row::time(row, 2)?;
        let last_message = match row.get::<_, Option<i64>>(3)? {
            None => None,
            Some(no) => Some(message::view_of(sql, chats, viewer, MessageNo(no))?),
        };
        last = Some(format!("{}.{}", last_activity_at.as_millis(), chat.no.0));
        page.chats.push(ChatSummary {
            chat_id: chat.id(),
            user_ids: chat.member_ids.to_vec(),
            last_activity_at,
            last_message,
            unread: last_position.saturating_sub(done),
        });
    }
    Ok(page)
}
